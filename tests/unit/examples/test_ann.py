"""The nearest-neighbour index of the examples searches, its answers are judged right, and the loop tunes it."""

from __future__ import annotations

import numpy as np
import pytest

import ann
import trimtab
import tune_ann
from trimtab.testing import FakeServer


@pytest.fixture(scope="module")
def searcher() -> ann.Searcher:
    """A small index, in which there is something to lose."""
    return ann.searcher(np.random.default_rng(1), vectors=3_000, queries=40)


def test_neighbours_are_the_nearest() -> None:
    """No vector outside of the answer is nearer than one in it."""
    rng = np.random.default_rng(2)
    stored = rng.standard_normal((300, ann.DIMENSIONS)).astype(np.float32)
    queries = rng.standard_normal((20, ann.DIMENSIONS)).astype(np.float32)
    distances = np.linalg.norm(stored.astype(float)[None] - queries.astype(float)[:, None], axis=2)
    for row, found in zip(distances, ann.nearest(stored, queries), strict=True):
        assert len(set(found.tolist())) == ann.WANTED
        assert row[found].max() <= np.delete(row, found).min()


def test_recall_is_the_share_that_was_found(searcher: ann.Searcher) -> None:
    """An effort as large as the index finds every neighbour, and looks at nearly everything; a small one doesn't."""
    everything = searcher.search("outside", 0, 3_000, 16)
    little = [searcher.search("outside", number, ann.EFFORTS[0], 8) for number in range(40)]
    assert everything.recall == 1.0
    assert everything.distances > 2_500
    assert max(answer.distances for answer in little) < 1_000
    assert np.mean([answer.recall for answer in little]) < 0.9


def test_a_search_is_repeatable(searcher: ann.Searcher) -> None:
    """What a search costs doesn't depend on the searches before it."""
    first = searcher.search("between", 3, 40, 8)
    searcher.search("inside", 0, 320, 8)
    assert first == searcher.search("between", 3, 40, 8)


def test_kinds_need_different_efforts(searcher: ann.Searcher) -> None:
    """There is something to tune: the best choice differs from kind to kind, and beats the best for all."""
    expected = tune_ann.Expected.of(searcher)
    best = [expected.best_of(kind) for kind in range(len(ann.KINDS))]
    efforts = [ann.EFFORTS[effort] for effort, _ in best]
    assert 2 * efforts[0] <= max(efforts[1:])
    fixed = expected.scores[:, *expected.best_fixed()]
    shares = np.array([tune_ann.SHARES[kind] for kind in ann.KINDS])
    assert shares @ expected.scores.max(axis=(1, 2)) > shares @ fixed + 0.005


def test_every_query_is_reported(searcher: ann.Searcher) -> None:
    """The loop reports just what the search with the suggested choice gave, for the kind that it asked for."""
    study = tune_ann.create(FakeServer(seed=1).client(), "ann", context=True)
    stream = tune_ann.Stream.drawn(30, searcher, np.random.default_rng(3))
    places = tune_ann.tune(study, searcher, stream, "test")
    trials = list(study.trials())
    assert [trial.context["kind"] for trial in trials] == [ann.KINDS[kind] for kind in stream.kinds]
    assert [tune_ann.place_of(trial.parameters) for trial in trials] == [tuple(place) for place in places.tolist()]
    for trial, number in zip(trials, stream.numbers.tolist(), strict=True):
        kind, ef, links = str(trial.context["kind"]), int(trial.parameters["ef"]), int(trial.parameters["links"])
        answer = searcher.search(kind, number, ef, links)
        assert trial.measurements["recall"].mean == answer.recall
        assert trial.measurements["distances"].mean == answer.distances


def test_regret_is_counted_against_the_best_of_each_kind(searcher: ann.Searcher) -> None:
    """The best choice for each kind has none; the baseline's is what the table says."""
    expected = tune_ann.Expected.of(searcher)
    study = tune_ann.create(FakeServer(seed=1).client(), "ann", context=True)
    stream = tune_ann.Stream.drawn(100, searcher, np.random.default_rng(4))
    place = tune_ann.place_of(tune_ann.BASELINE)
    lost = expected.scores.max(axis=(1, 2)) - expected.scores[:, *place]
    text = tune_ann.report(study, expected, stream, {"the baseline": np.tile(place, (100, 1))})
    rows = {line[:38].strip(): line[38:].split() for line in text.splitlines() if line.startswith("  ")}
    assert rows["the best choice for each kind"][2] == "0.0"
    assert rows["the baseline"][2] == f"{1000 * lost[stream.kinds].mean():.1f}"


def test_the_two_studies_differ_in_what_they_are_told() -> None:
    """Told the kind or not: the same choices otherwise."""
    client = FakeServer(seed=1).client()
    told = tune_ann.create(client, "told", context=True).describe().spec
    blind = tune_ann.create(client, "blind", context=False).describe().spec
    assert [one.name for one in told.context] == ["kind"]
    assert blind.context == ()
    assert (
        told.parameters
        == blind.parameters
        == (
            trimtab.Discrete("ef", ann.EFFORTS),
            trimtab.Discrete("links", ann.LINKS),
        )
    )

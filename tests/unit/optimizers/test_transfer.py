"""What other studies tell of this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Categorical, Float, Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Related, Trial, TrialState
from trimtab_service.optimizers.evidence import gather
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.transfer import MOST_BORROWED, Borrowed, Source, borrowed, lent, sources, without

SQUARE = Problem("square", (Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)))
WIDER = Problem("wider", (Float("x", -1.0, 3.0), Float("z", 0.0, 1.0), Categorical("kind", ("a", "b"))))


def bowl(x: float, y: float) -> float:
    """With its bottom at (0.3, 0.7)."""
    return (x - 0.3) ** 2 + (y - 0.7) ** 2


def history(count: int, value: Callable[[float, float], float] = bowl, seed: int = 0) -> History:
    """Of random points in the square."""
    points = np.random.default_rng(seed).random((count, 2)).tolist()
    return history_of(
        trial(1, {"x": x, "y": y}, TrialState.COMPLETED, Measurement(float(value(x, y)))) for x, y in points
    )


def related(count: int = 30, value: Callable[[float, float], float] = bowl, seed: int = 1) -> Related:
    """Another study of the same space."""
    return Related(SQUARE.study("gp"), history(count, value, seed))


def at(study: Study, points: list[Parameters]) -> Related:
    """Another study with trials at these points."""
    trials = [trial(1, point, TrialState.COMPLETED, Measurement(float(i))) for i, point in enumerate(points)]
    return Related(study, history_of(trials))


def test_only_what_is_shared_is_told() -> None:
    """Parameters of the same name and kind; the rest is where nothing exists, illegal values are left out."""
    points: list[Parameters] = [
        {"x": 0.5, "z": 0.1, "kind": "a"},
        {"x": 2.9, "z": 0.1, "kind": "a"},
        {"x": 0.25, "z": 0.9, "kind": "b"},
        {"x": 1.0, "z": 0.4, "kind": "b"},
    ]
    found = Source.of(SQUARE.study("gp"), at(WIDER.study("gp"), points), 100)
    assert found is not None
    assert found.rows.tolist() == [[0.5, 0.5], [0.25, 0.5], [1.0, 0.5]]


def test_the_best_ones_come_first() -> None:
    """By what was measured there."""
    found = Source.of(SQUARE.study("gp"), related(20), 100)
    assert found is not None
    values = [bowl(float(each.parameters["x"]), float(each.parameters["y"])) for each in found.best()]
    assert values == sorted(values)


def other_metric(name: str) -> Study:
    """A study of the same space with another objective."""
    study = SQUARE.study("gp")
    spec = replace(study.spec, metrics=(Metric(name),), objectives=(Objective(name, Goal.MINIMIZE),))
    return replace(study, spec=spec)


@pytest.mark.parametrize(
    "stranger",
    [
        Related(Problem("other", (Float("a", 0.0, 1.0),)).study("gp"), history_of([])),
        Related(Problem("kinds", (Categorical("x", ("a", "b")),)).study("gp"), history_of([])),
        Related(SQUARE.study("gp"), history(2)),
        Related(other_metric("speed"), history(30)),
    ],
    ids=["no parameter in common", "another kind", "too few trials", "another objective"],
)
def test_a_stranger_tells_nothing(stranger: Related) -> None:
    """And is no error: it may change after it was named."""
    study = SQUARE.study("gp")
    assert sources(study, [stranger]) == []
    assert borrowed(gather(study, history(5), 100), (), []) is None


def test_a_study_that_is_alike_is_what_is_expected() -> None:
    """In another unit, and with an offset; the rest is hardly anything."""
    study = SQUARE.study("gp")
    evidence = gather(study, history(8), 100)
    trend = borrowed(evidence, (), sources(study, [related(30, lambda x, y: 100.0 * bowl(x, y) + 7.0)]))
    assert trend is not None
    assert np.abs(without(evidence, trend).costs).max() < 0.1


def test_a_study_that_contradicts_is_left_out() -> None:
    """Alone nothing is expected; beside a good one, only the good one counts."""
    study = SQUARE.study("gp")
    evidence = gather(study, history(12), 100)
    noise = np.random.default_rng(3)
    bad = related(30, lambda x, y: 0.0 * (x + y) + 40.0 * float(noise.standard_normal()))
    opposite = related(30, lambda x, y: -bowl(x, y))
    assert borrowed(evidence, (), sources(study, [bad, opposite])) is None
    trend = borrowed(evidence, (), sources(study, [opposite, related(30)]))
    assert trend is not None
    assert len(trend.posteriors) == 1
    assert np.abs(without(evidence, trend).costs).max() < 0.1


def test_with_too_few_own_observations_all_count_the_same() -> None:
    """There is nothing to judge them by."""
    study = SQUARE.study("gp")
    found = sources(study, [related(30, lambda x, y: -bowl(x, y)), related(30)])
    trend = borrowed(gather(study, history(2), 100), (), found)
    assert trend is not None
    assert trend.weights.tolist() == [0.5, 0.5]


def test_the_posterior_has_the_trend_in_it() -> None:
    """In means, draws and slopes, by finite differences; and what is measured is still believed."""
    study = SQUARE.study("gp")
    evidence = gather(study, history(8), 100)
    surrogates = Surrogates.of(study, evidence, [related(30)])
    (posterior,) = surrogates.posteriors
    assert isinstance(posterior.trend, Borrowed)
    np.testing.assert_allclose(posterior.at(evidence.rows).means[:, 0], evidence.costs, atol=0.05)
    rows = np.random.default_rng(5).random((4, 2))
    given = posterior.given(rows, np.zeros((4, 3)))
    np.testing.assert_allclose(given.drawn(4), given.at(rows).means, atol=1e-5)
    np.testing.assert_allclose(given.drawn(4)[:, 0], posterior.at(rows).means[:, 0], atol=1e-5)
    slopes = posterior.slope(posterior.at(rows), np.ones((4, 1)), np.zeros(4))
    for column in range(2):
        step = 1e-6 * np.eye(2)[column]
        difference = (posterior.at(rows + step).means - posterior.at(rows - step).means)[:, 0] / 2e-6
        np.testing.assert_allclose(slopes[:, column], difference, rtol=1e-4, atol=1e-5)


def test_the_design_begins_with_the_best_of_others() -> None:
    """In turns, what isn't legal here left out, and no more than was asked for."""
    study = SQUARE.study("gp")
    region = Region(study.spec.space)
    points: list[Parameters] = [{"x": x, "z": 0.0, "kind": "a"} for x in (2.0, 0.1, 0.2, 0.3)]
    others = [at(WIDER.study("gp"), points), related(20)]
    rows = lent(study, others, region, 3)
    assert len(rows) == 3
    assert rows[0].tolist() == [0.1, 0.5]
    assert bowl(*rows[1]) == min(
        bowl(float(p["x"]), float(p["y"])) for p in (t.parameters for t in others[1].history.trials)
    )
    assert rows[2].tolist() == [0.2, 0.5]


def test_the_number_of_borrowed_rows_is_bounded() -> None:
    """Of all studies together."""
    found = sources(SQUARE.study("gp"), [related(400, seed=seed) for seed in range(3)])
    assert sum(len(source.rows) for source in found) <= MOST_BORROWED


def test_only_completed_trials_tell() -> None:
    """Failed ones and those that are being tried don't."""
    done = list(history(5).trials)
    failed = [replace(one, state=TrialState.FAILED, observation=Observation(Outcome.FAILED)) for one in done]
    pending: list[Trial] = [replace(one, state=TrialState.PENDING, observation=None) for one in done]
    found = Source.of(SQUARE.study("gp"), Related(SQUARE.study("gp"), history_of([*failed, *pending, *done])), 100)
    assert found is not None
    assert len(found.rows) == 5

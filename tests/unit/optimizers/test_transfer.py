"""What other studies tell of this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from contract.optimizers.problems import NOW, Problem, history_of, trial
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Categorical, Float, Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Related, Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.evidence import gather
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.transfer import (
    APART,
    MOST_BORROWED,
    Borrowed,
    Source,
    borrowed,
    lent,
    owes_nothing,
    sources,
    without,
)

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


CUBE = Problem(
    "cube",
    (*SQUARE.parameters, Float("z", 0.0, 1.0), Categorical("kind", ("a", "b"))),
    context=(Float("load", 0.0, 1.0), Categorical("host", ("a", "b"))),
)


def test_what_a_study_does_not_have_means_nothing_to_it() -> None:
    """What it believes is the same along numbers and names that it lacks, of parameters and of the context."""
    study = CUBE.study("gp")
    found = Source.of(study, related(), 100)
    assert found is not None
    assert found.has.tolist() == [True, True, False, False, False, False]
    posterior = found.posterior((3, 5))
    assert posterior is not None
    rng = np.random.default_rng(2)
    here = np.tile([0.2, 0.9, 0.5, 2.0, 0.5, 2.0], (20, 1))
    elsewhere = here.copy()
    elsewhere[:, [2, 4]], elsewhere[:, [3, 5]] = rng.random((20, 2)), rng.integers(0, 2, (20, 2))
    local = posterior.at(elsewhere)
    assert local.means.tolist() == posterior.at(here).means.tolist()
    assert local.deviations.tolist() == posterior.at(here).deviations.tolist()
    slopes = posterior.slope(local, np.ones((20, 1)), np.ones(20))
    assert slopes[:, 2:].tolist() == [[0.0] * 4] * 20
    own = Source.of(SQUARE.study("gp"), related(), 100)
    assert own is not None
    alone = own.posterior(())
    assert alone is not None
    np.testing.assert_allclose(local.means, alone.at(elsewhere[:, :2]).means, rtol=1e-9)


def test_what_a_study_does_not_have_is_learned_here() -> None:
    """With a parameter more, what it tells leaves a smaller error than nothing does, all along that parameter."""

    def error(others: list[Related], seed: int) -> float:
        problem = Problem("more", (*SQUARE.parameters, Float("z", 0.0, 1.0)))
        study, rng = problem.study("gp"), np.random.default_rng(seed)

        def value(point: np.ndarray) -> float:
            return 4.0 * bowl(point[0], point[1]) + 2.0 * float(point[2] - 0.9) ** 2

        own = [
            trial(1, dict(zip("xyz", map(float, row), strict=True)), TrialState.COMPLETED, Measurement(value(row)))
            for row in rng.random((8, 3))
        ]
        evidence = gather(study, history_of(own), 100)
        surrogates = Surrogates.of(study, evidence, others)
        rows = rng.random((200, 3))
        expected = surrogates.targets[0].value(surrogates.means(rows)[:, 0])
        return float(np.mean([(one - value(row)) ** 2 for one, row in zip(expected, rows, strict=True)]))

    for seed in range(3):
        assert error([related(40, lambda x, y: 4.0 * bowl(x, y))], seed) < 0.2 * error([], seed)


@pytest.mark.parametrize("half_life", [None, timedelta(days=20)])
def test_what_others_measured_counts_as_it_does_there(half_life: timedelta | None) -> None:
    """With the counts and the ages that their own model has: the same noise, and the same beliefs."""
    study = SQUARE.study("gp")
    theirs = replace(study, spec=replace(study.spec, half_life=half_life))
    rng = np.random.default_rng(4)
    trials = []
    for index, (x, y) in enumerate(rng.random((40, 2)).tolist()):
        count = 1 if index % 2 else 10_000
        value = bowl(x, y) + 0.5 * float(rng.standard_normal()) / count**0.5
        one = trial(1, {"x": x, "y": y}, TrialState.COMPLETED, Measurement(value, count))
        trials.append(replace(one, complete_time=NOW + index * timedelta(days=1)))
    past = history_of(trials)
    found = Source.of(study, Related(theirs, past), 100)
    assert found is not None
    evidence = gather(theirs, past, 100)
    factors, expected = found.target.noise_factors, evidence.targets[0].noise_factors
    assert factors is not None
    assert expected is not None
    assert factors.tolist() == expected.tolist()
    posterior = found.posterior(())
    assert posterior is not None
    (own,) = Surrogates.of(theirs, evidence, straight=True).posteriors
    rows = rng.random((20, 2))
    np.testing.assert_allclose(posterior.at(rows).means, own.at(rows).means, rtol=1e-9)


def test_the_best_ones_come_first() -> None:
    """By what is expected of them, and none of two that are all but the same."""
    found = Source.of(SQUARE.study("gp"), related(60), 100)
    assert found is not None
    posterior = found.posterior(())
    assert posterior is not None
    best = [(float(each.parameters["x"]), float(each.parameters["y"])) for each in found.best(posterior)]
    values = [bowl(x, y) for x, y in best]
    apart = [max(abs(x - u), abs(y - v)) for x, y in best for u, v in best if (x, y) != (u, v)]
    assert values == pytest.approx(sorted(values), abs=0.01)
    assert len(best) < 60
    assert min(apart) > APART


def test_a_study_of_noise_tells_nothing() -> None:
    """It doesn't predict its own observations."""
    noise = np.random.default_rng(3)
    found = Source.of(SQUARE.study("gp"), related(30, lambda x, y: 0.0 * (x + y) + float(noise.standard_normal())), 100)
    assert found is not None
    assert found.posterior(()) is None


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


def test_with_too_few_own_observations_nothing_is_expected() -> None:
    """There is nothing to judge others by."""
    study = SQUARE.study("gp")
    assert borrowed(gather(study, history(2), 100), (), sources(study, [related(30)])) is None


def test_many_that_mislead_do_not_hide_one_that_tells() -> None:
    """It is taken in before them, and they bring nothing then."""
    study = SQUARE.study("gp")

    def waves(k: int) -> Related:
        return related(30, lambda x, y: float(np.sin(5.0 * k * x + k) + np.cos(4.0 * k * y)))

    wrong = [waves(k) for k in range(1, 6)]
    trend = borrowed(gather(study, history(7), 100), (), sources(study, [*wrong, related(30)]))
    assert trend is not None
    assert len(trend.posteriors) == 1
    assert np.abs(without(gather(study, history(7), 100), trend).costs).max() < 0.1


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


def test_the_best_points_of_others_are_lent() -> None:
    """In turns, what isn't legal here or was tried left out, and no more than was asked for."""
    study = SQUARE.study("gp")
    region = Region(study.spec.space)
    points: list[Parameters] = [{"x": x, "z": 0.0, "kind": "a"} for x in (2.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    others = (at(WIDER.study("gp"), points), related(20))
    places = ((0.1, 0.5), (0.35, 0.35), (0.55, 0.2))  # both rank them alike
    own = [trial(1, {"x": x, "y": y}, TrialState.COMPLETED, Measurement(bowl(x, y))) for x, y in places]
    rows = lent(study, replace(history_of(own), related=others), region, 2)
    best = min(others[1].history.trials, key=lambda one: bowl(*map(float, one.parameters.values())))
    assert rows.tolist() == [list(best.parameters.values()), [0.2, 0.5]]


@pytest.mark.parametrize(
    ("own", "value"),
    [(2, bowl), (3, lambda x, y: -bowl(x, y)), (3, lambda x, y: 0.0 * (x + y))],
    ids=["nothing to judge by", "the contrary", "no difference"],
)
def test_who_was_not_borne_out_lends_nothing(own: int, value: Callable[[float, float], float]) -> None:
    """Its best points may be the worst ones here."""
    study = SQUARE.study("gp")
    past = replace(history(own), related=(related(30, value),))
    assert len(lent(study, past, Region(study.spec.space), 2)) == 0


def suggested(past: History) -> Parameters:
    """The next point of the Gaussian process."""
    study = SQUARE.study("gp")
    (one,) = optimizer(study.algorithm).suggest(study, past, {}, 1, generator(study, past))
    return one.parameters


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 9, 12])
def test_who_contradicts_changes_nothing(count: int) -> None:
    """Every suggestion is the one that would have been made without it, in the design as by the model."""
    alone = history(count)
    assert suggested(replace(alone, related=(related(30, lambda x, y: -bowl(x, y)),))) == suggested(alone)


def test_some_suggestions_owe_others_nothing() -> None:
    """Of those of the model, however well others fit; the rest are by them."""
    alone = [
        number
        for number in range(6, 15)
        if suggested(replace(history(number - 1), related=(related(30),))) == suggested(history(number - 1))
    ]
    owe = [number for number in range(6, 15) if owes_nothing(SQUARE.study("gp"), number)]
    assert alone == owe == [6, 9, 10, 14]


@pytest.mark.parametrize("batch", [*range(1, 13), 13, 21, 34, 55, 89])
def test_a_quarter_owes_others_nothing_whatever_the_batches(batch: int) -> None:
    """No size of batches, and no first number, makes it all or none of many calls."""
    study = SQUARE.study("gp")
    for first in range(1, 4):
        calls = np.array([owes_nothing(study, number) for number in range(first, first + 400 * batch, batch)])
        assert calls.mean() == pytest.approx(0.25, abs=0.08)
        of_forty = np.convolve(calls, np.ones(40), "valid")
        assert 1 <= of_forty.min() <= of_forty.max() <= 25


def test_which_ones_owe_others_nothing_is_a_matter_of_the_seed() -> None:
    """The same each time, and not the same trials in every study."""
    first, second = (
        [[owes_nothing(SQUARE.study("gp", seed), number) for number in range(100)] for seed in (1, 2)] for _ in range(2)
    )
    assert first == second
    assert first[0] != first[1]


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

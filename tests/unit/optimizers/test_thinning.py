"""Which trials of a long history a model is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.outcomes import OutcomeConstraint
from trimtab_service.domain.space import Float
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Trial, TrialState
from trimtab_service.optimizers import gp_suggest
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.evidence import gather
from trimtab_service.optimizers.hypervolume import non_dominated
from trimtab_service.optimizers.thinning import foremost, thin

PLANE = Problem("plane", (Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)))
DONE, FAILED = TrialState.COMPLETED, TrialState.FAILED


def test_thinning_keeps_the_best_the_latest_and_the_farthest() -> None:
    """Within its budget, each kind of telling row has its place."""
    rng = np.random.default_rng(0)
    rows = 0.5 + 0.01 * rng.standard_normal((1_000, 2))
    rows[123] = (0.0, 1.0)
    costs = rng.random(1_000)
    costs[456] = -1.0
    kept = thin(rows, costs, 30)
    assert len(kept) == 30
    assert np.all(np.diff(kept) > 0)
    assert {456, 998, 999} <= set(kept.tolist())
    assert thin(rows[:, :1], costs, 1_000).tolist() == list(range(1_000))


def test_thinning_finds_an_outlier_among_those_it_looks_at() -> None:
    """Of the rows that are neither best nor recent, the farthest is kept first."""
    rows = np.full((60, 1), 0.5)
    rows[7] = 0.0
    kept = thin(rows, np.arange(60.0)[::-1].copy(), 30)
    assert 7 in kept


def test_thinning_keeps_what_is_common_common() -> None:
    """Two fifths are an even sample of what is neither best nor recent; of places that are rare, a fifth at most."""
    rows = np.full((1_000, 1), 0.5)
    rows[100:400, 0] = np.linspace(0.0, 0.2, 300)  # four tenths of those before the last fifth
    costs = np.where(np.arange(1_000) < 10, -1.0, 1.0)
    kept = thin(rows, costs, 50)
    middle = kept[(kept >= 10) & (kept < 990)]
    spread = int(((middle >= 100) & (middle < 400)).sum())
    assert len(middle) == 30
    assert 14 <= spread <= 18


def test_names_are_no_farther_apart_for_standing_farther_apart_in_their_list() -> None:
    """A choice with a large index isn't an outlier; the far end of a scale is as far as another name."""
    rows = np.tile([0.5, 0.0], (8, 1))
    rows[3] = (0.5, 900.0)
    rows[4] = (0.0, 1.0)
    assert thin(rows, np.arange(8.0), 3).tolist() == [0, 4, 7]


def bounded(most: float = 0.0) -> Study:
    """Of a plane, where another metric must not be above a bound."""
    study = PLANE.study("gp")
    spec = replace(study.spec, metrics=(Metric("loss"), Metric("c")))
    return replace(study, spec=replace(spec, outcome_constraints=(OutcomeConstraint("c", max=most),)))


def flaky(worked: int, failed: int, first: int = 0) -> History:
    """None of those that worked are acceptable, and the others failed; ``first`` so many of these."""
    rng = np.random.default_rng(0)
    trials = list[Trial]()
    for x, y in rng.random((worked + failed, 2)).tolist():
        done = first <= len(trials) < first + worked
        made = trial(1, {"x": x, "y": y}, DONE if done else FAILED, Measurement(x) if done else None)
        measurements = {"loss": Measurement(x), "c": Measurement(5.0 + y)}
        trials.append(replace(made, observation=Observation(Outcome.COMPLETED, measurements)) if done else made)
    return history_of(trials)


@pytest.mark.parametrize(
    ("worked", "failed", "expected"), [(3, 200, 3), (20, 200, 20), (50, 200, 30), (200, 50, 40), (45, 6, 44)]
)
def test_failures_do_not_push_out_what_was_measured(worked: int, failed: int, expected: int) -> None:
    """Of 50 rows they get as many as is their share of all, and at most 20 while there is enough else."""
    found = gather(bounded(), flaky(worked, failed), 50)
    assert len(found.rows) == 50
    assert int(found.measured.sum()) == expected


def test_a_failure_is_no_better_than_what_breaks_a_bound() -> None:
    """The best of the unacceptable ones are kept; failures, of which no value is known, are not among the best."""
    past = flaky(100, 100)
    found = gather(bounded(), past, 50)
    nearest = sorted(range(100), key=lambda index: float(past.trials[index].parameters["y"]))[:3]
    assert {index + 1 for index in nearest} <= set(found.numbers.tolist())


def test_after_nearly_only_failures_the_model_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured is left for it to be made of."""
    monkeypatch.setattr(gp_suggest, "MOST_ROWS", 20)
    study, past = bounded(), flaky(3, 500, first=10)
    (one,) = optimizer(study.algorithm).suggest(study, past, {}, 1, generator(study, past))
    assert one.source is Source.MODEL


@pytest.mark.parametrize(("count", "width"), [(60, 1), (300, 2), (2_500, 2), (300, 3), (300, 4)])
def test_the_foremost_are_those_of_the_first_layers(count: int, width: int) -> None:
    """Each front is taken as a whole before the next one is looked at, whether many are sorted or few."""
    costs = np.random.default_rng(width).normal(size=(count, width)).round(2)
    expected, left = set[int](), np.arange(count)
    while True:
        front = left[non_dominated(costs[left])]
        if len(expected) + len(front) > 40:
            break
        expected |= set(front.tolist())
        left = np.setdiff1d(left, front)
    found = set(foremost(costs, costs, 40).tolist())
    assert len(found) == 40
    assert expected <= found
    assert found - expected <= set(front.tolist())


def test_what_may_be_as_good_is_sampled_evenly() -> None:
    """Who of those whose costs aren't told apart has the least says nothing."""
    costs = np.concatenate([np.random.default_rng(0).random(100), np.full(100, 3.0)])[:, None]
    found = np.sort(foremost(costs - 1.0, costs + 1.0, 20))
    assert found.max() < 100
    assert np.diff(found).max() <= 6


def test_of_a_large_front_the_ends_and_what_lies_apart_are_foremost() -> None:
    """However crowded the front is elsewhere."""
    along = np.concatenate([np.linspace(0.4, 0.5, 500), [0.0, 0.2, 0.8, 1.0]])
    costs = np.stack([along, 1.0 - along**2], axis=1)
    assert set(range(500, 504)) <= set(foremost(costs, costs, 10).tolist())


def test_the_front_of_several_objectives_is_kept() -> None:
    """Though in their mean the middle of a concave front is behind many dominated trials."""
    study = PLANE.study("gp")
    objectives = (Objective("loss", Goal.MINIMIZE), Objective("other", Goal.MINIMIZE))
    study = replace(study, spec=replace(study.spec, objectives=objectives))
    rng = np.random.default_rng(0)
    trials = []
    for number, (x, y) in enumerate(rng.random((600, 2)).tolist()):
        x, off = (number // 60 / 9, 0.0) if number % 60 == 7 else (x, 0.2 + 0.2 * y)
        values = {"loss": (1.0 + off) * np.cos(x * np.pi / 2), "other": (1.0 + off) * np.sin(x * np.pi / 2)}
        observation = Observation(Outcome.COMPLETED, {name: Measurement(float(each)) for name, each in values.items()})
        trials.append(replace(trial(1, {"x": x, "y": off / 2}, DONE, Measurement(0.0)), observation=observation))
    found = gather(study, history_of(trials), 60)
    assert int((found.rows[:, 1] == 0.0).sum()) == 10


@pytest.mark.parametrize("noise", [1.0, 0.1])
def test_the_luckiest_measurements_are_not_taken_for_the_best(noise: float) -> None:
    """What is kept of a long noisy history is off by its noise's mean, 0, and not by that of the lowest."""
    rng = np.random.default_rng(0)
    errors = noise * rng.standard_normal(2_000)
    trials = [
        trial(1, {"x": x, "y": y}, DONE, Measurement((x - 0.3) ** 2 + error))
        for (x, y), error in zip(rng.random((2_000, 2)).tolist(), errors.tolist(), strict=True)
    ]
    found = gather(PLANE.study("gp"), history_of(trials), 100)
    assert abs(float(errors[found.numbers - 1].mean())) < 2.5 * noise / 10.0


def test_exact_measurements_are_believed() -> None:
    """Of those the best are kept, though a sample of them doesn't tell which these are."""
    rng = np.random.default_rng(0)
    points = rng.random((2_000, 2))
    costs = np.square(points - 0.3).sum(axis=1) + 0.05 * np.cos(20.0 * points).sum(axis=1)
    trials = [
        trial(1, {"x": x, "y": y}, DONE, Measurement(cost))
        for (x, y), cost in zip(points.tolist(), costs.tolist(), strict=True)
    ]
    found = gather(PLANE.study("gp"), history_of(trials), 100)
    assert set((np.argsort(costs)[:10] + 1).tolist()) <= set(found.numbers.tolist())

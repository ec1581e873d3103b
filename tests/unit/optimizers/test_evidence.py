"""What a surrogate is told of a history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contract.optimizers.problems import PROBLEMS, Problem, history_of, trial
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective, OutsideRange, Ratio
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Float, Parameters
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.evidence import LEAST_VARIANCE, Evidence, gather
from trimtab_service.optimizers.targets import FAILURE_COST

LINE = Problem("line", (Float("x", 0.0, 1.0),))
DONE, FAILED, PENDING, ABANDONED = (TrialState[name] for name in ("COMPLETED", "FAILED", "PENDING", "ABANDONED"))


def measured(*measurements: Measurement) -> History:
    """Completed trials along the line."""
    return history_of(trial(1, {"x": index / len(measurements)}, DONE, one) for index, one in enumerate(measurements))


def evidence(problem: Problem, history: History, most: int = 100) -> Evidence:
    """The evidence of the problem's study."""
    return gather(problem.study("gp"), history, most)


def test_costs_are_standardized_and_can_be_undone() -> None:
    """Mean 0, deviation 1, and location + spread * cost is what was measured."""
    values = [3.0, 5.0, 4.0, 8.0]
    found = evidence(LINE, measured(*map(Measurement, values)))
    assert (found.costs.mean(), found.costs.std()) == (pytest.approx(0.0, abs=1e-12), pytest.approx(1.0))
    assert (found.location + found.spread * found.costs).tolist() == pytest.approx(values)
    assert found.variances is None


def test_what_is_maximized_costs_its_opposite() -> None:
    """The largest measurement has the least cost."""
    found = evidence(Problem("up", LINE.parameters, goal=Goal.MAXIMIZE), measured(*map(Measurement, [1.0, 9.0, 4.0])))
    assert np.argsort(found.costs).tolist() == [1, 2, 0]


def test_an_objective_with_a_formula_is_computed() -> None:
    """Of what each trial measured, with the counts and the errors that can be known."""
    study = LINE.study("gp")
    metrics = (Metric("a"), Metric("b", max=10.0, outside=OutsideRange.CLIP), Metric("y", formula=Ratio("a", "b")))
    study = replace(study, spec=replace(study.spec, metrics=metrics, objectives=(Objective("y", Goal.MINIMIZE),)))
    pairs = [(3.0, 1.0), (8.0, 4.0), (5.0, 40.0)]
    trials = [
        replace(each, observation=Observation(Outcome.COMPLETED, {"a": Measurement(a, 2, 0.5), "b": Measurement(b, 2)}))
        for each, (a, b) in zip(measured(*[Measurement(0.0)] * 3).trials, pairs, strict=True)
    ]
    found = gather(study, history_of(trials), 100)
    assert (found.location + found.spread * found.costs).tolist() == pytest.approx([3.0, 2.0, 0.5])
    assert found.variances is None


def test_the_bad_side_is_clipped_and_the_good_side_is_not() -> None:
    """An absurdly bad measurement can't flatten the rest; an absurdly good one is news."""
    usual = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    bad = evidence(LINE, measured(*map(Measurement, [*usual, 1e6])))
    good = evidence(LINE, measured(*map(Measurement, [*usual, -1e6])))
    assert bad.location + bad.spread * bad.costs.max() < 20.0
    assert good.location + good.spread * good.costs.min() == pytest.approx(-1e6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 1.0, 1.0], FAILURE_COST), ([0.0, 0.0, 0.0, 0.0, 9.0], 2.0)],
)
def test_a_failure_is_as_bad_as_the_worst(values: list[float], expected: float) -> None:
    """At least one deviation above the mean, and never better than anything measured."""
    trials = [*measured(*map(Measurement, values)).trials, trial(1, {"x": 0.9}, FAILED)]
    found = evidence(LINE, history_of(trials))
    assert found.measured.tolist() == [True] * len(values) + [False]
    assert found.costs[-1] == pytest.approx(expected)


def test_abandoned_trials_say_nothing_and_pending_ones_only_where_they_are() -> None:
    """Neither has a cost."""
    trials = [
        trial(1, {"x": 0.1}, DONE, Measurement(1.0)),
        trial(1, {"x": 0.2}, ABANDONED),
        trial(1, {"x": 0.3}, PENDING),
        trial(1, {"x": 0.4}, FAILED),
    ]
    found = evidence(LINE, history_of(trials))
    assert found.rows[:, 0].tolist() == [0.1, 0.4]
    assert found.pending[:, 0].tolist() == [0.3]
    assert found.numbers.tolist() == [1, 4]


def test_standard_errors_become_variances() -> None:
    """In the unit of standardized costs; an exact one keeps the least variance."""
    found = evidence(LINE, measured(Measurement(0.0, 1, 0.5), Measurement(2.0, 1, 0.0), Measurement(4.0, 1, 1.0)))
    assert found.variances is not None
    expected = np.maximum(np.array([0.25, 0.0, 1.0]) / found.spread**2, LEAST_VARIANCE)
    assert found.variances.tolist() == pytest.approx(expected.tolist())


def test_where_most_errors_are_known_the_others_are_taken_from_them() -> None:
    """A single measurement is as noisy as the median one, a mean of many the less so."""
    given = [Measurement(0.0, 4, 0.5), Measurement(2.0, 4, 0.5), Measurement(3.0, 16), Measurement(4.0, 1)]
    found = evidence(LINE, measured(*given))
    assert found.variances is not None
    assert (found.variances * found.spread**2).tolist() == pytest.approx([0.25, 0.25, 1 / 16, 1.0])


def test_where_few_errors_are_known_they_are_left_aside() -> None:
    """One noise level for all is estimated then."""
    found = evidence(LINE, measured(Measurement(0.0, 1, 0.5), Measurement(2.0), Measurement(3.0)))
    assert found.variances is None


def test_a_share_of_successes_carries_its_own_error() -> None:
    """Binomial, and never zero: one success of one isn't certain."""
    problem = Problem("clicks", LINE.parameters, goal=Goal.MAXIMIZE, kind=MetricKind.BINARY)
    found = evidence(problem, measured(Measurement(0.5, 100), Measurement(1.0, 1), Measurement(0.0, 10_000)))
    assert found.variances is not None
    variances = found.variances * found.spread**2
    assert variances[0] == pytest.approx(0.25 / 100)
    assert variances[1] > 0.2
    assert 0 < variances[2] < 1e-6


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 5e-324])
def test_equal_costs_have_no_spread_to_divide_by(value: float) -> None:
    """Rounding isn't mistaken for a difference."""
    found = evidence(LINE, measured(*[Measurement(value)] * 7))
    assert np.abs(found.costs).max() < 1e-9


def test_a_context_stands_behind_the_parameters() -> None:
    """Trials and pending ones each have their own."""
    (problem,) = (problem for problem in PROBLEMS if problem.name == "context")
    contexts: list[Parameters] = [
        {"load": 0.0, "tenant": "north", "hour": 0},
        {"load": 100.0, "tenant": "south", "hour": 23},
    ]
    trials = [trial(1, {"x": 0.5, "n": 8}, DONE, Measurement(1.0), one) for one in contexts]
    found = evidence(problem, history_of([*trials, trial(1, {"x": 0.5, "n": 8}, PENDING, None, contexts[1])]))
    assert found.rows.tolist() == [pytest.approx([0.5, 0.5, 0, 0, 0]), pytest.approx([0.5, 0.5, 1, 1, 1])]
    assert found.pending.tolist() == [pytest.approx([0.5, 0.5, 1, 1, 1])]


def test_a_study_learns_from_a_bounded_number_of_trials() -> None:
    """However long the history is."""
    values = [Measurement(float(index % 17)) for index in range(300)]
    found = evidence(LINE, measured(*values), most=50)
    assert (len(found.rows), len(found.costs), len(found.numbers)) == (50, 50, 50)


@pytest.mark.parametrize("size", [1e-320, 1e-30, 1e30, 1.7e308])
def test_no_unit_is_too_large_or_too_small(size: float) -> None:
    """Measurements and errors at the ends of what a double holds make finite evidence."""
    found = evidence(LINE, measured(*(Measurement(sign * size, 2, size) for sign in (-1.0, 1.0, 0.5))))
    assert found.variances is not None
    assert np.isfinite(found.costs).all()
    assert (found.variances >= LEAST_VARIANCE).all()
    assert np.isfinite([found.location, found.spread, *found.variances]).all()

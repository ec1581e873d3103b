"""Predictions, the front, and which of its points is recommended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.outcomes import OutcomeConstraint
from trimtab_service.domain.space import Float, Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.evidence import gather
from trimtab_service.optimizers.explain import explain
from trimtab_service.optimizers.incumbent import incumbent
from trimtab_service.optimizers.pareto import balanced, front_of, pareto_front
from trimtab_service.optimizers.surrogates import INTERVAL, Surrogates

MINIMIZE, MAXIMIZE = Goal.MINIMIZE, Goal.MAXIMIZE
PLACES: list[float] = np.linspace(0.0, 1.0, 11).tolist()


def study(
    *objectives: Objective, constraints: Sequence[OutcomeConstraint] = (), baseline: Parameters | None = None
) -> Study:
    """Of a line, with the metrics near, far, size."""
    plain = Problem("line", (Float("x", 0.0, 1.0),), baseline=baseline).study("gp")
    metrics = tuple(Metric(name) for name in ("near", "far", "size"))
    spec = replace(plain.spec, metrics=metrics, objectives=objectives, outcome_constraints=tuple(constraints))
    return replace(plain, spec=spec)


def past(places: Sequence[float]) -> History:
    """Completed trials: near is best at 0, far at 1, and size is the place."""
    trials = []
    for x in places:
        values = {"near": x**2, "far": 5.0 - (1.0 - x) ** 2, "size": x}
        observation = Observation(
            Outcome.COMPLETED, {name: Measurement(float(value)) for name, value in values.items()}
        )
        one = trial(1, {"x": float(x)}, TrialState.COMPLETED, Measurement(0.0))
        trials.append(replace(one, observation=observation))
    return history_of(trials)


NEAR, FAR = Objective("near", MINIMIZE), Objective("far", MAXIMIZE, reference_point=3.5)


def test_every_trade_between_two_goals_is_on_the_front() -> None:
    """Best first by the first objective; a dominated point isn't on it; the reference point is declared or judged."""
    front = pareto_front(study(NEAR, FAR), past([*PLACES, 0.05]))
    places = [float(point.parameters["x"]) for point in front.points]
    assert places == sorted([*PLACES, 0.05])
    assert front.reference_point["far"] == pytest.approx(3.5)
    assert front.reference_point["near"] > 1.0
    assert front.points[0].probability_feasible is None
    assert front.points[3].predictions["near"].mean == pytest.approx(places[3] ** 2, abs=0.02)
    assert front.history[-1][1] == pytest.approx(front.hypervolume, rel=0.05)


def test_what_is_unacceptable_is_not_on_the_front() -> None:
    """Nor does it add to what was covered."""
    limit = OutcomeConstraint("size", max=0.55)
    front = pareto_front(study(NEAR, FAR, constraints=[limit]), past(PLACES))
    assert [float(point.parameters["x"]) for point in front.points] == pytest.approx(PLACES[:6])
    assert all((point.probability_feasible or 0.0) >= 0.5 for point in front.points)
    volumes = [volume for _, volume in front.history]
    assert volumes[5] == volumes[-1] > volumes[4]


def test_the_front_of_one_objective_is_its_best_point() -> None:
    """And the hypervolume is a length."""
    front = pareto_front(study(NEAR), past(PLACES))
    assert [point.parameters["x"] for point in front.points] == [0.0]
    assert front.hypervolume == pytest.approx(front.reference_point["near"], abs=0.01)


def test_repeated_points_are_on_the_front_once() -> None:
    """The first trial stands for all."""
    costs = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    rows = np.array([[0.1], [0.1], [0.5], [0.9]])
    assert front_of(costs, rows, np.ones(4)).tolist() == [0, 2]
    assert front_of(costs, rows, np.array([1.0, 1.0, 0.4, 1.0])).tolist() == [0]


def test_the_balanced_point_is_far_from_the_reference_point() -> None:
    """The largest box; where there is none, the one that lacks least."""
    costs = np.array([[0.0, 0.95], [0.4, 0.5], [0.9, 0.0]])
    assert balanced(costs, np.ones(2)) == 1
    assert balanced(costs, np.full(2, -1.0)) == 1


def test_the_best_acceptable_trial_is_recommended() -> None:
    """Not the best one of all; where none is acceptable, the one that most probably is."""
    limit = OutcomeConstraint("size", min=0.42)
    found = incumbent(study(NEAR, constraints=[limit]), past(PLACES), {})
    assert found.parameters == {"x": 0.5}
    assert found.probability_feasible is not None
    assert found.probability_feasible > 0.9
    nowhere = incumbent(study(NEAR, constraints=[OutcomeConstraint("size", min=7.0)]), past(PLACES), {})
    assert nowhere.parameters == {"x": 1.0}
    assert nowhere.expected_gain is None


def test_better_than_the_baseline_is_a_matter_of_both() -> None:
    """It isn't better than itself; where it wasn't measured, nothing is said."""
    home = {"x": 0.5}
    better = incumbent(study(NEAR, baseline=home), past(PLACES), {})
    assert better.probability_better == pytest.approx(1.0, abs=0.01)
    itself = incumbent(study(Objective("size", MAXIMIZE), baseline={"x": 1.0}), past(PLACES), {})
    assert itself.probability_better == 0.0
    assert incumbent(study(NEAR, baseline=home), past([0.0, 1.0]), {}).probability_better is None


def test_of_several_objectives_all_must_be_better_than_the_baseline() -> None:
    """A trade is worse in one of them; what nobody wants is worse in both."""
    trade = incumbent(study(NEAR, FAR, baseline={"x": 0.8}), past(PLACES), {})
    assert trade.parameters == {"x": 0.5}
    assert trade.probability_better == pytest.approx(0.0, abs=0.01)
    both = incumbent(study(NEAR, Objective("size", MINIMIZE), baseline={"x": 0.8}), past(PLACES), {})
    assert both.probability_better == pytest.approx(1.0, abs=0.01)


def test_the_gain_of_several_objectives_is_a_volume() -> None:
    """A trial is worth more while little is known; both grow with the unit of a metric."""
    few, many = (front_and_gain(FAR, past(places)) for places in (PLACES[::4], PLACES))
    assert 0.0 < many[1] < few[1] < few[0]
    scaled = [replace(trial, observation=times_ten(trial.observation)) for trial in past(PLACES).trials]
    larger = front_and_gain(replace(FAR, reference_point=35.0), replace(past(PLACES), trials=tuple(scaled)))
    assert larger == pytest.approx((100.0 * many[0], 100.0 * many[1]), rel=1e-3)


def front_and_gain(far: Objective, history: History) -> tuple[float, float]:
    """The volume that is covered, and by how much one more trial is expected to add to it."""
    asked = study(NEAR, far)
    gain = incumbent(asked, history, {}).expected_gain
    assert gain is not None
    return pareto_front(asked, history).hypervolume, gain


def times_ten(observation: Observation | None) -> Observation:
    """Each measurement ten times as large."""
    assert observation is not None
    larger = {name: Measurement(10.0 * one.mean) for name, one in observation.measurements.items()}
    return replace(observation, measurements=larger)


def test_a_relative_bound_is_a_multiple_of_the_baseline() -> None:
    """Once that was measured; before, everything is acceptable."""
    limit = OutcomeConstraint("size", min=1.5, relative=True)
    asked = study(NEAR, constraints=[limit], baseline={"x": 0.4})
    assert incumbent(asked, past(PLACES), {}).parameters == {"x": PLACES[6]}
    unknown = incumbent(asked, past([0.0, 0.3, 0.8]), {})
    assert (unknown.parameters, unknown.probability_feasible) == ({"x": 0.0}, None)


def test_a_metric_that_waits_for_the_baseline_is_predicted_in_its_unit() -> None:
    """Its standard error as well, as its interval is."""
    limit = OutcomeConstraint("size", max=1.5, relative=True)
    asked = study(NEAR, constraints=[limit], baseline={"x": 0.45})
    history = past(PLACES[::3])
    larger = [replace(one, observation=times_ten(one.observation)) for one in history.trials]
    surrogates = Surrogates.of(asked, gather(asked, replace(history, trials=tuple(larger)), 100))
    (found,) = surrogates.predictions(np.array([[0.55]]))
    size = found["size"]
    assert size.standard_error == pytest.approx((size.high - size.low) / (2.0 * INTERVAL))


def test_the_difference_of_two_points_is_judged_jointly() -> None:
    """Close points differ less than their errors say: as by draws of both."""
    asked, history = study(NEAR), past(PLACES[::3])
    surrogates = Surrogates.of(asked, gather(asked, history, 100))
    rows, other = np.array([[0.52], [0.9]]), np.array([[0.5]])
    posterior = surrogates.objectives[0]
    everything = np.concatenate([rows, other])
    drawn = posterior.given(everything, np.random.default_rng(0).standard_normal((3, 20_000))).drawn(3)
    expected = (drawn[:2] < drawn[2]).mean(axis=1)
    np.testing.assert_allclose(surrogates.probability_better(rows, other), expected, atol=0.02)


def test_predictions_are_in_the_unit_of_each_metric() -> None:
    """With intervals that hold what was measured, of bent metrics too."""
    asked = study(NEAR, FAR, constraints=[OutcomeConstraint("size", max=0.3)])
    surrogates = Surrogates.of(asked, gather(asked, past(PLACES), 100))
    (found,) = surrogates.predictions(np.array([[0.7]]))
    for name, value in {"near": 0.49, "far": 4.91, "size": 0.7}.items():
        assert found[name].mean == pytest.approx(value, abs=0.02)
        assert found[name].low <= found[name].mean <= found[name].high
        assert found[name].standard_error < 0.05


def along(places: Sequence[float], *, cost: float, options: Parameters) -> tuple[Study, History]:
    """``near`` to be minimized, which is best where a trial costs ``cost`` times as much as where it is worst."""
    asked = study(replace(NEAR, metric="size"))
    past_of = past(places)
    trials = []
    for one in past_of.trials:
        x = float(one.parameters["x"])
        values = {"near": cost**x, "far": 1.0, "size": (1.0 - x) ** 2}
        measured = {name: Measurement(value) for name, value in values.items()}
        trials.append(replace(one, observation=Observation(Outcome.COMPLETED, measured)))
    spec = replace(asked.spec, cost_metric="near")
    chosen = replace(asked.algorithm, options=options)
    return replace(asked, spec=spec, algorithm=chosen), replace(past_of, trials=tuple(trials))


def test_with_a_cost_the_front_trades_the_result_for_it() -> None:
    """Each step to a better result costs more; costs count by their logarithms."""
    asked, told = along(PLACES, cost=1_000.0, options={})
    front = pareto_front(asked, told)
    assert [float(point.parameters["x"]) for point in front.points] == PLACES[::-1]
    costs = [point.predictions["near"].mean for point in front.points]
    assert costs == sorted(costs, reverse=True)
    # A step of the logarithm of the cost, from the least to the reference point.
    widest = np.log(front.reference_point["near"])
    deepest = front.reference_point["size"]
    assert 0.0 < front.hypervolume < widest * deepest
    assert front.hypervolume > 0.25 * widest * deepest


@pytest.mark.parametrize(("options", "dearest"), [({}, True), ({"along_costs": True}, False)])
def test_along_the_costs_gaps_of_the_front_are_filled(options: Parameters, *, dearest: bool) -> None:
    """Where a gain per unit of cost goes on to where results are best."""
    asked, told = along([0.0, 0.1, 0.2, 0.3, 0.9, 0.95, 0.98, 0.99], cost=30.0, options=options)
    (suggested,) = optimizer(asked.algorithm).suggest(asked, told, {}, 1, generator(asked, told))
    assert (float(suggested.parameters["x"]) > 0.9) == dearest
    assert dearest or 0.35 < float(suggested.parameters["x"]) < 0.85


@pytest.mark.parametrize("along_costs", [False, True])
def test_the_far_end_of_a_front_is_no_outlier(along_costs: bool) -> None:
    """What is measured there is predicted there, so that it isn't on the front beyond the reference point."""
    steep = Objective("near", MINIMIZE, reference_point=None if along_costs else 500.0)
    trials = []
    for x in np.linspace(0.0, 1.0, 21).tolist():
        one = trial(1, {"x": x}, TrialState.COMPLETED, Measurement(0.0))
        values = {"near": math.exp(8.0 * x), "far": 6.0 - 5.0 * x, "size": 0.0}
        observation = Observation(Outcome.COMPLETED, {name: Measurement(value) for name, value in values.items()})
        trials.append(replace(one, observation=observation))
    asked = study(steep) if along_costs else study(steep, Objective("far", MINIMIZE))
    if along_costs:
        asked = replace(asked, spec=replace(asked.spec, cost_metric="far"))
    front = pareto_front(asked, history_of(trials))
    for point in front.points:
        expected = math.exp(8.0 * float(point.parameters["x"]))
        assert point.predictions["near"].mean == pytest.approx(expected, rel=0.2, abs=60.0)
    assert front.hypervolume == pytest.approx(front.history[-1][1], rel=0.05)


def test_what_is_expected_lies_in_its_interval() -> None:
    """Also of a metric that is mostly at its bound, and sometimes far beyond it."""
    values = {0.0: 0.0, 0.1: 0.0, 0.2: 0.0, 0.45: 0.0, 0.7: 3e4, 0.75: 0.0, 0.95: 5e5}
    trials = []
    for x, size in values.items():
        one = trial(1, {"x": x}, TrialState.COMPLETED, Measurement(0.0))
        measured = {"near": Measurement(1.0), "far": Measurement(0.0), "size": Measurement(size)}
        trials.append(replace(one, observation=Observation(Outcome.COMPLETED, measured)))
    asked = study(NEAR, constraints=[OutcomeConstraint("size", max=0.01)])
    surrogates = Surrogates.of(asked, gather(asked, history_of(trials), 100))
    for found in surrogates.predictions(np.linspace(0.0, 1.0, 21)[:, None]):
        size_there = found["size"]
        assert size_there.low <= size_there.mean <= size_there.high
        assert size_there.standard_error < 1e9


@pytest.mark.parametrize("unit", [5e-324, 1e-300, 1e154, 1.7e308])
def test_the_largest_and_the_least_numbers_have_finite_answers(unit: float) -> None:
    """Predictions, importances, the front and what is to be gained."""
    trials = []
    for place, x in enumerate(PLACES):
        one = trial(1, {"x": x}, TrialState.COMPLETED, Measurement(0.0))
        measured = {"near": Measurement(place / 10.0 * unit), "far": Measurement(x), "size": Measurement(-x)}
        trials.append(replace(one, observation=Observation(Outcome.COMPLETED, measured)))
    asked, history = study(NEAR, replace(FAR, reference_point=None)), history_of(trials)
    explained = explain(asked, history, {}, None, [])
    assert np.isfinite([share for shares in explained.importances.values() for share in shares.values()]).all()
    for found in explained.predictions.values():
        assert np.isfinite([found.mean, found.standard_error, found.low, found.high]).all()
    assert not np.isnan([volume for _, volume in pareto_front(asked, history).history]).any()
    gain = incumbent(asked, history, {}).expected_gain
    assert gain is not None
    assert math.isfinite(gain)

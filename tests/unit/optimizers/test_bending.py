"""Objectives that are learned along a curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.metric import Goal, Objective
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness
from trimtab_service.domain.space import Float
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Related, TrialState
from trimtab_service.optimizers.bending import LEAST_ROWS, PRICE, bent
from trimtab_service.optimizers.evidence import Evidence, gather
from trimtab_service.optimizers.explain import explain
from trimtab_service.optimizers.gp_fit import Loss, search
from trimtab_service.optimizers.incumbent import incumbent
from trimtab_service.optimizers.pareto import pareto_front
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.targets import Target, Vector
from trimtab_service.optimizers.transforms import Above, Straight

SQUARE = Problem("square", (Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)))
STUDY = SQUARE.study("gp")
PLACES = np.random.default_rng(5).random((40, 2))
Function = Callable[[Vector, Vector], Vector]


def waves(x: Vector, y: Vector) -> Vector:
    """As high above its mean as below."""
    return np.sin(5.0 * x) + np.cos(4.0 * y)


def spread_out(x: Vector, y: Vector) -> Vector:
    """From 7.03 to 27.1: low ones differ by hundredths, high ones by whole numbers."""
    return 7.0 + np.exp(1.7 * waves(x, y))


def past(values: Sequence[float] | Vector, places: Vector = PLACES, error: float | None = None) -> History:
    """Trials that measured these; NaN: one that failed."""
    return history_of(
        trial(1, {"x": x, "y": y}, TrialState.FAILED)
        if np.isnan(value)
        else trial(1, {"x": x, "y": y}, TrialState.COMPLETED, Measurement(float(value), 1, error))
        for (x, y), value in zip(places.tolist(), values, strict=True)
    )


def evidence(values: Sequence[float] | Vector, places: Vector = PLACES, error: float | None = None) -> Evidence:
    """Of these trials."""
    return gather(STUDY, past(values, places, error), 500)


def measured(function: Function, places: Vector = PLACES) -> Vector:
    """At these places."""
    return function(places[:, 0], places[:, 1])


def target_of(told: Evidence) -> Target:
    """What is learned of it."""
    (target,) = bent(told, ())[0].targets
    return target


def is_bent(told: Evidence) -> bool:
    """Whether it is learned along a curve."""
    return target_of(told).transform != Straight()


def test_what_spreads_over_orders_of_magnitude_is_bent_and_what_does_not_is_not() -> None:
    """By which of the two makes what was measured more likely."""
    assert is_bent(evidence(measured(spread_out)))
    told = evidence(measured(waves))
    kept, known = bent(told, ())
    assert kept.targets == told.targets
    assert known is not None
    assert known.value == search(Loss.of(told, ()))[0]


def log_density(told: Evidence, target: Target, values: Vector) -> float:
    """Of measured values, at the most probable hyperparameters and with their prior: by the change of variables."""
    loss, _ = search(Loss.of(replace(told, targets=(target,)), ()))
    step = 1e-6
    slopes = [(target.cost(value + step) - target.cost(value - step)) / (2.0 * step) for value in values.tolist()]
    return float(np.log(slopes).sum()) - loss


@pytest.mark.parametrize("seed", range(6))
def test_what_was_measured_is_more_likely_along_the_curve(seed: int) -> None:
    """By more than the price; and not more likely where the costs are left as they are."""
    rng = np.random.default_rng(seed)
    places = rng.random((30, 2))
    strength = rng.uniform(0.2, 2.0)
    values = np.exp(strength * measured(waves, places))
    told = evidence(values, places)
    values = values[inside := values <= told.targets[0].value(np.array([told.costs.max() - 1e-9]))[0]]
    shown = told.at(np.flatnonzero(inside))
    straight = log_density(shown, shown.targets[0], values)
    found = target_of(told)
    if found.transform != Straight():
        assert log_density(shown, found.at(np.flatnonzero(inside)), values) > straight + PRICE - 0.1
    else:
        low, middle = values.min(), float(np.median(values))
        for share in (1.0, 0.3, 0.1):
            images = Above(low, share * (middle - low)).forward(values)
            curve = replace(
                shown.targets[0],
                costs=(images - images.mean()) / images.std(),
                location=float(images.mean()),
                spread=float(images.std()),
                transform=Above(low, share * (middle - low)),
            )
            assert log_density(shown, curve, values) < straight + PRICE + 0.5


@given(st.integers(0, 2**32), st.floats(1e-9, 1e9), st.floats(-1e3, 1e3), st.sampled_from([1, 40, 250]))
def test_costs_keep_their_order_and_unit(seed: int, unit: float, offset: float, number: int) -> None:
    """And come back as what was measured, but for those beyond the fence. In another unit they are the same."""
    rng = np.random.default_rng(seed)
    places = rng.random((number + LEAST_ROWS, 2))
    values = np.exp(rng.uniform(0.0, 3.0) * measured(waves, places))
    values[rng.random(len(values)) < 0.1] = np.nan
    values[:2] = 1.0, 2.0
    target = target_of(evidence(values, places))
    known = ~np.isnan(values)
    order = np.argsort(values[known])
    assert (np.diff(target.costs[known][order]) >= 0.0).all()
    assert (target.costs[~known] >= target.costs[known].max()).all()
    free = target.costs < target.costs.max()
    np.testing.assert_allclose(target.value(target.costs[free]), values[free], rtol=1e-7)
    np.testing.assert_allclose([target.cost(value) for value in values[free]], target.costs[free], rtol=1e-6, atol=1e-6)
    other = target_of(evidence(unit * (values + offset), places))
    np.testing.assert_allclose(other.costs, target.costs, rtol=1e-4, atol=1e-4)


def test_a_unit_of_cost_is_what_it_is_worth_there() -> None:
    """The slope of the value; as near the best as it is far from it."""
    target = target_of(evidence(measured(spread_out)))
    step = 1e-6
    for cost in (-1.5, 0.0, 1.0):
        down, up = target.value(np.array([cost - step, cost + step]))
        assert target.unit(cost) == pytest.approx((up - down) / (2.0 * step), rel=1e-5)
    straight = target_of(evidence(measured(waves)))
    assert straight.unit(-1.0) == straight.unit(1.0) == straight.spread


def test_outliers_do_not_bend() -> None:
    """What lies beyond the fence is no reason to look at ratios."""
    values = measured(waves)
    values[[3, 9, 17]] = 40.0, 900.0, 6.0
    assert not is_bent(evidence(values))


@pytest.mark.parametrize("strength", [0.4, 0.7, 1.0, 1.3])
def test_nor_do_they_change_the_curve(strength: float) -> None:
    """What lies beyond the fence has no say, however far it is."""
    values = np.exp(strength * measured(waves))
    usual = target_of(evidence(values)).transform
    assert usual != Straight()
    for far in (30.0, 3_000.0):
        values[[3, 9, 17]] = far, 2.0 * far, 3.0 * far
        found = target_of(evidence(values)).transform
        assert isinstance(found, Above)
        assert isinstance(usual, Above)
        assert (found.low, found.width) == pytest.approx((usual.low, usual.width))


def test_too_few_and_equal_measurements_are_left_alone() -> None:
    """There is nothing to tell a curve from a line by."""
    few = evidence(measured(spread_out)[: LEAST_ROWS - 1], PLACES[: LEAST_ROWS - 1])
    assert bent(few, ()) == (few, None)
    equal = evidence(np.full(40, 3.0))
    assert bent(equal, ()) == (equal, None)
    half = evidence([1.0] * 21 + [2.0] * 19)
    assert bent(half, ()) == (half, None)


def test_where_errors_were_reported_nothing_is_bent() -> None:
    """How large they are along a curve isn't known."""
    told = evidence(measured(spread_out), error=0.1)
    assert bent(told, ()) == (told, None)


def test_a_long_history_is_judged_by_a_sample() -> None:
    """And all of it is bent."""
    places = np.random.default_rng(6).random((450, 2))
    told = evidence(measured(spread_out, places), places)
    kept, _ = bent(told, ())
    assert kept.targets[0].transform != Straight()
    assert len(kept.costs) == 450
    assert (np.diff(kept.costs[np.argsort(measured(spread_out, places))]) >= 0.0).all()


def test_only_an_order_is_bent() -> None:
    """Not what is averaged, weighed against another metric, or added to what related studies say."""
    story = past(measured(spread_out))
    spec = STUDY.spec

    def bends(study: Study, **others: object) -> bool:
        made = Surrogates.of(study, gather(study, _complete(story), 100), **others)  # type: ignore[arg-type]
        return made.targets[0].transform != Straight()

    assert bends(STUDY)
    bound = replace(spec, outcome_constraints=(OutcomeConstraint("other", max=1.0),))
    assert bends(replace(STUDY, spec=bound))
    assert not bends(STUDY, straight=True)
    assert not bends(STUDY, related=(Related(STUDY, story),))
    nothing_alike = past(np.random.default_rng(8).random(40))
    assert bends(STUDY, related=(Related(STUDY, nothing_alike),))
    robust = replace(spec, context=(Float("load", 0.0, 1.0),), robustness=Robustness(({"load": 0.0}, {"load": 1.0})))
    assert not bends(replace(STUDY, spec=robust))
    assert not bends(replace(STUDY, spec=replace(spec, cost_metric="other")))
    two = (spec.objective, Objective("other", Goal.MINIMIZE))
    assert not bends(replace(STUDY, spec=replace(spec, objectives=two)))


def _complete(story: History) -> History:
    """With the other metric measured, too."""
    trials = []
    for each in story.trials:
        assert each.observation is not None
        both = {**each.observation.measurements, "other": Measurement(float(each.parameters["x"]))}
        trials.append(replace(each, context={"load": 0.0}, observation=replace(each.observation, measurements=both)))
    return replace(story, trials=tuple(trials))


def test_errors_that_grow_with_the_cost_do_not_hide_the_best() -> None:
    """Of measurements off by a third of what they are above 7, the best of all is told better than without a curve."""
    found: list[float] = []
    straight: list[float] = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        places = rng.random((40, 2))
        true = measured(spread_out, places)
        values = 7.0 + (true - 7.0) * np.exp(0.3 * rng.standard_normal(40))
        told = evidence(values, places)
        for answers, is_straight in ((found, False), (straight, True)):
            means = Surrogates.of(STUDY, told, straight=is_straight).means(told.rows)[:, 0]
            answers.append(float(true[np.argmin(means)] - true.min()))
    assert np.mean(found) < 0.5 * np.mean(straight)


def test_answers_are_in_the_unit_of_the_metric() -> None:
    """The incumbent's prediction, what another trial may gain, an explanation, and the volume of a front."""
    values = measured(spread_out)
    story = past(values)
    best = incumbent(STUDY, story, {})
    assert best.mean == pytest.approx(values.min(), abs=0.05)
    assert best.predictions is not None
    assert best.predictions["loss"].low <= values.min() <= best.predictions["loss"].high
    # Nothing is below 7.
    assert best.expected_gain is not None
    assert 0.0 < best.expected_gain < values.min() - 7.0
    there = explain(STUDY, story, {}, {"x": 0.95, "y": 0.8}, ())
    assert there.predictions["loss"].mean == pytest.approx(float(spread_out(*np.array([[0.95], [0.8]]))[0]), rel=0.05)
    assert there.expected_improvement is not None
    assert there.expected_improvement < best.expected_gain + 1e-9
    front = pareto_front(STUDY, story)
    assert front.reference_point["loss"] - front.points[0].predictions["loss"].mean == pytest.approx(
        front.hypervolume, abs=0.02
    )

"""What failures count for, and the bounds of costs."""

from __future__ import annotations

import math

import pytest

from contract.bandits.bandit_problems import outcomes_of, study_of
from trimtab_service.bandits.costs import Bounds, Costs, arm_count
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Float, SearchSpace
from trimtab_service.domain.study import Goal, Metric, MetricKind, Objective, StudySpec

NOTHING = Costs.nothing(2)


@pytest.mark.parametrize(
    ("costs", "bound", "expected"),
    [
        ([1.0, 3.0], 10.0, 10.0),
        ([1.0, 3.0], None, 3.0),
        ([-5.0, -3.0, math.nan], None, -3.0),
        ([4.0, 4.0], None, 8.0),
        ([-4.0], None, 0.0),
        ([0.0], None, 1.0),
        ([math.nan], None, 1.0),
    ],
)
def test_a_failure_costs_the_worst(costs: list[float], bound: float | None, expected: float) -> None:
    """The bound, or the worst seen; and more than anything seen where it was always the same."""
    seen = NOTHING.plus(outcomes_of([0] * len(costs), costs))

    assert expected == seen.failure_cost(bound)


def test_failures_are_priced_late() -> None:
    """A failure observed before a worse cost counts as that cost all the same."""
    costs = NOTHING.plus(outcomes_of([1], [math.nan])).plus(outcomes_of([0, 0], [1.0, 9.0]))

    assert costs.with_failures(None).means.tolist() == [5.0, 9.0]


@pytest.mark.parametrize(
    ("metric", "goal", "expected"),
    [
        (Metric("m", min=1.0), Goal.MINIMIZE, Bounds(1.0, None)),
        (Metric("m", min=1.0, max=4.0), Goal.MAXIMIZE, Bounds(-4.0, -1.0)),
        (Metric("m", MetricKind.BINARY), Goal.MAXIMIZE, Bounds(-1.0, 0.0)),
        (Metric("m"), Goal.MINIMIZE, Bounds(None, None)),
    ],
)
def test_bounds_follow_the_goal(metric: Metric, goal: Goal, expected: Bounds) -> None:
    """What is the largest value when minimizing is the least cost when maximizing."""
    assert expected == Bounds.of(study_of(2, metric, goal))


def test_too_many_arms_are_refused() -> None:
    """More points than a policy can hold are an error of the search space."""
    with pytest.raises(InvalidArgument) as caught:
        arm_count(study_of(1_001))

    assert caught.value.violations[0].field == "search_space"


def test_a_continuum_has_no_arms() -> None:
    """An endless space is an error of the search space."""
    study = study_of(2)
    space = SearchSpace((Float("x", 0.0, 1.0),))
    endless = StudySpec(space, study.spec.metrics, (Objective("cost", Goal.MINIMIZE),), seed=1)
    with pytest.raises(InvalidArgument, match="step"):
        arm_count(type(study)(study.name, study.uid, endless, study.algorithm, study.create_time, study.update_time))

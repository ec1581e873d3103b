"""What failures count for, and the bounds of costs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contract.bandits.bandit_problems import outcomes_of, study_of, taken_back
from trimtab_service.bandits.costs import Bounds, Costs, chosen, failures, only_completed
from trimtab_service.domain.metric import Goal, Metric, MetricKind

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


def test_the_width_needs_both_bounds() -> None:
    """One bound alone says nothing of how far costs can lie apart."""
    assert Bounds(-4.0, -1.0).width == 3.0
    assert Bounds(None, 1.0).width is None
    assert Bounds(1.0, None).width is None


def test_failures_can_be_taken_back() -> None:
    """A failure that is taken back was never there; the extremes that were seen stay."""
    first = outcomes_of([0, 1, 1], [1.0, math.nan, 5.0])
    costs = NOTHING.plus(first).plus(taken_back(outcomes_of([1, 1], [math.nan, 5.0])))

    assert costs.failures.tolist() == [0.0, 0.0]
    assert costs.moments.counts.tolist() == [1.0, 0.0]
    assert (costs.lowest, costs.highest) == (1.0, 5.0)


def test_failures_are_counted_with_their_weights() -> None:
    """Only the failed outcomes of an arm count, each for its weight."""
    outcomes = outcomes_of([0, 1, 1, 2], [math.nan, math.nan, math.nan, 1.0])

    assert failures(outcomes, np.array([2.0, 3.0, 4.0, 9.0]), 3).tolist() == [2.0, 7.0, 0.0]


def test_some_outcomes() -> None:
    """All fields are cut alike."""
    outcomes = outcomes_of([0, 1, 2], [1.0, math.nan, 3.0], steps=[4.0, 5.0, 6.0])

    assert only_completed(outcomes).arms.tolist() == [0, 2]
    assert chosen(outcomes, np.array([False, True, True])).steps.tolist() == [5.0, 6.0]
    assert chosen(outcomes, np.array([True, True, True])) is outcomes

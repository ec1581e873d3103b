"""Metrics: what may be declared, alone and together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import (
    Goal,
    Metric,
    MetricKind,
    Objective,
    OutsideRange,
    Ratio,
    WeightedSum,
    check_metrics,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def refused(build: Callable[[], Any]) -> str:
    """The field at fault."""
    with pytest.raises(InvalidArgument) as caught:
        build()
    (violation,) = caught.value.violations
    assert violation.description
    return violation.field


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"min": math.nan}, "min"),
        ({"max": math.inf}, "max"),
        ({"min": 1.0, "max": 1.0}, "max"),
        ({"kind": MetricKind.BINARY, "min": -1.0}, "kind"),
        ({"kind": MetricKind.BINARY, "max": 2.0}, "kind"),
        ({"kind": MetricKind.BINARY, "formula": Ratio("a", "b")}, "kind"),
        ({"description": "x" * 1_025}, "description"),
    ],
)
def test_a_metric_that_makes_no_sense_is_refused(given_: dict[str, Any], field: str) -> None:
    """By the field at fault."""
    assert refused(lambda: Metric(**{"name": "m", **given_})) == field


def test_a_binary_metric_lies_between_0_and_1() -> None:
    """Said or unsaid."""
    metric = Metric("hit", MetricKind.BINARY)
    assert (metric.min, metric.max) == (0.0, 1.0)
    assert Metric("hit", MetricKind.BINARY, 0.0, 1.0) == metric


@pytest.mark.parametrize("weight", [0.0, -0.0, math.nan, math.inf, -math.inf])
def test_a_weight_that_makes_no_sense_is_refused(weight: float) -> None:
    """By the name of its metric."""
    assert refused(lambda: WeightedSum({"a": 1.0, "b": weight})) == 'weights["b"]'


@pytest.mark.parametrize("weights", [{}, {f"m{number}": 1.0 for number in range(51)}])
def test_a_sum_is_of_some_metrics(weights: dict[str, float]) -> None:
    """Of one at least, and of no more than there can be."""
    assert refused(lambda: WeightedSum(weights)) == "weights"


def test_nothing_is_divided_by_itself() -> None:
    """It would always be 1."""
    assert refused(lambda: Ratio("a", "a")) == "denominator"


def test_the_sign_turns_every_objective_into_a_cost() -> None:
    """Smaller is better after multiplication."""
    assert {goal: Objective("m", goal).sign for goal in Goal} == {Goal.MINIMIZE: 1.0, Goal.MAXIMIZE: -1.0}


@given(FINITE)
def test_a_clipped_metric_counts_every_value_within_its_range(value: float) -> None:
    """As the nearest one that there can be; nothing is refused."""
    metric = Metric("m", min=-1.0, max=2.0, outside=OutsideRange.CLIP)
    metric.check(value)
    assert metric.counted(value) == sorted((-1.0, value, 2.0))[1]


@given(FINITE)
def test_without_a_bound_nothing_is_beyond_it(value: float) -> None:
    """On the side that is open, a value counts as itself."""
    assert Metric("m", min=0.0, outside=OutsideRange.CLIP).counted(abs(value)) == abs(value)
    assert Metric("m", max=0.0, outside=OutsideRange.CLIP).counted(-abs(value)) == -abs(value)
    Metric("m").check(value)


@given(FINITE.filter(lambda value: not -1.0 <= value <= 2.0))
def test_a_value_outside_the_range_is_refused_unless_it_is_clipped(value: float) -> None:
    """It counts as nothing else."""
    metric = Metric("m", min=-1.0, max=2.0)
    assert refused(lambda: metric.check(value)) == ""
    assert metric.counted(value) == value


A, B = Metric("a"), Metric("b")


@pytest.mark.parametrize(
    ("metrics", "objective", "field"),
    [
        ((), "a", "metrics"),
        (tuple(Metric(f"m{number}") for number in range(51)), "m0", "metrics"),
        ((A, A), "a", "metrics[1].name"),
        ((A, B), "c", "objectives[0].metric"),
        ((A, Metric("s", formula=WeightedSum({"a": 1.0, "x": 2.0}))), "s", 'metrics[1].weighted_sum.weights["x"]'),
        ((A, Metric("s", formula=WeightedSum({"s": 1.0}))), "s", 'metrics[1].weighted_sum.weights["s"]'),
        ((Metric("r", formula=Ratio("x", "a")), A), "r", "metrics[0].ratio.numerator"),
        ((Metric("r", formula=Ratio("a", "x")), A), "a", "metrics[0].ratio.denominator"),
        (
            (A, B, Metric("s", formula=WeightedSum({"a": 1.0})), Metric("r", formula=Ratio("a", "s"))),
            "s",
            "metrics[3].ratio.denominator",
        ),
    ],
)
def test_metrics_that_do_not_fit_one_another_are_refused(
    metrics: tuple[Metric, ...], objective: str, field: str
) -> None:
    """Names that repeat or that nothing has, and a formula of a formula; whatever the objective is."""
    assert refused(lambda: check_metrics(metrics, (Objective(objective, Goal.MINIMIZE),))) == field


def test_up_to_four_objectives_are_taken() -> None:
    """Each of another metric; a reference point goes with several."""
    one, other = Objective("a", Goal.MINIMIZE), Objective("b", Goal.MAXIMIZE, 3.0)
    check_metrics((A, B, Metric("s", formula=WeightedSum({"a": 1.0, "b": -2.0}))), (one,))
    check_metrics((A, B), (one, other))
    five = tuple(Objective(f"m{number}", Goal.MINIMIZE) for number in range(5))
    metrics = tuple(Metric(f"m{number}") for number in range(5))
    check_metrics(metrics, five[:4])
    assert [refused(lambda each=each: check_metrics((*metrics, A, B), each)) for each in ((), five)] == [  # type: ignore[misc]
        "objectives",
        "objectives",
    ]
    assert refused(lambda: check_metrics((A, B), (one, other, one))) == "objectives[2].metric"
    assert refused(lambda: check_metrics((A, B), (other,))) == "objectives[0].reference_point"
    assert refused(lambda: Objective("a", Goal.MINIMIZE, math.inf)) == "reference_point"

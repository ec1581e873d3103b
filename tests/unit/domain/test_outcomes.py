"""What is asked of outcomes: bounds and conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness


def refused(build: Callable[[], Any]) -> str:
    """The field at fault."""
    with pytest.raises(InvalidArgument) as caught:
        build()
    (violation,) = caught.value.violations
    return violation.field


@pytest.mark.parametrize(
    ("bounds", "field"),
    [
        ({}, "max"),
        ({"min": math.nan}, "min"),
        ({"max": math.inf}, "max"),
        ({"min": 1.0, "max": 1.0}, "max"),
        ({"min": 2.0, "max": 1.0}, "max"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds: dict[str, float], field: str) -> None:
    """None at all, none that is a number, none with room between them."""
    assert refused(lambda: OutcomeConstraint("m", **bounds)) == field  # type: ignore[arg-type]


def test_bounds_are_in_the_unit_of_the_metric_or_multiples_of_the_baseline() -> None:
    """Without a measured baseline a relative one says nothing; with a negative one it is a share of the magnitude."""
    assert OutcomeConstraint("m", max=3.0).bounds(7.0) == (-math.inf, 3.0)
    relative = OutcomeConstraint("m", 0.5, 1.5, relative=True)
    assert relative.bounds(None) == (-math.inf, math.inf)
    assert relative.bounds(4.0) == (2.0, 6.0)
    assert relative.bounds(-4.0) == (-6.0, -2.0)
    assert OutcomeConstraint("m", min=1.1, relative=True).bounds(10.0) == (11.0, math.inf)


@pytest.mark.parametrize("baseline", [10.0, -10.0, 0.0])
def test_a_relative_bound_allows_a_share_of_the_magnitude(baseline: float) -> None:
    """A tenth more, a tenth less, one alone as both together: the baseline itself is always within."""
    least, most = baseline - 0.1 * abs(baseline), baseline + 0.1 * abs(baseline)
    assert OutcomeConstraint("m", max=1.1, relative=True).bounds(baseline) == pytest.approx((-math.inf, most))
    assert OutcomeConstraint("m", min=0.9, relative=True).bounds(baseline) == pytest.approx((least, math.inf))
    assert OutcomeConstraint("m", 0.9, 1.1, relative=True).bounds(baseline) == pytest.approx((least, most))


CONDITIONS = ({"tier": "free"}, {"tier": "paid"})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"conditions": CONDITIONS[:1]}, "conditions"),
        ({"conditions": CONDITIONS * 51}, "conditions"),
        ({"weights": (1.0,)}, "weights"),
        ({"weights": (1.0, 0.0)}, "weights[1]"),
        ({"weights": (math.inf, 1.0)}, "weights[0]"),
        ({"worst_share": 0.0}, "worst_share"),
        ({"worst_share": 1.1}, "worst_share"),
        ({"worst_share": math.nan}, "worst_share"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(change: dict[str, Any], field: str) -> None:
    """By the field at fault."""
    assert refused(lambda: Robustness(**{"conditions": CONDITIONS, **change})) == field

"""Desirability functions, against the paper's formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.desirability import USELESS, Desirability, Desire
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Metric
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.reward import reward

VALUES = st.floats(-1e300, 1e300)


def refused(build: Callable[[], Any]) -> str:
    """The field at fault."""
    with pytest.raises(InvalidArgument) as caught:
        build()
    (violation,) = caught.value.violations
    return violation.field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"low": None, "high": None}, "low"),
        ({"low": 5.0}, "low"),
        ({"high": 5.0}, "high"),
        ({"target": math.nan}, "target"),
        ({"low": -math.inf}, "low"),
        ({"high": math.inf}, "high"),
        ({"exponent": 0.0}, "exponent"),
        ({"exponent": math.nan}, "exponent"),
        ({"exponent": 101.0}, "exponent"),
        ({"weight": 0.0}, "weight"),
        ({"weight": math.inf}, "weight"),
    ],
)
def test_a_desire_that_makes_no_sense_is_refused(change: dict[str, Any], field: str) -> None:
    """By the field at fault."""
    assert refused(lambda: Desire(**{"metric": "m", "target": 5.0, "low": 1.0, "high": 9.0, **change})) == field


@pytest.mark.parametrize(
    ("desires", "field"),
    [
        ((), "desires"),
        ((Desire("a", 1.0, low=0.0),) * 2, "desires[1].metric"),
        (tuple(Desire(f"m{number}", 1.0, low=0.0) for number in range(51)), "desires"),
    ],
)
def test_desires_that_make_no_sense_together_are_refused(desires: tuple[Desire, ...], field: str) -> None:
    """None, one metric twice, too many."""
    assert refused(lambda: Desirability(desires)) == field


@pytest.mark.parametrize(
    ("value", "expected"), [(-9.0, 0.0), (1.0, 0.0), (3.0, 0.25), (5.0, 1.0), (7.0, 0.25), (9.0, 0.0), (99.0, 0.0)]
)
def test_two_sided_desires_are_the_papers(value: float, expected: float) -> None:
    """((y - low) / (target - low))^s up to the target, ((high - y) / (high - target))^s behind it."""
    assert Desire("m", 5.0, low=1.0, high=9.0, exponent=2.0).value(value) == pytest.approx(expected)


def test_one_sided_desires_stay_at_their_best() -> None:
    """Larger is better up to the target, and never too large; and the other way round."""
    assert [Desire("m", 5.0, low=1.0).value(value) for value in (0.0, 3.0, 5.0, 1e9)] == [0.0, 0.5, 1.0, 1.0]
    assert [Desire("m", 5.0, high=9.0).value(value) for value in (-1e9, 5.0, 7.0, 9.5)] == [1.0, 1.0, 0.5, 0.0]


@given(VALUES, VALUES, VALUES, st.floats(0.01, 100.0))
def test_a_desire_is_from_0_to_1_and_grows_towards_its_target(
    first: float, second: float, target: float, exponent: float
) -> None:
    """Whatever the values are, on either side."""
    if not abs(target) < 1e299:
        return
    reach = max(1.0, abs(target))
    desire = Desire("m", target, low=target - reach, high=target + reach, exponent=exponent)

    def distance(value: float) -> float:
        return abs(value / 2 - target / 2)

    near, far = sorted((first, second), key=distance)
    assert 0.0 <= desire.value(far) <= 1.0
    # Two that are as far to the last bit have no order.
    if (near > target) == (far > target) and distance(near) < distance(far):
        assert desire.value(far) <= desire.value(near)


def test_together_they_are_a_weighted_geometric_mean() -> None:
    """prod (0.01 + 0.99 d)^(w / sum w): of what is useless in one of two equal desires a tenth is left."""
    both = Desirability((Desire("a", 1.0, low=0.0), Desire("b", 1.0, low=0.0, weight=3.0)))
    assert both.value({"a": 1.0, "b": 1.0}) == 1.0
    assert both.value({"a": 0.0, "b": 1.0}) == pytest.approx(USELESS**0.25)
    assert both.value({"a": 0.5, "b": 0.0}) == pytest.approx(0.505**0.25 * 0.01**0.75)


def test_a_metric_is_computed_by_it() -> None:
    """Of the means, with the count that they share; its error isn't known."""
    metric = Metric("worth", formula=Desirability((Desire("a", 2.0, low=0.0), Desire("b", 0.0, high=4.0))))
    measured = {"a": Measurement(1.0, 5, 0.1), "b": Measurement(0.0, 5, 0.1)}
    computed = reward((metric, Metric("a"), Metric("b")), "worth", measured)
    assert (computed.count, computed.standard_error) == (5, None)
    assert computed.mean == pytest.approx(math.sqrt(0.505))

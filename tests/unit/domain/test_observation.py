"""Measurements and observations: what can have been measured."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.observation import Measurement, Observation, Outcome


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"mean": math.nan}, "mean"),
        ({"mean": math.inf}, "mean"),
        ({"count": 0}, "count"),
        ({"count": -1}, "count"),
        ({"standard_error": -0.1}, "standard_error"),
        ({"standard_error": math.nan}, "standard_error"),
        ({"standard_error": math.inf}, "standard_error"),
    ],
)
def test_a_measurement_that_makes_no_sense_is_refused(given_: dict[str, Any], field: str) -> None:
    """By the field at fault."""
    with pytest.raises(InvalidArgument) as caught:
        Measurement(**{"mean": 1.0, **given_})
    assert caught.value.violations[0].field == field


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.floats(-100, 100), min_size=2, max_size=20),
)
def test_a_variance_of_single_values_becomes_the_standard_error_of_their_mean(mean: float, values: list[float]) -> None:
    """The root of the variance (n - 1 in the denominator) over n."""
    count = len(values)
    average = sum(values) / count
    variance = sum((value - average) ** 2 for value in values) / (count - 1)
    measured = Measurement.from_variance(mean, count, variance)
    assert measured.standard_error is not None
    assert measured.standard_error**2 * count == pytest.approx(variance)
    assert (measured.mean, measured.count) == (mean, count)


@pytest.mark.parametrize(("count", "variance"), [(1, 0.0), (2, -0.1), (2, math.nan), (2, math.inf)])
def test_a_variance_that_makes_no_sense_is_refused(count: int, variance: float) -> None:
    """A single value has none."""
    with pytest.raises(InvalidArgument) as caught:
        Measurement.from_variance(1.0, count, variance)
    assert caught.value.violations[0].field == "variance"


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ABANDONED])
def test_what_was_not_tried_to_the_end_measured_nothing(outcome: Outcome) -> None:
    """A measurement next to it would be ambiguous."""
    with pytest.raises(InvalidArgument, match=f"must be empty when the outcome is {outcome.value}"):
        Observation(outcome, {"y": Measurement(1.0)})


def test_a_reason_is_bounded_in_bytes() -> None:
    """1,024 of them; a letter may take two."""
    assert Observation(Outcome.FAILED, reason="é" * 512).reason
    with pytest.raises(InvalidArgument, match="reason: longer than 1024 bytes"):
        Observation(Outcome.FAILED, reason="é" * 512 + "e")

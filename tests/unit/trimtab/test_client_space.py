"""Declarations and measurements: what is taken, and in which form it is kept."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Any

import numpy
import pytest

from trimtab import Categorical, Discrete, Float, Integer, Measurement, Metric, Observation, Outcome
from trimtab._plain import plain_number, plain_value
from trimtab.space import as_measurement


class Colour(StrEnum):
    """A text by another class."""

    RED = "red"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1, 1),
        (1.5, 1.5),
        ("a", "a"),
        (True, True),
        (numpy.float32(0.5), 0.5),
        (numpy.float64(0.5), 0.5),
        (numpy.int64(3), 3),
        (numpy.bool_(True), True),
        (numpy.str_("a"), "a"),
        (numpy.array(2), 2),
        (Fraction(1, 2), 0.5),
        (Colour.RED, "red"),
    ],
)
def test_values_become_pythons_own(given: Any, expected: object) -> None:
    """NumPy's scalars, fractions and enumerations become a bool, int, float or str; a truth value stays one."""
    plain = plain_value(given)
    assert (type(expected), expected) == (type(plain), plain)


@pytest.mark.parametrize("given", [None, [1], {"a": 1}, b"a", 1j])
def test_other_values_are_refused(given: Any) -> None:
    """What is neither a number, a text nor a truth value can't be a value."""
    with pytest.raises(TypeError, match="must be a number, a text or a truth value"):
        plain_value(given)


def test_a_text_is_not_a_number() -> None:
    """float() would take "3"; a measurement doesn't."""
    with pytest.raises(TypeError, match="a number is needed, not '3'"):
        plain_number("3")  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "expected"), [(numpy.float32(0.5), 0.5), (True, 1.0), (7, 7.0)])
def test_measured_numbers_become_floats(given: Any, expected: float) -> None:
    """Whatever converts to a float can be measured; a success is 1."""
    assert Measurement(expected) == as_measurement(given)


def test_a_measurement_is_kept_as_it_is() -> None:
    """A measurement among numbers goes through untouched."""
    measurement = Measurement(1.0, count=3, standard_error=0.1)
    assert measurement is as_measurement(measurement)


def test_a_measurement_has_one_spread() -> None:
    """The standard error of the mean and the variance say the same thing twice, or contradict."""
    with pytest.raises(ValueError, match="not both"):
        Measurement(1.0, count=3, standard_error=0.1, variance=0.1)


def test_numpy_numbers_in_a_measurement_become_pythons_own() -> None:
    """Every field of a measurement takes NumPy's scalars."""
    kept = Measurement(numpy.float32(1), count=numpy.int64(3), variance=numpy.float32(0.5))  # type: ignore[arg-type]
    assert [float, int, float] == [type(kept.mean), type(kept.count), type(kept.variance)]


def test_bounds_of_a_float_are_floats() -> None:
    """Float("x", 0, 1) and Float("x", 0.0, 1.0) say the same."""
    assert repr(Float("x", 0.0, 2.0, step=1.0)) == repr(Float("x", 0, 2, step=1))


def test_bounds_of_an_integer_are_whole() -> None:
    """A bound that is no whole number is refused at once, not cut."""
    with pytest.raises(TypeError, match=r"min: a whole number is needed, not 1\.5"):
        Integer("n", 1.5, 3)  # type: ignore[arg-type]


def test_one_text_is_not_several_values() -> None:
    """Categorical("loss", "abc") would mean three letters."""
    with pytest.raises(TypeError, match="must be several"):
        Categorical("loss", "abc")


def test_values_are_kept_in_a_tuple() -> None:
    """A declaration doesn't change with the list that it was made of."""
    values = ["a", "b"]
    parameter = Categorical("loss", values)
    values.append("c")
    assert parameter.values == ("a", "b")


@pytest.mark.parametrize(("given", "expected"), [([1, 2], (int, int)), ([1, 2.5], (float, float))])
def test_discrete_values_are_of_one_kind(given: list[float], expected: tuple[type, ...]) -> None:
    """Whole numbers stay whole; one fraction among them makes all of them floats."""
    assert expected == tuple(map(type, Discrete("k", given).values))


def test_a_binary_metric_lies_between_0_and_1() -> None:
    """What the server would fill in is there from the start, so that definitions compare."""
    assert Metric("click", "binary", 0.0, 1.0) == Metric("click", kind="binary")


def test_an_observation_holds_measurements() -> None:
    """Bare numbers become measurements, texts become outcomes."""
    observation = Observation("id", {"y": 1}, outcome="completed")  # type: ignore[arg-type]
    assert (Outcome.COMPLETED, {"y": Measurement(1.0)}) == (observation.outcome, observation.measurements)


@pytest.mark.parametrize("reason", ["x" * 2_000, "\N{SNOWMAN}" * 2_000, "x" + "\N{SNOWMAN}" * 2_000])
def test_a_long_reason_is_cut_between_characters(reason: str) -> None:
    """What the server would refuse as too long arrives in part, and says so."""
    kept = Observation("id", outcome=Outcome.FAILED, reason=reason).reason
    assert 1_020 <= len(kept.encode()) <= 1_024
    assert kept.endswith("...")
    assert reason.startswith(kept.removesuffix("..."))


def test_a_reason_that_is_no_unicode_is_kept_readable() -> None:
    """An exception may say anything; it must not keep the report from being sent."""
    assert Observation("id", outcome=Outcome.FAILED, reason="\ud800 broken").reason == "? broken"

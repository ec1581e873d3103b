"""Options of algorithms: by name and type, defaults for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.options import from_options, to_options


@dataclass(frozen=True, slots=True)
class Recipe:
    """Options of each kind."""

    rate: float = 0.5
    restarts: int = 4
    prior: str = "flat"
    warm: bool = True

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise InvalidArgument("rate", "must be greater than 0")


@dataclass(frozen=True, slots=True)
class Plain:
    """An algorithm without options."""


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "rate": st.floats(0.1, 10.0),
            "restarts": st.integers(),
            "prior": st.text(),
            "warm": st.booleans(),
        },
    )
)
def test_what_is_given_is_in_force_and_the_rest_is_the_default(options: dict[str, Any]) -> None:
    """Every option can be left out."""
    assert to_options(from_options(Recipe, options)) == {**to_options(Recipe()), **options}


def test_an_integer_is_a_number_too() -> None:
    """And becomes a float where one is asked for."""
    rate = from_options(Recipe, {"rate": 2}).rate
    assert (type(rate), rate) == (float, 2.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": "fast"}, "options[\"rate\"]: must be a number, not 'fast'"),
        ({"rate": True}, 'options["rate"]: must be a number, not True'),
        ({"rate": float("nan")}, 'options["rate"]: must be finite, not nan'),
        ({"rate": float("inf")}, 'options["rate"]: must be finite, not inf'),
        ({"rate": -1}, 'options["rate"]: must be greater than 0'),
        ({"restarts": 1.0}, 'options["restarts"]: must be an integer, not 1.0'),
        ({"restarts": True}, 'options["restarts"]: must be an integer, not True'),
        ({"prior": 1}, 'options["prior"]: must be a text, not 1'),
        ({"warm": 1}, 'options["warm"]: must be a truth value, not 1'),
        ({"wram": True}, 'options["wram"]: unknown option; this algorithm has: prior, rate, restarts, warm'),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options: dict[str, Any], said: str) -> None:
    """By name, with what would fit."""
    with pytest.raises(InvalidArgument) as caught:
        from_options(Recipe, options)
    assert str(caught.value) == said


def test_an_algorithm_without_options_takes_none() -> None:
    """And says so."""
    assert from_options(Plain, {}) == Plain()
    with pytest.raises(InvalidArgument, match="this algorithm has: none"):
        from_options(Plain, {"rate": 1.0})


def test_a_message_about_a_long_option_stays_short() -> None:
    """It ends in logs and terminals."""
    for options in ({"x" * 100_000: 1}, {"restarts": "x" * 100_000}):
        with pytest.raises(InvalidArgument) as caught:
            from_options(Recipe, options)
        assert len(str(caught.value)) < 500

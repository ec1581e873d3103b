"""Contexts as numbers, there and back."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_service.domain.context import coded, decoded
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, ParameterValue, SearchSpace
from unit.domain.parameters_strategies import spaces, values_of

DECLARED = (
    Float("hour", 0.0, 24.0),
    Integer("rows", 1, 2**53),
    Categorical("tenant", ("free", "paid")),
    Categorical("cached", (False, True)),
    Discrete("shards", (1, 2, 4)),
)


def test_numbers_stand_for_themselves_and_choices_for_their_place() -> None:
    """In the order in which they are declared, whatever the order in which they are given."""
    values: dict[str, ParameterValue] = {"shards": 4, "cached": True, "tenant": "free", "rows": 2**53, "hour": 7.5}

    assert coded(DECLARED, values) == (7.5, 2.0**53, 0.0, 1.0, 4.0)


@settings(max_examples=100)
@given(data=st.data(), space=spaces())
def test_there_and_back(data: st.DataObject, space: SearchSpace) -> None:
    """Legal values come back as they were, with their types, through finite numbers."""
    values = {parameter.name: data.draw(values_of(parameter)) for parameter in space.parameters}
    numbers = coded(space.parameters, values)
    back = decoded(space.parameters, numbers)

    assert all(math.isfinite(number) for number in numbers)
    assert values == back
    assert [type(value) for value in values.values()] == [type(value) for value in back.values()]


def test_no_context() -> None:
    """A study that declares none has no numbers."""
    assert coded((), {}) == ()
    assert decoded((), ()) == {}

"""Which points are as good as one."""

from __future__ import annotations

import pytest

from trimtab_service.domain.space import Categorical, Float, Integer, ParameterValue, Scale, SearchSpace
from trimtab_service.nearness import is_new

SPACE = SearchSpace(
    (
        Float("share", 0.0, 10.0),
        Float("rate", 1e-4, 1.0, Scale.LOG),
        Float("odds", 0.01, 0.99, Scale.LOGIT),
        Integer("depth", 1, 100),
        Categorical("kind", ("a", "b")),
    )
)
POINT: dict[str, ParameterValue] = {"share": 5.0, "rate": 0.01, "odds": 0.5, "depth": 50, "kind": "a"}


@pytest.mark.parametrize(
    ("change", "new"),
    [
        ({}, False),
        ({"share": 5.49, "rate": 0.0155, "odds": 0.6, "depth": 54}, False),
        ({"share": 5.51}, True),
        ({"rate": 0.0162}, True),
        ({"odds": 0.62}, True),
        ({"depth": 55}, True),
        ({"kind": "b"}, True),
    ],
)
def test_a_point_is_new_where_one_value_is(change: dict[str, ParameterValue], new: bool) -> None:
    """By more than a twentieth of the scale, or in a name."""
    assert is_new(SPACE, {**POINT, **change}, [POINT]) == new


def test_a_point_must_be_new_beside_each() -> None:
    """One that is near is enough."""
    assert not is_new(SPACE, POINT, [{**POINT, "kind": "b"}, POINT])
    assert is_new(SPACE, POINT, [])


def test_a_value_that_is_missing_is_another_one() -> None:
    """A parameter that exists in one point only makes them differ."""
    without = {name: value for name, value in POINT.items() if name != "rate"}
    assert is_new(SPACE, POINT, [without])
    assert not is_new(SPACE, without, [without])

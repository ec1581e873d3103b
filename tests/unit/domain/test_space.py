"""Search spaces: what may be declared, and which values are legal."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import (
    LARGEST_INTEGER,
    MOST_PARAMETERS,
    Categorical,
    Discrete,
    Float,
    Integer,
    Parameter,
    Scale,
    SearchSpace,
)
from unit.domain.parameters_strategies import parameters, spaces, stepped, values_of

INFINITY, NAN = math.inf, math.nan


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
        ({"name": ""}, "name"),
        ({"name": "1x"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "ä"}, "name"),
        ({"name": "x" * 129}, "name"),
        ({"min": NAN}, "min"),
        ({"min": -INFINITY}, "min"),
        ({"max": INFINITY}, "max"),
        ({"max": 0.0}, "max"),
        ({"max": -1.0}, "max"),
        ({"min": -1.7e308, "max": 1.7e308}, "max"),
        ({"scale": Scale.LOG}, "min"),
        ({"min": -1.0, "scale": Scale.LOG}, "min"),
        ({"scale": Scale.LOGIT}, "min"),
        ({"min": 0.5, "scale": Scale.LOGIT}, "min"),
        ({"step": 0.0}, "step"),
        ({"step": -0.1}, "step"),
        ({"step": NAN}, "step"),
        ({"step": 1.1}, "step"),
        ({"step": 1.0001}, "step"),
        ({"step": 1e-17}, "step"),
        ({"min": 0.1, "step": 0.1, "scale": Scale.LOG}, "step"),
        ({"description": "é" * 513}, "description"),
    ],
)
def test_a_float_that_makes_no_sense_is_refused(given_: dict[str, Any], field: str) -> None:
    """By the field at fault."""
    assert refused(lambda: Float(**{"name": "x", "min": 0.0, "max": 1.0, **given_})) == field


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"name": "-"}, "name"),
        ({"min": -LARGEST_INTEGER - 1}, "min"),
        ({"max": LARGEST_INTEGER + 1}, "max"),
        ({"min": 10}, "max"),
        ({"scale": Scale.LOGIT}, "scale"),
        ({"min": 0, "scale": Scale.LOG}, "min"),
        ({"description": "x" * 1_025}, "description"),
    ],
)
def test_an_integer_that_makes_no_sense_is_refused(given_: dict[str, Any], field: str) -> None:
    """By the field at fault."""
    assert refused(lambda: Integer(**{"name": "x", "min": 1, "max": 9, **given_})) == field


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ((), "values"),
        (("a", "b", "a"), "values[2]"),
        (("a", True), "values"),
        ((1, 2), "values"),
        (("a", "x" * 1_025), "values[1]"),
        (tuple(str(number) for number in range(1_001)), "values"),
    ],
)
def test_a_categorical_that_makes_no_sense_is_refused(choices: Any, field: str) -> None:
    """Empty, repeated, mixed, of numbers, too long, too many."""
    assert refused(lambda: Categorical("x", choices)) == field


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ((), "values"),
        ((1, 2, 2), "values[2]"),
        ((2, 1), "values"),
        ((1, 2.5), "values"),
        ((False, True), "values"),
        (("a",), "values"),
        ((1.0, INFINITY), "values[1]"),
        ((NAN,), "values[0]"),
        ((0, LARGEST_INTEGER + 1), "values"),
        (tuple(range(1_001)), "values"),
    ],
)
def test_a_discrete_that_makes_no_sense_is_refused(choices: Any, field: str) -> None:
    """Empty, repeated, out of order, mixed, infinite, too large, too many."""
    assert refused(lambda: Discrete("x", choices)) == field


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: SearchSpace(()), "parameters"),
        (lambda: SearchSpace((Integer("x", 0, 1), Float("x", 0.0, 1.0))), "parameters[1].name"),
        (
            lambda: SearchSpace(tuple(Integer(f"x{number}", 0, 1) for number in range(MOST_PARAMETERS + 1))),
            "parameters",
        ),
    ],
    ids=["empty", "twice", "too many"],
)
def test_a_space_that_makes_no_sense_is_refused(build: Callable[[], Any], field: str) -> None:
    """By the field at fault."""
    assert refused(build) == field


@given(st.data(), parameters())
def test_every_legal_value_is_taken(data: st.DataObject, parameter: Parameter) -> None:
    """As it is: checked again, it is the same value of the same type."""
    value = parameter.check(data.draw(values_of(parameter)))
    again = parameter.check(value)
    assert (type(again), again) == (type(value), value)


@given(parameters(), st.floats() | st.integers() | st.text(max_size=3) | st.booleans())
def test_any_value_is_either_taken_or_refused(parameter: Parameter, value: float | int | str | bool) -> None:
    """No other error comes out, and what is taken equals what was given up to a sliver of a step."""
    with contextlib.suppress(InvalidArgument):
        taken = parameter.check(value)
        assert taken == (pytest.approx(value, abs=1e-3) if isinstance(taken, float) else value)


@pytest.mark.parametrize("parameter", [Float("x", 0, 2), Integer("x", 0, 2), Discrete("x", (0, 1, 2))], ids=repr)
@pytest.mark.parametrize("value", [True, "1", NAN, INFINITY, -1, 3, 10**400], ids=repr)
def test_a_number_must_be_a_finite_number_inside(parameter: Parameter, value: Any) -> None:
    """A truth value is no number, though Python thinks so."""
    assert refused(lambda: parameter.check(value)) == ""


@pytest.mark.parametrize(
    ("parameter", "value", "meant"),
    [
        (Float("x", 0.0, 2.0), 1, 1.0),
        (Integer("x", 0, 2), 1.0, 1),
        (Discrete("x", (1, 2)), 2.0, 2),
        (Discrete("x", (1.0, 2.0)), 2, 2.0),
        (Float("x", 0.0, 1.0, step=0.1), 0.30000000000000004, 0.3),
    ],
    ids=repr,
)
def test_a_number_gets_the_type_that_is_declared(parameter: Parameter, value: Any, meant: Any) -> None:
    """A whole number is fine for a float, and the other way round where nothing is lost."""
    checked = parameter.check(value)
    assert (type(checked), checked) == (type(meant), meant)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (Integer("x", 0, 2), 1.5),
        (Float("x", 0.0, 1.0, step=0.25), 0.3),
        (Float("x", 0.0, 1.0, step=0.4), 1.0),
        (Discrete("x", (1.0, 2.0)), 1.5),
        (Categorical("x", ("1", "2")), 1),
        (Categorical("x", ("True",)), True),
        (Categorical("x", (True, False)), 1),
        (Categorical("x", tuple("abcdefghij")), "A" * 200),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_value_between_or_of_another_type_is_refused(parameter: Parameter, value: Any) -> None:
    """Nothing is rounded, and no text is a number."""
    assert refused(lambda: parameter.check(value)) == ""


def test_a_message_about_a_long_value_stays_short() -> None:
    """It ends in logs and terminals."""
    with pytest.raises(InvalidArgument) as caught:
        Categorical("x", tuple(f"{'choice' * 100}{number}" for number in range(20))).check("x" * 1_000_000)
    assert len(str(caught.value)) < 1_000


@given(stepped())
def test_a_grid_starts_at_min_and_never_leaves_the_interval(parameter: Float) -> None:
    """In steps that don't add up rounding, one value a step, each legal."""
    values = list(parameter.values())
    assert parameter.step is not None
    assert values[0] == parameter.min
    assert values[-1] <= parameter.max < values[-1] + parameter.step * (1 + 1e-6)
    assert [round((value - parameter.min) / parameter.step) for value in values] == list(range(len(values)))
    assert [parameter.check(value) for value in values] == values


def test_a_grid_has_the_numbers_that_people_write() -> None:
    """0.3, and not 0.30000000000000004."""
    assert list(Float("x", 0.0, 0.5, step=0.1).values()) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


def test_a_step_may_be_as_long_as_the_interval() -> None:
    """Also where rounding makes the interval look shorter: 0.3 - 0.1 < 0.2."""
    assert list(Float("x", 0.1, 0.3, step=0.2).values()) == [0.1, 0.3]


@given(parameters())
def test_a_finite_parameter_lists_as_many_values_as_it_counts(parameter: Parameter) -> None:
    """Without repetition; a continuum has none to list."""
    if parameter.cardinality is None:
        with pytest.raises(TypeError, match="continuum"):
            parameter.values()  # type: ignore[unused-ignore]
    else:
        values = list(itertools.islice(parameter.values(), 2_000))
        assert len(set(values)) == len(values) == min(parameter.cardinality, 2_000)


def test_a_continuum_has_no_grid() -> None:
    """Asking for its third value is a mistake in the program."""
    with pytest.raises(TypeError, match="no step"):
        Float("x", 0.0, 1.0).grid_value(3)


def test_points_turn_the_last_parameter_fastest() -> None:
    """The order in which arms are numbered."""
    space = SearchSpace((Categorical("a", ("x", "y")), Integer("b", 1, 3)))
    points = [(point["a"], point["b"]) for point in space.points()]
    assert space.cardinality == 6
    assert points == [("x", 1), ("x", 2), ("x", 3), ("y", 1), ("y", 2), ("y", 3)]


def test_a_space_with_a_continuum_has_no_points() -> None:
    """It can't be counted."""
    space = SearchSpace((Integer("a", 1, 3), Float("b", 0.0, 1.0)))
    assert space.cardinality is None
    with pytest.raises(TypeError, match="continuum"):
        next(space.points())


@given(st.data(), spaces())
def test_a_legal_point_is_taken_in_the_order_of_the_space(data: st.DataObject, space: SearchSpace) -> None:
    """However the caller ordered it, and a second check changes nothing."""
    point = {parameter.name: data.draw(values_of(parameter)) for parameter in reversed(space.parameters)}
    checked = space.check(point)
    assert list(checked) == [parameter.name for parameter in space.parameters]
    assert space.check(checked) == checked


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, 'values["a"]'),
        ({"a": 1}, 'values["b"]'),
        ({"a": 1, "b": "1"}, 'values["b"]'),
        ({"a": 1, "b": 1, "c": 1}, 'values["c"]'),
        ({"a": 1, "b": 1, "c" * 200: 1}, f'values["{"c" * 130}"]'),
    ],
)
def test_a_point_that_does_not_fit_is_refused_by_the_path_of_its_entry(values: Any, field: str) -> None:
    """Missing, of another type, unknown, and an unknown name cut short."""
    space = SearchSpace((Integer("a", 0, 1), Integer("b", 0, 1)))
    assert refused(lambda: space.check(values)) == field


@given(st.data(), spaces())
def test_some_values_of_a_point_are_taken_as_all_of_them_are(data: st.DataObject, space: SearchSpace) -> None:
    """The same values, in the order of the space; none at all say nothing."""
    point = {parameter.name: data.draw(values_of(parameter)) for parameter in space.parameters}
    names = data.draw(st.sets(st.sampled_from(sorted(point)), min_size=1))
    part = space.check_part({name: point[name] for name in names})
    assert part == {name: value for name, value in space.check(point).items() if name in names}
    assert refused(lambda: space.check_part({})) == "values"


@pytest.mark.parametrize("values", [{"a": 1, "c": 1}, {"c": 1}])
def test_a_part_that_names_no_parameter_is_refused(values: dict[str, int]) -> None:
    """By the path of its entry."""
    assert refused(lambda: SearchSpace((Integer("a", 0, 1), Integer("b", 0, 1))).check_part(values)) == 'values["c"]'

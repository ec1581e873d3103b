"""Arms: which values a parameter is cut into, and how points are numbered for good."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_service.domain.arms import LARGEST_NUMBER, MOST_LEVELS, Lattice, Listed, levels
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, Scale, SearchSpace
from unit.domain.parameters_strategies import floats, integers, parameters, stepped

COLOURS = Categorical("colour", ("red", "green"))
SIZES = Discrete("size", (1, 2, 4))
SWITCH = Categorical("switch", (True, False))


def refusal(parameter: Parameter, steps: int) -> str:
    """What is said where a parameter can't be cut."""
    with pytest.raises(InvalidArgument) as caught:
        levels(parameter, steps)
    (violation,) = caught.value.violations
    assert violation.field == ""
    return violation.description


@settings(max_examples=100)
@given(parameter=floats() | stepped() | integers(), steps=st.integers(1, 40))
def test_steps_are_legal_values(parameter: Float | Integer, steps: int) -> None:
    """A cut parameter has at most so many values: legal, increasing, from one end to the other."""
    found = levels(parameter, steps)
    numbers = [float(value) for value in found]

    assert 1 <= len(found) <= steps
    assert numbers == sorted(set(numbers))
    assert found == tuple(parameter.check(value) for value in found)
    if steps > 1:
        grid = isinstance(parameter, Float) and parameter.cardinality is not None
        last = parameter.grid_value(parameter.cardinality - 1) if grid else parameter.max  # type: ignore[union-attr, operator]
        assert (parameter.min, last) == (found[0], found[-1])


@pytest.mark.parametrize(
    ("parameter", "steps", "expected"),
    [
        (Float("x", -1.0, 3.0), 5, (-1.0, 0.0, 1.0, 2.0, 3.0)),
        (Float("x", 0.01, 100.0, Scale.LOG), 5, (0.01, 0.1, 1.0, 10.0, 100.0)),
        (Float("x", 1e-300, 1e300, Scale.LOG), 3, (1e-300, 1.0, 1e300)),
        (Float("x", 0.1, 0.9, Scale.LOGIT), 3, (0.1, 0.5, 0.9)),
        (Float("x", 0.0, 10.0), 1, (5.0,)),
        (Float("x", 0.0, 1.0, step=0.35), 2, (0.0, 0.7)),
        (Float("x", 0.0, 1.0, step=0.1), 3, (0.0, 0.5, 1.0)),
        (Integer("n", 1, 1_000, Scale.LOG), 4, (1, 10, 100, 1_000)),
        (Integer("n", 0, 2**53), 3, (0, 2**52, 2**53)),
        (Integer("n", 1, 12, Scale.LOG), 6, (1, 2, 3, 4, 7, 12)),
    ],
)
def test_steps_are_even_on_the_scale(parameter: Parameter, steps: int, expected: tuple[float, ...]) -> None:
    """The values are evenly spaced as distances are measured, and on the parameter's own grid."""
    assert pytest.approx(expected, rel=1e-12) == levels(parameter, steps)


def test_integers_stay_integers() -> None:
    """Cutting an integer gives integers."""
    assert {type(value) for value in levels(Integer("n", 1, 1_000), 7)} == {int}


@pytest.mark.parametrize("steps", [0, 4, 1_000])
@pytest.mark.parametrize("parameter", [COLOURS, SIZES, SWITCH, Integer("n", 3, 6), Float("x", 0.0, 1.0, step=0.5)])
def test_what_is_small_enough_is_left_whole(parameter: Parameter, steps: int) -> None:
    """A parameter of no more values than steps keeps them all, in its own order."""
    assert tuple(parameter.values()) == levels(parameter, steps)


def test_choices_are_never_thinned_out() -> None:
    """Of values without an interval between them none is left out."""
    assert levels(Discrete("size", (1, 2, 4)), 2) == (1, 2, 4)


def test_a_continuum_needs_steps() -> None:
    """The refusal says what to do."""
    assert "steps" in refusal(Float("x", 0.0, 1.0), 0)


@pytest.mark.parametrize("parameter", [Integer("n", 0, 2**53), Float("x", 0.0, 1e6, step=1e-3)])
def test_a_huge_range_is_refused_before_it_is_listed(parameter: Parameter) -> None:
    """What has more values than can be listed needs steps as well."""
    assert f"{MOST_LEVELS} at most" in refusal(parameter, 0)


def test_the_last_parameter_turns_fastest() -> None:
    """Points come in the order of the space."""
    listed = Listed.of((SearchSpace((COLOURS, SIZES)),), 0)

    assert listed.points == tuple({"colour": colour, "size": size} for colour in ("red", "green") for size in (1, 2, 4))
    assert listed.count == 6
    assert listed.point(4) == {"colour": "green", "size": 2}


def test_new_values_get_new_numbers() -> None:
    """A space that grew keeps its arms' numbers, wherever in its order the new values stand."""
    before = SearchSpace((COLOURS, SIZES))
    after = SearchSpace((Categorical("colour", ("blue", "red", "green")), Discrete("size", (0, 1, 2, 4))))
    old, new = Listed.of((before,), 0), Listed.of((before, after), 0)

    assert old.points == new.points[: old.count]
    assert new.count == 12
    assert [point for point in after.points() if point not in old.points] == list(new.points[old.count :])


def test_growing_twice_is_growing() -> None:
    """Every point has exactly one number, in the order of the spaces in which it first was."""
    spaces = [SearchSpace((Integer("n", low, 5), SWITCH)) for low in (5, 3, 4, 1)]

    assert [point["n"] for point in Listed.of(spaces, 0).points] == [5, 5, 3, 3, 4, 4, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({}, {0, 1, 2, 3, 4, 5}),
        ({"size": 4}, {2, 5}),
        ({"colour": "green", "size": 1}, {3}),
        ({"colour": "pink"}, set()),
        ({"colour": "pink", "size": 1}, set()),
    ],
)
def test_patterns_find_their_arms(pattern: dict[str, str | int], expected: set[int]) -> None:
    """A pattern stands for all arms that have its values; an empty one for all there are."""
    assert expected == Listed.of((SearchSpace((COLOURS, SIZES)),), 0).having(pattern)


def test_one_and_true_are_two_values() -> None:
    """Patterns tell truth values from numbers."""
    listed = Listed.of((SearchSpace((SWITCH, SIZES)),), 0)

    assert listed.having({"switch": True}) == {0, 1, 2}
    assert listed.having({"switch": 1}) == frozenset()
    assert listed.having({"size": True}) == frozenset()


@settings(max_examples=100)
@given(data=st.data(), spaces=st.lists(parameters(), min_size=1, max_size=5, unique_by=lambda one: one.name))
def test_a_lattice_numbers_its_points(data: st.DataObject, spaces: list[Parameter]) -> None:
    """Numbers and value indices are inverse to each other, and points have the values."""
    lattice = Lattice.of(SearchSpace(tuple(spaces)), 7)
    indices = tuple(data.draw(st.integers(0, len(values) - 1)) for values in lattice.levels)
    number = lattice.number(indices)

    assert 0 <= number < lattice.count
    assert indices == lattice.indices(number)
    assert [values[index] for values, index in zip(lattice.levels, indices, strict=True)] == [
        *lattice.point(number).values()
    ]
    assert list(lattice.names) == list(lattice.point(number))


def test_a_lattice_is_in_the_order_of_the_list() -> None:
    """Where a space can be listed the numbers are those of the list."""
    space = SearchSpace((COLOURS, SIZES, SWITCH))
    lattice, listed = Lattice.of(space, 0), Listed.of((space,), 0)

    assert lattice.count == listed.count
    assert listed.points == tuple(lattice.point(number) for number in range(lattice.count))


def test_the_largest_lattice() -> None:
    """Every number of a lattice is exact as a double; one parameter more is refused."""
    switches = tuple(Categorical(f"s{index}", (True, False)) for index in range(54))
    lattice = Lattice.of(SearchSpace(switches[:53]), 0)

    assert lattice.count == LARGEST_NUMBER
    assert lattice.indices(lattice.count - 1) == (1,) * 53
    assert math.isclose(float(lattice.number((1,) * 53)), lattice.count - 1, rel_tol=0)
    with pytest.raises(InvalidArgument, match="at most"):
        Lattice.of(SearchSpace(switches), 0)

"""The border between parameters and arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.space import (
    Categorical,
    Discrete,
    Float,
    Integer,
    Parameter,
    ParameterValue,
    Scale,
    SearchSpace,
)
from trimtab_service.optimizers.encoding import Encoding, from_indices, to_indices
from unit.domain.parameters_strategies import parameters, spaces, values_of

EXACT_UP_TO = 2**40  # values of a parameter: beyond it neighbours are closer than a double's rounding
ROUNDING = 1e-13


def same(parameter: Parameter, first: ParameterValue, second: ParameterValue) -> bool:
    """Whether two values are one to the rounding of a double along the scale of their parameter."""
    count = parameter.cardinality
    if count is not None and count <= EXACT_UP_TO:
        return type(first) is type(second) and first == second
    assert isinstance(parameter, Float | Integer)
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    ends = [abs(float(parameter.min)), abs(float(parameter.max))] if parameter.scale is Scale.LINEAR else []
    size = max(abs(float(first)), abs(float(second)), *ends)
    return type(first) is type(second) and abs(first - second) <= ROUNDING * size


@given(st.data(), parameters())
def test_points_survive_the_round_trip(data: st.DataObject, parameter: Parameter) -> None:
    """What was encoded decodes to itself, with its type, and lies in [0, 1] or is the index of a choice."""
    value = data.draw(values_of(parameter))
    encoding = Encoding((parameter,))
    rows = encoding.encode([{parameter.name: value}])
    most = len(parameter.choices) - 1 if isinstance(parameter, Categorical) else 1.0
    assert 0.0 <= rows[0, 0] <= most
    (point,) = encoding.decode(rows)
    assert same(parameter, point[parameter.name], value)


@given(spaces(), st.lists(st.floats(-2.0, 3.0), min_size=4, max_size=4))
def test_whatever_is_decoded_is_legal(space: SearchSpace, numbers: list[float]) -> None:
    """Any finite row gives a point of the space, in its order and of its types."""
    encoding = Encoding(space.parameters)
    (point,) = encoding.decode(np.array([numbers[: encoding.width]]))
    checked = space.check(point)
    assert list(point.items()) == list(checked.items())
    assert [type(value) for value in point.values()] == [type(value) for value in checked.values()]


@given(spaces(), st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=4, max_size=4))
def test_draws_are_legal_and_snapping_keeps_them(space: SearchSpace, numbers: list[float]) -> None:
    """A drawn row is the row of a point already."""
    encoding = Encoding(space.parameters)
    row = encoding.draw(np.array([numbers[: encoding.width]]))
    np.testing.assert_allclose(encoding.snap(row), row, rtol=0, atol=1e-12)


@given(spaces(), st.lists(st.floats(-1.0, 3.0), min_size=4, max_size=4))
def test_snapping_goes_where_decoding_goes(space: SearchSpace, numbers: list[float]) -> None:
    """Snapped or not, a row decodes to one point."""
    encoding = Encoding(space.parameters)
    row = np.array([numbers[: encoding.width]])
    first, second = encoding.decode(row)[0], encoding.decode(encoding.snap(row))[0]
    assert all(same(parameter, first[parameter.name], second[parameter.name]) for parameter in space.parameters)


@given(parameters())
def test_indices_count_the_values(parameter: Parameter) -> None:
    """The positions of the first and the last value are those of the first and last index."""
    count = parameter.cardinality
    if count is None or count > EXACT_UP_TO:
        return
    indices = np.array([0.0, count - 1.0])
    np.testing.assert_array_equal(to_indices(parameter, from_indices(parameter, indices)), indices)
    values = [
        point[parameter.name] for point in Encoding((parameter,)).decode(from_indices(parameter, indices)[:, None])
    ]
    expected = next(iter(parameter.values()))
    assert values[0] == expected


@pytest.mark.parametrize(
    ("parameter", "value", "position"),
    [
        (Float("x", -1.0, 3.0), 0.0, 0.25),
        (Float("x", 1e-4, 1.0, Scale.LOG), 1e-2, 0.5),
        (Float("x", 0.1, 0.9, Scale.LOGIT), 0.5, 0.5),
        (Float("x", 0.0, 1.05, step=0.1), 0.5, 0.5),
        (Integer("x", 10, 20), 15, 0.5),
        (Integer("x", 1, 100, Scale.LOG), 10, 0.5),
        (Integer("x", 5, 5), 5, 0.0),
        (Integer("x", 5, 5, Scale.LOG), 5, 0.0),
        (Discrete("x", (1, 10, 1_000)), 10, 0.5),
        (Discrete("x", (7,)), 7, 0.0),
        (Categorical("x", ("a", "b", "c")), "c", 2.0),
        (Categorical("x", (False, True)), True, 1.0),
    ],
)
def test_positions_follow_the_scale(parameter: Parameter, value: ParameterValue, position: float) -> None:
    """Halfway along a scale is 0.5; discrete numbers are a step apart each; names have an index."""
    assert Encoding((parameter,)).encode([{"x": value}]).item() == pytest.approx(position)


def test_ends_survive_exactly() -> None:
    """Rounding on a scale doesn't move the ends of an interval."""
    for scale, low, high in ((Scale.LOG, 1e-3, 0.1), (Scale.LOGIT, 0.1, 0.7), (Scale.LINEAR, -0.1, 0.3)):
        encoding = Encoding((Float("x", low, high, scale),))
        assert [point["x"] for point in encoding.decode(np.array([[0.0], [1.0]]))] == [low, high]


def test_draws_of_integers_on_a_log_scale_are_even_along_it() -> None:
    """Each decade gets its share, and every value its chance."""
    encoding = Encoding((Integer("x", 1, 1_000, Scale.LOG),))
    uniforms = (np.arange(30_000) + 0.5)[:, None] / 30_000
    values = np.array([point["x"] for point in encoding.decode(encoding.draw(uniforms))], dtype=float)
    assert set(np.unique(values)) == set(range(1, 1_001))
    share = math.log(10.5 / 0.5) / math.log(1_000.5 / 0.5)
    assert (values <= 10).mean() == pytest.approx(share, abs=0.01)


def test_draws_of_finite_values_are_equally_likely() -> None:
    """The ends of an integer's interval are as likely as the rest; so are choices and steps."""
    uniforms = ((np.arange(12_000) + 0.5) / 12_000)[:, None]
    for parameter in (
        Integer("x", -1, 2),
        Categorical("x", ("a", "b", "c", "d")),
        Discrete("x", (0.1, 1.0, 10.0, 50.0)),
        Float("x", 0.0, 0.3, step=0.1),
    ):
        encoding = Encoding((parameter,))
        values = [str(point["x"]) for point in encoding.decode(encoding.draw(uniforms))]
        assert sorted(values.count(value) for value in set(values)) == [3_000] * 4


def test_the_centre_is_in_the_middle_of_every_scale() -> None:
    """The middle along the scale, the nearest legal value to it, and the first of the choices."""
    encoding = Encoding((Float("a", 1e-4, 1.0, Scale.LOG), Integer("b", 0, 10), Categorical("c", ("x", "y", "z"))))
    (point,) = encoding.decode(encoding.centre())
    assert point["a"] == pytest.approx(1e-2)
    assert (point["b"], point["c"]) == (5, "x")

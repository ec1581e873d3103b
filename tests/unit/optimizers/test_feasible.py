"""Legal rows: drawn evenly, the first one, near others, all of them; and of what a call fixes."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Scale, SearchSpace
from trimtab_service.optimizers import integer_program
from trimtab_service.optimizers.activity import Mask
from trimtab_service.optimizers.feasible import Feasible
from trimtab_service.optimizers.interior import Interior
from trimtab_service.optimizers.lifted import Lifted
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.sums import Units

X, Y = Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)
PARTS = tuple(Float(f"p{index}", 0.0, 1.0) for index in range(20))
MIXTURE = SearchSpace(PARTS, (), (Simplex(tuple(part.name for part in PARTS)),))


def drawn(space: SearchSpace, count: int) -> np.ndarray[Any, Any]:
    """Values [count, d] of legal points."""
    feasible = Feasible(space)
    uniforms = np.random.default_rng(0).random((count, feasible.encoding.width))
    points = feasible.encoding.decode(feasible.draw(uniforms, [(7, index) for index in range(count)]))
    assert all(space.check(point) == point for point in points)
    return np.array([list(point.values()) for point in points], dtype=float)


def test_mixtures_are_drawn_evenly() -> None:
    """Each part as Beta(1, 19) has it: the mean and the spread of an even draw of twenty parts."""
    values = drawn(MIXTURE, 4_000)
    np.testing.assert_allclose(values.mean(axis=0), 1 / 20, atol=0.005)
    np.testing.assert_allclose(values.std(axis=0), (19 / (20**2 * 21)) ** 0.5, atol=0.005)


def test_a_mixture_with_narrow_ranges_is_drawn_within_them() -> None:
    """Where shares drawn freely are hardly ever legal."""
    parts = tuple(Float(part.name, 0.04, 0.08) for part in PARTS)
    values = drawn(SearchSpace(parts, (), MIXTURE.simplexes), 50)
    assert values.min() >= 0.04
    assert values.max() <= 0.08
    assert len(np.unique(values.round(9), axis=0)) == 50


def test_a_corner_is_drawn_evenly() -> None:
    """A simplex of ten numbers whose sum is small: one in 10^9 of the box."""
    numbers = tuple(Float(f"x{index}", 0.0, 1.0) for index in range(10))
    law = LinearConstraint({number.name: 1.0 for number in numbers}, max=0.5)
    values = drawn(SearchSpace(numbers, (law,)), 2_000)
    # Of the sum of an even draw, its share of the most is Beta(10, 1).
    assert values.sum(axis=1).mean() == pytest.approx(0.5 * 10 / 11, abs=0.01)
    np.testing.assert_allclose(values.mean(axis=0), 0.5 / 11, atol=0.006)


def test_a_strip_on_log_scales_is_drawn_evenly_along_them() -> None:
    """Half of the points lie below the geometric mean, as they would without the other number."""
    low, high = Float("low", 1e-3, 1.0, Scale.LOG), Float("high", 1e-3, 1.0, Scale.LOG)
    values = drawn(SearchSpace((low, high), (LinearConstraint({"low": 1.0, "high": -1.0}, -1e-6, 1e-6),)), 1_000)
    assert np.ptp(values, axis=1).max() <= 1.1e-6
    assert len(np.unique(values, axis=0)) == 1_000


def test_a_number_of_one_value_leaves_the_others_free() -> None:
    """Whatever its scale, which has no width."""
    space = SearchSpace(
        (Integer("k", 7, 7, Scale.LOG), Float("x", 1.0, 100.0, Scale.LOG), Y),
        (LinearConstraint({"k": 0.1, "x": 0.01, "y": 1.0}, 1.2, 1.2),),
    )
    assert len(np.unique(drawn(space, 40), axis=0)) == 40


def test_whole_numbers_that_must_add_up_are_found() -> None:
    """Though hardly any draw does, and rounding breaks them."""
    space = SearchSpace(
        (Integer("a", 0, 1_000), Integer("b", 0, 1_000), Discrete("c", (3, 17, 90)), X),
        (LinearConstraint({"a": 7.0, "b": 11.0, "c": 2.0}, 5_000.0, 5_000.0),),
    )
    assert len(np.unique(drawn(space, 20), axis=0)) > 10


def test_whole_numbers_that_must_add_up_hardly_ever_take_an_integer_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is slow; drawn as evenly as by trying all points that there are."""
    weights, most, total = np.array([3, 7, 11, 15]), 50, 731
    laws = (LinearConstraint({f"n{index}": float(weight) for index, weight in enumerate(weights)}, total, total),)
    space = SearchSpace(tuple(Integer(f"n{index}", 0, most) for index in range(4)), laws)
    solved = Mock(wraps=integer_program.nearest_values)
    monkeypatch.setattr(integer_program, "nearest_values", solved)
    values = drawn(space, 512)
    assert solved.call_count < 10
    every = np.stack(np.meshgrid(*[np.arange(most + 1)] * 4), axis=-1).reshape(-1, 4)
    legal = every[every @ weights == total]
    np.testing.assert_allclose(values.mean(axis=0), legal.mean(axis=0), atol=2.0)
    np.testing.assert_allclose(values.std(axis=0), legal.std(axis=0), atol=2.0)


A, B = (Float(name, 1e-9, 1e9, Scale.LOG) for name in "ab")
N, M = (Integer(name, -(10**9), 10**9) for name in "nm")


@pytest.mark.parametrize(
    ("parameters", "law"),
    [
        ((A,), LinearConstraint({"a": 1.0}, max=1e-3)),
        ((A, B), LinearConstraint({"a": 1.0, "b": -1.0}, max=0.0)),
        ((A, B), LinearConstraint({"a": 1.0, "b": -1.0}, 0.0, 0.0)),
        ((A, B), LinearConstraint({"a": 1.0, "b": 1.0}, 1e-3, 1e-3)),
        ((A, B), LinearConstraint({"a": 1.0, "b": 1.0}, 9e-4, 1e-3)),
        ((A, B), LinearConstraint({"a": 1.0, "b": 1.0}, 1e9, 1e9)),
        ((A, Float("x", 0.0, 1e6)), LinearConstraint({"a": 1.0, "x": 1e-6}, 0.5, 0.5)),
        ((N, M), LinearConstraint({"n": 1.0, "m": -1.0}, 0.0, 0.0)),
    ],
)
def test_small_sums_of_what_may_be_large_are_as_exact(parameters: tuple[Any, ...], law: LinearConstraint) -> None:
    """Drawn by chance or on a walk, each point another one; and by what some of it has, the rest is found."""
    space = SearchSpace(parameters, (law,))
    values = drawn(space, 40)
    assert len(np.unique(values, axis=0)) == 40
    for point in Region(space).points(Region(space).draw(np.full((1, len(parameters)), 0.3), [(1,)])):
        for name, value in point.items():
            Region(space, {name: value}).check()


def test_two_bounds_that_leave_a_face_are_fulfilled() -> None:
    """A body without an inside has points all the same."""
    laws = (LinearConstraint({"x": 1.0, "y": 1.0}, max=1.0), LinearConstraint({"x": 1.0, "y": 1.0}, min=1.0))
    np.testing.assert_allclose(drawn(SearchSpace((X, Y), laws), 20).sum(axis=1), 1.0, atol=1e-8)


def test_points_of_a_face_are_found_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a fixed value leaves a part of a mixture nothing, many draws take no more rounds than a few."""
    laws = (LinearConstraint({"x": 2.0, "n": 1.0}, max=6.0),)
    space = SearchSpace((X, Y, Float("z", 0.0, 0.2), Integer("n", 1, 10)), laws, (Simplex(("x", "y", "z")),))
    region, mended, rounds = Region(space, {"n": 6}), Interior._mended, list[int]()

    def counted(interior: Interior, units: Units, free: Mask) -> Units:
        rounds.append(len(units))
        return mended(interior, units, free)

    monkeypatch.setattr(Interior, "_mended", counted)
    rows = region.draw(np.random.default_rng(0).random((200, 4)), [(index,) for index in range(200)])
    assert all(space.check(point) == point for point in region.points(rows))
    assert len(np.unique(rows, axis=0)) > 100
    assert len(rounds) <= 3


def test_the_first_point_is_the_middle_or_most_central() -> None:
    """Equal parts of a mixture; the middle of a box where it is legal."""
    assert Region(MIXTURE).points(Region(MIXTURE).first())[0] == pytest.approx({part.name: 0.05 for part in PARTS})
    space = SearchSpace((X, Y), (LinearConstraint({"x": 1.0, "y": 1.0}, min=0.5),))
    assert Region(space).points(Region(space).first()) == [{"x": 0.5, "y": 0.5}]


def test_where_nothing_is_legal_it_is_said() -> None:
    """Bounds that are kept one by one, and not together."""
    laws = (LinearConstraint({"x": 1.0, "y": 1.0}, min=1.5), LinearConstraint({"x": 1.0, "y": -1.0}, min=0.9))
    with pytest.raises(InvalidArgument):
        Region(SearchSpace((X, Y), laws)).check()
    even = LinearConstraint({"a": 2.0, "b": 2.0}, 5.0, 5.0)
    with pytest.raises(InvalidArgument):
        Region(SearchSpace((Integer("a", 0, 9), Integer("b", 0, 9)), (even,))).check()


def test_every_point_of_a_small_space_is_listed() -> None:
    """As the space itself lists them, with what doesn't exist left out."""
    space = SearchSpace(
        (
            Categorical("kind", ("a", "b", "c")),
            Integer("n", 1, 3, conditions=(Condition("kind", ("a", "b")),)),
            Integer("m", 0, 4),
            Categorical("way", ("up", "down"), conditions=(Condition("n", min=2), Condition("m", max=1))),
        ),
        (LinearConstraint({"m": 1.0}, max=2.0),),
    )
    region = Region(space)
    every = region.every()
    assert every is not None
    listed = sorted(map(repr, region.points(every)))
    assert listed == sorted(map(repr, space.points()))


def test_a_path_stops_where_it_stops_being_legal() -> None:
    """On the way from a legal point to any other."""
    space = SearchSpace((X, Y), (LinearConstraint({"x": 1.0, "y": 1.0}, max=1.0),))
    found = Feasible(space).moved(np.array([[0.2, 0.2], [0.2, 0.2]]), np.array([[0.3, 0.4], [1.0, 1.0]]))
    np.testing.assert_allclose(found, [[0.3, 0.4], [0.5, 0.5]], atol=1e-9)


class Bowl:
    """Less the farther from a row."""

    def __init__(self, top: np.ndarray[Any, Any]) -> None:
        self.top = top

    def values(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """[n]."""
        return -np.asarray(np.square(rows - self.top).sum(axis=1))

    def values_and_slopes(self, rows: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """[n], [n, d]."""
        return self.values(rows), -2.0 * (rows - self.top)


def test_what_is_chosen_in_a_region_has_the_slopes_of_the_whole() -> None:
    """By finite differences, where numbers are narrowed down and some don't exist."""
    space = SearchSpace(
        (
            X,
            Integer("n", 1, 64, Scale.LOG),
            Float("leaf", 1.0, 9.0, conditions=(Condition("n", min=8.0, max=32.0),)),
            Float("other", 1.0, 9.0, conditions=(Condition("x", max=0.4),)),
        )
    )
    region = Region(space, {"leaf": 3.0})
    assert [space.parameters[column].name for column in region.columns] == ["x", "n", "other"]
    lifted = Lifted(Bowl(np.array([0.3, 0.7, 0.2, 0.1])), region)
    rows = np.array([[0.2, 0.35, 0.6], [0.9, 0.35, 0.5]])
    values, slopes = lifted.values_and_slopes(rows)
    for column in range(3):
        step = 1e-6 * np.eye(3)[column]
        expected = (lifted.values(rows + step) - lifted.values(rows - step)) / 2e-6
        np.testing.assert_allclose(slopes[:, column], expected, atol=1e-6)
    assert slopes[1, 2] == 0.0
    np.testing.assert_allclose(lifted.values(rows), values)

"""Climbing where sums must come out right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.space import Float, Integer, Scale, SearchSpace
from trimtab_service.optimizers.gp_climb import MOST_EVALUATIONS, climb_within
from trimtab_service.optimizers.gp_search import ranked
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.targets import Vector
from unit.optimizers.test_feasible import PARTS, Bowl

THREE = tuple(Float(name, 0.0, 1.0) for name in "xyz")


def best(space: SearchSpace, top: list[float], fixed: dict[str, float] | None = None) -> Vector:
    """The row that is found for a bowl with this top; all that are found are legal."""
    region = Region(space, fixed or {})
    centres = region.first()
    rows = ranked(Bowl(np.array(top)), region, centres, np.random.default_rng(0))
    assert all(space.check(point) == point for point in region.points(rows))
    return np.asarray(rows[0])


def test_the_nearest_legal_point_is_reached_on_a_bound() -> None:
    """The projection of the top to the bound."""
    space = SearchSpace(THREE, (LinearConstraint({"x": 1.0, "y": 1.0}, max=1.0),))
    np.testing.assert_allclose(best(space, [0.9, 0.7, 0.3]), [0.6, 0.4, 0.3], atol=1e-4)


def test_the_nearest_mixture_is_reached() -> None:
    """Equal parts too much are taken off each, none below nothing."""
    space = SearchSpace(THREE, (), (Simplex(("x", "y", "z")),))
    np.testing.assert_allclose(best(space, [0.9, 0.7, 0.1]), [0.6, 0.4, 0.0], atol=1e-4)
    twenty = SearchSpace(PARTS, (), (Simplex(tuple(part.name for part in PARTS)),))
    np.testing.assert_allclose(best(twenty, [0.3, 0.7] + [-0.5] * 18), [0.3, 0.7] + [0.0] * 18, atol=1e-3)


def test_fixed_parts_leave_the_rest_to_be_climbed() -> None:
    """What is fixed is no part of the climb."""
    space = SearchSpace(THREE, (), (Simplex(("x", "y", "z")),))
    np.testing.assert_allclose(best(space, [0.9, 0.7, 0.1], {"z": 0.5}), [0.35, 0.15, 0.5], atol=1e-4)


def test_a_bound_counts_in_units_on_a_log_scale() -> None:
    """Ten at most in all, though both would rather be a hundred."""
    numbers = tuple(Float(name, 0.1, 1_000.0, Scale.LOG) for name in "xy")
    space = SearchSpace(numbers, (LinearConstraint({"x": 1.0, "y": 1.0}, max=10.0),))
    (point,) = Region(space).points(best(space, [0.75, 0.75])[None])
    assert point["x"] == pytest.approx(5.0, rel=0.01)
    assert point["y"] == pytest.approx(5.0, rel=0.01)


def test_whole_numbers_stay_legal() -> None:
    """A climb that ends beyond the bound once it is rounded isn't taken."""
    space = SearchSpace((Integer("n", 0, 40), *THREE), (LinearConstraint({"n": 1.0, "x": 10.0}, max=20.0),))
    row = best(space, [0.6, 0.9, 0.5, 0.5])
    (point,) = Region(space).points(row[None])
    assert float(point["n"]) + 10.0 * float(point["x"]) <= 20.0 + 1e-6
    np.testing.assert_allclose(row[2:], 0.5, atol=1e-4)


class Rough(Bowl):
    """A bowl whose slopes mislead here and there; counts how often it is asked for them."""

    asked = 0

    def values_and_slopes(self, rows: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """[n], [n, d]."""
        self.asked += 1
        return self.values(rows), -2.0 * (rows - self.top) + 3.0 * np.sin(1e4 * rows)


def test_a_climb_where_slopes_mislead_comes_to_an_end() -> None:
    """After so many evaluations, with what it has reached."""
    space = SearchSpace(THREE, (LinearConstraint({"x": 1.0, "y": 1.0}, max=1.0),))
    feasible = Region(space).inner
    assert feasible is not None
    assert feasible.interior is not None
    acquisition = Rough(np.array([0.9, 0.7, 0.3]))
    starts = np.random.default_rng(0).random((20, 3)) / 2.0
    before = acquisition.values(starts)
    rows, values = climb_within(acquisition, feasible, feasible.interior, [0, 1, 2], starts, before)
    assert feasible.legal(rows).all()
    assert (values >= before).all()
    assert acquisition.asked <= 20 * MOST_EVALUATIONS

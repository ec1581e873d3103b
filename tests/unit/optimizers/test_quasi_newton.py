"""Minimizing within a box where the curvature is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from trimtab_service.optimizers.quasi_newton import descend
from trimtab_service.optimizers.targets import Vector

BOX = (np.full(3, -2.0), np.full(3, 2.0))


def begun(function: Callable[[Vector], tuple[float, Vector]]) -> Callable[[Vector], tuple[float, Callable[[], Vector]]]:
    """With the slope on demand."""

    def found(place: Vector) -> tuple[float, Callable[[], Vector]]:
        value, slope = function(place)
        return value, lambda: slope

    return found


def bowl(place: Vector) -> tuple[float, Vector]:
    """Least, 0, at (1, 1, 3): beyond the box."""
    weights = np.array([1.0, 10.0, 0.5])
    away = place - np.array([1.0, 1.0, 3.0])
    return 0.5 * float(weights @ np.square(away)), weights * away


def valley(place: Vector) -> tuple[float, Vector]:
    """Rosenbrock's, least at 1, with a bowl in the third direction."""
    x, y, z = place
    slope = np.array([-400.0 * x * (y - x * x) - 2.0 * (1.0 - x), 200.0 * (y - x * x), 2.0 * z])
    return 100.0 * (y - x * x) ** 2 + (1.0 - x) ** 2 + z * z, slope


def test_a_bowl_takes_one_step_and_ends_on_the_box() -> None:
    """With its own curvature; the coordinate that would leave the box stays on it."""
    asked = []

    def counted(place: Vector) -> tuple[float, Vector]:
        asked.append(place)
        return bowl(place)

    value, place = descend(begun(counted), np.zeros(3), np.diag([1.0, 10.0, 0.5]), BOX, 1e-9)
    np.testing.assert_allclose(place, [1.0, 1.0, 2.0])
    assert value == pytest.approx(0.25)
    assert len(asked) <= 4


def test_a_wrong_curvature_is_corrected() -> None:
    """The bottom of a bent valley is found from a curvature that knows nothing of it."""
    value, place = descend(begun(valley), np.array([-1.0, 1.0, 1.0]), 10.0 * np.eye(3), BOX, 1e-12)
    np.testing.assert_allclose(place, [1.0, 1.0, 0.0], atol=1e-4)
    assert value == pytest.approx(0.0, abs=1e-8)


def test_the_start_is_brought_into_the_box() -> None:
    """And what was found is never outside."""
    _, place = descend(begun(bowl), np.full(3, 100.0), np.eye(3), BOX, 1e-9)
    assert (place >= BOX[0]).all()
    assert (place <= BOX[1]).all()


def test_slopes_are_asked_for_only_where_a_step_ends() -> None:
    """Where one went too far, the value is all that counts."""
    values, slopes = [], []

    def function(place: Vector) -> tuple[float, Callable[[], Vector]]:
        value, slope = valley(place)
        values.append(value)

        def told() -> Vector:
            slopes.append(value)
            return slope

        return value, told

    descend(function, np.array([-1.0, 1.0, 1.0]), 10.0 * np.eye(3), BOX, 1e-12)
    assert len(slopes) < len(values)
    assert slopes == sorted(slopes, reverse=True)


def test_where_nothing_is_defined_the_search_ends() -> None:
    """With infinity for its value; a step to such a place is shortened."""

    def nowhere(place: Vector) -> tuple[float, Vector]:
        return math.inf, np.zeros_like(place)

    def half(place: Vector) -> tuple[float, Vector]:
        return bowl(place) if place[0] < 0.5 else nowhere(place)

    assert descend(begun(nowhere), np.zeros(3), np.eye(3), BOX, 1e-9)[0] == math.inf
    value, place = descend(begun(half), np.zeros(3), np.diag([1.0, 10.0, 0.5]), BOX, 1e-9)
    assert value < bowl(np.zeros(3))[0]
    assert place[0] < 0.5

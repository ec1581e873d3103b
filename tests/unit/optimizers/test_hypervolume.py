"""Pareto fronts and the volume that they cover."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume
from botorch.utils.multi_objective.pareto import is_non_dominated

from trimtab_service.optimizers import hypervolume as module
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.hypervolume import (
    FEW,
    boxes,
    dominates,
    dominators,
    hypervolume,
    hypervolumes,
    non_dominated,
)


def points(count: int, width: int, seed: int = 0) -> Rows:
    """Random costs."""
    return np.random.default_rng(seed).normal(size=(count, width))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_the_front_is_botorchs(width: int) -> None:
    """Of points in general position."""
    costs = points(60, width)
    assert non_dominated(costs).tolist() == is_non_dominated(torch.from_numpy(-costs)).tolist()


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("digits", [1, 9])
def test_so_is_that_of_many_points(width: int, digits: int) -> None:
    """Though most are left out at once; with ties and without."""
    costs = np.round(points(3 * FEW, width), digits)
    assert non_dominated(costs).tolist() == is_non_dominated(torch.from_numpy(-costs)).tolist()


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("digits", [1, 9])
def test_dominators_are_counted(width: int, digits: int) -> None:
    """As by comparing every point with every other; equal ones dominate none."""
    some, others = np.round(points(50, width), digits), np.round(points(200, width, 1), digits)
    others[:50] = some
    assert dominators(some, others).tolist() == dominates(some, others).sum(axis=0).tolist()


def test_equal_points_are_all_on_the_front() -> None:
    """Neither is better in anything; a tie in one cost and worse in the other isn't."""
    costs = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
    assert non_dominated(costs).tolist() == [True, True, False, True]


@pytest.mark.parametrize("width", [2, 3, 4])
def test_the_volume_is_botorchs(width: int) -> None:
    """With points beyond the reference point, dominated ones, and ties among them."""
    costs = np.round(points(40, width), 1)
    reference = np.full(width, 1.0)
    expected = Hypervolume(torch.from_numpy(-reference)).compute(torch.from_numpy(-costs[non_dominated(costs)]))
    assert hypervolume(costs, reference) == pytest.approx(expected, rel=1e-10)


def test_the_volume_of_one_objective_is_a_length() -> None:
    """From the best value to the reference point; none where nothing is better than that."""
    assert hypervolume(np.array([[3.0], [1.0]]), np.array([4.0])) == 3.0
    assert hypervolume(np.array([[5.0]]), np.array([4.0])) == 0.0
    assert hypervolume(np.empty((0, 2)), np.ones(2)) == 0.0


def test_the_volume_grows_point_by_point() -> None:
    """Each place is the volume of the points up to it; what is unacceptable, infinite costs, adds nothing."""
    costs, reference = points(25, 3), np.full(3, 1.5)
    costs[4] = np.inf
    expected = [hypervolume(costs[: count + 1][np.isfinite(costs[: count + 1, 0])], reference) for count in range(25)]
    np.testing.assert_allclose(hypervolumes(costs, reference), expected, rtol=1e-9, atol=1e-12)


def test_what_changes_nothing_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The boxes are looked at once for each point that adds to the volume."""
    costs, looked, original = points(300, 3), list[int](), module._corners

    def spied(upper: Rows, defining: Rows) -> tuple[Rows, Rows]:
        looked.append(len(upper))
        return original(upper, defining)

    monkeypatch.setattr(module, "_corners", spied)
    volumes = hypervolumes(costs, np.full(3, 1.0))
    assert len(looked) == len(np.unique(volumes[volumes > 0.0]))


@pytest.mark.parametrize("width", [2, 3, 4])
def test_boxes_cover_what_is_not_dominated_once(width: int) -> None:
    """Every place below the reference point is in one box or dominated, never both."""
    front, reference = points(20, width), np.full(width, 1.0)
    lower, upper = boxes(front, reference)
    places = points(4_000, width, seed=1)
    inside = ((places[:, None] >= lower) & (places[:, None] < upper)).all(axis=2).sum(axis=1)
    dominated = np.array([(front <= place).all(axis=1).any() for place in places])
    free = ~dominated & (places < reference).all(axis=1)
    assert inside.tolist() == free.astype(int).tolist()

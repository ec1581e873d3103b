"""Pareto fronts of costs, smaller being better: who is on them, and the volume between them and a reference point.

NumPy alone.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.targets import Mask, Vector

FEW, BEST = 500, 100  # points that are compared one by one; of more, how many of the best are compared with all


def non_dominated(costs: Rows) -> Mask:
    """[n] which of n points [n, m] no other one is as good as in every cost and better in one.

    Of many points those that a few of the best dominate, which are nearly all, are left out first.
    """
    if len(costs) > FEW:
        best = costs.argsort(axis=0).argsort(axis=0).sum(axis=1).argsort()[:BEST]
        mask: Mask = np.logical_not(dominates(costs[best], costs).any(axis=0))
        mask[mask] = _front(costs[mask])
        return mask
    return _front(costs)


def dominates(costs: Rows, others: Rows) -> NDArray[np.bool_]:
    """[k, n] which of k points with costs [k, m] are no worse than which of n others [n, m], and better in one."""
    nowhere_worse = np.ones((len(costs), len(others)), dtype=bool)
    better = np.zeros_like(nowhere_worse)
    for ours, theirs in zip(costs.T, others.T, strict=True):
        nowhere_worse &= ours[:, None] <= theirs
        better |= ours[:, None] < theirs
    return nowhere_worse & better


def dominators(costs: Rows, others: Rows) -> NDArray[np.intp]:
    """[n] how many of k points with costs [k, m] dominate each of n others [n, m]."""
    counts: NDArray[np.intp]
    if costs.shape[1] == 1:
        counts = np.searchsorted(np.sort(costs[:, 0]), others[:, 0])
    else:
        counts = dominates(costs, others).sum(axis=0)
    return counts


def _front(costs: Rows) -> Mask:
    order = np.lexsort(costs.T[::-1])
    front: list[int] = []
    for index in order:
        # Whatever dominates a point comes before it in this order.
        known = costs[front]
        if not ((known <= costs[index]).all(axis=1) & (known < costs[index]).any(axis=1)).any():
            front.append(int(index))
    mask = np.zeros(len(costs), dtype=bool)
    mask[front] = True
    return mask


def boxes(front: Rows, reference: Vector) -> tuple[Rows, Rows]:
    """The lower and upper corners [K, m] of boxes that make up what no point of ``front`` [p, m] dominates below the
    reference point [m].

    They don't overlap, and half of them are open downwards. Each belongs to a
    local upper bound u of the front, and begins where another one would:
    Klamroth, Lacour, Vanderpooten 2015, "On the representation of the search
    region in multi-objective optimization".
    """
    upper, defining = _empty(reference)
    for point in front:
        upper, defining = _with(point, upper, defining)
    return _corners(upper, defining)


def hypervolumes(costs: Rows, reference: Vector) -> Vector:
    """The volume [n] that the first 1, 2, .. n of points [n, m] dominate below the reference point [m], exactly."""
    inside = (costs < reference).all(axis=1)
    volumes, volume = np.zeros(len(costs)), 0.0
    if not inside.any():
        return volumes
    ideal = costs[inside].min(axis=0)
    whole = float(np.prod(reference - ideal))
    upper, defining = _empty(reference)
    for index in np.flatnonzero(inside):
        known = upper
        upper, defining = _with(costs[index], upper, defining)
        if upper is not known:
            lower, top = _corners(upper, defining)
            free = np.prod(np.maximum(top - np.maximum(lower, ideal), 0.0), axis=1)
            volume = whole - math.fsum(free)
        volumes[index] = volume
    growing: Vector = np.maximum.accumulate(np.maximum(volumes, 0.0))
    return growing


def hypervolume(front: Rows, reference: Vector) -> float:
    """The volume that ``front`` [p, m] dominates below the reference point [m], exactly."""
    return float(hypervolumes(front, reference)[-1]) if len(front) else 0.0


def _empty(reference: Vector) -> tuple[Rows, NDArray[np.float64]]:
    """The one local upper bound [1, m] of an empty front, and what defines it [1, m, m].

    Of each u the points that define it, in its place j the one whose cost j is u_j.
    """
    width = len(reference)
    defining = np.full((1, width, width), -math.inf)
    defining[0, np.arange(width), np.arange(width)] = reference
    return reference[None].copy(), defining


def _corners(upper: Rows, defining: NDArray[np.float64]) -> tuple[Rows, Rows]:
    lower = np.full(upper.shape, -math.inf)
    for one in range(1, upper.shape[1]):
        lower[:, one] = defining[:, :one, one].max(axis=1)
    kept = (lower < upper).all(axis=1)
    return lower[kept], upper[kept]


def _with(point: Vector, upper: Rows, defining: NDArray[np.float64]) -> tuple[Rows, NDArray[np.float64]]:
    """Local upper bounds [K, m] and their defining points [K, m, m] once a point [m] is among the front."""
    hit = (point < upper).all(axis=1)
    if not hit.any():
        return upper, defining
    ours, theirs = [upper[~hit]], [defining[~hit]]
    above, around = upper[hit], defining[hit]
    for one in range(len(point)):
        fits = point[one] >= np.delete(around[:, :, one], one, axis=1).max(axis=1, initial=-math.inf)
        bound, points = above[fits].copy(), around[fits].copy()
        bound[:, one], points[:, one] = point[one], point
        ours.append(bound)
        theirs.append(points)
    return np.concatenate(ours), np.concatenate(theirs)

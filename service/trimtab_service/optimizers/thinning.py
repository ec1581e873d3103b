"""Which trials of a long history a model is made of. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.targets import Mask, Role, Target, Vector

LEAST_MEASURED = 0.6  # of the rows that are kept: what failed can't push out more than the rest
UNACCEPTABLE = 10.0  # deviations of cost that one deviation beyond a bound counts as


def telling(rows: Rows, targets: Sequence[Target], measured: Mask, most: int) -> NDArray[np.intp]:
    """Indices, increasing, of at most ``most`` of n rows [n, d], of which ``measured`` [n] didn't fail.

    Both kinds keep their share of all rows, but what was measured at least
    ``LEAST_MEASURED`` where there is so much of it. Of either, ``thin`` says
    which; nothing that failed is among the best.
    """
    if len(rows) <= most:
        return np.arange(len(rows))
    worked, failed = np.flatnonzero(measured), np.flatnonzero(~measured)
    share = max(most * len(worked) // len(rows), math.ceil(LEAST_MEASURED * most))
    share = max(min(share, len(worked)), most - len(failed))
    costs = _merit([target.at(worked) for target in targets])
    kept = [worked[thin(rows[worked], costs, share)], failed[_kept(rows[failed], failed[:0], most - share)]]
    return np.sort(np.concatenate(kept))


def _merit(targets: Sequence[Target]) -> Vector:
    """[n] how bad each measured row is, all metrics together: the mean cost, and what is unacceptable far above it."""
    objectives = [target.costs for target in targets if target.role is Role.OBJECTIVE]
    merit: Vector = np.mean(objectives, axis=0)
    for target in targets:
        if target.role is Role.CONSTRAINT:
            beyond = np.maximum(np.maximum(target.low - target.costs, target.costs - target.high), 0.0)
            merit = merit + UNACCEPTABLE * beyond
    return merit


def thin(rows: Rows, costs: Vector, most: int) -> NDArray[np.intp]:
    """Indices, increasing, of at most ``most`` of n rows [n, d] with costs [n].

    A fifth each: the best, and the most recent (the last rows). Two fifths:
    evenly from the others, so that a model of them sees what one of all would
    see. The rest: of an even sample of what is left, those that lie farthest
    from all kept so far, so that no place that was seen is forgotten.
    """
    return _kept(rows, np.argsort(costs, kind="stable")[: max(1, most // 5)], most)


def _kept(rows: Rows, best: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """As ``thin``, where the ``best`` are known; without them, all the more of the farthest."""
    count = len(rows)
    if count <= most:
        return np.arange(count)
    if not most:
        return best[:0]
    fifth = most // 5
    kept = np.zeros(count, dtype=bool)
    kept[best] = True
    kept[count - max(1, fifth) :] = True
    kept[_evenly(np.flatnonzero(~kept), 2 * fifth)] = True
    others = _evenly(np.flatnonzero(~kept), 2 * most)
    points = _spread(np.concatenate([rows[others], rows[kept]]))
    kept[others[_farthest(points[: len(others)], points[len(others) :], most - int(kept.sum()))]] = True
    return np.flatnonzero(kept)


def _farthest(points: Rows, known: Rows, most: int) -> NDArray[np.intp]:
    """Indices of ``most`` of points [n, c], each the farthest from [k, c] the known ones and those before it."""
    norms = np.square(points).sum(axis=1)
    distance = norms + (np.square(known).sum(axis=1) - 2.0 * points @ known.T).min(axis=1)
    chosen = np.empty(most, dtype=np.intp)
    for index in range(most):
        chosen[index] = farthest = int(np.argmax(distance))
        distance = np.minimum(distance, norms + (norms[farthest] - 2.0 * points @ points[farthest]))
        distance[farthest] = -np.inf
    return chosen


def _evenly(indices: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of them, as far apart as can be."""
    places = np.linspace(0, len(indices) - 1, min(len(indices), most))
    return indices[places.astype(np.intp)]


def _spread(rows: Rows) -> Rows:
    """Coordinates [n, c] of rows [n, d] in which two names are 1 apart, as the ends of a scale are.

    A column with numbers beyond 1 holds the indices of names.
    """
    names = rows.max(axis=0) > 1.0
    indicators = [math.sqrt(0.5) * (column[:, None] == np.unique(column)) for column in rows.T[names]]
    return np.hstack([rows[:, ~names], *indicators])

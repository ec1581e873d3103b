"""Which trials of a long history a model is made of. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.hypervolume import dominates, dominators
from trimtab_service.optimizers.smoothing import smoothed
from trimtab_service.optimizers.targets import Mask, Role, Target, Vector

LEAST_MEASURED = 0.6  # of the rows that are kept: what failed can't push out more than the rest
POOL, SAMPLE = 1_000, 250  # points that are sorted into layers, of more those that few of a sample dominate
WIDTH = 0.5  # standard deviations by which a cost may be other than it looks
UNACCEPTABLE = 10.0  # deviations of cost that one deviation beyond a bound counts as


def telling(rows: Rows, targets: Sequence[Target], measured: Mask, most: int) -> NDArray[np.intp]:
    """Indices, increasing, of at most ``most`` of n rows [n, d], of which ``measured`` [n] didn't fail.

    Both kinds keep their share of all rows, but what was measured at least
    ``LEAST_MEASURED`` where there is so much of it. Of either, ``thin`` says
    which; the best are the ``foremost`` by their smoothed costs, and nothing
    that failed is among them.
    """
    if len(rows) <= most:
        return np.arange(len(rows))
    worked, failed = np.flatnonzero(measured), np.flatnonzero(~measured)
    share = max(most * len(worked) // len(rows), math.ceil(LEAST_MEASURED * most))
    share = max(min(share, len(worked)), most - len(failed))
    low, high = _reach(rows[worked], [target.at(worked) for target in targets])
    best = foremost(low, high, max(1, share // 5))
    kept = [worked[_kept(rows[worked], best, share)], failed[_kept(rows[failed], failed[:0], most - share)]]
    return np.sort(np.concatenate(kept))


def _reach(rows: Rows, targets: Sequence[Target]) -> tuple[Rows, Rows]:
    """What each of n measured rows [n, d] may cost at best and at worst in each of m objectives, [n, m] both.

    What is unacceptable costs far more.
    """
    points = _spread(rows)
    low, high, worst, least = [], [], np.zeros(len(rows)), np.zeros(len(rows))
    for target in targets:
        if target.role is Role.COST:
            continue
        means, deviations = smoothed(points, target)
        under, over = means - WIDTH * deviations, means + WIDTH * deviations
        if target.role is Role.OBJECTIVE:
            low.append(under)
            high.append(over)
        else:
            least += np.maximum(np.maximum(target.low - over, under - target.high), 0.0)
            worst += np.maximum(np.maximum(target.low - under, over - target.high), 0.0)
    penalties = UNACCEPTABLE * least[:, None], UNACCEPTABLE * worst[:, None]
    return np.stack(low, axis=1) + penalties[0], np.stack(high, axis=1) + penalties[1]


def foremost(low: Rows, high: Rows, most: int) -> NDArray[np.intp]:
    """Indices of ``most`` of n points, the best, whose costs [n, m] lie between ``low`` and ``high``.

    Layer by layer: first those that no other one surely dominates, then those
    that none of the rest does (Goldberg 1989, "Genetic Algorithms in Search,
    Optimization, and Machine Learning"). Of the last layer, if it is too
    large, an even sample; with several costs those that are farthest apart in them.

    Of many points those are looked at that few of a sample dominate, so that
    the time grows with n and not with its square.
    """
    left = _hardly_dominated(low, high, max(POOL, most))
    worse = dominates(high[left], low[left])
    counts = worse.sum(axis=0)
    chosen = left[:0]
    while len(chosen) < min(most, len(low)):
        layer = np.flatnonzero(counts == 0)
        counts -= worse[layer].sum(axis=0)
        counts[layer] = -1
        room = most - len(chosen)
        if len(layer) > room:
            layer = _apart(low[left[layer]] + high[left[layer]], layer, room)
        chosen = np.concatenate([chosen, left[layer]])
    return chosen


def _apart(costs: Rows, layer: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """So many of a layer [k] with costs [k, m]; each one's ends are among them."""
    if costs.shape[1] == 1:
        return _evenly(layer, most)
    widths = np.ptp(costs, axis=0)
    places = costs / np.where(widths > 0.0, widths, 1.0)
    ends = np.unique(costs.argmin(axis=0))[:most]
    chosen: NDArray[np.intp] = layer[np.concatenate([ends, _farthest(places, places[ends], most - len(ends))])]
    return chosen


def _hardly_dominated(low: Rows, high: Rows, most: int) -> NDArray[np.intp]:
    """Indices, increasing, of ``most`` of the points as in ``foremost`` that few of a sample dominate.

    The sample is taken anew from what is left, until that is little enough.
    """
    left = np.arange(len(low))
    while len(left) > most:
        sample = _evenly(left, SAMPLE)
        counts = dominators(high[sample], low[left])
        room = max(most, len(left) // 4)
        last = np.partition(counts, room - 1)[room - 1]
        sure = np.flatnonzero(counts < last)
        left = left[np.sort(np.concatenate([sure, _evenly(np.flatnonzero(counts == last), room - len(sure))]))]
    return left


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

"""What was measured of each arm, and about when: sums over blocks of steps, fine for the latest, coarse for the oldest.

How finely the past is divided depends on nothing but the largest step seen, so
that the sums, as all that bandits know, don't care about the order of outcomes.
When something changed, and what to forget then, isn't said here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.costs import Costs
from trimtab_service.bandits.ledger import Ledger
from trimtab_service.bandits.moments import Moments, among
from trimtab_service.domain.study import Study

FINEST = 4  # steps of the shortest block
RESOLUTION = 2  # a block is at most this part of its age long
MOST_DIVIDED = 50  # arms; of more, one block holds everything
LARGEST_STEP = 2.0**50  # later ones count as this one


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What was measured of each arm in each of B blocks of steps.

    ledger: of all blocks: its arrays are [B, K], and what it computes from them means nothing.
    starts: [B] float, the first step of each block, increasing from 0.
    latest: the largest step seen.
    """

    ledger: Ledger
    starts: NDArray[np.float64]
    latest: float

    @classmethod
    def of(cls, study: Study, arms: int) -> History:
        """Of ``arms`` arms that nobody has tried."""
        ledger = Ledger.of(study, arms)
        nothing = _each_array(ledger.costs, lambda array: array.reshape(1, arms))
        return cls(replace(ledger, costs=nothing), block_starts(0.0), 0.0)

    def plus(self, outcomes: Outcomes) -> History:
        """With the outcomes as well."""
        steps = np.clip(outcomes.steps, 0.0, LARGEST_STEP)
        latest = float(np.max(steps, initial=self.latest))
        arms = self.ledger.costs.failures.shape[1]
        starts = block_starts(latest) if arms <= MOST_DIVIDED else np.zeros(1)
        starts.setflags(write=False)
        divided = _divided(self.ledger.costs, self.starts, starts)
        # To the sums a block's arm is an arm of its own.
        cells = (np.searchsorted(starts, steps, side="right") - 1) * arms + among(outcomes.arms, arms)
        flat = _each_array(divided, np.ravel).plus(replace(outcomes, arms=cells))
        costs = _each_array(flat, lambda array: array.reshape(-1, arms))
        return History(replace(self.ledger, costs=costs), starts, latest)

    @property
    def blocks(self) -> Moments:
        """[B, K] of all outcomes, a failed one as ``Ledger.moments`` prices it."""
        return self.ledger.moments

    def weighted(self, weights: NDArray[np.float64]) -> Ledger:
        """Of each arm, when each block counts for ``weights`` [B, K], above 0 and at most 1.

        Failures are among the measurements then. What is left out still says
        how much the measurements within a block scatter, as that needn't
        change with the mean.
        """
        costs = self.ledger.costs
        pooled = _pooled(self.blocks, weights)
        failures = np.zeros_like(pooled.counts)
        failures.setflags(write=False)
        return replace(self.ledger, costs=Costs(pooled, failures, costs.lowest, costs.highest))


def block_starts(latest: float) -> NDArray[np.float64]:
    """[B] the first step of each block, when ``latest`` is the largest step.

    Block follows block, each the longest one that (1) is FINEST long or a power
    of two times that, starting at a multiple of its length, and (2) ends
    RESOLUTION of its lengths or more before the latest step, unless it has
    the shortest length. As steps go on blocks are only ever joined, so that it
    doesn't matter when. About 2 RESOLUTION blocks for every doubling of the
    steps, at most.
    """
    starts = []
    start, last = 0, int(latest)
    while start <= last:
        length = FINEST
        while start % (2 * length) == 0 and start + 2 * length - 1 + 2 * length * RESOLUTION <= last:
            length *= 2
        starts.append(start)
        start += length
    return np.array(starts, dtype=np.float64)


def _divided(costs: Costs, before: NDArray[np.float64], after: NDArray[np.float64]) -> Costs:
    """The same outcomes in the blocks that start ``after``; each block ``before`` lies within one of them."""
    if np.array_equal(before, after):
        return costs
    places = np.searchsorted(after, before, side="right") - 1
    moments, shape = costs.moments, (after.size, costs.failures.shape[1])

    def joined(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.zeros(shape)
        np.add.at(sums, places, values)
        return sums

    counts = joined(moments.counts)
    seen = counts > 0
    means = np.divide(joined(moments.counts * moments.means), counts, out=np.zeros(shape), where=seen)
    # A second pass takes out what rounding did to the mean of large numbers.
    rest = joined(moments.counts * (moments.means - means[places]))
    means += np.divide(rest, counts, out=np.zeros(shape), where=seen)
    squares = joined(moments.squares + moments.counts * (moments.means - means[places]) ** 2)
    merged = Costs(
        Moments(counts, means, squares, joined(moments.groups)), joined(costs.failures), costs.lowest, costs.highest
    )
    return _each_array(merged, lambda array: array)


def _pooled(blocks: Moments, weights: NDArray[np.float64]) -> Moments:
    """[K] from [B, K], see History.weighted."""
    counted = weights * blocks.counts
    counts = counted.sum(axis=0)
    seen = counts > 0
    means = np.divide((counted * blocks.means).sum(axis=0), counts, out=np.zeros_like(counts), where=seen)
    rest = (counted * (blocks.means - means)).sum(axis=0)
    means += np.divide(rest, counts, out=np.zeros_like(counts), where=seen)
    between = (counted * (blocks.means - means) ** 2).sum(axis=0)
    # A block's own mean takes one of its measurements' scatter with it, where it is left to itself.
    alone = weights * blocks.groups + (1 - weights) * np.maximum(blocks.groups - 1, 0.0)
    groups = np.where(seen, np.maximum(alone.sum(axis=0), 1.0), 0.0)
    for array in (counts, means, groups):
        array.setflags(write=False)
    return Moments(counts, means, blocks.squares.sum(axis=0) + between, groups)


def _each_array(costs: Costs, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Costs:
    """The same with every array changed, and closed to writing."""

    def closed(array: NDArray[np.float64]) -> NDArray[np.float64]:
        changed = change(array)
        changed.setflags(write=False)
        return changed

    moments = Moments(
        closed(costs.moments.counts),
        closed(costs.moments.means),
        closed(costs.moments.squares),
        closed(costs.moments.groups),
    )
    return replace(costs, moments=moments, failures=closed(costs.failures))

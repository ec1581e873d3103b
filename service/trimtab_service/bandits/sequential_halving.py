"""Sequential halving: find the best arm with a given number of measurements.

For tuning that ends: what is earned on the way doesn't count, only what is
played afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.ledger import Ledger, LedgerBandit
from trimtab_service.bandits.moments import Moments
from trimtab_service.domain.errors import InvalidArgument

MOST_BUDGET = 10**12
ROUNDING = 1e-12  # of a cost: smaller differences come from rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialHalving(LedgerBandit):
    """Sequential halving (Karnin, Koren, Somekh 2013, Almost Optimal Exploration in Multi-Armed Bandits).

    Of k arms, ceil(log2 k) times: measure all arms that are left equally
    often, then drop the worse half. Each round gets an equal share of the
    budget. Every measurement counts, also those of earlier rounds and those
    that came late; which arms are left follows from what is known by now, so
    that an arm comes back when those that beat it turn out worse. Within a
    round an arm is played in proportion to what it lacks, so that rewards may
    be under way.

    budget: how many measurements are spent. Thereafter, or when all rounds are
        over, the winner is played: the arm of the lowest mean among those left.
    """

    name: ClassVar[str] = "sequential_halving"

    budget: int = 10_000

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 1 <= self.budget <= MOST_BUDGET:
            raise InvalidArgument("budget", f"must lie between 1 and {MOST_BUDGET}, not {self.budget}")

    def chances(self, state: Ledger, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """[k] of the round among ``arms`` that is under way, or of the winner."""
        moments = state.moments
        left, lacking = self._round(moments, arms)
        if lacking.any() and moments.total < self.budget:
            return np.asarray(lacking / lacking.sum())
        tried = left & moments.seen[arms]
        if not tried.any():
            tried = moments.seen[arms]
        winners = _least(moments.means[arms], tried, 1) if tried.any() else left
        return np.asarray(winners / winners.sum())

    def _round(self, moments: Moments, arms: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """[k] which of ``arms`` are left, and [k] how many measurements each of them lacks; none: there is a winner."""
        means, counts = moments.means[arms], moments.counts[arms]
        rounds = max(1, int(arms.size - 1).bit_length())
        left = np.ones(arms.size, dtype=np.bool_)
        quota = 0
        for _ in range(rounds):
            number = int(left.sum())
            quota += max(1, self.budget // (rounds * number))
            lacking = np.where(left, np.maximum(quota - counts, 0.0), 0.0)
            if lacking.any():
                return left, lacking
            left = _least(means, left, (number + 1) // 2)
        return left, np.zeros(arms.size)


def _least(means: NDArray[np.float64], left: NDArray[np.bool_], number: int) -> NDArray[np.bool_]:
    """[k] the ``number`` of those ``left`` that have the lowest means, and all that equal the last of them."""
    limit = np.partition(means[left], number - 1)[number - 1]
    return np.asarray(left & (means <= limit + ROUNDING * np.abs(means).max()))

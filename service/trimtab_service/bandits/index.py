"""Index policies: one number for each arm, and the lowest is played.

They are known in advance to be certain of their choice, so that what is logged
as a propensity is worth little without a floor, and while rewards are under
way they play the same arm again and again. Each bandit of this kind says what
its number is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Policy
from trimtab_service.bandits.ledger import Ledger, LedgerBandit

TIE = 1e-11  # of an index: smaller differences come from rounding
UNTRIED = -np.inf  # the index of an arm without data: it comes first


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """Plays the lowest index, equal ones equally often, and with probability ``explored`` any arm.

    indices: [K], -inf where an arm was never tried.
    """

    indices: NDArray[np.float64]
    explored: float

    def chances(self, arms: NDArray[np.intp], context: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Policy."""
        indices = self.indices[arms]
        least = indices.min()
        lowest = indices <= least + TIE * np.abs(indices).max() if np.isfinite(least) else indices == least
        chances: NDArray[np.float64] = lowest * ((1 - self.explored) / lowest.sum()) + self.explored / arms.size
        return chances


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexBandit(LedgerBandit, ABC):
    """A bandit with an index policy."""

    @abstractmethod
    def indices(self, state: Ledger) -> NDArray[np.float64]:
        """[K] what is compared, UNTRIED where an arm has no data."""

    def explored(self, state: Ledger) -> float:
        """The probability of playing any arm, whatever its index."""
        return 0.0

    def policy(self, state: Ledger, now: float) -> Policy:
        """See Bandit."""
        return IndexPolicy(self.indices(state), self.explored(state))

    def chances(self, state: Ledger, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """See KArmed."""
        return self.policy(state, now).chances(arms, np.zeros(0))

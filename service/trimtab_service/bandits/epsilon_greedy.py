"""Epsilon-greedy: mostly what has done best so far, now and then anything.

The simplest bandit there is, and the easiest to explain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.index import UNTRIED, IndexBandit
from trimtab_service.bandits.ledger import Ledger
from trimtab_service.domain.errors import InvalidArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class EpsilonGreedy(IndexBandit):
    """The arm of the lowest mean cost, and with probability e_t any arm (Sutton & Barto 2018, chapter 2).

    e_t = min(1, epsilon (K / t)^decay), where K is the number of arms and t
    that of all measurements, at least K. Arms without data come first.

    decay: 0: the share stays as it is. 1: it falls as 1 / t, which keeps the
        regret logarithmic where epsilon is large enough (Auer, Cesa-Bianchi,
        Fischer 2002: c / d^2, for c > 5 and gaps of at least d of the range);
        epsilon may be above 1 for that.
    """

    name: ClassVar[str] = "epsilon_greedy"

    epsilon: float = 0.1
    decay: float = 0.0

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 0 <= self.epsilon <= 1e9:
            raise InvalidArgument("epsilon", f"must lie between 0 and 1e9, not {self.epsilon}")
        if not 0 <= self.decay <= 1:
            raise InvalidArgument("decay", f"must lie between 0 and 1, not {self.decay}")

    def indices(self, state: Ledger) -> NDArray[np.float64]:
        """[K] the mean costs."""
        moments = state.moments
        return np.where(moments.seen, moments.means, UNTRIED)

    def explored(self, state: Ledger) -> float:
        """e_t."""
        arms = state.costs.failures.size
        measured = state.costs.moments.total + float(state.costs.failures.sum())
        return float(min(1.0, self.epsilon * (arms / max(measured, arms)) ** self.decay))

"""UCB1: play the arm whose cost could plausibly be the lowest.

The textbook policy, and the one that others are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.index import UNTRIED, IndexBandit
from trimtab_service.bandits.ledger import Ledger
from trimtab_service.bandits.posteriors import pooled_variance
from trimtab_service.domain.errors import InvalidArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class Ucb1(IndexBandit):
    """UCB1 (Auer, Cesa-Bianchi, Fischer 2002, Finite-time Analysis of the Multiarmed Bandit Problem).

    Plays the arm of the lowest m_i - exploration r sqrt(2 ln t / n_i), where
    m_i is the mean cost of its n_i measurements, t is how many all arms have,
    and r is the width of the metric's declared range. Where that isn't
    declared r is twice the pooled standard deviation of single measurements:
    no range has less width. Arms without data come first.

    exploration: 1 is what the theory asks for; less often loses less.
    """

    name: ClassVar[str] = "ucb1"

    exploration: float = 1.0

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 0 <= self.exploration <= 1e6:
            raise InvalidArgument("exploration", f"must lie between 0 and 1e6, not {self.exploration}")

    def indices(self, state: Ledger) -> NDArray[np.float64]:
        """[K] the lowest plausible mean cost."""
        moments = state.moments
        declared = state.bounds.width
        width = 2 * pooled_variance(moments) ** 0.5 if declared is None else declared
        counts = np.where(moments.seen, moments.counts, 1.0)
        bonus = self.exploration * width * np.sqrt(2 * np.log(max(moments.total, 1.0)) / counts)
        return np.where(moments.seen, moments.means - bonus, UNTRIED)

"""Discounted UCB: UCB1 for a world that drifts at a known pace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Policy
from trimtab_service.bandits.discounting import AgedLedger, DiscountedBandit
from trimtab_service.bandits.index import IndexPolicy
from trimtab_service.bandits.ucb1 import Ucb1
from trimtab_service.domain.errors import InvalidArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountedUcb(DiscountedBandit):
    """Discounted UCB (Garivier & Moulines 2011, On Upper-Confidence Bound Policies for Switching Bandit Problems).

    Plays the arm of the lowest m_i - exploration r sqrt(2 ln t / n_i), as
    UCB1 does, where m_i, n_i and t are of outcomes that count 2^(-age /
    half-life). An arm that isn't played loses its n_i, and is tried again.

    exploration: sqrt(1.2) is what the theory asks for; less often loses less.
    """

    name: ClassVar[str] = "discounted_ucb"

    exploration: float = 0.3

    def __post_init__(self) -> None:
        DiscountedBandit.__post_init__(self)
        if not 0 <= self.exploration <= 1e6:
            raise InvalidArgument("exploration", f"must lie between 0 and 1e6, not {self.exploration}")

    def policy(self, state: AgedLedger, now: float) -> Policy:
        """See Bandit."""
        return IndexPolicy(Ucb1(exploration=self.exploration).indices(self.aged(state, now)), 0.0)

    def chances(self, state: AgedLedger, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """See KArmed."""
        return self.policy(state, now).chances(arms, np.zeros(0))

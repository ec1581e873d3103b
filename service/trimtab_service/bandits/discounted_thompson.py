"""Discounted Thompson sampling: Thompson sampling for a world that drifts at a known pace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.adaptive_thompson import SharpPolicy
from trimtab_service.bandits.base import Policy
from trimtab_service.bandits.discounting import AgedLedger, DiscountedBandit


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountedThompson(DiscountedBandit):
    """Discounted Thompson sampling (Raj & Kalyani 2017, Taming Non-stationary Bandits: A Bayesian Approach).

    Thompson sampling, its probabilities explicit, where an outcome counts
    2^(-age / half-life). What was measured of an arm fades towards the prior
    while it isn't played, so every arm is tried again some time. Beta
    posteriors for binary metrics, Student's t for others.
    """

    name: ClassVar[str] = "discounted_thompson"

    def __post_init__(self) -> None:
        DiscountedBandit.__post_init__(self)

    def policy(self, state: AgedLedger, now: float) -> Policy:
        """See Bandit."""
        return SharpPolicy(self.aged(state, now).posterior, 1.0)

    def chances(self, state: AgedLedger, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """See KArmed."""
        return self.policy(state, now).chances(arms, np.zeros(0))

"""LinUCB: plays the arm that could cost least in this context, by optimism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.linear import Belief, LinearBandit
from trimtab_service.domain.errors import InvalidArgument

TIE = 1e-9  # of the costs' standard deviation: indices closer than this are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class LinUcb(LinearBandit):
    """LinUCB with one linear model an arm (Li et al. 2010, A Contextual-Bandit Approach to Personalized News ...).

    Plays the arm with the least mean - alpha * standard deviation of its
    expected cost, both from the posterior with fitted noise (``Belief``). The
    width is therefore in units of the noise, where the original has 1. No arm
    costs less than the metric allows: of arms that could cost as little, the
    one of the least mean is played. With wins and losses that saves much, as
    any doubt at all could make a likely win a certain one.

    alpha: how many standard deviations an arm is given the benefit of.

    Arms that tie are equally likely. Between two policies the same context
    gives the same arm, save for the floor: where many decisions are made
    before the first is measured, a randomized bandit explores more evenly.
    """

    name: ClassVar[str] = "lin_ucb"

    alpha: float = 1.0

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 0 <= self.alpha <= 1e6:
            raise InvalidArgument("alpha", f"must lie between 0 and 1e6, not {self.alpha}")

    def shares(self, belief: Belief, arms: NDArray[np.intp], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """[k] 1 for the least index, shared by those that tie."""
        posterior = belief.posterior(features, arms)
        indices = posterior.means - self.alpha * posterior.errors
        perfect = indices <= belief.least
        if perfect.any():
            indices = np.where(perfect, posterior.means, np.inf)
        least = indices.min()
        winners = indices <= least + TIE * (1 + abs(least))
        return np.asarray(winners / winners.sum(), dtype=np.float64)

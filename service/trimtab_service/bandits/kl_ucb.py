"""KL-UCB: as UCB1, with a notion of plausible that fits what is measured.

On wins and losses it needs a fraction of the trials that UCB1 does, above all
where wins or losses are rare.
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

MOST_STEPS = 50  # of Newton's method, which takes about 5
LEAST_SHARE = 1e-300  # as good as 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KlUcb(IndexBandit):
    """KL-UCB (Garivier & Cappe 2011, The KL-UCB Algorithm for Bounded Stochastic Bandits and Beyond).

    Plays the arm of the lowest mean q that n_i kl(m_i, q) <= ln t doesn't rule
    out, where m_i is the mean cost of its n_i measurements, and t is how many
    all arms have. kl is that of Bernoulli distributions, on the metric's
    declared range; where none is declared, that of normal ones with the pooled
    variance of single measurements. Arms without data come first.
    """

    name: ClassVar[str] = "kl_ucb"

    def __post_init__(self) -> None:
        Options.__post_init__(self)

    def indices(self, state: Ledger) -> NDArray[np.float64]:
        """[K] the lowest plausible mean, of the costs or of their shares of the range."""
        moments = state.moments
        levels = np.log(max(moments.total, 1.0)) / np.where(moments.seen, moments.counts, 1.0)
        if state.bounds.width is None:
            lowest = moments.means - np.sqrt(2 * pooled_variance(moments) * levels)
        else:
            lowest = least_plausible(state.shares_lost(moments), levels)
        return np.where(moments.seen, lowest, UNTRIED)


def least_plausible(shares: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] the least q in [0, p] with p log(p / q) + (1 - p) log((1 - p) / (1 - q)) <= level, to rounding.

    shares: [n] p, in [0, 1]. levels: [n] at least 0.

    In log q the divergence is convex, and falls until q = p. Newton's method
    from where it is certainly above the level climbs to the root and never
    passes it; the start is the better of two lower bounds of the divergence.
    """
    positive = shares > LEAST_SHARE
    p = np.where(positive, shares, 0.5)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rest = np.where(p < 1, (1 - p) * np.log1p(-p), 0.0)
        nearest = np.log(np.maximum(p - np.sqrt(levels / 2), 0.0))
        logs = np.maximum(np.log(p) - (levels - rest) / p, nearest)
    logs = np.maximum(logs, np.log(LEAST_SHARE))
    for _ in range(MOST_STEPS):
        others = -np.expm1(logs)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            above = p * (np.log(p) - logs) + np.where(p < 1, rest - (1 - p) * np.log(others), 0.0) - levels
            steps = above / (p - np.where(p < 1, (1 - p) * np.exp(logs) / others, 0.0))
        steps = np.where(np.isfinite(steps), np.maximum(steps, 0.0), 0.0)
        logs = np.minimum(logs + steps, np.log(p))
        if (steps <= 1e-12).all():
            break
    return np.where(positive, np.minimum(np.exp(logs), shares), 0.0)

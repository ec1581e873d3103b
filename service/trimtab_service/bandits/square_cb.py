"""SquareCB: regression says what arms cost, and the gap to the best says how often they are played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.linear import Belief, LinearBandit
from trimtab_service.domain.errors import InvalidArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareCb(LinearBandit):
    """SquareCB over one linear model an arm (Foster & Rakhlin 2020, Beyond UCB: Optimal and Efficient ...).

    p_i = 1 / (K + gamma_t (s_i - min s)) for every arm but the one of the least
    prediction s_i, which is played for the rest; gamma_t = gamma sqrt(t) after
    t measurements, with predictions in units of the fitted noise.

    gamma: how soon what was learned outweighs exploring.

    Assumes nothing but that the regression predicts well, on whatever
    contexts come, and is the most robust where costs aren't linear.
    """

    name: ClassVar[str] = "square_cb"

    gamma: float = 5.0

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 0 <= self.gamma <= 1e9:
            raise InvalidArgument("gamma", f"must lie between 0 and 1e9, not {self.gamma}")

    def shares(self, belief: Belief, arms: NDArray[np.intp], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """[k] the inverse gap weights."""
        steepness = self.gamma * belief.weight**0.5 / belief.noise
        return inverse_gap_weights(belief.means(features, arms), steepness)


def inverse_gap_weights(predictions: NDArray[np.float64], steepness: float) -> NDArray[np.float64]:
    """[K] 1 / (K + steepness * gap), the rest for the arm without a gap; shared by those that tie.

    predictions: [K]; a gap is how far a prediction lies above the least.
    """
    gaps = predictions - predictions.min()
    weights: NDArray[np.float64] = 1 / (gaps.size + steepness * gaps)
    least = gaps == 0
    weights[least] += (1 - weights.sum()) / np.count_nonzero(least)
    return weights

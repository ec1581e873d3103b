"""Top-two Thompson sampling: find the best arm, rather than earn on the way.

Thompson sampling, once it is nearly sure, hardly plays anything but its
favourite; here its strongest rivals get their share to the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.ledger import Ledger, LedgerBandit
from trimtab_service.bandits.posteriors import Posterior
from trimtab_service.domain.errors import InvalidArgument

# Best-arm probabilities are known to 1e-4; rivals that have less than this in
# all are told apart by how likely each beats the favourite.
LEAST_RIVALS = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class TopTwoThompson(LedgerBandit):
    """Top-two Thompson sampling (Russo 2016, Simple Bayesian Algorithms for Best-Arm Identification).

    Draws from the posterior name a best arm; it is played with probability
    ``share``, else the first other arm that further draws name. With a_i the
    probability that arm i is the best,

        p_i = share a_i + (1 - share) sum over j != i of a_j a_i / (1 - a_j).

    share: 1 is plain Thompson sampling; 0.5 is never far from the best choice.
    """

    name: ClassVar[str] = "top_two_thompson"

    share: float = 0.5

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 0 < self.share <= 1:
            raise InvalidArgument("share", f"must be above 0 and at most 1, not {self.share}")

    def chances(self, state: Ledger, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """[k] p_i, with a_i among ``arms``."""
        posterior = self.posterior(state)
        if posterior is None or arms.size == 1:
            return np.full(arms.size, 1 / arms.size)
        best = posterior.probabilities(arms)
        favourite = int(best.argmax())
        rivals = best.copy()
        rivals[favourite] = 0.0
        # Only the favourite's chance can be too near 1 to be taken from it.
        odds = rivals / (1 - rivals)
        second = best * (odds.sum() - odds)
        second[favourite] = best[favourite] * odds.sum()
        if rivals.sum() < LEAST_RIVALS:
            rivals = beating(posterior, arms, favourite)
        second += best[favourite] * rivals / rivals.sum()
        chances: NDArray[np.float64] = self.share * best + (1 - self.share) * second
        chances /= chances.sum()
        return chances


def beating(posterior: Posterior, arms: NDArray[np.intp], favourite: int) -> NDArray[np.float64]:
    """[k] in proportion to how likely each of ``arms`` costs less than that at ``favourite``, itself 0.

    As if the posterior were normal, and however small the chances are.
    """
    means, errors = posterior.means[arms], posterior.errors[arms]
    distances = (means - means[favourite]) / np.hypot(errors, errors[favourite])
    # Birnbaum 1942, An inequality for Mill's ratio: the normal tail, within 1 %
    # where there is anything to tell apart.
    tails = np.sqrt(np.maximum(distances, 0.0) ** 2 + 4) + np.maximum(distances, 0.0)
    logarithms = -(np.maximum(distances, 0.0) ** 2) / 2 - np.log(tails)
    logarithms[favourite] = -np.inf
    weights: NDArray[np.float64] = np.exp(logarithms - logarithms.max())
    return weights

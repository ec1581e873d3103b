"""What linear models know of every arm, as sums that don't care about order.

Whatever the model, least squares needs no more than these: sums of products of
features, and of features with costs. Failures are kept apart until a policy
prices them, and costs are kept relative to the mean of their arm, so that
costs with a large constant part lose no digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.costs import Bounds, Costs
from trimtab_service.bandits.features import frozen
from trimtab_service.bandits.moments import LARGEST_COST
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

MOST_NUMBERS = 2_000_000  # in all grams together: 16 MB


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """Features x and costs y of each arm.

    grams: [K, d, d] sum of count x x', where a failure counts once.
    products: [K, d] sum of count x (y - mean cost of the arm), of the completed outcomes.
    failed: [K, d] sum of x, of the failed ones.
    The first feature is always 1.
    """

    bounds: Bounds
    costs: Costs
    grams: NDArray[np.float64]
    products: NDArray[np.float64]
    failed: NDArray[np.float64]

    @classmethod
    def nothing(cls, study: Study, arms: int, features: int) -> Regression:
        """Of ``arms`` arms that nobody has tried; InvalidArgument (field ``context``) for too many features."""
        if arms * features**2 > MOST_NUMBERS:
            most = int((MOST_NUMBERS / arms) ** 0.5)
            raise InvalidArgument(
                "context",
                f"{features} features (a constant, numbers, categories, products of them) for each of {arms} arms; "
                f"with so many arms a linear model takes {most} features at most",
            )
        return cls(
            Bounds.of(study),
            Costs.nothing(arms),
            frozen(np.zeros((arms, features, features))),
            frozen(np.zeros((arms, features))),
            frozen(np.zeros((arms, features))),
        )

    def plus(self, outcomes: Outcomes, features: NDArray[np.float64]) -> Regression:
        """With the outcomes as well, or without them where they are taken back. features: [n, d]."""
        costs = self.costs.plus(outcomes)
        completed = ~np.isnan(outcomes.costs)
        weights = np.where(completed, outcomes.counts, np.sign(outcomes.counts))
        weighted = weights[:, None] * features
        deviations = np.clip(outcomes.costs, -LARGEST_COST, LARGEST_COST) - costs.moments.means[outcomes.arms]
        # What is relative to the old mean of its arm becomes relative to the new one.
        moved = self.costs.moments.means - costs.moments.means
        products = self.products + moved[:, None] * (self.grams[:, 0] - self.failed)
        grams, failed = self.grams.copy(), self.failed.copy()
        for arm in np.unique(outcomes.arms):
            own = outcomes.arms == arm
            grams[arm] += features[own].T @ weighted[own]
            products[arm] += deviations[own & completed] @ weighted[own & completed]
            failed[arm] += weighted[own & ~completed].sum(axis=0)
        # Of an arm from which everything was taken back, only rounding is left.
        products[costs.moments.counts == 0] = 0
        failed[costs.failures == 0] = 0
        grams[(costs.moments.counts == 0) & (costs.failures == 0)] = 0
        return Regression(self.bounds, costs, frozen(grams), frozen(products), frozen(failed))

    @property
    def tried(self) -> NDArray[np.bool_]:
        """[K] whether there is any outcome of an arm."""
        seen: NDArray[np.bool_] = self.grams[:, 0, 0] > 0
        return seen

    def products_about(self, center: float) -> NDArray[np.float64]:
        """[K, d] sum of count x (y - center) over all outcomes, the failed ones with what they count for."""
        completed = self.grams[:, 0] - self.failed
        gaps = self.costs.moments.means - center
        failure = self.costs.failure_cost(self.bounds.largest) - center
        return self.products + gaps[:, None] * completed + failure * self.failed

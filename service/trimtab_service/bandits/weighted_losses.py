"""What every arm would have cost, had it been played all the time: sums of costs over propensities.

For bandits that assume nothing about where costs come from, and so must not
rely on averages of what happened to be played. How the sums become a policy
is the bandits' business and stays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.costs import failures, only_completed
from trimtab_service.bandits.ledger import Ledger
from trimtab_service.bandits.moments import Moments

ROUNDING = 1e-12  # of a cost: smaller differences come from rounding


@dataclass(frozen=True, slots=True)
class LossUnit:
    """What a loss of 0 and of 1 are, as costs: the least cost, and the mean.

    shift: the least cost there can be, where the metric's declared range says
        so, else the least seen. scale: the mean of all costs less that; thanks
        to it units don't matter. failure: what a failure costs.
    """

    shift: float
    scale: float
    failure: float

    @classmethod
    def of(cls, ledger: Ledger) -> LossUnit | None:
        """None while all costs were the same."""
        costs, bounds = ledger.costs, ledger.bounds
        shift = bounds.least if bounds.least is not None else costs.lowest if np.isfinite(costs.lowest) else 0.0
        scale = ledger.moments.mean - shift
        return cls(shift, scale, costs.failure_cost(bounds.largest)) if scale > ROUNDING * abs(shift) else None


@dataclass(frozen=True, slots=True, eq=False)
class WeightedLosses:
    """Costs of each arm over the propensities with which it was played.

    completed: outcomes that didn't fail, weighted with count / propensity.
    failed: [K] sum of 1 / propensity over those that did.
    """

    completed: Moments
    failed: NDArray[np.float64]

    @classmethod
    def nothing(cls, arms: int) -> WeightedLosses:
        """Of ``arms`` arms that nobody has tried."""
        moments = Moments.nothing(arms)
        return cls(moments, moments.counts)

    def plus(self, outcomes: Outcomes) -> WeightedLosses:
        """With the outcomes as well, or without them where they are taken back."""
        if not outcomes.arms.size:
            return self
        number = self.failed.size
        completed = only_completed(outcomes)
        moments = Moments.of(completed, completed.counts / completed.propensities, number)
        failed = self.failed + failures(outcomes, 1 / outcomes.propensities, number)
        # Rounding leaves something of what was taken back.
        failed = np.where(failed > ROUNDING * self.failed, failed, 0.0)
        failed.setflags(write=False)
        return WeightedLosses(self.completed.plus(moments), failed)

    @property
    def plays(self) -> NDArray[np.float64]:
        """[K] sum of the weights: in expectation, the number of measurements while an arm could have been played."""
        return self.completed.counts + self.failed

    def scaled(self, unit: LossUnit) -> NDArray[np.float64]:
        """[K] the sum of losses, in the unit."""
        losses = self.completed.counts * ((self.completed.means - unit.shift) / unit.scale)
        return np.maximum(losses, 0.0) + self.failed * ((unit.failure - unit.shift) / unit.scale)

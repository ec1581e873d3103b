"""What was measured of each arm, of which the old counts less and less.

Two clocks to measure age by: seconds, and observations. What is played in view
of such a ledger is said by the bandits that use it.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, KArmed, Options, Outcomes
from trimtab_service.bandits.costs import Costs, failures, only_completed
from trimtab_service.bandits.ledger import Ledger, believed_best
from trimtab_service.bandits.moments import Moments, per_arm
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

HALF_LIFE_OBSERVATIONS = 700.0  # unless another is set: 0.999 an observation
SHORTEST, LONGEST = 1e-3, 1e12  # half-lives
# 2^-1000 is still a normal double. What is older counts as if it weren't.
MOST_HALF_LIVES = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class AgedLedger:
    """What was measured of each arm, each outcome weighted 2^(-(epoch - its time) / half-life).

    ledger: of the weighted outcomes.
    epoch: the latest time at which any decision was made, by the clock of the bandit; -inf before there was any.
    observed: how many outcomes there are, unweighted.
    """

    ledger: Ledger
    epoch: float
    observed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountedBandit(KArmed, ABC):
    """A bandit that forgets at a steady rate; subclasses say how likely each arm is played.

    half_life_seconds: an outcome counts half as much this long after its
        decision; 0: age isn't measured so.
    half_life_observations: the same in observations, of the whole study,
        between what the decision was based on and now; 0: age isn't measured
        so. One of the two at most is above 0; if none is, this one is 700.
    """

    ages: ClassVar[bool] = True

    half_life_seconds: float = 0.0
    half_life_observations: float = 0.0

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        for option in ("half_life_seconds", "half_life_observations"):
            value = getattr(self, option)
            if value != 0 and not SHORTEST <= value <= LONGEST:
                raise InvalidArgument(option, f"must be 0, or lie between {SHORTEST:g} and {LONGEST:g}, not {value}")
        if self.half_life_seconds > 0 and self.half_life_observations > 0:
            raise InvalidArgument("half_life_observations", "must be 0 where half_life_seconds is set")

    @property
    def half_life(self) -> float:
        """In the unit of the clock that is in force."""
        return self.half_life_seconds or self.half_life_observations or HALF_LIFE_OBSERVATIONS

    def initial(self, study: Study, arms: int) -> AgedLedger:
        """See Bandit."""
        return AgedLedger(Ledger.of(study, arms), -np.inf, 0.0)

    def fold(self, state: AgedLedger, outcomes: Outcomes) -> AgedLedger:
        """See Bandit."""
        if not outcomes.arms.size:
            return state
        times = outcomes.times if self.half_life_seconds > 0 else outcomes.steps
        epoch = float(max(state.epoch, times.max()))
        costs = state.ledger.costs
        before = _faded(costs, self._weight(epoch - state.epoch))
        costs = _plus(before, outcomes, self._weights(epoch - times), costs.failures.size)
        observed = state.observed + float(np.sign(outcomes.counts).sum())
        return AgedLedger(replace(state.ledger, costs=costs), epoch, observed)

    def aged(self, state: AgedLedger, now: float) -> Ledger:
        """What was measured of each arm, weighted as it counts at ``now``, or after all observations so far.

        How much single measurements scatter is not forgotten beyond the last
        outcome: a study that nobody uses keeps its notion of noise.
        """
        clock = now if self.half_life_seconds > 0 else state.observed
        weight = self._weight(max(clock - state.epoch, 0.0))
        costs = state.ledger.costs
        moments = costs.moments
        # Of less than one measurement there is no scatter.
        groups = np.where(moments.seen, np.maximum(moments.groups, 1.0), 0.0)
        faded = Moments(moments.counts * weight, moments.means, moments.squares, groups)
        return replace(state.ledger, costs=replace(costs, moments=faded, failures=costs.failures * weight))

    def best(
        self,
        state: AgedLedger,
        arms: NDArray[np.intp],
        context: NDArray[np.float64] | None,
        now: float,
    ) -> ArmEstimate | None:
        """See Bandit; the tried arm whose expected cost by now, plus one posterior standard deviation, is lowest."""
        ledger = self.aged(state, now)
        return believed_best(ledger, ledger.posterior, arms)

    def _weight(self, age: float) -> float:
        return float(np.exp2(-min(age / self.half_life, MOST_HALF_LIVES)))

    def _weights(self, ages: NDArray[np.float64]) -> NDArray[np.float64]:
        weights: NDArray[np.float64] = np.exp2(-np.minimum(ages / self.half_life, MOST_HALF_LIVES))
        return weights

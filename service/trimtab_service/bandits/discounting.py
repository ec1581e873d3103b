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
MOST_HALF_LIVES = 600.0  # an arm left alone for longer counts as if it were so long, so that none counts 0


@dataclass(frozen=True, slots=True, eq=False)
class AgedLedger:
    """What was measured of each arm, each outcome weighted 2^(-(epoch of its arm - its time) / half-life).

    ledger: of the weighted outcomes.
    epochs: [K] the latest time of any outcome, by the clock of the bandit; 0 before there was one.
    counts: [K] how many measurements and failures there are, unweighted.
    """

    ledger: Ledger
    epochs: NDArray[np.float64]
    counts: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountedBandit(KArmed, ABC):
    """A bandit that forgets at a steady rate; subclasses say how likely each arm is played.

    half_life_seconds: an outcome counts half as much this long after its
        decision; 0: age isn't measured so.
    half_life_observations: the same in observations of the whole study: how
        many more were known to the latest decision than to this one; 0: age
        isn't measured so. One of the two at most is above 0; if none is, this
        one is 700.
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
        ledger = Ledger.of(study, arms)
        return AgedLedger(ledger, ledger.costs.failures, ledger.costs.failures)

    def fold(self, state: AgedLedger, outcomes: Outcomes) -> AgedLedger:
        """See Bandit."""
        times = outcomes.times if self.half_life_seconds > 0 else outcomes.steps
        epochs = state.epochs.copy()
        np.maximum.at(epochs, outcomes.arms, times)
        before = _faded(state.ledger.costs, np.exp2((state.epochs - epochs) / self.half_life))
        costs = _plus(before, outcomes, np.exp2((times - epochs[outcomes.arms]) / self.half_life))
        counts = state.counts + per_arm(outcomes.arms, outcomes.counts, state.counts.size)
        ledger = replace(state.ledger, costs=_only(costs, counts > 0))
        return AgedLedger(ledger, _closed(epochs), _closed(counts))

    def aged(self, state: AgedLedger, now: float) -> Ledger:
        """What was measured of each arm, weighted as it counts at ``now``.

        How much single measurements scatter is not forgotten: an arm, or a
        study, that nobody uses keeps its notion of noise.
        """
        clock = now if self.half_life_seconds > 0 else float(state.epochs.max())
        ages = np.maximum((clock - state.epochs) / self.half_life, 0.0)
        weights = np.exp2(-np.minimum(ages, MOST_HALF_LIVES))
        costs = state.ledger.costs
        moments = costs.moments
        # Of less than one measurement there is no scatter.
        groups = np.where(moments.seen, np.maximum(moments.groups, 1.0), 0.0)
        faded = Moments(moments.counts * weights, moments.means, moments.squares, groups)
        return replace(state.ledger, costs=replace(costs, moments=faded, failures=costs.failures * weights))

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


def _faded(costs: Costs, weights: NDArray[np.float64]) -> Costs:
    """The outcomes of each arm counting ``weights`` [K] times what they did."""
    old = costs.moments
    arrays = (old.counts * weights, old.means, old.squares * weights, old.groups * weights)
    return replace(costs, moments=_moments(*arrays), failures=_closed(costs.failures * weights))


def _plus(costs: Costs, outcomes: Outcomes, weights: NDArray[np.float64]) -> Costs:
    """With the outcomes as well, each weighted with one of ``weights`` [n]."""
    number = costs.failures.size
    once = costs.plus(outcomes)
    completed = ~np.isnan(outcomes.costs)
    measured, shares = only_completed(outcomes), weights[completed]
    new = Moments.of(measured, shares * measured.counts, number)
    known = ~np.isnan(measured.variances)
    groups = per_arm(measured.arms, shares * np.where(known, measured.counts, np.sign(measured.counts)), number)
    moments = costs.moments.plus(_moments(new.counts, new.means, new.squares, groups))
    failed = costs.failures + failures(outcomes, weights, number)
    return Costs(moments, _closed(failed), once.lowest, once.highest)


def _only(costs: Costs, left: NDArray[np.bool_]) -> Costs:
    """Nothing of the other arms, of which rounding may have left something."""
    if left.all():
        return costs
    old = costs.moments
    arrays = (old.counts * left, old.means * left, old.squares * left, old.groups * left)
    return replace(costs, moments=_moments(*arrays), failures=_closed(costs.failures * left))


def _moments(*arrays: NDArray[np.float64]) -> Moments:
    return Moments(*(_closed(array) for array in arrays))


def _closed(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array.setflags(write=False)
    return array

"""What bandits know of costs: the moments of each arm, failures, and bounds.

What a failure counts for depends on everything seen, so failures are kept
apart and priced only when a policy is made; that keeps states free of order.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.moments import LARGEST_COST, Moments, per_arm
from trimtab_service.domain.study import Study


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """The measured costs of each arm, its failures, and the extremes seen.

    moments: of the completed outcomes, weighted with their counts.
    failures: [K] how many outcomes failed.
    lowest, highest: the extreme costs seen; inf and -inf before there was any.
    """

    moments: Moments
    failures: NDArray[np.float64]
    lowest: float
    highest: float

    @classmethod
    def nothing(cls, arms: int) -> Costs:
        """Of ``arms`` arms that nobody has tried."""
        moments = Moments.nothing(arms)
        return cls(moments, moments.counts, np.inf, -np.inf)

    def plus(self, outcomes: Outcomes) -> Costs:
        """With the outcomes as well, or without them where they are taken back; the extremes stay then."""
        number = self.failures.size
        completed = only_completed(outcomes)
        moments = self.moments.plus(Moments.of(completed, completed.counts, number))
        failed = self.failures + failures(outcomes, np.ones(outcomes.arms.size), number)
        failed.setflags(write=False)
        costs = np.clip(completed.costs, -LARGEST_COST, LARGEST_COST)
        return Costs(
            moments,
            failed,
            float(np.min(costs, initial=self.lowest)),
            float(np.max(costs, initial=self.highest)),
        )

    def failure_cost(self, bound: float | None) -> float:
        """What a failure counts for: ``bound``, the largest cost there can be, else the largest seen.

        Where every measurement was the same, a failure still has to be worse:
        it counts twice as far from zero, or 1 where there is no scale at all.
        """
        if bound is not None:
            return bound
        if self.lowest < self.highest:
            return self.highest
        level = self.highest if np.isfinite(self.highest) else 0.0
        return level + (abs(level) or 1.0)

    def with_failures(self, bound: float | None) -> Moments:
        """The moments when every failure is a measurement of ``failure_cost``."""
        return self.moments.plus(Moments.repeated(self.failures, self.failure_cost(bound)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """The least and the largest cost that the study's metric can have; None: not known."""

    least: float | None
    largest: float | None

    @property
    def width(self) -> float | None:
        """How far apart they are; None where only one is known."""
        return None if self.least is None or self.largest is None else self.largest - self.least

    @classmethod
    def of(cls, study: Study) -> Bounds:
        """As the metric of the objective declares them, as costs."""
        sign = study.spec.objective.sign
        metric = study.spec.objective_metric
        ends = (metric.min, metric.max) if sign > 0 else (metric.max, metric.min)
        least, largest = (
            None if end is None else float(np.clip(sign * end, -LARGEST_COST, LARGEST_COST)) for end in ends
        )
        return cls(least, largest)


def chosen(outcomes: Outcomes, which: NDArray[np.bool_]) -> Outcomes:
    """Some of the outcomes; which: [n]."""
    if which.all():
        return outcomes
    return Outcomes(*(getattr(outcomes, field.name)[which] for field in fields(outcomes)))


def only_completed(outcomes: Outcomes) -> Outcomes:
    """Without the failed ones."""
    return chosen(outcomes, ~np.isnan(outcomes.costs))


def failures(outcomes: Outcomes, weights: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """[number] sum of ``weights`` [n] over the failed outcomes of each arm, below 0 where they are taken back."""
    failed = np.isnan(outcomes.costs)
    return per_arm(outcomes.arms, np.where(failed, np.sign(outcomes.counts) * weights, 0.0), number)

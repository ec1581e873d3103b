"""The state that most bandits without a context share: what each arm has cost, and what costs can be.

A bandit that needs to remember no more than that derives from ``LedgerBandit``
and says how likely it plays each arm; how it learns, and which arm it believes
to be best, is said here.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, KArmed, Outcomes
from trimtab_service.bandits.costs import Bounds, Costs
from trimtab_service.bandits.moments import Moments
from trimtab_service.bandits.posteriors import BetaPosterior, Posterior, StudentPosterior, likely_best
from trimtab_service.domain.metric import MetricKind
from trimtab_service.domain.study import Study

PRIOR_DEGREES = 10.0  # of the prior of an arm's variance


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """What was measured of each arm.

    bernoulli: whether a single measurement is one of the two bounds, a win or a loss.
    """

    bounds: Bounds
    bernoulli: bool
    costs: Costs

    @classmethod
    def of(cls, study: Study, arms: int) -> Ledger:
        """Of ``arms`` arms that nobody has tried."""
        bernoulli = study.spec.objective_metric.kind is MetricKind.BINARY
        return cls(Bounds.of(study), bernoulli, Costs.nothing(arms))

    def plus(self, outcomes: Outcomes) -> Ledger:
        """With the outcomes as well."""
        return replace(self, costs=self.costs.plus(outcomes))

    @property
    def moments(self) -> Moments:
        """Of all outcomes, the failed ones with the largest cost there can be, else the largest seen."""
        return self.costs.with_failures(self.bounds.largest)

    def shares_lost(self, moments: Moments) -> NDArray[np.float64]:
        """[K] where between the bounds, which must be declared, the means lie; 0: at the least cost."""
        least, largest = self.ends
        shares: NDArray[np.float64] = np.clip((moments.means - least) / (largest - least), 0.0, 1.0)
        return shares

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest cost that can be; ValueError where the metric doesn't declare both."""
        if self.bounds.least is None or self.bounds.largest is None:
            raise ValueError("the range of the metric isn't declared")
        return self.bounds.least, self.bounds.largest

    def beta(self, prior_losses: float, prior_wins: float) -> BetaPosterior:
        """The posterior of each arm's chance of a loss; what lies between the bounds is lost in part."""
        moments = self.moments
        share = self.shares_lost(moments)
        least, largest = self.ends
        losses, wins = prior_losses + moments.counts * share, prior_wins + moments.counts * (1 - share)
        return BetaPosterior(losses, wins, least, largest - least)

    @property
    def posterior(self) -> Posterior | None:
        """With a prior that says little; None while nothing tells the arms apart."""
        return self.beta(1.0, 1.0) if self.bernoulli else StudentPosterior.of(self.moments, PRIOR_DEGREES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBandit(KArmed, ABC):
    """A bandit whose state is a ledger; subclasses have ``chances`` to say."""

    def initial(self, study: Study, arms: int) -> Ledger:
        """See Bandit."""
        return Ledger.of(study, arms)

    def fold(self, state: Ledger, outcomes: Outcomes) -> Ledger:
        """See Bandit."""
        return state.plus(outcomes)

    def posterior(self, state: Ledger) -> Posterior | None:
        """What is believed of each arm's expected cost; None while nothing tells the arms apart."""
        return state.posterior

    def best(
        self,
        state: Ledger,
        arms: NDArray[np.intp],
        context: NDArray[np.float64] | None,
        now: float,
    ) -> ArmEstimate | None:
        """See Bandit; the tried arm whose expected cost, plus one posterior standard deviation, is lowest."""
        return believed_best(state, self.posterior(state), arms)


def believed_best(ledger: Ledger, posterior: Posterior | None, arms: NDArray[np.intp]) -> ArmEstimate | None:
    """See ``likely_best``; of arms that nothing tells apart, the first one that was tried."""
    moments = ledger.moments
    if posterior is not None:
        return likely_best(posterior, moments.seen, arms)
    tried = arms[moments.seen[arms]]
    return ArmEstimate(int(tried[0]), float(moments.means[tried[0]]), 0.0, 1 / arms.size) if tried.size else None

"""Adaptive Thompson sampling: sharper than Thompson sampling while nothing changes, and forgetful when something has.

The default for studies without a context: it needn't be told whether the
world stands still, drifts or jumps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, KArmed, Options, Outcomes, Policy
from trimtab_service.bandits.changes import beta_evidence, normal_evidence, still_holds
from trimtab_service.bandits.history import History
from trimtab_service.bandits.ledger import Ledger, believed_best
from trimtab_service.bandits.posteriors import Posterior
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study


@dataclass(frozen=True, slots=True)
class SharpPolicy:
    """Plays arm i in proportion to a_i ** sharpness, where a_i is the probability that it costs least.

    posterior: None: nothing tells the arms apart.
    """

    posterior: Posterior | None
    sharpness: float

    def chances(self, arms: NDArray[np.intp], context: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Policy."""
        if self.posterior is None:
            return np.full(arms.size, 1 / arms.size)
        best = self.posterior.probabilities(arms)
        powers = (best / best.max()) ** self.sharpness
        chances: NDArray[np.float64] = powers / powers.sum()
        return chances


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveThompson(KArmed):
    """Thompson sampling on what still holds, a little greedier than the posterior.

    Each measurement counts for the probability that nothing has changed since
    (``changes``); from these counts a posterior of each arm's expected cost
    follows as in Thompson sampling, Beta for binary metrics and Student's t for
    others. Arm i is played in proportion to the ``sharpness``-th power of the
    probability that it is the best. Where nothing changes, all counts stay
    whole but for a negligible part.

    hazard: the probability of a change of all arms at some step, that is
        between one observation and the next; just as likely is one of a single
        arm. 0: never. A wrong guess by a factor of ten matters little. Not
        heeded with more than 50 arms.
    sharpness: 1 is Thompson sampling, which explores more than pays in tens of
        thousands of observations. Larger is greedier, and counts on the
        floor to find what it had given up too early.
    """

    name: ClassVar[str] = "adaptive_thompson"

    hazard: float = 1e-4
    sharpness: float = 1.3

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 0 <= self.hazard <= 0.5:
            raise InvalidArgument("hazard", f"must lie between 0 and 0.5, not {self.hazard}")
        if not 1 <= self.sharpness <= 10:
            raise InvalidArgument("sharpness", f"must lie between 1 and 10, not {self.sharpness}")

    def initial(self, study: Study, arms: int) -> History:
        """See Bandit."""
        return History.of(study, arms)

    def fold(self, state: History, outcomes: Outcomes) -> History:
        """See Bandit."""
        return state.plus(outcomes)

    def holding(self, state: History) -> Ledger:
        """What was measured of each arm, as far as it still holds."""
        blocks = state.blocks
        if len(blocks.counts) == 1 or self.hazard == 0:
            return state.weighted(np.ones_like(blocks.counts))
        if state.ledger.bernoulli:
            evidence = beta_evidence(blocks.counts, blocks.counts * state.ledger.shares_lost(blocks))
        else:
            evidence = normal_evidence(blocks)
        return state.weighted(still_holds(evidence, state.starts, state.latest, self.hazard))

    def policy(self, state: History, now: float) -> Policy:
        """See Bandit."""
        return SharpPolicy(self.holding(state).posterior, self.sharpness)

    def chances(self, state: History, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """See KArmed."""
        return self.policy(state, now).chances(arms, np.zeros(0))

    def best(
        self,
        state: History,
        arms: NDArray[np.intp],
        context: NDArray[np.float64] | None,
        now: float,
    ) -> ArmEstimate | None:
        """See Bandit; the tried arm whose expected cost by now, plus one posterior standard deviation, is lowest."""
        ledger = self.holding(state)
        return believed_best(ledger, ledger.posterior, arms)

"""Thompson sampling: play each arm as often as it is believed to be the best.

The probabilities that sampling would only realize are computed
(``best_arm``), so that every decision has an exact propensity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.ledger import PRIOR_DEGREES, Ledger, LedgerBandit
from trimtab_service.bandits.posteriors import Posterior, StudentPosterior
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

REWARDS = ("auto", "bernoulli", "gaussian")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thompson(LedgerBandit):
    """Thompson sampling (Russo et al. 2018, A Tutorial on Thompson Sampling), its probabilities explicit.

    reward: what is assumed of a single measurement. ``bernoulli``: a win or a
        loss, each arm's chance of a loss having a Beta posterior; also for
        metrics with min and max, whose values in between count as partial
        losses. ``gaussian``: a normal distribution of unknown mean and
        variance for each arm, with a posterior from ``StudentPosterior``.
        ``auto``: bernoulli for binary metrics, else gaussian.
    prior_wins, prior_losses: of the Beta prior of each arm.
    prior_degrees: degrees of freedom of the prior of each arm's variance.
    """

    name: ClassVar[str] = "thompson"

    reward: str = "auto"
    prior_wins: float = 1.0
    prior_losses: float = 1.0
    prior_degrees: float = PRIOR_DEGREES

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if self.reward not in REWARDS:
            raise InvalidArgument("reward", f"must be one of {', '.join(REWARDS)}, not {self.reward[:80]!r}")
        for option in ("prior_wins", "prior_losses"):
            if not 0.01 <= getattr(self, option) <= 1e9:
                raise InvalidArgument(option, f"must lie between 0.01 and 1e9, not {getattr(self, option)}")
        if not 1 <= self.prior_degrees <= 1e9:
            raise InvalidArgument("prior_degrees", f"must lie between 1 and 1e9, not {self.prior_degrees}")

    def initial(self, study: Study, arms: int) -> Ledger:
        """See Bandit; InvalidArgument where bernoulli rewards need bounds that aren't declared."""
        ledger = Ledger.of(study, arms)
        if self.reward == "auto":
            return ledger
        if self.reward == "bernoulli" and ledger.bounds.width is None:
            raise InvalidArgument('options["reward"]', "bernoulli needs a binary metric, or one with min and max")
        return replace(ledger, bernoulli=self.reward == "bernoulli")

    def posterior(self, state: Ledger) -> Posterior | None:
        """What is believed of each arm's expected cost; None while nothing tells the arms apart."""
        if state.bernoulli:
            return state.beta(self.prior_losses, self.prior_wins)
        return StudentPosterior.of(state.moments, self.prior_degrees)

    def chances(self, state: Ledger, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """[k] the probability that each of ``arms`` costs less than the others of them."""
        posterior = self.posterior(state)
        return np.full(arms.size, 1 / arms.size) if posterior is None else posterior.probabilities(arms)

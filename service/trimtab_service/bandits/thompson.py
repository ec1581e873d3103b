"""Thompson sampling: play each arm as often as it is believed to be the best.

The probabilities that sampling would only realize are computed
(``best_arm``), so that every decision has an exact propensity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, Outcomes, Policy
from trimtab_service.bandits.best_arm import probabilities_of_least
from trimtab_service.bandits.costs import Bounds, Costs, arm_count
from trimtab_service.bandits.moments import Moments, per_arm
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import MetricKind, Study

ROUNDING = 1e-12  # of a cost: smaller differences come from rounding
REWARDS = ("auto", "bernoulli", "gaussian")


@dataclass(frozen=True, slots=True, eq=False)
class BernoulliState:
    """Losses between 0 and 1, the least and the largest cost that can be.

    losses, counts: [K] their sum, and how many they are; a failure is a loss of 1.
    """

    least: float
    largest: float
    losses: NDArray[np.float64]
    counts: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GaussianState:
    """Costs of any size; a failure costs ``largest``, or as much as the worst seen."""

    largest: float | None
    costs: Costs


State: TypeAlias = BernoulliState | GaussianState


@dataclass(frozen=True, slots=True)
class Thompson:
    """Thompson sampling (Russo et al. 2018, A Tutorial on Thompson Sampling), its probabilities explicit.

    reward: what is assumed of a single measurement. ``bernoulli``: a win or a
        loss, each arm's chance of a loss having a Beta posterior; also for
        metrics with min and max, whose values in between count as partial
        losses. ``gaussian``: a normal distribution of unknown mean and
        variance for each arm, with a Normal-inverse-gamma posterior.
        ``auto``: bernoulli for binary metrics, else gaussian.
    floor: probability, above 0, that is shared equally among all arms; no
        arm's is ever below floor / K. Keeps propensities useful for estimates
        from the log, and finds an arm that has become better.
    prior_wins, prior_losses: of the Beta prior of each arm.
    prior_degrees: degrees of freedom of the prior of each arm's variance.

    The gaussian prior is made of the data, so that units don't matter
    (empirical Bayes): an arm's mean is expected at the unweighted mean of the
    arms tried so far, with the spread that they show plus the noise; its
    variance at the one pooled over all arms. An arm without data is thus as
    uncertain as the difference between arms, no more and no less.
    """

    name: ClassVar[str] = "thompson"

    reward: str = "auto"
    floor: float = 0.01
    prior_wins: float = 1.0
    prior_losses: float = 1.0
    prior_degrees: float = 10.0

    def __post_init__(self) -> None:
        if self.reward not in REWARDS:
            raise InvalidArgument("reward", f"must be one of {', '.join(REWARDS)}, not {self.reward[:80]!r}")
        if not 1e-9 <= self.floor <= 1:
            raise InvalidArgument("floor", f"must lie between 1e-9 and 1, not {self.floor}")
        for option in ("prior_wins", "prior_losses"):
            if not 0.01 <= getattr(self, option) <= 1e9:
                raise InvalidArgument(option, f"must lie between 0.01 and 1e9, not {getattr(self, option)}")
        if not 1 <= self.prior_degrees <= 1e9:
            raise InvalidArgument("prior_degrees", f"must lie between 1 and 1e9, not {self.prior_degrees}")

    def initial(self, study: Study) -> State:
        """The state that knows nothing; InvalidArgument where bernoulli rewards need bounds that aren't declared."""
        arms = arm_count(study)
        bounds = Bounds.of(study)
        binary = study.spec.objective_metric.kind is MetricKind.BINARY
        if self.reward == "gaussian" or (self.reward == "auto" and not binary):
            return GaussianState(bounds.largest, Costs.nothing(arms))
        if bounds.least is None or bounds.largest is None:
            raise InvalidArgument('options["reward"]', "bernoulli needs a binary metric, or one with min and max")
        nothing = Moments.nothing(arms).counts
        return BernoulliState(bounds.least, bounds.largest, nothing, nothing)

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """The state that knows the outcomes as well."""
        if isinstance(state, GaussianState):
            return GaussianState(state.largest, state.costs.plus(outcomes))
        failed = np.isnan(outcomes.costs)
        losses = np.where(failed, 1.0, np.clip((outcomes.costs - state.least) / (state.largest - state.least), 0, 1))
        counts = np.where(failed, 1.0, outcomes.counts)
        number = state.losses.size
        return BernoulliState(
            state.least,
            state.largest,
            _frozen(state.losses + per_arm(outcomes.arms, losses * counts, number)),
            _frozen(state.counts + per_arm(outcomes.arms, counts, number)),
        )

    def policy(self, state: State) -> Policy:
        """Each arm with the probability that it is the best, and its share of the floor."""
        best = self._of_losses(state) if isinstance(state, BernoulliState) else self._of_costs(state)
        return Policy.of((1 - self.floor) * best + self.floor / best.size)

    def _of_losses(self, state: BernoulliState) -> NDArray[np.float64]:
        """[K] the probability that an arm has the least chance of a loss."""
        losses, wins = self._beta(state)
        total = losses + wins
        share_lost, share_won = (losses / total)[:, None], (wins / total)[:, None]

        # On the axis log(p / (1 - p)), where the posterior is smooth at both ends.
        def log_density(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
            with np.errstate(over="ignore"):
                below = losses[:, None] * np.log1p(share_won * np.expm1(-deviations))
                above = wins[:, None] * np.log1p(share_lost * np.expm1(deviations))
            return np.asarray(-below - above)

        scales = np.sqrt(total / losses / wins)
        steepness = scales * np.minimum(losses, wins)
        reach = float(np.max(16 / steepness, initial=8.0))
        return probabilities_of_least(np.log(losses / wins), scales, log_density, reach)

    def _beta(self, state: BernoulliState) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[K], [K] the parameters of each arm's Beta posterior."""
        return self.prior_losses + state.losses, self.prior_wins + np.maximum(state.counts - state.losses, 0.0)

    def _of_costs(self, state: GaussianState) -> NDArray[np.float64]:
        """[K] the probability that an arm has the least mean cost."""
        arms = state.costs.failures.size
        posterior = self._student(state.costs.with_failures(state.largest))
        if posterior is None:
            return np.full(arms, 1 / arms)
        centers, scales, degrees = posterior
        unit = scales.max()
        centers, scales = (centers - centers.mean()) / unit, scales / unit

        def log_density(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
            ratios = np.log1p((deviations / scales[:, None]) ** 2 / degrees[:, None])
            return np.asarray(-(degrees[:, None] + 1) / 2 * ratios)

        # Where the density with the heaviest tails is 10^-6.5 of its peak or less.
        least = float(degrees.min())
        reach = max(8.0, (least * (10 ** (13 / least) - 1)) ** 0.5)
        return probabilities_of_least(centers, scales, log_density, reach)

    def _student(self, moments: Moments) -> tuple[NDArray[np.float64], ...] | None:
        """[K] location, scale and degrees of freedom of each arm's mean; None while nothing tells the arms apart."""
        seen = moments.seen
        if not seen.any():
            return None
        means = moments.means[seen]
        spread = float(np.var(means))
        # The spread of the means speaks for the noise as one more measurement would.
        noise = (float(moments.squares.sum()) + spread) / (float((moments.groups[seen] - 1).sum()) + 1)
        noise = max(noise, (ROUNDING * float(np.abs(means).max())) ** 2)
        if noise == 0:
            return None
        strength = noise / (spread + noise)
        center = float(means.mean())
        weight = strength + moments.counts
        locations = center + moments.counts / weight * (moments.means - center) * seen
        pull = strength * moments.counts / weight * (moments.means - center) ** 2
        degrees = self.prior_degrees + moments.groups
        scales = np.sqrt((self.prior_degrees * noise + moments.squares + pull) / degrees / weight)
        return locations, scales, degrees

    def best(self, state: State) -> ArmEstimate | None:
        """The tried arm whose expected cost, plus one posterior standard deviation, is lowest.

        The standard deviation keeps an arm that was lucky once from being
        preferred to one that is known to be good.
        """
        if isinstance(state, BernoulliState):
            losses, wins = self._beta(state)
            total = losses + wins
            width = state.largest - state.least
            means = state.least + width * losses / total
            errors = width * np.sqrt(losses / total * (wins / total) / (total + 1))
            tried = state.counts > 0
        else:
            moments = state.costs.with_failures(state.largest)
            tried = moments.seen
            posterior = self._student(moments)
            means, errors = posterior[:2] if posterior else (moments.means, np.zeros_like(moments.means))
        if not tried.any():
            return None
        arm = int(np.argmin(np.where(tried, means + errors, np.inf)))
        return ArmEstimate(arm, float(means[arm]), float(errors[arm]))


def _frozen(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array.setflags(write=False)
    return array

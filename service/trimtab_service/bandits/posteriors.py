"""What is believed of each arm's expected cost, in the light of what was measured.

Two kinds of posterior, with one way of asking: how likely is each of some
arms to be the cheapest of them, and which one is most likely good. What is
played because of it is the bandits' business and stays out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate
from trimtab_service.bandits.best_arm import probabilities_of_least
from trimtab_service.bandits.moments import Moments

ROUNDING = 1e-12  # of a cost: smaller differences come from rounding


class Posterior(Protocol):
    """Of the expected costs of K arms, independent of one another.

    means, errors: [K] expectation and standard deviation, in the unit of the costs.
    """

    @property
    def means(self) -> NDArray[np.float64]:
        """See above."""
        ...

    @property
    def errors(self) -> NDArray[np.float64]:
        """See above."""
        ...

    def probabilities(self, arms: NDArray[np.intp]) -> NDArray[np.float64]:
        """[k] the probability that each of ``arms`` [k] costs less than the others of them."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class BetaPosterior:
    """A Beta distribution of each arm's chance of a loss.

    losses, wins: [K] its parameters, above 0.
    least, width: what a win costs, and how much more a loss does.
    """

    losses: NDArray[np.float64]
    wins: NDArray[np.float64]
    least: float
    width: float

    @property
    def means(self) -> NDArray[np.float64]:
        """See Posterior."""
        return self.least + self.width * (self.losses / (self.losses + self.wins))

    @property
    def errors(self) -> NDArray[np.float64]:
        """See Posterior."""
        total = self.losses + self.wins
        return self.width * np.sqrt(self.losses / total * (self.wins / total) / (total + 1))

    def probabilities(self, arms: NDArray[np.intp]) -> NDArray[np.float64]:
        """See Posterior."""
        losses, wins = self.losses[arms], self.wins[arms]
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


@dataclass(frozen=True, slots=True, eq=False)
class StudentPosterior:
    """Student's t distribution of each arm's mean cost.

    means, scales: [K] its location and width, in the unit of the costs.
    degrees: [K] its degrees of freedom.
    """

    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    degrees: NDArray[np.float64]

    @classmethod
    def of(cls, moments: Moments, prior_degrees: float) -> StudentPosterior | None:
        """From normal measurements, with a Normal-inverse-gamma prior; None while nothing tells the arms apart.

        The prior is made of the data, so that units don't matter (empirical
        Bayes): an arm's mean is expected at the unweighted mean of the arms
        tried so far, with the spread that they show plus the noise; its
        variance at the pooled one, as by ``prior_degrees`` measurements. An
        arm without data is thus as uncertain as the difference between arms,
        no more and no less.
        """
        noise = pooled_variance(moments)
        if noise == 0:
            return None
        means = moments.means[moments.seen]
        strength = noise / (float(np.var(means)) + noise)
        center = float(means.mean())
        weight = strength + moments.counts
        deviations = (moments.means - center) * moments.seen
        locations = center + moments.counts / weight * deviations
        pull = strength * moments.counts / weight * deviations**2
        degrees = prior_degrees + moments.groups
        scales = np.sqrt((prior_degrees * noise + moments.squares + pull) / degrees / weight)
        return cls(locations, scales, degrees)

    @property
    def errors(self) -> NDArray[np.float64]:
        """See Posterior; as if its tails were normal."""
        return self.scales

    def probabilities(self, arms: NDArray[np.intp]) -> NDArray[np.float64]:
        """See Posterior."""
        centers, scales, degrees = self.means[arms], self.scales[arms], self.degrees[arms]
        unit = scales.max()
        centers, scales = (centers - centers.mean()) / unit, scales / unit

        def log_density(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
            ratios = np.log1p((deviations / scales[:, None]) ** 2 / degrees[:, None])
            return np.asarray(-(degrees[:, None] + 1) / 2 * ratios)

        # Where the density with the heaviest tails is 10^-6.5 of its peak or less.
        least = float(degrees.min())
        reach = max(8.0, (least * (10 ** (13 / least) - 1)) ** 0.5)
        return probabilities_of_least(centers, scales, log_density, reach)


def pooled_variance(moments: Moments) -> float:
    """Of single measurements of one arm, as if it were the same for all arms; 0 while every one was 0.

    The spread of the arms' means speaks for it as one more measurement would.
    Never less than what rounding does to the costs.
    """
    seen = moments.seen
    if not seen.any():
        return 0.0
    means = moments.means[seen]
    variance = (float(moments.squares.sum()) + float(np.var(means))) / (float((moments.groups[seen] - 1).sum()) + 1)
    return float(max(variance, (ROUNDING * np.abs(means).max()) ** 2))


def likely_best(posterior: Posterior, tried: NDArray[np.bool_], arms: NDArray[np.intp]) -> ArmEstimate | None:
    """The tried one of ``arms`` [k] whose expected cost, plus one standard deviation, is lowest; None without any.

    tried: [K]. The standard deviation keeps an arm that was lucky once from
    being preferred to one that is known to be good.
    """
    eligible = arms[tried[arms]]
    if not eligible.size:
        return None
    means, errors = posterior.means, posterior.errors
    arm = int(eligible[np.argmin(means[eligible] + errors[eligible])])
    probability = posterior.probabilities(arms)[np.searchsorted(arms, arm)]
    return ArmEstimate(arm, float(means[arm]), float(errors[arm]), float(probability))

"""What a trial is expected to tell of the best point, in nats. NumPy and SciPy, no torch.

Both functions give the logarithm of the information, so that it can be
multiplied with probabilities and divided by costs.
"""

from __future__ import annotations

import numpy as np

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_covariances import Covariances
from trimtab_service.optimizers.gp_feasibility import hazard
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.targets import Vector

LEAST_SHARE = 1e-8  # of a variance that is left by an observation
LEAST_GAIN = 1e-300  # keeps the logarithm finite
OPTIMUM_VARIANCE = 1e-4  # of an optimum that is taken for known, as in BoTorch
FARTHEST = 1e3  # standard deviations, beyond which h below is 0 or 1


class MaxValueEntropy(ClosedForm):
    """log of what a measurement is expected to tell of the least cost.

    mean_s[ -1/2 log(1 - rho^2 h(g_s)) ], where g_s = (mean - f*_s) / deviation
    for S draws f*_s of the least cost, h(g) = r (r + g) with r = phi(g) /
    Phi(g), and rho^2 is the share of the measurement's variance that isn't
    noise: a lower bound of the mutual information. Wang, Jegelka 2017,
    "Max-value Entropy Search for Efficient Bayesian Optimization"; Moss, Leslie,
    Gonzalez, Rayson 2021, "GIBBON: General-purpose Information-Based Bayesian
    OptimisatioN", for the bound with noise. BoTorch's qLowerBoundMaxValueEntropy
    is the same number (a test holds that).
    """

    def __init__(self, posterior: Posterior, here: Rows, least: Vector, noise: float) -> None:
        """least: [S] draws of the least cost. noise: the variance of a measurement."""
        super().__init__(posterior, here)
        self.least, self.noise = least, noise

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        return self.values_and_slopes(rows)[0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        local = self.posterior.at(self._beside(rows))
        deviations = local.deviations[:, None]
        total = np.square(deviations) + self.noise
        share = np.square(deviations) / total
        g, h, h_slope = _truncated((local.means[:, :1] - self.least) / deviations)
        left = np.maximum(1.0 - share * h, LEAST_SHARE)
        gain = -0.5 * np.log1p(-np.minimum(share * h, 1.0 - LEAST_SHARE)).mean(axis=1)
        by_left = -0.5 / left / len(self.least)
        by_g = -by_left * share * h_slope
        by_share = -by_left * h
        by_deviations = -by_g * g / deviations + by_share * 2.0 * deviations * self.noise / np.square(total)
        by_means = (by_g / deviations).sum(axis=1, keepdims=True)
        slopes = self.posterior.slope(local, by_means, by_deviations.sum(axis=1))
        return _log(gain, slopes[:, : rows.shape[1]])


class JointEntropy(ClosedForm):
    """log of what a measurement is expected to tell of the best point and its cost together.

    1/2 log(v + noise) - mean_s[ 1/2 log(v_s (1 - h(g_s)) + noise) ], where v
    is the variance of the cost, v_s and mean_s are what they become once draw s
    of the best point and its cost f*_s is among the data, and g_s = (mean_s -
    f*_s) / sqrt(v_s), h as in ``MaxValueEntropy``. Hvarfner, Hutter, Nardi 2022,
    "Joint Entropy Search for Maximally-Informed Bayesian Optimization"; Tu,
    Gandy, Kantas, Shafei 2022, "Joint Entropy Search for Multi-Objective Bayesian
    Optimization". BoTorch's qJointEntropySearch is the same number (a test holds that).
    """

    def __init__(self, posterior: Posterior, here: Rows, optima: Rows, least: Vector, noise: float) -> None:
        """optima: [S, d + c] draws of the best point, least: [S] its cost. noise: the variance of a measurement."""
        super().__init__(posterior, here)
        self.least, self.noise = least, noise
        self.covariances = Covariances.of(posterior, optima)
        local = posterior.at(optima)
        self.variances = np.square(local.deviations) + OPTIMUM_VARIANCE
        self.surprise = (least - local.means[:, 0]) / self.variances

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        return self.values_and_slopes(rows)[0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        local = self.posterior.at(self._beside(rows))
        covariances, slope_part = self.covariances.at(local)
        variances = np.square(local.deviations)[:, None]
        least_left = LEAST_SHARE * variances
        left = variances - np.square(covariances) / self.variances
        kept = left > least_left
        left = np.maximum(left, least_left)
        deviations = np.sqrt(left)
        means = local.means[:, :1] + covariances * self.surprise
        g, h, h_slope = _truncated((means - self.least) / deviations)
        rest = np.maximum(1.0 - h, LEAST_SHARE)
        truncated = left * rest + self.noise
        total = variances[:, 0] + self.noise
        gain = 0.5 * np.log(total) - 0.5 * np.log(truncated).mean(axis=1)
        by_truncated = -0.5 / truncated / len(self.least)
        by_g = -by_truncated * left * h_slope
        by_left = by_truncated * rest - by_g * g / (2.0 * left)
        by_means = by_g / deviations
        by_covariances = by_means * self.surprise - np.where(kept, by_left, 0.0) * 2.0 * covariances / self.variances
        by_variances = (by_left * np.where(kept, 1.0, LEAST_SHARE)).sum(axis=1) + 0.5 / total
        slopes = self.posterior.slope(
            local, by_means.sum(axis=1, keepdims=True), 2.0 * local.deviations * by_variances
        ) + self.covariances.slope(local, slope_part, by_covariances)
        return _log(gain, slopes[:, : rows.shape[1]])


def _truncated(g: Rows) -> tuple[Rows, Rows, Rows]:
    """g within bounds, h by which a variance shrinks once it is known that nothing is below, and the slope of h.

    For a standard normal Z, the variance of Z given Z < g is 1 - h(g).
    """
    g = np.clip(g, -FARTHEST, FARTHEST)
    ratio = hazard(g)
    h = ratio * (ratio + g)
    return g, h, ratio - h * (g + 2.0 * ratio)


def _log(gain: Vector, slopes: Rows) -> tuple[Vector, Rows]:
    least = np.maximum(gain, LEAST_GAIN)
    return np.log(least), np.where((gain > LEAST_GAIN)[:, None], slopes / least[:, None], 0.0)

"""What a trial is expected to improve of what would be recommended after it. NumPy and SciPy, no torch."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_covariances import Covariances
from trimtab_service.optimizers.gp_posterior import Posterior, log_expected_excess
from trimtab_service.optimizers.targets import Vector

MOST_ELEMENTS = 2_000_000  # of one array, so that memory stays bounded
LEAST_LOG = -700.0  # log of a gain that is as good as none
LEAST_DIFFERENCE = 1e-14  # between two slopes that aren't one


class KnowledgeGradient(ClosedForm):
    """log of how much lower the least expected cost is expected to be after one more measurement.

    log( min_i a_i - E[min_j (a_j + b_j Z)] ) where i is one of some points,
    and j one of them or the one that is measured, a_i is what is expected of
    point i, b_i = cov(f(x_i), f(x)) / sqrt(var f(x) + noise), and Z, standard
    normal, is what the measurement will say. Frazier, Powell, Dayanik 2009, "The Knowledge-Gradient
    Policy for Correlated Normal Beliefs", for the expectation, which is exact;
    Scott, Frazier, Powell 2011, "The Correlated Knowledge Gradient for
    Simulation Optimization of Continuous Parameters", for the points and the
    slope. BoTorch's qKnowledgeGradient, given these points, is the same but for
    its draws of Z (a test holds that).
    """

    def __init__(self, posterior: Posterior, here: Rows, points: Rows, noise: float) -> None:
        """points: [p, d + c] that may be recommended. noise: the variance of a measurement."""
        super().__init__(posterior, here)
        self.noise = noise
        self.covariances = Covariances.of(posterior, points)
        self.expected = posterior.at(points).means[:, 0]

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        most = max(1, MOST_ELEMENTS // (len(self.expected) + 1) ** 2)
        parts = np.split(rows, range(most, len(rows), most))
        return np.concatenate([self._values_and_slopes(part)[0] for part in parts])

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        return self._values_and_slopes(rows)

    def _values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        local = self.posterior.at(self._beside(rows))
        covariances, slope_part = self.covariances.at(local)
        variances = np.square(local.deviations)
        spread = np.sqrt(variances + self.noise)
        starts = np.hstack([np.tile(self.expected, (len(rows), 1)), local.means[:, :1]])
        tilts = np.hstack([covariances, variances[:, None]]) / spread[:, None]
        values, by_starts, by_tilts = log_gain_of_lines(starts, tilts)
        # Of the row itself more may be expected than of all the points.
        ahead = self.expected.min() - starts[:, -1]
        more = np.log(np.maximum(ahead, math.exp(LEAST_LOG)))
        share = np.exp(more - np.logaddexp(values, more))
        values = np.logaddexp(values, more)
        by_starts, by_tilts = (1.0 - share)[:, None] * by_starts, (1.0 - share)[:, None] * by_tilts
        by_starts[:, -1] -= np.where(ahead > 0.0, np.exp(-values), 0.0)
        by_spread = -(by_tilts * tilts).sum(axis=1) / spread
        by_deviations = 2.0 * local.deviations * by_tilts[:, -1] / spread + by_spread * local.deviations / spread
        slopes = self.posterior.slope(local, by_starts[:, -1:], by_deviations)
        slopes += self.covariances.slope(local, slope_part, by_tilts[:, :-1] / spread[:, None])
        return values, slopes[:, : rows.shape[1]]


def log_gain_of_lines(starts: Rows, tilts: Rows) -> tuple[Vector, Rows, Rows]:
    """log( min_i a_i - E[min_i (a_i + b_i Z)] ) [b] of k lines each, starts a and tilts b [b, k]; slopes by both.

    The least line is a broken one, which bends at c_1 < c_2 < ...; the gain is
    the sum over the bends of (b_i - b_j) E[max(Z - |c|, 0)], i and j being the
    lines that meet there. Sums of logarithms keep the smallest ones apart.
    """
    rise = starts[:, None, :] - starts[:, :, None]  # a_j - a_i
    fall = tilts[:, :, None] - tilts[:, None, :]  # b_i - b_j
    place = np.arange(starts.shape[1])
    # Of two lines that are one, the first counts.
    parallel = np.abs(fall) <= LEAST_DIFFERENCE * np.abs(tilts).max(axis=1)[:, None, None]
    beaten = parallel & ((rise < 0.0) | ((rise == 0.0) & (place[None, :] < place[:, None])))
    meet = rise / np.where(parallel, 1.0, fall)
    last = np.where(~parallel & (fall > 0.0), meet, math.inf)
    first = np.where(~parallel & (fall < 0.0), meet, -math.inf)
    low, high = first.max(axis=2), last.min(axis=2)
    counts = (low < high) & ~beaten.any(axis=2)
    bends = counts & np.isfinite(high)
    drop = np.take_along_axis(fall, last.argmin(axis=2)[:, :, None], axis=2)[:, :, 0]
    excess, _ = log_expected_excess(-np.abs(np.where(bends, high, 0.0)))
    logs = np.where(bends, np.log(np.where(bends, drop, 1.0)) + excess, -math.inf)
    largest = np.maximum(logs.max(axis=1), LEAST_LOG)
    summed = np.exp(logs - largest[:, None]).sum(axis=1)
    values = np.where(summed > 0.0, largest + np.log(np.where(summed > 0.0, summed, 1.0)), LEAST_LOG)
    low, high = np.where(counts, low, 0.0), np.where(counts, high, 0.0)
    chance = _between(low, high)
    best = starts.argmin(axis=1)[:, None] == place
    by_starts = np.where(best, ndtr(low) + ndtr(-high), -chance)
    by_starts = np.where(counts | ~best, by_starts, 1.0)
    by_tilts = np.where(counts, _density(high) - _density(low), 0.0)
    scale = np.where(values > LEAST_LOG, np.exp(-np.maximum(values, LEAST_LOG)), 0.0)[:, None]
    return values, by_starts * scale, by_tilts * scale


def _between(low: Rows, high: Rows) -> Rows:
    """P(low < Z < high), in the tail where it has its digits."""
    flip = low > 0.0
    chance: Rows = ndtr(np.where(flip, -low, high)) - ndtr(np.where(flip, -high, low))
    return chance


def _density(z: Rows) -> Rows:
    density: Rows = np.exp(-0.5 * np.square(z)) / math.sqrt(2.0 * math.pi)
    return density

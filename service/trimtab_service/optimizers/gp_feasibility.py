"""How likely a Gaussian process takes a metric to lie within its bounds. NumPy and SciPy, no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_posterior import Local, Posterior
from trimtab_service.optimizers.targets import Vector

FARTHEST = 1e6  # standard deviations; farther out the squares of doubles lose the digits that count
LEAST_GAP = 1e-290  # keeps the logarithm of an empty interval finite


@dataclass(frozen=True, slots=True)
class Bound:
    """A constrained metric: its posterior, and what is acceptable, both in standardized units."""

    posterior: Posterior
    low: float
    high: float

    def holds(self, values: Rows) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which of the values are acceptable."""
        return (values >= self.low) & (values <= self.high)

    def given(self, points: Rows, normal: Rows) -> Bound:
        """With S draws of the true values at points [p, d], by standard normal numbers [p, S]."""
        return Bound(self.posterior.given(points, normal), self.low, self.high)

    def log_probability(self, rows: Rows) -> Rows:
        """log of the probability [b, S] that it holds at rows [b, d], under each draw."""
        return self.parts(self.posterior.at(rows))[0]

    def parts(self, local: Local) -> tuple[Rows, Rows, Rows]:
        """log of the probability [b, S], and its slopes [b, S] by the means and by the deviations."""
        deviations = local.deviations[:, None]
        low, high = (self.low - local.means) / deviations, (self.high - local.means) / deviations
        value, by_low, by_high = log_between(low, high)
        by_deviations = _times(by_low, low) + _times(by_high, high)
        return value, -(by_low + by_high) / deviations, -by_deviations / deviations


def log_probability_feasible(bounds: tuple[Bound, ...], rows: Rows) -> Vector:
    """log of the probability [b] that all bounds hold at rows [b, d], the metrics being independent."""
    logs = np.zeros(len(rows))
    for bound in bounds:
        logs = logs + bound.log_probability(rows)[:, 0]
    return logs


def log_between(low: Rows, high: Rows) -> tuple[Rows, Rows, Rows]:
    """log P(low < Z < high) of a standard normal Z, and its slopes by low and high, of every element; low < high.

    One of low and high may be infinite. Taken in the left tail, where the
    distribution function has all its digits: P = Phi(b) (1 - Phi(a) / Phi(b)).
    """
    flip = low + high > 0.0
    left = np.where(flip, -high, low)
    open_left = np.isinf(left)
    right = np.clip(np.where(flip, -low, high), -FARTHEST, FARTHEST)
    # What is too far out as a whole is moved as a whole: it isn't empty.
    moved = np.minimum(right - np.minimum(high - low, FARTHEST), -FARTHEST)
    left = np.where(left < -FARTHEST, moved, np.minimum(left, FARTHEST))
    log_right = log_ndtr(right)
    ratio = np.where(open_left, -math.inf, log_ndtr(left) - log_right)
    rest = np.maximum(-np.expm1(ratio), LEAST_GAP)
    value = log_right + np.log(rest)
    by_right = hazard(right) / rest
    by_left = np.where(open_left, 0.0, -hazard(left) * np.exp(ratio) / rest)
    return value, np.where(flip, -by_right, by_left), np.where(flip, -by_left, by_right)


def hazard(u: Rows) -> Rows:
    """phi(u) / Phi(u), to all digits."""
    below = math.sqrt(2.0 / math.pi) / erfcx(-np.minimum(u, 0.0) / math.sqrt(2.0))
    above = np.maximum(u, 0.0)
    density = np.exp(-0.5 * np.square(above)) / math.sqrt(2.0 * math.pi)
    hazard: Rows = np.where(u < 0.0, below, density / ndtr(above))
    return hazard


def _times(slope: Rows, place: Rows) -> Rows:
    """Their product, 0 where a slope of 0 meets infinity."""
    return slope * np.where(np.isinf(place), 0.0, place)

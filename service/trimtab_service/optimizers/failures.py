"""Where trials fail: a model of success and failure. NumPy and SciPy, no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.special import log_ndtr, ndtri

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.gp_posterior import Kernel, Local, Posterior

LEAST_OF_BOTH = 2  # failures and successes, from which there is something to tell apart
MOST_ROWS = 200  # that the model is made of: every failure, then the most recent successes
SCALE = 16.0  # variance of the latent function: nearly always and nearly never are common, what wavers is not
LENGTHS = (0.2, 0.5, 1.2, 2.4)  # of the cube's diagonal, tried for all columns at once
LONGER = 5.0  # times that, tried for one column after the other: failing seldom depends on all of them
MOST_SEARCHED = 24  # columns up to which that is tried
NAME_LENGTH = 1.5  # two names are as far apart as the ends of a short scale
NEWTON_STEPS, ENOUGH = 30, 1e-6
LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class SuccessModel:
    """The probability that a trial works: Phi(latent), with a Gaussian process as the latent function.

    The posterior is Laplace's approximation: that of a Gaussian process with
    the pseudo-targets f + W^-1 g and noises W^-1 at the mode f, with g and W
    the first and minus the second derivative of the log likelihood. Rasmussen,
    Williams 2006, "Gaussian Processes for Machine Learning", section 3.4.
    """

    latent: Posterior

    @classmethod
    def of(cls, rows: Rows, worked: NDArray[np.bool_], is_name: NDArray[np.bool_]) -> SuccessModel | None:
        """Of trials at rows [n, d], oldest first, that ``worked`` [n] or not; None with too few of either.

        is_name: [d], the columns that hold names.
        """
        if min(int(worked.sum()), int((~worked).sum())) < LEAST_OF_BOTH:
            return None
        kept = _most_telling(worked)
        rows, worked = rows[kept], worked[kept]
        signs = np.where(worked, 1.0, -1.0)
        # Laplace's rule of succession, seen through the spread of the latent function.
        share = (worked.sum() + 1.0) / (len(worked) + 2.0)
        mean = float(ndtri(share)) * math.sqrt(1.0 + SCALE)
        lengths = _lengths(rows, signs, mean, is_name)
        kernel = Kernel(lengths, SCALE, is_name)
        mode, curvature, pull, _ = _mode(kernel.parts(rows, rows)[0], signs, mean)
        return cls(Posterior.of(kernel, mean, rows, 1.0 / curvature, mode + pull / curvature))

    def log_probability(self, rows: Rows) -> Vector:
        """log P(a trial at each of rows [b, d] works), [b]."""
        local = self.latent.at(rows)
        logs: Vector = log_ndtr(_margin(local))
        return logs

    def log_probability_and_slope(self, rows: Rows) -> tuple[Vector, Rows]:
        """log P [b] and its slope [b, d] at rows [b, d]."""
        local = self.latent.at(rows)
        margin = _margin(local)
        logs = log_ndtr(margin)
        by_margin = np.exp(-0.5 * np.square(margin) - LOG_ROOT_TWO_PI - logs)
        spread = np.sqrt(1.0 + np.square(local.deviations))
        by_means = by_margin / spread
        by_deviations = -by_margin * margin * local.deviations / np.square(spread)
        return logs, self.latent.slope(local, by_means[:, None], by_deviations)


def _margin(local: Local) -> Vector:
    margin: Vector = local.means[:, 0] / np.sqrt(1.0 + np.square(local.deviations))
    return margin


def _most_telling(worked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices, increasing, of at most ``MOST_ROWS`` trials: the last failures up to half, the last successes."""
    failed, succeeded = np.flatnonzero(~worked), np.flatnonzero(worked)
    half = MOST_ROWS // 2
    failed = failed[-max(half, MOST_ROWS - len(succeeded)) :]
    return np.sort(np.concatenate([failed, succeeded[-(MOST_ROWS - len(failed)) :]]))


def _lengths(rows: Rows, signs: Vector, mean: float, is_name: NDArray[np.bool_]) -> Vector:
    """Lengthscales [d] of the largest approximate marginal likelihood among a few."""
    width = rows.shape[1]

    def likelihood(lengths: Vector) -> float:
        return _mode(Kernel(lengths, SCALE, is_name).parts(rows, rows)[0], signs, mean)[3]

    starts = [np.where(is_name, NAME_LENGTH, share * math.sqrt(width)) for share in LENGTHS]
    values = [likelihood(lengths) for lengths in starts]
    best = int(np.argmax(values))
    lengths, value = starts[best], values[best]
    for column in range(width if width <= MOST_SEARCHED else 0):
        longer = np.where(np.arange(width) == column, LONGER * lengths, lengths)
        found = likelihood(longer)
        if found > value:
            lengths, value = longer, found
    return lengths


def _mode(covariance: Rows, signs: Vector, mean: float) -> tuple[Vector, Vector, Vector, float]:
    """The mode f [n] of the latent values, W [n], g [n], and the log of the approximate marginal likelihood.

    By Newton's method (algorithm 3.1 of Rasmussen, Williams), in the values
    less their mean; a step that would overshoot is halved.
    """
    latent = np.full(len(signs), mean)
    weights = np.zeros(len(signs))
    value = _log_likelihood(latent, signs)
    root = np.ones(len(signs))
    factor = np.eye(len(signs))
    for _ in range(NEWTON_STEPS):
        pull, curvature = _derivatives(latent, signs)
        root = np.sqrt(curvature)
        factor, _ = lapack.dpotrf(np.eye(len(signs)) + root[:, None] * covariance * root, lower=1, clean=1)
        target = curvature * (latent - mean) + pull
        solved, _ = lapack.dpotrs(factor, root * (covariance @ target), lower=1)
        step = target - root * solved - weights
        size, before = 1.0, value
        while True:
            moved = weights + size * step
            latent = mean + covariance @ moved
            value = _log_likelihood(latent, signs) - 0.5 * float(moved @ (latent - mean))
            if value >= before or size < ENOUGH:
                break
            size *= 0.5
        weights = moved
        if abs(value - before) < ENOUGH:
            break
    pull, curvature = _derivatives(latent, signs)
    return latent, curvature, pull, value - float(np.log(np.diagonal(factor)).sum())


def _log_likelihood(latent: Vector, signs: Vector) -> float:
    return float(log_ndtr(signs * latent).sum())


def _derivatives(latent: Vector, signs: Vector) -> tuple[Vector, Vector]:
    """First, and minus the second, derivative [n] of log Phi(sign latent)."""
    margin = signs * latent
    ratio = np.exp(-0.5 * np.square(margin) - LOG_ROOT_TWO_PI - log_ndtr(margin))
    # Far on the right side the curvature underflows; its inverse is a noise, and stays finite.
    return signs * ratio, np.maximum(ratio * (ratio + margin), 1e-9)

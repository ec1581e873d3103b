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
SWEEPS, SETTLED = 60, 1e-3  # of expectation propagation; the change of a precision
LEAST_PRECISION = 1e-9  # what is sure of itself adds none; its inverse is a noise, and stays finite
LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class SuccessModel:
    """The probability that a trial works: Phi(latent), with a Gaussian process as the latent function.

    The posterior is that of expectation propagation, which for a Gaussian
    process is one of pseudo-targets with noises of their own; Rasmussen,
    Williams 2006, "Gaussian Processes for Machine Learning", section 3.6.
    Laplace's approximation, good enough to choose lengthscales by, leaves
    nearly all of its variance to a place that failed twenty times, and so
    believes that it works one time in ten (Nickisch, Rasmussen 2008,
    "Approximations for Binary Gaussian Process Classification").
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
        precisions, pulls = _sites(kernel.parts(rows, rows)[0], signs, mean)
        return cls(Posterior.of(kernel, mean, rows, 1.0 / precisions, pulls / precisions))

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
        by_margin = _ratio(margin)
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
        return _log_evidence(Kernel(lengths, SCALE, is_name).parts(rows, rows)[0], signs, mean)

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


def _sites(covariance: Rows, signs: Vector, mean: float) -> tuple[Vector, Vector]:
    """Precisions [n], and precisions times targets [n], of the Gaussian that stands for each trial's likelihood.

    Each is set, all at once and by halves, so that the posterior has at that
    trial the mean and the variance that its exact likelihood makes of all the
    other Gaussians. Formulas 3.56 to 3.68 of Rasmussen, Williams.
    """
    precisions, pulls = np.zeros(len(signs)), np.zeros(len(signs))
    means, variances = np.full(len(signs), mean), covariance.diagonal().copy()
    for _ in range(SWEEPS):
        sharp = np.maximum(1.0 / variances - precisions, LEAST_PRECISION)
        wide = 1.0 / sharp
        centre = wide * (means / variances - pulls)
        root = np.sqrt(1.0 + wide)
        margin = signs * centre / root
        ratio = _ratio(margin)
        met = centre + signs * wide * ratio / root
        left = wide - np.square(wide) * ratio * (margin + ratio) / (1.0 + wide)
        before = precisions
        precisions = np.maximum((before + np.maximum(1.0 / left - sharp, 0.0)) / 2.0, LEAST_PRECISION)
        pulls = (pulls + met / left - centre * sharp) / 2.0
        # The posterior of these Gaussians; algorithm 3.5.
        scales = np.sqrt(precisions)
        factor, _ = lapack.dpotrf(np.eye(len(signs)) + scales[:, None] * covariance * scales, lower=1, clean=1)
        solved, _ = lapack.dtrtrs(factor, scales[:, None] * covariance, lower=1)
        variances = np.maximum(covariance.diagonal() - np.square(solved).sum(axis=0), LEAST_PRECISION)
        force = pulls - precisions * mean
        means = mean + covariance @ force - solved.T @ (solved @ force)
        if np.abs(precisions - before).max() < SETTLED:
            break
    return precisions, pulls


def _log_evidence(covariance: Rows, signs: Vector, mean: float) -> float:
    """The log of the marginal likelihood by Laplace's approximation.

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
    return value - float(np.log(np.diagonal(factor)).sum())


def _log_likelihood(latent: Vector, signs: Vector) -> float:
    return float(log_ndtr(signs * latent).sum())


def _derivatives(latent: Vector, signs: Vector) -> tuple[Vector, Vector]:
    """First, and minus the second, derivative [n] of log Phi(sign latent)."""
    margin = signs * latent
    ratio = _ratio(margin)
    return signs * ratio, np.maximum(ratio * (ratio + margin), LEAST_PRECISION)


def _ratio(margin: Vector) -> Vector:
    """The density of the standard normal over its distribution function."""
    ratio: Vector = np.exp(-0.5 * np.square(margin) - LOG_ROOT_TWO_PI - log_ndtr(margin))
    return ratio

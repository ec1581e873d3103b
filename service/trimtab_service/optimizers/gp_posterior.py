"""The posterior of a Gaussian process, and its slope, in closed form. NumPy and SciPy, no torch.

It is the posterior of the BoTorch model that it is made from (a test holds
them equal), written out because a search for the next point asks for it
thousands of times, and through autograd one answer takes ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack
from scipy.special import erfcx, ndtr

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Evidence, Vector
from trimtab_service.optimizers.gp_fit import Hyperparameters
from trimtab_service.optimizers.noise import row_noise

JITTER = 1e-9  # variance of a drawn cost, so that two draws at one point don't contradict
MORE_JITTER = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)  # added where rounding made a covariance negative
LEAST_VARIANCE = 1e-20  # keeps the root's slope finite at points that are known
FAR = -1e3  # where half of the digits are lost to cancellation, and the series has all of them
FEW = 16  # rows up to which a product with the whole matrix is quicker than one with its triangle
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Matern-5/2: scale (1 + s + s^2 / 3) exp(-s), s = sqrt(5) r.

    r^2 = sum over columns of ((x - x') / l)^2, where names count 1 if they differ.

    lengthscales: [d]. is_name: [d] bool, the columns that hold names.
    """

    lengthscales: Vector
    scale: float
    is_name: NDArray[np.bool_]

    def parts(self, first: Rows, second: Rows) -> tuple[Rows, Rows]:
        """The covariances [b, n] of rows [b, d] with rows [n, d], and what their slopes have in common.

        d covariance / d x = -slope_part * (x - x') / l^2, in a column of numbers.
        """
        return self.between(first, self.placed(second))

    def placed(self, rows: Rows) -> Placed:
        """Rows [n, d] as ``between`` wants them, for those that are met often."""
        scaled = self._scaled(rows)
        ones = np.ones((len(rows), 1))
        return Placed(rows, np.hstack([-10.0 * scaled, ones, 5.0 * np.square(scaled).sum(axis=1, keepdims=True)]))

    def between(self, first: Rows, second: Placed) -> tuple[Rows, Rows]:
        """``parts`` of rows [b, d] and placed rows [n, d]."""
        scaled = self._scaled(first)
        ones = np.ones((len(first), 1))
        left = np.hstack([scaled, 5.0 * np.square(scaled).sum(axis=1, keepdims=True), ones])
        squares = left @ second.coordinates.T  # 5 r^2
        for column in np.flatnonzero(self.is_name):
            differs = first[:, column, None] != second.rows[:, column]
            squares += differs * (5.0 / self.lengthscales[column] ** 2)
        distance = np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)
        slope_part = distance + 1.0
        decay = np.exp(-distance)
        decay *= self.scale
        slope_part *= decay
        covariances = np.square(distance, out=distance)
        covariances *= decay
        covariances *= 1.0 / 3.0
        covariances += slope_part
        slope_part *= 5.0 / 3.0
        return covariances, slope_part

    def _scaled(self, rows: Rows) -> Rows:
        numbers = ~self.is_name
        scaled: Rows = (rows if numbers.all() else rows[:, numbers]) / self.lengthscales[numbers]
        return scaled


@dataclass(frozen=True, slots=True)
class Placed:
    """Rows [n, d], and coordinates [n, c + 2] by which one product gives all squared distances from others."""

    rows: Rows
    coordinates: Rows


@dataclass(frozen=True, slots=True)
class Local:
    """The posterior at b rows [b, d]: means [b, S] of S draws, deviations [b]; the rest is for its slope."""

    rows: Rows
    means: Rows
    deviations: Vector
    weights: Rows
    slope_part: Rows


class Trend(Protocol):
    """What is expected of the costs before any is known: a function of the place, in place of a constant's 0."""

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        ...

    def slopes(self, rows: Rows) -> Rows:
        """Slopes [b, d] at rows [b, d]."""
        ...


@dataclass(frozen=True, slots=True)
class Posterior:
    """Given costs at rows X [n, d], and S draws of the true costs at p points B more.

    With X and B stacked, K their covariance and K = L L', one matrix W = L^-1
    k(., x) has all S posteriors at x: means mu + Z' W, Z [n + p, S], and the
    one variance k(x, x) - W'W. The upper n rows of Z come from the data, the
    lower p are standard normal.

    mean: mu. rows: [n + p, d]. noise: [n + p]. factor, inverse: L and L^-1,
        in Fortran's order. whitened: Z. placed: the rows. trend: is added to
        all means; None: there is none.
    """

    kernel: Kernel
    mean: float
    rows: Rows
    noise: Vector
    factor: Rows
    inverse: Rows
    whitened: Rows
    placed: Placed
    trend: Trend | None = None

    @classmethod
    def of(cls, kernel: Kernel, mean: float, rows: Rows, noise: Vector, costs: Vector) -> Posterior:
        """Of the data alone: rows [n, d], variances of the noise [n], costs [n]."""
        placed = kernel.placed(rows)
        factor, inverse = _factors(kernel.between(rows, placed)[0], noise)
        return cls(kernel, mean, rows, noise, factor, inverse, (inverse @ (costs - mean))[:, None], placed)

    def given(self, points: Rows, normal: Rows) -> Posterior:
        """With the true costs at ``points`` [p, d] drawn S times, by standard normal numbers [p, S].

        The factors grow by the points' rows; what was factorized stays as it is.
        """
        rows = np.concatenate([self.rows, points])
        noise = np.full(len(points), JITTER)
        placed = self.kernel.placed(rows)
        covariances = self.kernel.between(points, placed)[0]
        known = len(self.rows)
        across = self._whiten(covariances[:, :known])
        corner, corner_inverse = _factors(covariances[:, known:] - across @ across.T, noise)
        factor = _stacked(self.factor, across, corner)
        inverse = _stacked(self.inverse, -corner_inverse @ (across @ self.inverse), corner_inverse)
        whitened = np.concatenate([np.repeat(self.whitened[:, :1], normal.shape[1], axis=1), normal])
        noise = np.concatenate([self.noise, noise])
        return Posterior(self.kernel, self.mean, rows, noise, factor, inverse, whitened, placed, self.trend)

    def drawn(self, count: int) -> Rows:
        """The draws [count, S] of the costs at the last ``count`` points."""
        draws: Rows = self.mean + self.factor[len(self.rows) - count :] @ self.whitened
        return draws if self.trend is None else draws + self.trend.values(self.rows[-count:])[:, None]

    def at(self, rows: Rows) -> Local:
        """What is known of the costs at rows [b, d]."""
        covariances, slope_part = self.kernel.between(rows, self.placed)
        weights = self._whiten(covariances)
        variances = self.kernel.scale - np.square(weights).sum(axis=1)
        deviations = np.sqrt(np.maximum(variances, LEAST_VARIANCE))
        means = self.mean + weights @ self.whitened
        if self.trend is not None:
            means += self.trend.values(rows)[:, None]
        return Local(rows, means, deviations, weights, slope_part)

    def slope(self, local: Local, by_means: Rows, by_deviations: Vector) -> Rows:
        """Slopes [b, d], by the chain rule, of what has these slopes [b, S] and [b]; 0 in columns of names."""
        by_weights = by_means @ self.whitened.T - (by_deviations / local.deviations)[:, None] * local.weights
        steep = (by_weights @ self.inverse) * local.slope_part
        pull: Rows = steep @ self.rows - steep.sum(axis=1)[:, None] * local.rows
        slopes = pull / np.square(self.kernel.lengthscales)
        if self.trend is not None:
            slopes += by_means.sum(axis=1)[:, None] * self.trend.slopes(local.rows)
        slopes[:, self.kernel.is_name] = 0.0
        return slopes

    def _whiten(self, covariances: Rows) -> Rows:
        """W' [b, n] of k(., x)' [b, n]."""
        if len(covariances) < FEW:
            return covariances @ self.inverse.T
        # Half the work where there are many: the inverse is a triangle.
        whitened: Rows = blas.dtrmm(1.0, self.inverse, covariances.T, lower=1).T
        return whitened


def posterior_of(evidence: Evidence, found: Hyperparameters, categorical: Sequence[int]) -> Posterior:
    """What a Gaussian process with the hyperparameters found believes of the evidence's first target.

    categorical: the columns of the evidence whose values are names.
    """
    is_name = np.isin(np.arange(evidence.rows.shape[1]), list(categorical))
    kernel = Kernel(found.lengthscales, found.scale, is_name)
    return Posterior.of(kernel, found.mean, evidence.rows, row_noise(evidence.targets[0], found.noise), evidence.costs)


def _factors(covariance: Rows, noise: Vector) -> tuple[Rows, Rows]:
    """The lower factor L [n, n] of a covariance [n, n] and the noise [n] on top, and its inverse."""
    for added in MORE_JITTER:
        factor, failed = lapack.dpotrf(covariance + np.diag(noise + added), lower=1, clean=1)
        if not failed:
            inverse, _ = lapack.dtrtri(factor, lower=1)
            return factor, inverse
    raise ValueError("the covariance of the evidence isn't positive definite")


def _stacked(upper: Rows, left: Rows, right: Rows) -> Rows:
    """The lower triangle [n + p, n + p] of upper [n, n], left [p, n] and right [p, p], in Fortran's order."""
    known, size = len(upper), len(upper) + len(right)
    whole = np.zeros((size, size), order="F")
    whole[:known, :known] = upper
    whole[known:, :known] = left
    whole[known:, known:] = right
    return whole


def log_expected_excess(u: Rows) -> tuple[Rows, Rows]:
    """log E[max(u + Z, 0)] for a standard normal Z, and its slope, of every element.

    With phi and Phi the normal density and distribution, the value is log
    h(u), h(u) = phi(u) + u Phi(u), and h' = Phi. Below -1 the two terms all
    but cancel: there h = phi(u) (1 - |u| m(u)) with Mills' ratio m = Phi / phi,
    and far below 1 - |u| m(u) = 1 / u^2 up to 3 / u^4. Ament, Daulton,
    Eriksson, Balandat, Bakshy 2023, "Unexpected Improvements to Expected
    Improvement for Bayesian Optimization".
    """
    value, slope = np.empty_like(u), np.empty_like(u)
    below = u < -1.0
    low, high = u[below], u[~below]
    mills, rest = _mills(low)
    value[below] = np.log(rest) - 0.5 * np.square(low) - HALF_LOG_TWO_PI
    slope[below] = mills / rest
    chance = ndtr(high)
    excess = np.exp(-0.5 * np.square(high)) / math.sqrt(2.0 * math.pi) + high * chance
    value[~below] = np.log(excess)
    slope[~below] = chance / excess
    return value, slope


def _mills(low: Vector) -> tuple[Vector, Vector]:
    """Mills' ratio m at numbers below -1, and 1 - |u| m."""
    mills = math.sqrt(math.pi / 2.0) * erfcx(-low / math.sqrt(2.0))
    squares = np.square(low)
    return mills, np.where(low > FAR, 1.0 + low * mills, (1.0 - 3.0 / squares) / squares)

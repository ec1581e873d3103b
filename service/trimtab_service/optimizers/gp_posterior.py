"""The posterior of a Gaussian process, and its slope, in closed form. NumPy and SciPy, no torch.

It is the posterior of the BoTorch model that it is made from (a test holds
them equal), written out because a search for the next point asks for it
thousands of times, and through autograd one answer takes ten times as long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.special import erfcx, ndtr

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector

JITTER = 1e-9  # variance of a drawn cost, so that two draws at one point don't contradict
MORE_JITTER = (0.0, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4)  # added where rounding made a covariance negative
LEAST_VARIANCE = 1e-20  # keeps the root's slope finite at points that are known
FAR = -1e3  # where half of the digits are lost to cancellation, and the series has all of them
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
        numbers = ~self.is_name
        lengths = self.lengthscales[numbers]
        left, right = first[:, numbers] / lengths, second[:, numbers] / lengths
        squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1) - 2.0 * (left @ right.T)
        for column in np.flatnonzero(self.is_name):
            differs = first[:, column, None] != second[:, column]
            squares += differs / self.lengthscales[column] ** 2
        distance = np.sqrt(5.0 * np.maximum(squares, 0.0))
        decay = self.scale * np.exp(-distance)
        linear = decay * (1.0 + distance)
        return linear + decay * np.square(distance) / 3.0, linear * (5.0 / 3.0)


@dataclass(frozen=True, slots=True)
class Local:
    """The posterior at b rows [b, d]: means [b, S] of S draws, deviations [b]; the rest is for its slope."""

    rows: Rows
    means: Rows
    deviations: Vector
    weights: Rows
    slope_part: Rows


@dataclass(frozen=True, slots=True)
class Posterior:
    """Given costs at rows X [n, d], and S draws of the true costs at p points B more.

    With X and B stacked, K their covariance and K = L L', one matrix W = L^-1
    k(., x) has all S posteriors at x: means mu + Z' W, Z [n + p, S], and the
    one variance k(x, x) - W'W. The upper n rows of Z come from the data, the
    lower p are standard normal.

    mean: mu. rows: [n + p, d]. noise: [n + p]. factor, inverse: L and L^-1. whitened: Z.
    """

    kernel: Kernel
    mean: float
    rows: Rows
    noise: Vector
    factor: Rows
    inverse: Rows
    whitened: Rows

    @classmethod
    def of(cls, kernel: Kernel, mean: float, rows: Rows, noise: Vector, costs: Vector) -> Posterior:
        """Of the data alone: rows [n, d], variances of the noise [n], costs [n]."""
        factor, inverse = _factors(kernel, rows, noise)
        return cls(kernel, mean, rows, noise, factor, inverse, (inverse @ (costs - mean))[:, None])

    def given(self, points: Rows, normal: Rows) -> Posterior:
        """With the true costs at ``points`` [p, d] drawn S times, by standard normal numbers [p, S]."""
        rows = np.concatenate([self.rows, points])
        noise = np.concatenate([self.noise, np.full(len(points), JITTER)])
        factor, inverse = _factors(self.kernel, rows, noise)
        whitened = np.concatenate([np.repeat(self.whitened[:, :1], normal.shape[1], axis=1), normal])
        return Posterior(self.kernel, self.mean, rows, noise, factor, inverse, whitened)

    def drawn(self, count: int) -> Rows:
        """The draws [count, S] of the costs at the last ``count`` points."""
        draws: Rows = self.mean + self.factor[len(self.rows) - count :] @ self.whitened
        return draws

    def at(self, rows: Rows) -> Local:
        """What is known of the costs at rows [b, d]."""
        covariances, slope_part = self.kernel.parts(rows, self.rows)
        weights = covariances @ self.inverse.T
        variances = self.kernel.scale - np.square(weights).sum(axis=1)
        deviations = np.sqrt(np.maximum(variances, LEAST_VARIANCE))
        return Local(rows, self.mean + weights @ self.whitened, deviations, weights, slope_part)

    def slope(self, local: Local, by_means: Rows, by_deviations: Vector) -> Rows:
        """Slopes [b, d], by the chain rule, of what has these slopes [b, S] and [b]; 0 in columns of names."""
        by_weights = by_means @ self.whitened.T - (by_deviations / local.deviations)[:, None] * local.weights
        steep = (by_weights @ self.inverse) * local.slope_part
        pull: Rows = steep @ self.rows - steep.sum(axis=1)[:, None] * local.rows
        slopes = pull / np.square(self.kernel.lengthscales)
        slopes[:, self.kernel.is_name] = 0.0
        return slopes


def _factors(kernel: Kernel, rows: Rows, noise: Vector) -> tuple[Rows, Rows]:
    """The lower factor L [n, n] of the covariance of costs at rows [n, d], and its inverse."""
    covariance, _ = kernel.parts(rows, rows)
    for added in MORE_JITTER:
        factor, failed = lapack.dpotrf(covariance + np.diag(noise + added), lower=1, clean=1)
        if not failed:
            inverse, _ = lapack.dtrtri(factor, lower=1)
            return factor, inverse
    raise ValueError("the covariance of the evidence isn't positive definite")


def log_expected_excess(u: Rows) -> tuple[Rows, Rows]:
    """log E[max(u + Z, 0)] for a standard normal Z, and its slope, of every element.

    With phi and Phi the normal density and distribution, the value is log
    h(u), h(u) = phi(u) + u Phi(u), and h' = Phi. Below -1 the two terms all
    but cancel: there h = phi(u) (1 - |u| m(u)) with Mills' ratio m = Phi / phi,
    and far below 1 - |u| m(u) = 1 / u^2 up to 3 / u^4. Ament, Daulton,
    Eriksson, Balandat, Bakshy 2023, "Unexpected Improvements to Expected
    Improvement for Bayesian Optimization".
    """
    low = np.minimum(u, -1.0)
    mills = math.sqrt(math.pi / 2.0) * erfcx(-low / math.sqrt(2.0))
    rest = np.where(low > FAR, 1.0 + low * mills, (1.0 - 3.0 / np.square(low)) / np.square(low))
    high = np.maximum(u, -1.0)
    density = np.exp(-0.5 * np.square(high)) / math.sqrt(2.0 * math.pi)
    excess = density + high * ndtr(high)
    below = u < -1.0
    value = np.where(below, np.log(rest) - 0.5 * np.square(low) - HALF_LOG_TWO_PI, np.log(excess))
    slope = np.where(below, mills / rest, ndtr(high) / excess)
    return value, slope

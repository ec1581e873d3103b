"""Fits the hyperparameters of the Gaussian process. NumPy and SciPy, no torch.

The loss is the exact marginal likelihood with log-normal priors, the one that
GPyTorch computes for the same model (a test holds them equal). It is written
out here because it is most of what a suggestion costs: through autograd one
evaluation at n = 30 takes thirty times as long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import LEAST_VARIANCE, Evidence, Vector

# The scale of lengths grows with the diagonal of the cube (Hvarfner, Hellsten,
# Nardi 2024, "Vanilla Bayesian Optimization Performs Great in High
# Dimensions"), but starts shorter than theirs: mode 0.2 sqrt(d).
LOG_LENGTH_MEAN, LOG_LENGTH_SD = -1.6, 1.0
# Two names differ by 1, two uniform numbers by the root of 1/6 on average.
LOG_NAME_LENGTH = 0.5 * math.log(6.0)
LOG_SCALE_MEAN, LOG_SCALE_SD = 0.0, 1.0
LOG_NOISE_MEAN, LOG_NOISE_SD = -4.0, 2.0
MOST_NOISE = 2.0
SHORTEST, LONGEST = 5e-3, 1e3
LEAST_SCALE, MOST_SCALE = 2e-3, 400.0
STARTS = (0.0, 1.25)  # added to the most likely log lengthscales, where the searches for the best ones start
ONE_START = 100  # rows from which all starts were seen to lead to one place, and each costs much
OPTIONS = {"maxiter": 50, "ftol": 1e-6}


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Of a Gaussian process with a constant mean and an ARD Matern-5/2 kernel.

    lengthscales: [d]. scale: variance of the process. noise: variance of a
    measurement, None where it is known. mean: of the process.
    """

    lengthscales: Vector
    scale: float
    noise: float | None
    mean: float


@dataclass(frozen=True, slots=True)
class Loss:
    """Minus the log posterior of theta = (log lengthscales [d], log scale, log noise unless known), and its gradient.

    numeric, categorical: which columns are numbers, and which are names.
    rows: [n, len(numeric)] centred. differ: [len(categorical), n, n] bool,
        whether two rows have different names.
    costs: [n]. variances: [n], or None for a noise level to be fitted.
    """

    numeric: NDArray[np.intp]
    categorical: NDArray[np.intp]
    rows: Rows
    differ: NDArray[np.bool_]
    costs: Vector
    variances: Vector | None

    @classmethod
    def of(cls, evidence: Evidence, categorical: Sequence[int]) -> Loss:
        """The loss that says how well hyperparameters explain the evidence."""
        names = np.array(sorted(categorical), dtype=np.intp)
        numeric = np.setdiff1d(np.arange(evidence.rows.shape[1]), names)
        rows, columns = evidence.rows[:, numeric], evidence.rows[:, names].T
        differ = columns[:, :, None] != columns[:, None, :]
        return cls(numeric, names, rows - rows.mean(axis=0), differ, evidence.costs, evidence.variances)

    @property
    def width(self) -> int:
        """How many lengthscales there are, d."""
        return len(self.numeric) + len(self.categorical)

    def __call__(self, theta: Vector) -> tuple[float, Vector]:
        """Loss, and gradient of theta's shape; infinity where the covariance isn't positive."""
        width = self.width
        kernel, steepness = self._kernel(theta)
        inverse, log_determinant = _inverse(self._with_noise(kernel, theta))
        if not math.isfinite(log_determinant):
            return math.inf, np.zeros_like(theta)
        weights = inverse @ (self.costs - _profiled_mean(inverse, self.costs))
        value = 0.5 * (float(self.costs @ weights) + log_determinant)
        # d loss / d K is (inverse - weights weights') / 2; the chain rule does the rest.
        slope = inverse
        slope -= np.outer(weights, weights)
        slope *= 0.5
        gradient = np.empty_like(theta)
        gradient[width] = np.vdot(slope, kernel)
        if self.variances is None:
            gradient[width + 1] = np.trace(slope) * math.exp(theta[width + 1])
        steep = np.multiply(slope, steepness, out=slope)
        squares = 2.0 * (steep.sum(axis=0) @ np.square(self.rows) - (self.rows * (steep @ self.rows)).sum(axis=0))
        gradient[self.numeric] = squares
        gradient[self.categorical] = [(steep * differ).sum() for differ in self.differ]
        gradient[:width] *= np.exp(-2.0 * theta[:width])
        means, deviations = self.prior()
        standard = (theta - means) / deviations
        return value + 0.5 * float(standard @ standard), gradient + standard / deviations

    def mean(self, theta: Vector) -> float:
        """The constant mean under which the costs are most likely."""
        inverse, _ = _inverse(self._with_noise(self._kernel(theta)[0], theta))
        return _profiled_mean(inverse, self.costs)

    def prior(self) -> tuple[Vector, Vector]:
        """Mean and standard deviation of the normal prior of theta, of its shape."""
        lengths = np.full(self.width, LOG_LENGTH_MEAN + 0.5 * math.log(self.width))
        lengths[self.categorical] += LOG_NAME_LENGTH
        known = self.variances is not None
        means = np.concatenate([lengths, [LOG_SCALE_MEAN], [] if known else [LOG_NOISE_MEAN]])
        deviations = [LOG_LENGTH_SD] * self.width + [LOG_SCALE_SD] + ([] if known else [LOG_NOISE_SD])
        return means, np.array(deviations)

    def _with_noise(self, kernel: Rows, theta: Vector) -> Rows:
        covariance = kernel.copy()
        diagonal = np.arange(len(covariance))
        covariance[diagonal, diagonal] += math.exp(theta[self.width + 1]) if self.variances is None else self.variances
        return covariance

    def _kernel(self, theta: Vector) -> tuple[Rows, Rows]:
        """The kernel scale (1 + s + s^2 / 3) exp(-s), and scale 5 / 3 (1 + s) exp(-s): [n, n] each, s = sqrt(5) r."""
        inverse_lengths = np.exp(-theta[: self.width])
        scaled = self.rows * inverse_lengths[self.numeric]
        norms = np.square(scaled).sum(axis=1)
        squares = scaled @ (-2.0 * scaled.T)
        squares += norms
        squares += norms[:, None]
        for differ, inverse_length in zip(self.differ, inverse_lengths[self.categorical], strict=True):
            squares += differ * inverse_length**2
        squares *= 5.0
        distance = np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)
        decay = np.exp(theta[self.width] - distance)
        linear = decay * distance
        linear += decay
        kernel = distance * distance
        kernel *= decay
        kernel *= 1.0 / 3.0
        kernel += linear
        linear *= 5.0 / 3.0
        return kernel, linear


def fit(evidence: Evidence, categorical: Sequence[int]) -> Hyperparameters:
    """The most probable hyperparameters, of local searches from a few starts.

    categorical: the columns of the evidence whose values are names.
    """
    loss = Loss.of(evidence, categorical)
    means, _ = loss.prior()
    width = loss.width
    bounds = [(math.log(SHORTEST), math.log(LONGEST))] * width + [(math.log(LEAST_SCALE), math.log(MOST_SCALE))]
    bounds += [(math.log(LEAST_VARIANCE), math.log(MOST_NOISE))] * (len(means) - len(bounds))
    best = (math.inf, means)
    for shift in STARTS if len(evidence.rows) < ONE_START else STARTS[:1]:
        start = means + np.where(np.arange(len(means)) < width, shift, 0.0)
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=OPTIONS)
        if found.fun < best[0]:
            best = (float(found.fun), found.x)
    theta = best[1]
    return Hyperparameters(
        lengthscales=np.exp(theta[:width]),
        scale=math.exp(theta[width]),
        noise=None if evidence.variances is not None else math.exp(theta[width + 1]),
        mean=loss.mean(theta),
    )


def _inverse(covariance: Rows) -> tuple[Rows, float]:
    """Inverse [n, n] and log determinant of a covariance [n, n]; infinity where it isn't positive."""
    count = len(covariance)
    # The transpose is the same matrix in the order of memory that LAPACK works in place on.
    factor, failed = lapack.dpotrf(covariance.T, lower=1, overwrite_a=1)
    if failed:
        return factor, math.inf
    diagonal = np.arange(count)
    log_determinant = 2.0 * float(np.log(factor[diagonal, diagonal]).sum())
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = inverse + inverse.T
    inverse[diagonal, diagonal] *= 0.5
    return inverse, log_determinant


def _profiled_mean(inverse: Rows, costs: Vector) -> float:
    """The constant mean under which the costs [n] are most likely, given the inverse [n, n] of their covariance."""
    sums = inverse.sum(axis=0)
    return float(sums @ costs / sums.sum())

"""Fits the hyperparameters of the Gaussian process. NumPy and SciPy, no torch.

The loss is the exact marginal likelihood with log-normal priors, the one that
GPyTorch computes for the same model (a test holds them equal). It is written
out here because it is most of what a suggestion costs: through autograd one
evaluation at n = 30 takes thirty times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import LEAST_VARIANCE, Evidence, Vector
from trimtab_service.optimizers.gp_names import TOGETHER, Names
from trimtab_service.optimizers.quasi_newton import descend

# The scale of lengths grows with the diagonal of the cube (Hvarfner, Hellsten,
# Nardi 2024, "Vanilla Bayesian Optimization Performs Great in High
# Dimensions"), but starts shorter than theirs: mode 0.2 sqrt(d).
LOG_LENGTH_MEAN, LOG_LENGTH_SD = -1.6, 1.0
# Two names differ by 1, two uniform numbers by the root of 1/6 on average.
LOG_NAME_LENGTH = 0.5 * math.log(6.0)
LOG_SCALE_MEAN, LOG_SCALE_SD = 0.0, 1.0
LOG_NOISE_MEAN, LOG_NOISE_SD = -4.0, 2.0
# Of what errors that were reported leave out, between one run and the next: hardly anything, unless the costs say so.
LOG_REST_MEAN, LOG_REST_SD = -4.5, 3.0
MOST_NOISE = 2.0
SHORTEST, LONGEST = 5e-3, 1e3
LEAST_SCALE, MOST_SCALE = 2e-3, 400.0
# What looks like a signal may be noise: a second search begins at long lengths and much
# noise, unless the loss there is so far above what was found that it can't lead below.
NOISY_LENGTHS, NOISY_LEVEL = 1.25, 1.0  # added to the most likely log lengthscales; variance
HOPELESS = 15.0
MANY, SAMPLE = 200, 100  # rows from which a search begins with a sample, and how many rows that has
MOST_CURVED = 24  # lengthscales up to which the curvature is looked at: it takes one evaluation of the sample each
STEP = 1e-3  # of theta, to see how slopes change
PRECISION = 0.02  # of the loss; far less than what one more row changes
# Columns of names, for each eight parameters, up to which they are quicker than pairs of rows.
MOST_NAMES = 64
# What one row adds to the curvature along each of theta, on average. With it a search needs six
# evaluations where L-BFGS-B, which has to find the scale out, needs ten.
TOLD_BY_A_ROW = 0.2


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """Of a Gaussian process with a constant mean and an ARD Matern-5/2 kernel.

    lengthscales: [d]. scale: variance of the process. noise: variance of a
    measurement, on top of what is known of it. mean: of the process.
    """

    lengthscales: Vector
    scale: float
    noise: float
    mean: float


@dataclass(frozen=True, slots=True)
class _Solved:
    """At one theta: the inverse covariance less weights weights' [n, n], of which the lower triangle counts; weights
    [n], that inverse times the residuals; and the mean."""

    theta: Vector
    slope: Rows
    weights: Vector
    mean: float


@dataclass(frozen=True, slots=True)
class Loss:
    """Minus the log posterior of theta = (log lengthscales [d], log scale, log noise), and its gradient.

    A name is as many columns as it has values, each root(1/2) where the name
    is that value and 0 elsewhere: two rows with different names are 1 apart.
    Where these would be many, ``names`` says the same by pairs of rows.

    columns: [n, c + 1] the c columns of all parameters, centred, and ones, in
        Fortran's order. owners: [c] whose column it is.
    names: of the parameters ``named`` [w], which have no columns; None: all have.
    costs: [n]. variances: [n] that are known. factors: [n] of the level of
        noise, which comes on top, in each row's variance; Ankenman, Nelson,
        Staum 2010, "Stochastic Kriging for Simulation Metamodeling".
    added: [n] variances on top of both, of rows that are taken for outliers.
    means, deviations: of the normal prior of theta, of its shape.
    last: where it was evaluated last; a search ends there, and what comes next asks for the same.
    """

    columns: Rows
    owners: NDArray[np.intp]
    names: Names | None
    named: NDArray[np.intp]
    costs: Vector
    variances: Vector
    factors: Vector
    added: Vector
    means: Vector
    deviations: Vector
    last: list[_Solved] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, evidence: Evidence, categorical: Sequence[int]) -> Loss:
        """The loss that says how well hyperparameters explain the evidence."""
        count, width = evidence.rows.shape
        values = {index: np.unique(evidence.rows[:, index]) for index in categorical}
        many = sum(map(len, values.values())) > MOST_NAMES * math.ceil(len(values) / TOGETHER)
        named = np.array(sorted(values) if many else [], dtype=np.intp)
        parts: list[Rows] = [np.empty((count, 0))]
        owners: list[int] = []
        for index in range(width):
            column = evidence.rows[:, index, None]
            if many and index in values:
                continue
            if index in values:
                column = (column == values[index]) * math.sqrt(0.5)
            parts.append(column)
            owners += [index] * column.shape[1]
        columns = np.hstack(parts)
        columns = np.asfortranarray(np.hstack([columns - columns.mean(axis=0), np.ones((count, 1))]))
        target = evidence.targets[0]
        noise = (LOG_NOISE_MEAN, LOG_NOISE_SD) if target.variances is None else (LOG_REST_MEAN, LOG_REST_SD)
        lengths = np.full(width, LOG_LENGTH_MEAN + 0.5 * math.log(width))
        lengths[list(categorical)] += LOG_NAME_LENGTH
        return cls(
            columns,
            np.array(owners, dtype=np.intp),
            Names.of(evidence.rows[:, named]) if many else None,
            named,
            target.costs,
            np.zeros(count) if target.variances is None else target.variances,
            factors=np.ones(count) if target.noise_factors is None else target.noise_factors,
            added=np.zeros(count) if target.added is None else target.added,
            means=np.concatenate([lengths, [LOG_SCALE_MEAN, noise[0]]]),
            deviations=np.array([LOG_LENGTH_SD] * width + [LOG_SCALE_SD, noise[1]]),
        )

    @property
    def width(self) -> int:
        """How many lengthscales there are, d."""
        return len(self.means) - 2

    def __call__(self, theta: Vector) -> tuple[float, Vector]:
        """Loss, and gradient of theta's shape; infinity where the covariance isn't positive."""
        value, slope = self.begun(theta)
        return value, slope()

    def begun(self, theta: Vector) -> tuple[float, Callable[[], Vector]]:
        """Loss, and what computes its gradient, to be asked once, if at all: that takes twice as long as the loss."""
        scaled = self._scaled(theta)
        kernel, linear = self._kernel(scaled, theta)
        solved = self._solved(kernel, theta)
        if solved is None:
            return math.inf, lambda: np.zeros_like(theta)
        factor, weights, mean = solved
        log_determinant = 2.0 * float(np.log(factor.diagonal()).sum())
        value = 0.5 * (float(self.costs @ weights) + log_determinant)
        standard = (theta - self.means) / self.deviations

        def gradient() -> Vector:
            # d loss / d K is half of slope, inverse - weights weights'; the chain rule does the rest.
            inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
            slope = blas.dsyr(-1.0, weights, a=inverse, lower=1, overwrite_a=1)
            self.last[:] = [_Solved(theta.copy(), slope, weights, mean)]
            return self._chained(theta, scaled, kernel, linear, slope) + standard / self.deviations

        return value + 0.5 * float(standard @ standard), gradient

    def _chained(self, theta: Vector, scaled: Rows, kernel: Vector, linear: Vector, slope: Rows) -> Vector:
        """The gradient of the likelihood, from twice that by the covariance [n, n], its lower triangle."""
        width, count = self.width, len(self.costs)
        diagonal = slope.diagonal()
        packed, _ = lapack.dtrttp(slope, uplo="L")
        gradient = np.empty_like(theta)
        # A sum over the whole matrix is twice the triangle's, less the diagonal's.
        gradient[width] = float(packed @ kernel) - 0.5 * float(diagonal.sum()) * math.exp(theta[width])
        gradient[width + 1] = 0.5 * float(diagonal @ self.factors) * math.exp(theta[width + 1])
        linear *= packed
        steep, _ = lapack.dtpttr(count, linear, uplo="L")
        pulled = blas.dsymm(5.0 / 3.0, steep, scaled, lower=1)
        squares = pulled[:, -1] @ np.square(scaled[:, :-1]) - (scaled[:, :-1] * pulled[:, :-1]).sum(axis=0)
        gradient[:width] = np.bincount(self.owners, squares, width)
        if self.names is not None:
            gradient[self.named] = 5.0 / 3.0 * np.exp(-2.0 * theta[self.named]) * self.names.totals(linear)
        return gradient

    def mean(self, theta: Vector) -> float:
        """The constant mean under which the costs are most likely; raises ValueError where ``inverse`` does."""
        return self._at(theta).mean

    def inverse(self, theta: Vector) -> Rows:
        """[n, n] of the covariance of the costs, noise included; raises ValueError where it isn't positive."""
        there = self._at(theta)
        lower = blas.dsyr(1.0, there.weights, a=there.slope, lower=1)
        whole: Rows = np.tril(lower) + np.tril(lower, -1).T
        return whole

    def _at(self, theta: Vector) -> _Solved:
        if not self.last or not np.array_equal(self.last[0].theta, theta):
            value, _ = self(theta)
            if not math.isfinite(value):
                raise ValueError("the covariance of the evidence isn't positive definite")
        return self.last[0]

    def at(self, kept: NDArray[np.intp]) -> Loss:
        """Of some of the rows alone."""
        return replace(
            self,
            columns=np.asfortranarray(self.columns[kept]),
            names=None if self.names is None else Names.of(self.names.rows[kept]),
            costs=self.costs[kept],
            variances=self.variances[kept],
            factors=self.factors[kept],
            added=self.added[kept],
        )

    def prior(self) -> tuple[Vector, Vector]:
        """Mean and standard deviation of the normal prior of theta, of its shape."""
        return self.means, self.deviations

    def _scaled(self, theta: Vector) -> Rows:
        scales = np.ones(len(self.owners) + 1)
        scales[:-1] = np.exp(-theta[self.owners])
        return self.columns * scales

    def _kernel(self, scaled: Rows, theta: Vector) -> tuple[Vector, Vector]:
        apart = None if self.names is None else self.names.sums(5.0 * np.exp(-2.0 * theta[self.named]))
        return _matern(scaled, theta[self.width], apart)

    def _solved(self, kernel: Vector, theta: Vector) -> tuple[Rows, Vector, float] | None:
        """Of a packed kernel: the covariance's factor [n, n], its inverse times the residuals [n], and the mean."""
        covariance, _ = lapack.dtpttr(len(self.costs), kernel, uplo="L")
        noise = self.variances + math.exp(theta[self.width + 1]) * self.factors
        covariance.ravel("K")[:: len(covariance) + 1] += noise + self.added
        factor, failed = lapack.dpotrf(covariance, lower=1, overwrite_a=1, clean=0)
        if failed:
            return None
        sides = np.ones((2, len(self.costs)))
        sides[0] = self.costs
        both, _ = lapack.dpotrs(factor, sides.T, lower=1)
        mean = float(both[:, 0].sum() / both[:, 1].sum())
        return factor, both[:, 0] - mean * both[:, 1], mean


def fit(evidence: Evidence, categorical: Sequence[int]) -> Hyperparameters:
    """The most probable hyperparameters, of local searches from a few starts.

    categorical: the columns of the evidence whose values are names.
    """
    loss = Loss.of(evidence, categorical)
    return hyperparameters(loss, search(loss)[1])


def hyperparameters(loss: Loss, theta: Vector) -> Hyperparameters:
    """Theta by the names of what it holds, with the mean that goes with it."""
    width = loss.width
    return Hyperparameters(
        lengthscales=np.exp(theta[:width]),
        scale=math.exp(theta[width]),
        noise=math.exp(theta[width + 1]),
        mean=loss.mean(theta),
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What was found out of a loss beforehand: its least value, infinity if that wasn't searched; and theta there, or
    where a search may begin."""

    loss: Loss
    value: float
    theta: Vector


def search(loss: Loss, near: Vector | None = None) -> tuple[float, Vector]:
    """The least loss that was found, and its theta.

    Where there are many rows, a sample of them says where to begin and how
    the loss is curved there; a third as many evaluations are then needed.

    near: where to begin; else at the most likely theta of the prior, and
        where all is noise.
    """
    if len(loss.costs) >= MANY and loss.width <= MOST_CURVED:
        sample = loss.at(np.linspace(0, len(loss.costs) - 1, SAMPLE).astype(np.intp))
        start = _descend_twice(sample)[1] if near is None else near
        found = descend(loss.begun, start, _curvature(sample, start, len(loss.costs) / SAMPLE), _box(loss), PRECISION)
        if math.isfinite(found[0]):
            return found
    elif near is not None:
        found = _descend(loss, near)
        if math.isfinite(found[0]):
            return found
    return _descend_twice(loss)


def _descend_twice(loss: Loss) -> tuple[float, Vector]:
    """From the most likely theta, and from where all is noise if that isn't hopeless."""
    found = _descend(loss, loss.means)
    noisy = loss.means.copy()
    noisy[: loss.width] += NOISY_LENGTHS
    noisy[loss.width + 1] = math.log(NOISY_LEVEL)
    if loss.begun(noisy)[0] > found[0] + HOPELESS:
        return found
    return min(found, _descend(loss, noisy), key=lambda one: one[0])


def _descend(loss: Loss, start: Vector) -> tuple[float, Vector]:
    """With what is to be expected of the curvature."""
    expected = 1.0 / np.square(loss.deviations) + TOLD_BY_A_ROW * len(loss.costs)
    return descend(loss.begun, start, np.diag(expected), _box(loss), PRECISION)


def _curvature(sample: Loss, theta: Vector, times: float) -> Rows:
    """About the Hessian at theta of the loss of ``times`` as many rows as the sample has; positive definite."""
    low, high = _box(sample)
    inside = np.clip(theta, low + STEP, high - STEP)
    slope = sample(inside)[1]
    hessian = np.stack([sample(inside + step)[1] - slope for step in STEP * np.eye(len(theta))]) / STEP
    prior = np.diag(1.0 / np.square(sample.deviations))
    bends, directions = np.linalg.eigh((hessian + hessian.T) / 2.0 - prior)
    curvature: Rows = prior + (directions * (np.maximum(bends, 0.0) * times)) @ directions.T
    return curvature


def _box(loss: Loss) -> tuple[Vector, Vector]:
    """The least and the greatest theta."""
    ends = np.log([*[(SHORTEST, LONGEST)] * loss.width, (LEAST_SCALE, MOST_SCALE), (LEAST_VARIANCE, MOST_NOISE)])
    return ends[:, 0], ends[:, 1]


def _matern(scaled: Rows, log_scale: float, apart: Vector | None = None) -> tuple[Vector, Vector]:
    """Of rows [n, c + 1], ones last: the kernel scale (1 + s + s^2 / 3) exp(-s), and scale (1 + s) exp(-s).

    s = root(5) r. apart: what there is to s^2 beyond the rows' distances.
    All are of the lower triangles of [n, n] matrices, one column after the other.
    """
    norms = np.square(scaled[:, :-1]).sum(axis=1)
    squares = blas.dsyrk(-10.0, scaled[:, :-1], lower=1)
    squares = blas.dsyr2(5.0, norms, scaled[:, -1], a=squares, lower=1, overwrite_a=1)
    distance, _ = lapack.dtrttp(squares, uplo="L")
    if apart is not None:
        distance += apart
    np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
    decay = np.exp(log_scale - distance)
    linear = distance + 1.0
    linear *= decay
    distance *= distance
    distance *= decay
    distance *= 1.0 / 3.0
    distance += linear
    return distance, linear

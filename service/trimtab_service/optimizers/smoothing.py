"""What trials truly cost, as far as all of them tell. NumPy alone.

Of many noisy measurements the lowest are lucky ones: whoever keeps them, and
forgets the others, believes in costs that don't exist.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.targets import LEAST_VARIANCE, Target, Vector

Real = TypeVar("Real", np.float32, np.float64)

SAMPLE = 100  # trials that explain the others: the time grows with their square
MOST_PAIRS = 1_000_000  # of trials and those of the sample: of a very long history the sample is smaller
LENGTHS = (0.1, 0.2, 0.4, 0.8, 2.0)  # of the cube's diagonal, tried for all columns at once
LONGER = 4.0  # times that, tried for one column after the other
MOST_SEARCHED = 24  # columns up to which that is tried
SCALES = np.geomspace(1e-3, 1e6, 19)  # variances of the process, in multiples of the noise's level
JITTER = 1e-6  # of the process's variance, so that points that look alike have a factor


def smoothed(points: Rows, target: Target) -> tuple[Vector, Vector]:
    """Means and standard deviations [n] of the true costs of n measured trials at points [n, c].

    By a Gaussian process of all of them that depend on one another through an
    even sample alone: Snelson, Ghahramani 2006, "Sparse Gaussian Processes
    using Pseudo-inputs". What the sample doesn't explain of a trial is told by
    its own measurement, so that exact ones stay what they are.
    """
    factors = _factors(target)
    sample = np.linspace(0, len(points) - 1, min(len(points), SAMPLE)).astype(np.intp)
    model = _fitted(points[sample], target.costs[sample], factors[sample], known=target.variances is not None)
    # Whatever there is n times k of is in single precision: it only tells what is kept.
    scaled = (points / model.lengths).astype(np.float32)
    sample = sample[:: max(1, len(points) * len(sample) // MOST_PAIRS)]
    among = _correlations(*2 * (points[sample] / model.lengths,)) + JITTER * np.eye(len(sample))
    whiten = math.sqrt(model.scale) * np.linalg.inv(np.linalg.cholesky(among)).T
    explained = _correlations(scaled, scaled[sample]) @ whiten.astype(np.float32)
    rest = np.maximum(model.scale - _norms(explained), 0.0)
    noise = np.maximum(model.level * factors, LEAST_VARIANCE)
    doubt = rest + noise
    weighted = explained / np.sqrt(doubt).astype(np.float32)[:, None]
    factor = np.linalg.cholesky(np.eye(len(sample)) + weighted.T @ weighted)
    back = np.linalg.inv(factor)
    told = explained.T @ ((target.costs - model.mean) / doubt).astype(np.float32)
    shared = model.mean + explained @ (back.T @ (back @ told)).astype(np.float32)
    unsure = _norms(explained @ back.T.astype(np.float32))
    means = shared + rest / doubt * (target.costs - shared)
    return means, np.sqrt(np.square(noise / doubt) * unsure + rest * noise / doubt)


def _norms(rows: NDArray[np.float32]) -> Vector:
    """[n] the squared lengths of rows [n, k]."""
    norms: Vector = np.einsum("ij,ij->i", rows, rows).astype(float)
    return norms


def _factors(target: Target) -> Vector:
    """[n] of the noise's level in the variance of each measurement; the variances themselves where they are known."""
    if target.variances is not None:
        return target.variances
    return np.ones(len(target.costs)) if target.noise_factors is None else target.noise_factors


@dataclass(frozen=True, slots=True)
class _Model:
    """A Gaussian process: lengths [c], its mean and variance, and the level of the noise."""

    lengths: Vector
    mean: float
    scale: float
    level: float


def _fitted(points: Rows, costs: Vector, factors: Vector, *, known: bool) -> _Model:
    """The most likely one of k costs at points [k, c]: of a few lengths for all columns, and longer ones for each.

    known: whether the level is 1.
    """
    width = points.shape[1]

    def made(lengths: Vector) -> tuple[float, _Model]:
        return _most_likely(points, lengths, costs, factors, known=known)

    starts = [np.full(width, share * math.sqrt(width)) for share in LENGTHS]
    value, model = min((made(lengths) for lengths in starts), key=lambda one: one[0])
    for column in range(width if width <= MOST_SEARCHED else 0):
        found, other = made(np.where(np.arange(width) == column, LONGER * model.lengths, model.lengths))
        if found < value:
            value, model = found, other
    return model


def _most_likely(points: Rows, lengths: Vector, costs: Vector, factors: Vector, *, known: bool) -> tuple[float, _Model]:
    """Minus the log likelihood of the costs, and the model, with the best of some scales."""
    scaled, deviations = points / lengths, np.sqrt(factors)
    values, vectors = np.linalg.eigh(_correlations(scaled, scaled) / np.outer(deviations, deviations))
    turned, ones = vectors.T @ (costs / deviations), vectors.T @ (1.0 / deviations)
    spreads = SCALES[:, None] * np.maximum(values, 0.0) + 1.0
    means = (turned * ones / spreads).sum(axis=1) / (np.square(ones) / spreads).sum(axis=1)
    squares = (np.square(turned - means[:, None] * ones) / spreads).sum(axis=1)
    count, logs = len(costs), np.log(spreads).sum(axis=1)
    levels = np.ones(len(SCALES)) if known else np.maximum(squares / count, LEAST_VARIANCE)
    losses = 0.5 * (squares / levels + count * np.log(levels) + logs)
    best = int(np.argmin(losses))
    level = float(levels[best])
    return float(losses[best]), _Model(lengths, float(means[best]), level * float(SCALES[best]), level)


def _correlations(scaled: NDArray[Real], others: NDArray[Real]) -> NDArray[Real]:
    """Matern-5/2, [n, k] of rows [n, c] with rows [k, c], both in lengths."""
    distance = scaled @ (-10.0 * others.T)
    distance += 5.0 * np.square(scaled).sum(axis=1)[:, None]
    distance += 5.0 * np.square(others).sum(axis=1)
    np.sqrt(np.maximum(distance, 0.0, out=distance), out=distance)
    correlations = np.square(distance)
    correlations /= 3.0
    correlations += distance
    correlations += 1.0
    correlations *= np.exp(np.negative(distance, out=distance), out=distance)
    return correlations

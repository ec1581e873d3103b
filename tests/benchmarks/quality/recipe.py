"""A short recipe for Bayesian optimization as a player: the least that ours must not be worse than.

Five points, the first the centre; costs clipped on their bad side and standardized; one Gaussian process with
an ARD Matern-5/2 kernel whose lengthscales have a short prior; log expected improvement on the lowest cost
observed, and every fifth time the least expected cost. Names are compared by whether they differ. Nothing of
the service may be used here: what is compared with must not change as that does.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import erfcx, ndtr
from scipy.stats import qmc

from quality.conversation import INITIAL, Spec, Unable

Array: TypeAlias = NDArray[np.float64]
Values: TypeAlias = Callable[[Array], tuple[Array, Array]]
"""Of rows [b, d]: values [b] to be large, and their slopes [b, d]."""

WHISKER = 1.5  # interquartile ranges above the third quartile where costs are clipped
LOG_LENGTH, LENGTH_DEVIATION = -1.6, 1.0  # of log l - log(d) / 2
LOG_NOISE, NOISE_DEVIATION, NOISE_RANGE = -4.0, 2.0, (1e-6, 2.0)
COLD_LENGTH = 0.7  # times the root of d
RANGE = (1e-3, 1e3)  # of lengthscales and of the process's variance
FIT_STEPS, CLIMB_STEPS = 50, 50
WARM_ONLY = 150  # rows beyond which the fit begins where the last one ended and nowhere else
EXPLOIT_EVERY, EXPLOIT_NOISE = 5, 0.05
UNIFORM, NEAR, CENTRES, NEAR_DEVIATION = 256, 256, 3, 0.05
RESTARTS, ROUNDS, JUMPS = 4, 3, (-3, -1, 1, 3)
SAME = 1e-7
ASYMPTOTIC = -1e3  # below it the series of log expected improvement has more digits than the formula


class Recipe:
    """One run. Coordinates: floats and whole numbers from 0 to 1, the latter on their grid; names by index."""

    def __init__(self, problem: Spec, seed: int) -> None:
        if problem["constraints"] or len(problem["objectives"]) > 1:
            raise Unable("it has one objective and no constraints")
        if problem["context"] or any("when" in parameter for parameter in problem["parameters"]):
            raise Unable("it knows neither a context nor conditions")
        (self.objective,) = problem["objectives"]
        self.axes = tuple(map(_axis, problem["parameters"]))
        self.is_name = np.array([axis.names for axis in self.axes])
        self.counts = np.array([axis.count for axis in self.axes])
        self.rng = np.random.default_rng((seed, 5))
        self.rows, self.costs = np.empty((0, len(self.axes))), np.empty(0)
        self.theta: Array | None = None
        self.optima = self.rows
        self.asked = np.zeros(len(self.axes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the number of points is no power of two
            design = qmc.Sobol(len(self.axes), seed=np.random.default_rng((seed, 6))).random(INITIAL - 1)
        centre = np.where(self.is_name, 0.0, 0.5)  # of names the first one
        self.design = self._snapped(np.concatenate([centre[None], design]))

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        number = len(self.rows)
        row = self.design[number] if number < INITIAL else self._by_model(number + 1)
        self.asked = row
        return {axis.parameter["name"]: axis.value(share) for axis, share in zip(self.axes, row, strict=True)}

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """See ``Player``."""
        self.rows = np.concatenate([self.rows, self.asked[None]])
        self.costs = np.append(self.costs, outcomes[self.objective])

    def recommend(self) -> Mapping[str, Any]:
        """The tried point of least expected cost."""
        best = self.rows[int(np.argmin(self._model().at(self.rows)[0]))]
        return {axis.parameter["name"]: axis.value(share) for axis, share in zip(self.axes, best, strict=True)}

    def _model(self) -> Model:
        return fitted(self.rows, standardized(self.costs), self.is_name, self.theta)

    def _by_model(self, number: int) -> Array:
        model = self._model()
        self.theta = model.theta
        exploits = number % EXPLOIT_EVERY == 0 and model.noise < EXPLOIT_NOISE
        acquisition = model.gain if exploits else model.improvement
        candidates = self._candidates(model.costs)
        candidates = candidates[np.argsort(-acquisition(candidates)[0], kind="stable")]
        self.optima = self._climbed(acquisition, candidates[:RESTARTS])
        ranked = np.concatenate([self.optima, candidates])
        known = np.abs(ranked[:, None] - self.rows).max(axis=2).min(axis=1) <= SAME
        row: Array = ranked[int(np.argmin(known))]
        return row

    def _candidates(self, costs: Array) -> Array:
        """Rows anywhere, rows near the best three that move in some of their coordinates, and the last optima."""
        width = len(self.axes)
        best = self.rows[np.argsort(costs, kind="stable")[:CENTRES]]
        near = best[self.rng.integers(len(best), size=NEAR)]
        reach = NEAR_DEVIATION * np.exp(self.rng.standard_normal((NEAR, 1)))
        moves = self.rng.random((NEAR, width)) < 0.5
        moves[np.arange(NEAR), self.rng.integers(width, size=NEAR)] = True
        shares = np.clip(near + reach * self.rng.standard_normal((NEAR, width)), 0.0, 1.0)
        nearest = np.stack([axis.nearest(column) for axis, column in zip(self.axes, shares.T, strict=True)], axis=1)
        nearest[:, self.is_name] = self._snapped(self.rng.random((NEAR, width)))[:, self.is_name]
        near = np.where(moves, nearest, near)
        return np.concatenate([self._snapped(self.rng.random((UNIFORM, width))), near, self.optima])

    def _snapped(self, shares: Array) -> Array:
        """Coordinates of the points at shares [n, d] of the scales."""
        return np.stack([axis.snapped(column) for axis, column in zip(self.axes, shares.T, strict=True)], axis=1)

    def _climbed(self, acquisition: Values, rows: Array) -> Array:
        """The rows [k, d] moved uphill, the best first: the floats by slope, then the best step of the others."""
        rows = climbed(acquisition, rows, self.counts == 0)
        for _ in range(ROUNDS if self.counts.any() else 0):
            stepped = np.stack([self._step(acquisition, row) for row in rows])
            if (stepped == rows).all():
                break
            rows = climbed(acquisition, stepped, self.counts == 0)
        return rows[np.argsort(-acquisition(rows)[0], kind="stable")]

    def _step(self, acquisition: Values, row: Array) -> Array:
        """The best one of a row and those that differ from it in one whole number or one name."""
        rows = [row]
        for column, axis in enumerate(self.axes):
            for coordinate in axis.beside(float(row[column])):
                rows.append(row.copy())
                rows[-1][column] = coordinate
        best: Array = rows[int(np.argmax(acquisition(np.stack(rows))[0]))]
        return best


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter. count: of its values; 0: a float. names: whether these have no order."""

    parameter: Spec
    low: float
    high: float
    count: int
    names: bool

    def value(self, coordinate: float) -> Any:
        """Of the parameter."""
        if self.names:
            return self.parameter["values"][int(coordinate)]
        value = self.low + coordinate * (self.high - self.low)
        value = math.exp(value) if self.parameter["log"] else value
        value = min(max(value, self.parameter["low"]), self.parameter["high"])
        return round(value) if self.count else value

    def snapped(self, shares: Array) -> Array:
        """Coordinates [n] of the values at shares [n] of the scale, all values about as often."""
        if not self.count:
            return shares
        if self.names:
            return np.floor(np.minimum(shares * self.count, self.count - 1.0))
        if self.parameter["log"]:
            return self.nearest(shares)
        coordinates: Array = np.floor(np.minimum(shares * self.count, self.count - 1.0)) / max(self.count - 1, 1)
        return coordinates

    def nearest(self, coordinates: Array) -> Array:
        """Coordinates [n] of the nearest values to those [n] given, which are no names."""
        if not self.count or self.names:
            return coordinates
        numbers = self.low + coordinates * (self.high - self.low)
        rounded = np.log(np.round(np.exp(numbers))) if self.parameter["log"] else np.round(numbers)
        return np.asarray((rounded - self.low) / (self.high - self.low))

    def beside(self, coordinate: float) -> list[float]:
        """Coordinates of other values: every name, and whole numbers one and three steps away."""
        if not self.count:
            return []
        if self.names:
            return [float(index) for index in range(self.count) if index != coordinate]
        places = [self.value(coordinate) + jump for jump in JUMPS]
        within = [place for place in places if self.parameter["low"] <= place <= self.parameter["high"]]
        scaled = [math.log(place) if self.parameter["log"] else place for place in within]
        return [(place - self.low) / (self.high - self.low) for place in scaled]


def _axis(parameter: Spec) -> Axis:
    if parameter["kind"] == "categorical":
        return Axis(parameter, 0.0, 1.0, len(parameter["values"]), names=True)
    low, high = float(parameter["low"]), float(parameter["high"])
    count = int(high - low) + 1 if parameter["kind"] == "integer" else 0
    ends = (math.log(low), math.log(high)) if parameter["log"] else (low, high)
    return Axis(parameter, *ends, count, names=False)


def standardized(costs: Array) -> Array:
    """Clipped where they are bad, with mean 0 and variance 1."""
    first, third = np.percentile(costs, (25, 75))
    clipped = np.minimum(costs, third + WHISKER * (third - first)) if third > first else costs
    spread = float(clipped.std())
    return np.asarray((clipped - clipped.mean()) / (spread if spread > 0.0 else 1.0))


@dataclass(frozen=True, slots=True)
class Model:
    """The posterior. theta: log lengthscales [d], log variance of the process, log variance of the noise."""

    rows: Array
    costs: Array
    is_name: NDArray[np.bool_]
    theta: Array
    factor: Array
    weights: Array
    mean: float

    @property
    def noise(self) -> float:
        """The variance of a measurement, of standardized costs."""
        return math.exp(self.theta[-1])

    def at(self, rows: Array) -> tuple[Array, Array]:
        """Means and deviations [b] at rows [b, d]."""
        means, deviations, _, _ = self._local(rows)
        return means, deviations

    def gain(self, rows: Array) -> tuple[Array, Array]:
        """Minus the expected cost."""
        means, _, slopes, _ = self._local(rows)
        return -means, -slopes

    def improvement(self, rows: Array) -> tuple[Array, Array]:
        """log E[max(best - f, 0)], best the lowest cost that was observed."""
        means, deviations, mean_slopes, deviation_slopes = self._local(rows)
        u = (float(self.costs.min()) - means) / deviations
        value, by_u = _log_excess(u)
        steep = (by_u / deviations)[:, None]
        slopes = -steep * mean_slopes + ((1.0 - by_u * u) / deviations)[:, None] * deviation_slopes
        return value + np.log(deviations), slopes

    def _local(self, rows: Array) -> tuple[Array, Array, Array, Array]:
        """Means and deviations [b], and the slopes [b, d] of both."""
        differences = rows[:, None] - self.rows
        squares = np.where(self.is_name, differences != 0.0, np.square(differences))
        lengths, scale = np.exp(self.theta[:-2]), math.exp(self.theta[-2])
        kernel, linear = _matern(squares @ np.exp(-2.0 * self.theta[:-2]))
        differences[:, :, self.is_name] = 0.0
        by_rows = -5.0 / 3.0 * scale * linear[:, :, None] * differences / np.square(lengths)
        across = scale * kernel
        whitened = solve_triangular(self.factor, across.T, lower=True)
        deviations = np.sqrt(np.maximum(scale - np.square(whitened).sum(axis=0), 1e-16))
        pulled = solve_triangular(self.factor, whitened, lower=True, trans=1).T
        mean_slopes = np.einsum("bnd,n->bd", by_rows, self.weights)
        deviation_slopes = -np.einsum("bnd,bn->bd", by_rows, pulled) / deviations[:, None]
        return self.mean + across @ self.weights, deviations, mean_slopes, deviation_slopes


def _matern(squares: Array) -> tuple[Array, Array]:
    """(1 + s + s^2 / 3) exp(-s) and (1 + s) exp(-s), s the root of five times the squares."""
    s = np.sqrt(5.0 * squares)
    decay = np.exp(-s)
    return (1.0 + s + np.square(s) / 3.0) * decay, (1.0 + s) * decay


def _log_excess(u: Array) -> tuple[Array, Array]:
    """log E[max(u + Z, 0)], Z standard normal, and its slope, [b] each."""
    low = np.minimum(u, -1.0)
    mills = math.sqrt(math.pi / 2.0) * erfcx(-low / math.sqrt(2.0))
    rest = np.where(low > ASYMPTOTIC, 1.0 + low * mills, 1.0 / np.square(low))
    below = np.log(rest) - 0.5 * np.square(low) - 0.5 * math.log(2.0 * math.pi)
    high = np.maximum(u, -1.0)
    excess = np.exp(-0.5 * np.square(high)) / math.sqrt(2.0 * math.pi) + high * ndtr(high)
    return np.where(u < -1.0, below, np.log(excess)), np.where(u < -1.0, mills / rest, ndtr(high) / excess)


def fitted(rows: Array, costs: Array, is_name: NDArray[np.bool_], warm: Array | None) -> Model:
    """The model with the most probable hyperparameters: a search from the last ones, and from long lengthscales."""
    differences = rows[:, None] - rows
    squares = np.where(is_name, differences != 0.0, np.square(differences))
    width = rows.shape[1]
    half = 0.5 * math.log(width)
    means = np.array([LOG_LENGTH + half] * width + [0.0, LOG_NOISE])
    deviations = np.array([LENGTH_DEVIATION] * width + [1.0, NOISE_DEVIATION])
    cold = np.array([math.log(COLD_LENGTH) + half] * width + [0.0, LOG_NOISE])
    starts = [cold] if warm is None else [warm] if len(rows) > WARM_ONLY else [warm, cold]

    def loss(theta: Array) -> tuple[float, Array]:
        kernel, linear = _matern(squares @ np.exp(-2.0 * theta[:-2]))
        solved = _solved(kernel, costs, theta)
        if solved is None:
            return 1e10, np.zeros_like(theta)
        factor, weights, _ = solved
        pull = cho_solve((factor, True), np.eye(len(costs))) - np.outer(weights, weights)
        scale, noise = np.exp(theta[-2:])
        standard = (theta - means) / deviations
        slope = standard / deviations
        slope[:-2] += 0.5 * scale * 5.0 / 3.0 * np.einsum("nm,nmd->d", pull * linear, squares) * np.exp(-2 * theta[:-2])
        slope[-2] += 0.5 * scale * float((pull * kernel).sum())
        slope[-1] += 0.5 * noise * float(np.trace(pull))
        # The mean is the most likely one, so that it has no slope.
        residuals = scale * kernel @ weights + noise * weights
        value = 0.5 * float(residuals @ weights) + float(np.log(factor.diagonal()).sum())
        return value + 0.5 * float(standard @ standard), slope

    bounds = np.log([RANGE] * (width + 1) + [NOISE_RANGE])
    options = {"maxiter": FIT_STEPS}
    found = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options) for start in starts]
    theta = min(found, key=lambda one: float(one.fun)).x
    solved = _solved(_matern(squares @ np.exp(-2.0 * theta[:-2]))[0], costs, theta)
    if solved is None:
        raise ValueError("the covariance isn't positive definite")
    return Model(rows, costs, is_name, theta, *solved)


def _solved(kernel: Array, costs: Array, theta: Array) -> tuple[Array, Array, float] | None:
    """The covariance's factor [n, n], its inverse times the residuals [n], and the most likely mean."""
    scale, noise = np.exp(theta[-2:])
    try:
        factor = cholesky(scale * kernel + noise * np.eye(len(costs)), lower=True)
    except np.linalg.LinAlgError:
        return None
    solved = cho_solve((factor, True), np.stack([costs, np.ones_like(costs)], axis=1))
    mean = float(solved[:, 0].sum() / solved[:, 1].sum())
    return factor, solved[:, 0] - mean * solved[:, 1], mean


def climbed(acquisition: Values, rows: Array, free: NDArray[np.bool_]) -> Array:
    """All rows [k, d] moved uphill together in the ``free`` columns, from 0 to 1."""
    if not free.any():
        return rows

    def moved(flat: Array) -> Array:
        there = rows.copy()
        there[:, free] = flat.reshape(len(rows), -1)
        return there

    def downhill(flat: Array) -> tuple[float, Array]:
        values, slopes = acquisition(moved(flat))
        return -float(values.sum()), -slopes[:, free].ravel()

    start = rows[:, free].ravel()
    bounds = [(0.0, 1.0)] * len(start)
    found = minimize(downhill, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": CLIMB_STEPS})
    better = acquisition(moved(found.x))[0] >= acquisition(rows)[0]
    return np.where(better[:, None], moved(found.x), rows)

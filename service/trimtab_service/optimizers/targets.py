"""The metrics that a study's models learn, one Gaussian process each. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.metric import MetricKind
from trimtab_service.domain.observation import Measurement
from trimtab_service.optimizers.transforms import Bilog, Logarithm, Straight, Transform

Vector: TypeAlias = NDArray[np.float64]
"""[n] one number a row."""

Mask: TypeAlias = NDArray[np.bool_]
"""[n] one truth value a row."""

WHISKER = 1.5  # Tukey's fences: costs this many interquartile ranges above Q3 are clipped there
FAILURE_COST = 1.0  # in standard deviations: a failure is never better than this
LEAST_SPREAD = 1e-12  # of the largest cost: below it differences are rounding
LEAST_VARIANCE = 1e-6  # of standardized costs: below it a covariance matrix stops being invertible
MOST_VARIANCE = 1e6  # likewise: above it a measurement says nothing
LARGEST = float(np.finfo(float).max)
OWN_SPREAD = 1.0  # variance of the logarithm of a measurement's variance from point to point: a factor of e, as a rule
SHARE_WITH_ERRORS = 0.5  # of the measured trials: below it standard errors are left aside


STRAIGHT = Straight()


class Role(Enum):
    """What a metric is to the study."""

    OBJECTIVE = "objective"
    CONSTRAINT = "constraint"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Target:
    """One modelled metric, at the n rows of the evidence.

    name: of the metric. role: what it is to the study; a metric that is an
        objective and constrained makes two targets.
    sign: 1, or -1 for what is maximized.
    costs: [n] standardized, smaller is better for objectives; NaN where a
        failed trial says nothing about it.
    variances: [n] of the costs' errors, in the same unit; None: not known.
    noise_factors: [n] of the level of noise that is fitted, on top of the
        variances that are known; None: all 1.
    added: [n] variances on top of both, of rows that are taken for
        outliers; None: of no row.
    unclipped: [n] the costs with the bad side as it was measured; None: as
        ``costs`` are.
    location, spread, scale, transform: the value in the unit of the metric is
        sign * scale * transform^-1(location + spread * cost); see ``value``.
    low, high: what is acceptable, in the unit of the costs; infinite where
        there is no bound.
    """

    name: str
    role: Role
    sign: float
    costs: Vector
    variances: Vector | None
    location: float
    spread: float
    noise_factors: Vector | None = None
    added: Vector | None = None
    unclipped: Vector | None = None
    scale: float = 1.0
    transform: Transform = STRAIGHT
    low: float = -math.inf
    high: float = math.inf

    @property
    def told(self) -> Mask:
        """[n] which rows say something about the metric."""
        return ~np.isnan(self.costs)

    def at(self, kept: NDArray[np.intp]) -> Target:
        """The same at some of the rows."""
        return Target(
            name=self.name,
            role=self.role,
            sign=self.sign,
            costs=self.costs[kept],
            variances=None if self.variances is None else self.variances[kept],
            location=self.location,
            spread=self.spread,
            noise_factors=None if self.noise_factors is None else self.noise_factors[kept],
            added=None if self.added is None else self.added[kept],
            unclipped=None if self.unclipped is None else self.unclipped[kept],
            scale=self.scale,
            transform=self.transform,
            low=self.low,
            high=self.high,
        )

    def value(self, costs: Vector) -> Vector:
        """In the unit of the metric, as far as a double goes."""
        with np.errstate(over="ignore"):
            values = self.sign * self.scale * self.transform.inverse(self.location + self.spread * costs)
        return np.clip(values, -LARGEST, LARGEST)

    def unit(self, cost: float) -> float:
        """What a unit of standardized cost is in the unit of the metric, near a cost: exact where nothing is bent."""
        bent = np.array([self.location + self.spread * cost])
        with np.errstate(over="ignore"):
            found = self.scale * self.spread / float(self.transform.slope(self.transform.inverse(bent))[0])
        return min(found, LARGEST)

    def cost(self, value: float) -> float:
        """The standardized cost of a value in the unit of the metric; infinite values stay so."""
        if not math.isfinite(value):
            return self.sign * value
        bent = self.transform.forward(np.array([self.sign * value / self.scale]))
        return float((bent[0] - self.location) / self.spread)


def objective_target(
    name: str,
    sign: float,
    kind: MetricKind,
    measurements: Sequence[Measurement],
    measured: Mask,
    whisker: float = WHISKER,
    of_interest: float = -math.inf,
) -> Target:
    """Of an objective: the bad side clipped at Q3 + ``whisker`` interquartile ranges, standardized.

    of_interest: the cost up to which nothing is clipped.

    measurements: of the completed trials. measured: [n] which trials those
    are. A failed trial counts as the worst cost, or one standard deviation
    above the mean if that is more: bad enough to keep away from, and no cliff
    that the surrogate would bend for.
    """
    raw = np.array([sign * measurement.mean for measurement in measurements])
    # Costs near the largest double must not overflow in the sums below.
    scale = _scale(raw)
    clipped = clip_bad_side(raw / scale, whisker, of_interest / scale)
    location, spread = standard(clipped)
    costs = np.empty(len(measured))
    costs[measured] = (clipped - location) / spread
    costs[~measured] = failure_cost(costs[measured])
    unclipped = costs.copy()
    unclipped[measured] = (raw / scale - location) / spread
    units = np.full(len(raw), scale * spread)
    variances = _spread_out(_variances(kind, measurements, units), measured, fill=True)
    # The unit of the least numbers that there are would vanish.
    unit = max(spread * scale, float(np.finfo(float).tiny))
    return Target(name, Role.OBJECTIVE, sign, costs, variances, location * scale, unit, unclipped=unclipped)


def failure_cost(costs: Vector) -> float:
    """What a failed trial counts as beside standardized costs: not better than the worst of them, nor than most."""
    return max(float(costs.max()), FAILURE_COST)


def constraint_target(
    name: str,
    bounds: tuple[float, float],
    kind: MetricKind,
    measurements: Sequence[Measurement],
    measured: Mask,
) -> Target:
    """Of a constrained metric with its least and greatest acceptable value: see ``Bilog``.

    measurements, measured: as of ``objective_target``. A failed trial says nothing.
    """
    raw = np.array([measurement.mean for measurement in measurements])
    finite = [bound for bound in bounds if math.isfinite(bound)]
    scale = _scale(np.concatenate([raw, finite]))
    values, low, high = raw / scale, bounds[0] / scale, bounds[1] / scale
    transform: Transform = STRAIGHT
    if finite:
        off = np.min([np.abs(values - bound / scale) for bound in finite], axis=0)
        # Half of the trials lie where little is bent.
        width = float(np.median(off)) or float(off.mean()) or 1.0
        transform = Bilog(low, high, max(width, LEAST_SPREAD))
    return _bent(name, Role.CONSTRAINT, transform, scale, bounds, kind, measurements, measured)


def cost_target(name: str, kind: MetricKind, measurements: Sequence[Measurement], measured: Mask) -> Target:
    """Of the logarithm of what a trial costs. A failed trial says nothing."""
    everything = (-math.inf, math.inf)
    return _bent(name, Role.COST, Logarithm(), 1.0, everything, kind, measurements, measured)


def _bent(
    name: str,
    role: Role,
    transform: Transform,
    scale: float,
    bounds: tuple[float, float],
    kind: MetricKind,
    measurements: Sequence[Measurement],
    measured: Mask,
) -> Target:
    values = np.array([measurement.mean for measurement in measurements]) / scale
    bent = transform.forward(values)
    location, spread = standard(bent)
    costs = np.full(len(measured), math.nan)
    costs[measured] = (bent - location) / spread
    # The delta method: an error is stretched as the values around it are.
    units = scale * spread / transform.slope(values)
    variances = _spread_out(_variances(kind, measurements, units), measured, fill=False)
    low, high = (
        float((transform.forward(np.array([bound / scale]))[0] - location) / spread) if math.isfinite(bound) else bound
        for bound in bounds
    )
    return Target(
        *(name, role, 1.0, costs, variances, location, spread),
        scale=scale,
        transform=transform,
        low=low,
        high=high,
    )


def _scale(values: Vector) -> float:
    return float(np.max(np.abs(values))) or 1.0


def standard(values: Vector) -> tuple[float, float]:
    """Mean and standard deviation, 1 where that is rounding."""
    location, spread = float(values.mean()), float(values.std())
    return location, spread if spread >= LEAST_SPREAD * max(1.0, abs(location)) else 1.0


def clip_bad_side(costs: Vector, whisker: float = WHISKER, of_interest: float = -math.inf) -> Vector:
    """Costs beyond Tukey's fence, Q3 + ``whisker`` interquartile ranges, at the fence, or at ``of_interest``."""
    first, third = np.percentile(costs, (25, 75))
    return np.minimum(costs, max(third + whisker * (third - first), of_interest)) if third > first else costs


def _spread_out(known: Vector | None, measured: Mask, *, fill: bool) -> Vector | None:
    """Variances [n] of all trials, of those [m] of the measured ones; of the others NaN, or the median to ``fill``."""
    if known is None:
        return None
    variances = np.full(len(measured), np.median(known) if fill else math.nan)
    variances[measured] = known
    return variances


def _variances(kind: MetricKind, measurements: Sequence[Measurement], units: Vector) -> Vector | None:
    """[m] squared standard errors in multiples of ``units`` [m]; None where fewer than half have one."""
    errors = _standard_errors(measurements, kind)
    given = ~np.isnan(errors)
    if given.mean() < SHARE_WITH_ERRORS:
        return None
    counts = np.array([measurement.count for measurement in measurements], dtype=float)
    with np.errstate(over="ignore"):
        squares = np.square(errors / np.maximum(units, np.finfo(float).tiny))
        known = np.clip(squares, LEAST_VARIANCE, MOST_VARIANCE)
    single = float(np.median(known[given] * counts[given]))
    told = np.array([measurement.standard_error is not None for measurement in measurements])
    known = np.where(told & (counts > 1.0), _moderated(known * counts, counts, single) / counts, known)
    return np.where(given, known, np.clip(single / counts, LEAST_VARIANCE, MOST_VARIANCE))


def _moderated(variances: Vector, counts: Vector, usual: float) -> Vector:
    """Variances [m] of single measurements, each told from ``counts`` [m] of them, with what is usual in the study.

    What two or three measurements say of their own spread is mostly luck: the
    logarithm of such a variance has itself a variance of trigamma((n - 1) / 2).
    It is weighed against the logarithm of the usual one, which holds within
    ``OWN_SPREAD``. Smyth 2004, "Linear models and empirical Bayes methods".
    """
    # The serving process imports this module, and can do without SciPy.
    from scipy.special import polygamma

    luck = polygamma(1, np.maximum(counts - 1.0, 1.0) / 2.0)
    own = OWN_SPREAD / (OWN_SPREAD + luck)
    moderated: Vector = np.exp(own * np.log(variances) + (1.0 - own) * np.log(usual))
    return moderated


def _standard_errors(measurements: Sequence[Measurement], kind: MetricKind) -> Vector:
    """[m] of the means; NaN: not known."""
    errors = np.array([measurement.standard_error for measurement in measurements], dtype=float)
    if kind is MetricKind.BINARY:
        # Two successes and two failures more (Agresti, Coull 1998): a share
        # of 0 or 1 in a small sample is not without error.
        counts = np.array([measurement.count for measurement in measurements], dtype=float)
        means = np.array([measurement.mean for measurement in measurements])
        shares = (means * counts + 2.0) / (counts + 4.0)
        errors = np.where(np.isnan(errors), np.sqrt(shares * (1.0 - shares) / counts), errors)
    return errors

"""How the values of a metric are bent before a Gaussian process learns them, and back. NumPy alone.

All are strictly increasing, work on arrays, and have a slope.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]

MOST_LOG = 700.0  # beyond it the exponential of a double overflows
LOWEST = -1.0 + 1e-12  # the logarithm's argument stays positive


@dataclass(frozen=True, slots=True)
class Straight:
    """Nothing is bent."""

    def forward(self, values: Values) -> Values:
        """The values themselves."""
        return values

    def slope(self, values: Values) -> Values:
        """Ones."""
        return np.ones_like(values)

    def inverse(self, bent: Values) -> Values:
        """The values themselves."""
        return bent


@dataclass(frozen=True, slots=True)
class Logarithm:
    """For what is positive and spreads over orders of magnitude."""

    def forward(self, values: Values) -> Values:
        """log."""
        return np.log(np.maximum(values, np.finfo(float).tiny))

    def slope(self, values: Values) -> Values:
        """1 / value."""
        return 1.0 / np.maximum(values, np.finfo(float).tiny)

    def inverse(self, bent: Values) -> Values:
        """exp, as far as a double goes."""
        return np.exp(np.clip(bent, -MOST_LOG, MOST_LOG))


@dataclass(frozen=True, slots=True)
class Above:
    """For costs of which the low ones matter most: log(1 + (value - low) / width).

    Down to ``low - width``, below which nothing is (where ``Bilog`` would be
    mirrored, and promise ever more); near ``low`` nothing is bent, and far
    above it differences count as ratios. Box, Cox 1964, "An
    Analysis of Transformations", with both parameters.
    """

    low: float
    width: float

    def _over(self, values: Values) -> Values:
        return np.maximum(values / self.width - self.low / self.width, LOWEST)

    def forward(self, values: Values) -> Values:
        """The images of values."""
        return np.log1p(self._over(values))

    def slope(self, values: Values) -> Values:
        """How steep it is at values."""
        return 1.0 / self.width / (1.0 + self._over(values))

    def inverse(self, bent: Values) -> Values:
        """The values of images."""
        return self.low + self.width * np.expm1(np.minimum(bent, MOST_LOG))


@dataclass(frozen=True, slots=True)
class Bilog:
    """For what is compared with bounds: exact at them, fine near them, and only as the logarithm far away.

    At distance v from the nearest bound: width sign(v) log(1 + |v| / width),
    after Eriksson, Poloczek 2021, "Scalable Constrained Bayesian Optimization";
    between two bounds nothing is bent. Huge violations don't flatten what
    counts, and every bound keeps its place: it is its own image.

    low, high: the bounds; infinite where there is none, but one is finite.
    """

    low: float
    high: float
    width: float

    def _nearest(self, values: Values) -> Values:
        """The bounds that the values are bent around; NaN where nothing is."""
        if math.isfinite(self.low) and math.isfinite(self.high):
            outside = np.where(values > self.high, self.high, math.nan)
            return np.where(values < self.low, self.low, outside)
        return np.full_like(values, self.low if math.isfinite(self.low) else self.high)

    def forward(self, values: Values) -> Values:
        """The images of values."""
        bound = self._nearest(values)
        off = values / self.width - bound / self.width
        bent = bound + self.width * np.sign(off) * np.log1p(np.abs(off))
        return np.where(np.isnan(bound), values, bent)

    def slope(self, values: Values) -> Values:
        """How steep it is at values."""
        bound = self._nearest(values)
        off = np.abs(values / self.width - bound / self.width)
        return np.where(np.isnan(bound), 1.0, 1.0 / (1.0 + off))

    def inverse(self, bent: Values) -> Values:
        """The values of images."""
        bound = self._nearest(bent)
        off = np.clip(bent / self.width - bound / self.width, -MOST_LOG, MOST_LOG)
        values = bound + self.width * np.sign(off) * np.expm1(np.abs(off))
        return np.where(np.isnan(bound), bent, values)


Transform: TypeAlias = Straight | Logarithm | Above | Bilog

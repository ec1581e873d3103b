"""Draws of whole functions from a posterior, and where each has its least value. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.failures import SuccessModel
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_posterior import Placed, Posterior
from trimtab_service.optimizers.gp_search import around, candidates
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.targets import Vector

FEATURES = 1_024  # of the prior's approximation, as many as BoTorch takes
DEGREES = 5.0  # of Matern-5/2's spectral density, which is a Student's t
STEPS = (1.0, 0.3, 0.1)  # of the searches around each least value found, in those of ``candidates``
TRIES = 16  # in each of them
LIKELY = math.log(0.5)  # of a trial to work, where the best point is looked for


@dataclass(frozen=True, slots=True)
class Paths:
    """S functions drawn from a posterior, each known everywhere.

    f(x) = mu + phi(x)' w + k(x, X) (K + noise)^-1 (y - mu - phi(X)' w - e):
    random Fourier features phi of the prior with standard normal weights w,
    moved by the data exactly (Matheron's rule; e are draws of the noise).
    Wilson, Borovitskiy, Terenin, Mostowsky, Deisenroth 2020, "Efficiently
    Sampling Functions from Gaussian Process Posteriors".

    frequencies: [d, F], 0 in columns of names. tables: by column of names,
    [levels, F], since to differ in a name is to be some way apart in a space
    with one axis a name. phases: [F]. weights: [F, S], with phi's factor.
    pulls: [n, S].
    """

    posterior: Posterior
    frequencies: Rows
    tables: Mapping[int, Rows]
    phases: Vector
    weights: Rows
    pulls: Rows

    @classmethod
    def of(cls, posterior: Posterior, levels: Mapping[int, int], count: int, rng: np.random.Generator) -> Paths:
        """``count`` draws. levels: how many different names there may be, by column."""
        kernel, known = posterior.kernel, len(posterior.rows)
        stretch = np.sqrt(DEGREES / rng.chisquare(DEGREES, FEATURES))
        frequencies = stretch * rng.standard_normal((len(kernel.lengthscales), FEATURES)) / kernel.lengthscales[:, None]
        frequencies[kernel.is_name] = 0.0
        # Two axes, each 1 / sqrt(2) long, are 1 apart.
        tables = {
            column: stretch * rng.standard_normal((size, FEATURES)) / (math.sqrt(2.0) * kernel.lengthscales[column])
            for column, size in levels.items()
        }
        phases = rng.random(FEATURES) * 2.0 * math.pi
        weights = math.sqrt(2.0 * kernel.scale / FEATURES) * rng.standard_normal((FEATURES, count))
        noise = np.sqrt(posterior.noise)[:, None] * rng.standard_normal((known, count))
        unmoved = cls(posterior, frequencies, tables, phases, weights, np.zeros((known, count)))
        drawn = np.cos(unmoved._angles(posterior.rows)) @ weights + noise
        pulls = posterior.inverse.T @ (posterior.whitened[:, :1] - posterior.inverse @ drawn)
        return cls(posterior, frequencies, tables, phases, weights, pulls)

    def beside_the_mean(self) -> Paths:
        """S + 1 functions, of which the first is the posterior mean."""
        posterior = self.posterior
        pulls = np.hstack([posterior.inverse.T @ posterior.whitened[:, :1], self.pulls])
        return replace(self, weights=np.hstack([np.zeros((FEATURES, 1)), self.weights]), pulls=pulls)

    def values(self, rows: Rows) -> Rows:
        """Costs [b, S] at rows [b, d]."""
        return self._values(rows, np.cos(self._angles(rows)), self.posterior.kernel.between(rows, self._placed)[0])

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Costs [b] of the first function, and their slopes [b, d], 0 in columns of names."""
        angles = self._angles(rows)
        covariances, slope_part = self.posterior.kernel.between(rows, self._placed)
        values = self._values(rows, np.cos(angles), covariances)[:, 0]
        steep = slope_part * self.pulls[:, 0]
        pull = steep @ self.posterior.rows - steep.sum(axis=1)[:, None] * rows
        slopes = pull / np.square(self.posterior.kernel.lengthscales)
        slopes -= (np.sin(angles) * self.weights[:, 0]) @ self.frequencies.T
        if self.posterior.trend is not None:
            slopes += self.posterior.trend.slopes(rows)
        slopes[:, self.posterior.kernel.is_name] = 0.0
        return values, slopes

    @property
    def _placed(self) -> Placed:
        return self.posterior.placed

    def _angles(self, rows: Rows) -> Rows:
        angles: Rows = rows @ self.frequencies + self.phases
        for column, table in self.tables.items():
            angles += table[rows[:, column].astype(np.intp)]
        return angles

    def _values(self, rows: Rows, features: Rows, covariances: Rows) -> Rows:
        values: Rows = self.posterior.mean + features @ self.weights + covariances @ self.pulls
        if self.posterior.trend is not None:
            values += self.posterior.trend.values(rows)[:, None]
        return values


@dataclass(frozen=True, slots=True)
class Places:
    """Where a search goes on: a region in the context ``here`` [1, c].

    every: [k, d] all its points, if finite and few, or None. known: [n, d + c]
    some of them that were measured, the best first. success: where trials
    work, if not everywhere: what likely doesn't isn't the best point of anything.
    """

    region: Region
    here: Rows
    every: Rows | None
    known: Rows
    success: SuccessModel | None = None

    def drawn(self, posterior: Posterior, count: int, rng: np.random.Generator) -> Paths:
        """``count`` functions."""
        levels = {}
        for column in np.flatnonzero(posterior.kernel.is_name):
            seen = [posterior.rows[:, column], self.known[:, column]]
            levels[int(column)] = 1 + int(max(one.max() for one in seen))
            if column < self.region.encoding.width:
                # What doesn't exist is a name more.
                levels[int(column)] = 1 + int(self.region.encoding.cardinalities[column] or 0)
        return Paths.of(posterior, levels, count, rng)

    def minima(self, paths: Paths, rng: np.random.Generator) -> tuple[Rows, Vector]:
        """Rows [S, d + c] of the least values [S] found of the functions, by a bounded search."""
        feasible = self.region.inner
        width = self.region.encoding.width
        if self.every is not None or feasible is None:
            return self._least(paths, self._beside(self.region.base[None] if self.every is None else self.every))
        centres = self.region.part(self.known[:, :width])
        anywhere = self.region.whole(candidates(feasible, centres, rng))
        rows, costs = self._least(paths, np.concatenate([self._beside(anywhere), self.known]))
        for step in STEPS:
            near = np.repeat(self.region.part(np.unique(rows[:, :width], axis=0)), TRIES, axis=0)
            near = near[feasible.legal(near)]
            if not len(near):
                break
            found = self.region.whole(around(feasible, near, rng, step))
            again, lower = self._least(paths, np.concatenate([rows, self._beside(found)]))
            rows, costs = np.where((lower < costs)[:, None], again, rows), np.minimum(lower, costs)
        return rows, costs

    def _beside(self, rows: Rows) -> Rows:
        return np.hstack([rows, np.repeat(self.here, len(rows), axis=0)])

    def _least(self, paths: Paths, rows: Rows) -> tuple[Rows, Vector]:
        if self.success is not None:
            logs = self.success.log_probability(rows)
            rows = rows[logs >= min(LIKELY, float(logs.max()))]
        values = paths.values(rows)
        best = values.argmin(axis=0)
        return rows[best], values[best, np.arange(values.shape[1])]


class DrawnGain(ClosedForm):
    """Minus the cost by one function drawn from the posterior: Thompson sampling.

    Each draw is another opinion of where the best point is, so that many
    trials at once need nothing else to differ: Kandasamy, Krishnamurthy,
    Schneider, Poczos 2018, "Parallelised Bayesian Optimisation via Thompson Sampling".
    """

    def __init__(self, paths: Paths, here: Rows) -> None:
        super().__init__(paths.posterior, here)
        self.paths = paths

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        return -self.paths.values(self._beside(rows))[:, 0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        values, slopes = self.paths.values_and_slopes(self._beside(rows))
        return -values, -slopes[:, : rows.shape[1]]

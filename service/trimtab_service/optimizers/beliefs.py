"""What is believed of parameters beforehand, along the columns of rows. NumPy alone.

Hvarfner, Stoll, Souza, Lindauer, Hutter, Nardi 2022, "piBO: Augmenting
Acquisition Functions with User Beliefs for Bayesian Optimization": draws and
acquisition values are weighted by the belief to a power that falls with the
number of observations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from trimtab_service.domain.prior import NormalPrior, Prior, WeightsPrior
from trimtab_service.domain.space import Integer, Parameter, Scale
from trimtab_service.optimizers.encoding import Column, Encoding, Rows, from_indices, to_indices
from trimtab_service.optimizers.sums import Axis

STRENGTH = 5.0  # the power is this, divided by the number of observations
DOUBT = 0.02  # of the highest belief: what is believed of everything, so that nothing is ruled out
FLAT = 30.0  # standard deviations, in widths of the scale: from here on all is believed alike
EDGE = 1e-15  # of a probability: nearer to 0 and 1, its quantile can't be told


def sharpness(observations: Column) -> Column:
    """[n] the power of the belief after these numbers of observations [n]: at most 1."""
    return np.minimum(STRENGTH / np.maximum(observations, STRENGTH), 1.0)


def sharpness_after(observations: int) -> float:
    """The same for one number."""
    return float(sharpness(np.array([float(observations)]))[0])


@dataclass(frozen=True, slots=True)
class Belief:
    """Of one column: its parameter and prior, and of a normal one the mean's position."""

    parameter: Parameter
    prior: Prior
    mean: float

    @classmethod
    def of(cls, parameter: Parameter, prior: Prior) -> Belief:
        """Of a parameter with a prior."""
        if isinstance(prior, WeightsPrior):
            return cls(parameter, prior, 0.0)
        return cls(parameter, prior, float(Axis.of(parameter).positions(np.array([prior.mean]))[0]))

    @property
    def mode(self) -> float:
        """The position where good values are likeliest."""
        if isinstance(self.prior, WeightsPrior):
            return float(from_indices(self.parameter, np.array([float(np.argmax(self.prior.weights))]))[0])
        return self.mean

    def log_density(self, column: Column) -> tuple[Column, Column]:
        """[n] the logarithm of what is believed of positions [n], at most 0, and its slope [n]."""
        if isinstance(self.prior, WeightsPrior):
            weights = np.array(self.prior.weights) / max(self.prior.weights)
            shares = weights[to_indices(self.parameter, column).astype(np.intp)]
            return np.log(DOUBT + (1.0 - DOUBT) * shares), np.zeros_like(column)
        off = (column - self.mean) / self.prior.spread
        shares = np.exp(-0.5 * np.square(off))
        believed = DOUBT + (1.0 - DOUBT) * shares
        return np.log(believed), -(1.0 - DOUBT) * shares * off / (self.prior.spread * believed)

    def warped(self, uniforms: Column, power: Column) -> Column:
        """[n] what ``Encoding.draw`` makes draws by this belief, to ``power`` [n], of, as even as ``uniforms`` [n]."""
        if isinstance(self.prior, WeightsPrior):
            weights = (np.array(self.prior.weights) / max(self.prior.weights)) ** power[:, None]
            ends = np.cumsum(weights, axis=1) / weights.sum(axis=1)[:, None]
            chosen = np.minimum((ends <= uniforms[:, None]).sum(axis=1), weights.shape[1] - 1)
            return np.asarray((chosen + 0.5) / weights.shape[1])
        positions = self._normal(self.prior, uniforms, power)
        parameter, count = self.parameter, self.parameter.cardinality
        if count is None:
            return positions
        if isinstance(parameter, Integer) and parameter.scale is Scale.LOG:
            low, high = np.log(parameter.min - 0.5), np.log(parameter.max + 0.5)
            values = parameter.min + to_indices(parameter, positions)
            return np.asarray(np.clip((np.log(values) - low) / (high - low), 0.0, 1.0 - EDGE))
        return np.asarray((to_indices(parameter, positions) + 0.5) / count)

    def _normal(self, prior: NormalPrior, uniforms: Column, power: Column) -> Column:
        positions = uniforms.copy()
        for index, (uniform, exponent) in enumerate(zip(uniforms, power, strict=True)):
            spread = prior.spread / exponent**0.5 if exponent > 0.0 else FLAT
            if spread < FLAT:
                normal = NormalDist(self.mean, spread)
                first, last = normal.cdf(0.0), normal.cdf(1.0)
                share = min(max(first + uniform * (last - first), EDGE), 1.0 - EDGE)
                positions[index] = min(max(normal.inv_cdf(share), 0.0), 1.0)
        return positions


@dataclass(frozen=True, slots=True)
class Beliefs:
    """By column, those that something is believed of."""

    encoding: Encoding
    by_column: Mapping[int, Belief]

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> Beliefs:
        """Of the parameters that have priors."""
        return cls(
            Encoding(tuple(parameters)),
            {
                column: Belief.of(parameter, parameter.prior)
                for column, parameter in enumerate(parameters)
                if parameter.prior is not None
            },
        )

    @property
    def columns(self) -> frozenset[int]:
        """Those that something is believed of."""
        return frozenset(self.by_column)

    def modes(self, rows: Rows) -> Rows:
        """``rows`` [n, d] with what is likeliest in the columns that something is believed of."""
        found = rows.copy()
        for column, belief in self.by_column.items():
            found[:, column] = belief.mode
        return found

    def warped(self, uniforms: Rows, power: Column | None) -> Rows:
        """[n, d] what ``Encoding.draw`` makes draws by the beliefs, to ``power`` [n], of; None: to the power 0."""
        if power is None or not self.by_column:
            return uniforms
        found = uniforms.copy()
        for column, belief in self.by_column.items():
            found[:, column] = belief.warped(uniforms[:, column], power)
        return found

    def log_density(self, rows: Rows, columns: Collection[int] | None = None) -> tuple[Column, Rows]:
        """[n] the logarithm of what is believed of rows [n, d], and its slopes [n, d]; of all columns, or these.

        What doesn't exist counts for nothing.
        """
        total, slopes = np.zeros(len(rows)), np.zeros_like(rows)
        there = self.encoding.active(rows) if self.encoding.activity.requirements else None
        for column, belief in self.by_column.items():
            if columns is not None and column not in columns:
                continue
            own, slope = belief.log_density(rows[:, column])
            exists = 1.0 if there is None else there[:, column]
            total += own * exists
            slopes[:, column] = slope * exists
        return total, slopes

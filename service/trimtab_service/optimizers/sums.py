"""What linear constraints and mixtures ask of rows. NumPy alone.

Sums are linear in the units of the parameters, rows lie along their scales;
here one becomes the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from trimtab_service.domain.linear import GRAIN, ROUNDING, LinearConstraint, Simplex
from trimtab_service.domain.space import Discrete, Float, Integer, Parameter, Scale, SearchSpace
from trimtab_service.optimizers.activity import Mask
from trimtab_service.optimizers.encoding import Column, Rows

Units: TypeAlias = Rows
"""[n, k] values of the columns that sums are made of, as shares of the way from the least to the greatest."""

STRICTER = 0.9  # of the tolerance of the space: what passes here passes there, whatever the rounding
NARROWINGS = 8  # of the ends of columns by what sums leave of them: each may follow from another one


@dataclass(frozen=True, slots=True)
class Axis:
    """One numeric column: its values from ``low`` to ``high``, at positions from 0 to 1.

    choices: [c] the values, where they are listed; else None.
    count: how many values there are; None for a continuum. integer: whether they
    are whole numbers.
    """

    low: float
    high: float
    scale: Scale
    choices: Column | None
    count: int | None
    integer: bool = False

    @classmethod
    def of(cls, parameter: Parameter) -> Axis:
        """Of a numeric parameter."""
        match parameter:
            case Discrete():
                choices = np.array(parameter.choices, dtype=float)
                return cls(choices[0], choices[-1], Scale.LINEAR, choices, len(choices))
            case Integer():
                ends = float(parameter.min), float(parameter.max)
                return cls(*ends, parameter.scale, None, parameter.cardinality, integer=True)
            case Float():
                count = parameter.cardinality
                high = parameter.max if count is None else parameter.grid_value(count - 1)
                return cls(parameter.min, high, parameter.scale, None, count)
        raise TypeError(f"{parameter.name} is not a number")

    @property
    def width(self) -> float:
        """From the least value to the greatest."""
        return self.high - self.low

    def values(self, positions: Column) -> Column:
        """[n] values at positions [n]; between listed ones along straight lines."""
        if self.choices is not None:
            return np.interp(positions * (len(self.choices) - 1), np.arange(len(self.choices)), self.choices)
        within = np.clip(positions, 0.0, 1.0)
        first, last = self._ends()
        along = first + within * (last - first)
        match self.scale:
            case Scale.LINEAR:
                return along
            case Scale.LOG:
                return np.exp(along)
            case Scale.LOGIT:
                return np.exp(-np.logaddexp(0.0, -along))

    def positions(self, values: Column) -> Column:
        """[n] positions of values [n]."""
        if self.choices is not None:
            indices = np.arange(len(self.choices))
            return np.interp(values, self.choices, indices) / max(len(self.choices) - 1, 1)
        if not self.width:
            return np.zeros_like(values)
        within = np.clip(values, self.low, self.high)
        first, last = self._ends()
        match self.scale:
            case Scale.LINEAR:
                along = within
            case Scale.LOG:
                along = np.log(within)
            case Scale.LOGIT:
                along = np.log(within) - np.log1p(-within)
        return np.asarray(np.clip((along - first) / (last - first), 0.0, 1.0))

    def slopes(self, positions: Column) -> Column:
        """[n] how fast values rise at positions [n]."""
        if self.choices is not None:
            count = len(self.choices)
            if count == 1:
                return np.zeros_like(positions)
            cells = np.clip(np.floor(positions * (count - 1)), 0, count - 2).astype(np.intp)
            return np.asarray(np.diff(self.choices)[cells] * (count - 1))
        first, last = self._ends()
        match self.scale:
            case Scale.LINEAR:
                return np.full_like(positions, last - first)
            case Scale.LOG:
                return self.values(positions) * (last - first)
            case Scale.LOGIT:
                values = self.values(positions)
                return values * (1.0 - values) * (last - first)

    def _ends(self) -> tuple[float, float]:
        match self.scale:
            case Scale.LINEAR:
                return self.low, self.high
            case Scale.LOG:
                return math.log(self.low), math.log(self.high)
            case Scale.LOGIT:
                return tuple(math.log(end / (1.0 - end)) for end in (self.low, self.high))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Sums:
    """low <= weights @ values <= high, of values in the units of the parameters.

    columns: [k] of the row, those that sums are made of. axes: of each.
    weights: [m, k]. low, high: [m], infinite where there is no bound.
    leeway: [m] how far off a bound a sum may be, wherever it is.
    box: [k] the least values, and [k] the widths to the greatest; of columns
    that aren't on a linear scale, those that sums leave.
    straight: whether all values are proportional to their positions.
    sizes: [m] the largest sums of magnitudes in the box.
    """

    columns: tuple[int, ...]
    axes: tuple[Axis, ...]
    weights: Rows
    low: Column
    high: Column
    leeway: Column
    box: tuple[Column, Column] = field(init=False, repr=False, compare=False)
    straight: bool = field(init=False, repr=False, compare=False)
    sizes: Column = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        straight = all(axis.scale is Scale.LINEAR and axis.choices is None for axis in self.axes)
        least, most = self._ends()
        object.__setattr__(self, "box", (least, most - least))
        object.__setattr__(self, "straight", straight)
        object.__setattr__(self, "sizes", np.abs(self.weights) @ np.maximum(np.abs(least), np.abs(most)))

    def _ends(self) -> tuple[Column, Column]:
        """[k] the least and the greatest values; where a scale isn't linear, without what no legal sum is made of."""
        least, most = np.array([axis.low for axis in self.axes]), np.array([axis.high for axis in self.axes])
        bent = np.array([axis.scale is not Scale.LINEAR for axis in self.axes])
        laws = [*zip(self.weights, self.high, strict=True), *zip(-self.weights, -self.low, strict=True)]
        for _ in range(NARROWINGS if bent.any() else 0):
            for weights, bound in laws:
                terms = np.minimum(weights * least, weights * most)
                for place in np.flatnonzero(bent & (weights != 0.0) & (bound < math.inf)):
                    end = (bound - np.delete(terms, place).sum()) / weights[place]
                    side = most if weights[place] > 0.0 else least
                    side[place] = np.clip(end, least[place], most[place])
        return least, most

    @classmethod
    def of(cls, space: SearchSpace) -> Sums:
        """Of a space with at least one linear constraint or mixture."""
        laws: list[LinearConstraint | Simplex] = [*space.linear_constraints, *space.simplexes]
        columns = tuple(
            i for i, parameter in enumerate(space.parameters) if any(parameter.name in law.terms for law in laws)
        )
        names = [space.parameters[column].name for column in columns]
        bounds = [(law.min, law.max) if isinstance(law, LinearConstraint) else (law.total, law.total) for law in laws]
        return cls(
            columns=columns,
            axes=tuple(Axis.of(space.parameters[column]) for column in columns),
            weights=np.array([[law.terms.get(name, 0.0) for name in names] for law in laws]),
            low=np.array([-math.inf if low is None else low for low, _ in bounds]),
            high=np.array([math.inf if high is None else high for _, high in bounds]),
            leeway=np.array([space.leeway(law) for law in laws]),
        )

    @property
    def whole(self) -> Mask:
        """[k] which columns take finitely many values."""
        return np.array([axis.count is not None for axis in self.axes])

    def values(self, rows: Rows) -> Rows:
        """[n, k] values, in the units of the parameters, of rows [n, d]."""
        if self.straight:
            lows, widths = self.box
            return np.asarray(lows + np.clip(rows[:, list(self.columns)], 0.0, 1.0) * widths)
        return np.stack([axis.values(rows[:, c]) for c, axis in zip(self.columns, self.axes, strict=True)], axis=1)

    def told(self, rows: Rows) -> Rows:
        """As ``values``, of legal rows of the encoding: whole numbers to the last digit."""
        found = self.values(rows)
        integers = [place for place, axis in enumerate(self.axes) if axis.integer]
        found[:, integers] = np.rint(found[:, integers])
        return found

    def legal(self, rows: Rows) -> Mask:
        """[n] whether the sums of legal rows [n, d] of the encoding are within their bounds."""
        return self.right(self.told(rows))

    def right(self, values: Rows) -> Mask:
        """[n] whether the sums of values [n, k] are within their bounds."""
        sums = values @ self.weights.T
        tolerance = STRICTER * (self.leeway + ROUNDING * (np.abs(values) @ np.abs(self.weights).T))
        return np.asarray(((sums >= self.low - tolerance) & (sums <= self.high + tolerance)).all(axis=1), dtype=bool)

    @property
    def tolerance(self) -> Column:
        """[m] how far off a bound a sum may be at least, where it is as large as the bound; never 0."""
        bound = np.minimum(np.abs(self.low), np.abs(self.high))
        return np.asarray(STRICTER * np.maximum(self.leeway + ROUNDING * bound, GRAIN * self.sizes))

    @property
    def flat(self) -> Mask:
        """[m] whether both bounds are the same, but for rounding."""
        return np.asarray(self.high - self.low <= STRICTER * ROUNDING * self.sizes)

    def units(self, rows: Rows) -> Units:
        """[n, k] of rows [n, d]."""
        lows, widths = self.box
        return (self.told(rows) - lows) / np.where(widths > 0.0, widths, 1.0)

    def put(self, rows: Rows, units: Units) -> Rows:
        """Rows [n, d] with these units [n, k] in their columns."""
        lows, widths = self.box
        found = rows.copy()
        if self.straight:
            found[:, list(self.columns)] = np.clip(units, 0.0, 1.0)
            return found
        for place, (column, axis) in enumerate(zip(self.columns, self.axes, strict=True)):
            found[:, column] = axis.positions(lows[place] + units[:, place] * widths[place])
        return found

    def paces(self, units: Units) -> Units:
        """[n, k] how far each column goes at units [n, k] while all go as far along their scales."""
        lows, widths = self.box
        found = np.ones_like(units)
        for place, axis in enumerate(self.axes):
            if axis.scale is not Scale.LINEAR and widths[place] > 0.0:
                positions = axis.positions(lows[place] + units[:, place] * widths[place])
                found[:, place] = axis.slopes(positions) / widths[place]
        return found

    def log_density(self, units: Units) -> Column:
        """[n] how dense positions lie at units [n, k], as a logarithm: 0 where all scales are linear."""
        return np.zeros(len(units)) if self.straight else -np.log(self.paces(units)).sum(axis=1)

    @property
    def in_units(self) -> tuple[Rows, Column, Column]:
        """The same bounds for units: weights [m, k], low and high [m]."""
        lows, widths = self.box
        offset = self.weights @ lows
        return self.weights * widths, self.low - offset, self.high - offset

"""The border between parameters and arrays; nowhere else does one become the other.

A row has one column a parameter, in the order of the space. Numbers lie in
[0, 1], measured along their scale; a categorical value is the index of the
choice, which is a name and not a distance. NumPy alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.space import (
    Categorical,
    Discrete,
    Float,
    Integer,
    Parameter,
    Parameters,
    ParameterValue,
    Scale,
)

Rows: TypeAlias = NDArray[np.float64]
"""[n, d] rows of a space with d parameters."""

Column: TypeAlias = NDArray[np.float64]
"""[n] one column of them."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Rows for these parameters.

    Law: ``decode(encode(points))`` is ``points`` for every legal point, to the
    rounding of a double; whatever finite rows go in, what ``decode`` gives is
    legal and of the right types.
    """

    parameters: tuple[Parameter, ...]

    @property
    def width(self) -> int:
        """Columns a row has, d."""
        return len(self.parameters)

    @property
    def cardinalities(self) -> tuple[int | None, ...]:
        """How many values each column takes; None for a continuum."""
        return tuple(parameter.cardinality for parameter in self.parameters)

    @property
    def categorical(self) -> tuple[int, ...]:
        """The columns that hold the index of a choice."""
        return tuple(i for i, parameter in enumerate(self.parameters) if isinstance(parameter, Categorical))

    def encode(self, points: Sequence[Parameters]) -> Rows:
        """[n, d] rows of n legal points."""
        rows = np.empty((len(points), self.width))
        for index, parameter in enumerate(self.parameters):
            values = [point[parameter.name] for point in points]
            if isinstance(parameter, Categorical | Discrete):
                place = {choice: i for i, choice in enumerate(parameter.choices)}
                places = np.array([place[cast(str, value)] for value in values], dtype=float)
                rows[:, index] = from_indices(parameter, places)
            else:
                rows[:, index] = _along(parameter, np.array(values, dtype=float))
        return rows

    def decode(self, rows: Rows) -> list[dict[str, ParameterValue]]:
        """The n legal points nearest to n rows [n, d]."""
        columns = [_values(parameter, rows[:, i]) for i, parameter in enumerate(self.parameters)]
        names = [parameter.name for parameter in self.parameters]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def draw(self, uniforms: Rows) -> Rows:
        """Legal rows [n, d] of n points spread over the space as ``uniforms`` [n, d] over [0, 1)^d.

        A continuum is covered evenly along its scale, and so is an integer on
        a log scale; every other value of a finite parameter is equally likely.
        """
        rows = np.empty_like(uniforms)
        for index, parameter in enumerate(self.parameters):
            count, column = parameter.cardinality, uniforms[:, index]
            if count is None:
                rows[:, index] = column
            elif isinstance(parameter, Integer) and parameter.scale is Scale.LOG:
                low, high = math.log(parameter.min - 0.5), math.log(parameter.max + 0.5)
                nearest = np.rint(np.exp(low + column * (high - low))) - parameter.min
                rows[:, index] = from_indices(parameter, np.clip(nearest, 0, count - 1))
            else:
                rows[:, index] = from_indices(parameter, np.minimum(np.floor(column * count), count - 1))
        return rows

    def centre(self) -> Rows:
        """The row [1, d] in the middle of every scale; the first of categorical choices."""
        middle = np.full((1, self.width), 0.5)
        middle[:, list(self.categorical)] = 0.0
        return self.snap(middle)

    def snap(self, rows: Rows) -> Rows:
        """The legal rows [n, d] nearest to ``rows`` [n, d]."""
        snapped = np.empty_like(rows)
        for index, parameter in enumerate(self.parameters):
            if parameter.cardinality is None:
                snapped[:, index] = np.clip(rows[:, index], 0.0, 1.0)
            else:
                snapped[:, index] = from_indices(parameter, to_indices(parameter, rows[:, index]))
        return snapped


def from_indices(parameter: Parameter, indices: Column) -> Column:
    """Positions [n] of the values at ``indices`` [n], whole numbers from 0, of a finite parameter."""
    if isinstance(parameter, Categorical):
        return indices
    if isinstance(parameter, Integer) and parameter.scale is Scale.LOG:
        return _along(parameter, indices + parameter.min)
    # Discrete numbers lie at equal distances, whatever their values: people
    # list 16, 32, 64, 128 because these are a step apart each.
    last = (parameter.cardinality or 1) - 1
    return indices / last if last else np.zeros_like(indices)


def to_indices(parameter: Parameter, column: Column) -> Column:
    """Indices [n] of the values nearest to positions [n], of a finite parameter."""
    last = (parameter.cardinality or 1) - 1
    if isinstance(parameter, Categorical):
        return np.asarray(np.clip(np.rint(column), 0, last))
    within = np.clip(column, 0.0, 1.0)
    if isinstance(parameter, Integer) and parameter.scale is Scale.LOG:
        low, high = math.log(parameter.min), math.log(parameter.max)
        places = np.clip(np.rint(np.exp(low + within * (high - low))) - parameter.min, 0, last)
    else:
        places = np.rint(within * last)
    return np.asarray(places)


def _along(parameter: Float | Integer, values: Column) -> Column:
    """Positions in [0, 1] of values along the scale of their parameter."""
    low, high = (float(end) for end in _ends(parameter))
    if low == high:
        return np.zeros_like(values)
    if isinstance(parameter, Float) and parameter.cardinality is not None and parameter.step is not None:
        return from_indices(parameter, np.rint((values - parameter.min) / parameter.step))
    return np.clip((_scaled(parameter.scale, values) - low) / (high - low), 0.0, 1.0)


def _values(parameter: Parameter, column: Column) -> list[ParameterValue]:
    if isinstance(parameter, Float) and parameter.step is None:
        low, high = _ends(parameter)
        within = np.clip(column, 0.0, 1.0)
        values = np.clip(_unscaled(parameter.scale, low + within * (high - low)), parameter.min, parameter.max)
        # The ends are legal values themselves; rounding must not lose them.
        values[within == 0.0], values[within == 1.0] = parameter.min, parameter.max
        return cast("list[ParameterValue]", values.tolist())
    indices = [int(index) for index in to_indices(parameter, column)]
    match parameter:
        case Float():
            return [parameter.grid_value(index) for index in indices]
        case Integer():
            return [parameter.min + index for index in indices]
        case Categorical() | Discrete():
            return [parameter.choices[index] for index in indices]


def _ends(parameter: Float | Integer) -> tuple[float, float]:
    low, high = _scaled(parameter.scale, np.array([parameter.min, parameter.max], dtype=float))
    return float(low), float(high)


def _scaled(scale: Scale, values: Column) -> Column:
    match scale:
        case Scale.LINEAR:
            return values
        case Scale.LOG:
            return np.log(values)
        case Scale.LOGIT:
            return np.log(values) - np.log1p(-values)


def _unscaled(scale: Scale, values: Column) -> Column:
    match scale:
        case Scale.LINEAR:
            return values
        case Scale.LOG:
            return np.exp(values)
        case Scale.LOGIT:
            # 1 / (1 + exp(-v)) without overflow on either side.
            return np.exp(-np.logaddexp(0.0, -values))

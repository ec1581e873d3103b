"""The border between parameters and arrays; nowhere else does one become the other.

A row has one column a parameter, in the order of the space. Numbers lie in
[0, 1], measured along their scale; a categorical value is the index of the
choice, which is a name and not a distance. A parameter that doesn't exist at
a point has one position there, whatever it would be: 0.5, or the index behind
those of the choices. NumPy alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
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
from trimtab_service.optimizers.activity import NOWHERE, Activity, Mask

Rows: TypeAlias = NDArray[np.float64]
"""[n, d] rows of a space with d parameters."""

Column: TypeAlias = NDArray[np.float64]
"""[n] one column of them."""

LANDMARK = (
    1e-12  # of the size of the numbers: closer to a place where something begins to exist, a number is that place
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """Rows for these parameters.

    Law: ``decode(encode(points))`` is ``points`` for every legal point, to the
    rounding of a double; whatever finite rows go in, what ``decode`` gives is
    legal and of the right types, but for what parameters must have together
    (``region``).
    """

    parameters: tuple[Parameter, ...]
    activity: Activity = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "activity", Activity.of(self.parameters))

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

    @property
    def nowhere(self) -> Column:
        """[d] where parameters are that don't exist."""
        return np.array(
            [len(p.choices) if isinstance(p, Categorical) else NOWHERE for p in self.parameters], dtype=float
        )

    def encode(self, points: Sequence[Parameters]) -> Rows:
        """[n, d] rows of n legal points."""
        rows = np.tile(self.nowhere, (len(points), 1))
        conditional = {column for column, _ in self.activity.requirements}
        for index, parameter in enumerate(self.parameters):
            there: slice | Mask = slice(None)
            if index in conditional:
                there = np.array([parameter.name in point for point in points], dtype=bool)
                points_there = [point for point in points if parameter.name in point]
            else:
                points_there = list(points)
            values = map(itemgetter(parameter.name), points_there)
            if isinstance(parameter, Categorical | Discrete):
                place = {choice: i for i, choice in enumerate(parameter.choices)}
                places = np.array([place[cast(str, value)] for value in values], dtype=float)
                rows[there, index] = from_indices(parameter, places)
            else:
                rows[there, index] = _along(parameter, np.fromiter(values, float, len(points_there)))
        return rows

    def decode(self, rows: Rows) -> list[dict[str, ParameterValue]]:
        """The n legal points nearest to n rows [n, d]."""
        columns = [self._values(i, rows[:, i]) for i in range(self.width)]
        names = [parameter.name for parameter in self.parameters]
        points = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        if not self.activity.requirements:
            return points
        return [
            {name: point[name] for name, exists in zip(names, there, strict=True) if exists}
            for point, there in zip(points, self.active(rows), strict=True)
        ]

    def active(self, rows: Rows) -> Mask:
        """[n, d] which parameters exist at the points nearest to rows [n, d]."""
        places: list[Column | None] = [None] * self.width
        for index in self.activity.looked_at:
            if self.cardinalities[index] is None:
                places[index] = self._numbers(index, rows[:, index])
            else:
                places[index] = to_indices(self.parameters[index], rows[:, index])
        return self.activity.mask(places, len(rows))

    def settled(self, rows: Rows) -> Rows:
        """The same rows [n, d] with what doesn't exist where it belongs; see ``nowhere``."""
        if not self.activity.requirements:
            return rows
        return np.where(self.active(rows), rows, self.nowhere)

    def begun(self, rows: Rows, before: Rows, fill: Rows) -> Rows:
        """``rows`` [n, d] with values of ``fill`` [n, d] where something exists that doesn't in ``before`` [n, d]."""
        if not self.activity.requirements:
            return rows
        there = self.active(before)
        found = rows
        for column, _ in self.activity.requirements:
            new = self.active(found)[:, column] & ~there[:, column]
            found = found.copy()
            found[new, column] = fill[new, column]
        return self.settled(found)

    def _numbers(self, index: int, column: Column) -> Column:
        """The values [n] of a continuum at positions [n]."""
        parameter = self.parameters[index]
        assert isinstance(parameter, Float)
        values = _continuous(parameter, column)
        size = max(abs(parameter.min), abs(parameter.max)) if parameter.scale is Scale.LINEAR else 0.0
        for place in self.activity.landmarks(index):
            inside = (values > parameter.min) & (values < parameter.max)
            values[inside & (np.abs(values - place) <= LANDMARK * max(size, abs(place)))] = place
        return values

    def _values(self, index: int, column: Column) -> list[ParameterValue]:
        parameter = self.parameters[index]
        if isinstance(parameter, Float) and parameter.step is None:
            return cast("list[ParameterValue]", self._numbers(index, column).tolist())
        return _listed(parameter, column)

    def draw(self, uniforms: Rows) -> Rows:
        """Legal rows [n, d] of n points spread over the space as ``uniforms`` [n, d] over [0, 1)^d.

        A continuum is covered evenly along its scale, and so is an integer on
        a log scale; every other value of a finite parameter is equally likely.
        """
        return self.settled(self.draw_each(uniforms))

    def draw_each(self, uniforms: Rows) -> Rows:
        """As ``draw``, with a value for every parameter, whether it exists or not."""
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
        return self.settled(snapped)


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


def _continuous(parameter: Float, column: Column) -> Column:
    low, high = _ends(parameter)
    within = np.clip(column, 0.0, 1.0)
    values = np.clip(_unscaled(parameter.scale, low + within * (high - low)), parameter.min, parameter.max)
    # The ends are legal values themselves; rounding must not lose them.
    values[within == 0.0], values[within == 1.0] = parameter.min, parameter.max
    return values


def _listed(parameter: Parameter, column: Column) -> list[ParameterValue]:
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

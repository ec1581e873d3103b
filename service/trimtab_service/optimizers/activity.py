"""Which columns of a row stand for parameters that exist there. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.condition import Condition
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, ParameterValue

Mask: TypeAlias = NDArray[np.bool_]
"""[n, d] or [n]."""

# The position of a number that doesn't exist: the middle, nearest to all that it could be; what it depends on tells
# the branches apart. Levesque, Durand, Gagne, Sabourin 2017, "Bayesian Optimization for Conditional Hyperparameter
# Spaces". At an end, or beyond it, two of eight searches of a pipeline ended in a worse branch.
NOWHERE = 0.5


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition as it is looked up in a row: the column, and which places of it will do.

    A place is the index of a value, or, of a continuum, the value itself.

    listed: those that will do; None: all from ``low`` to ``high``.
    """

    column: int
    listed: frozenset[float] | None
    low: float
    high: float

    @classmethod
    def of(cls, condition: Condition, column: int, other: Parameter) -> Requirement:
        """Of a condition on ``other``, which is in this column."""
        if isinstance(other, Categorical | Discrete):
            values: tuple[ParameterValue, ...] = other.choices
            held = [float(index) for index, value in enumerate(values) if condition.holds(value)]
            return cls(column, frozenset(held), 0.0, 0.0)
        low = -math.inf if condition.min is None else condition.min
        high = math.inf if condition.max is None else condition.max
        if other.cardinality is None:
            return cls(column, frozenset(map(float, condition.values)) or None, low, high)
        if condition.values:
            return cls(column, frozenset(float(_index(other, float(value))) for value in condition.values), 0.0, 0.0)
        return cls(column, None, *_reach(other, low, high))


def _index(other: Float | Integer, value: float) -> int:
    if isinstance(other, Integer):
        return int(value) - other.min
    return round((value - other.min) / (other.step or 1.0))


def _reach(other: Float | Integer, low: float, high: float) -> tuple[float, float]:
    """The first and the last index whose value is from low to high."""
    last = (other.cardinality or 1) - 1
    if isinstance(other, Integer):
        first = max(math.ceil(low) - other.min, 0) if low > other.min else 0
        return first, math.floor(high) - other.min if high < other.max else last
    first = min(max(_index(other, low) - 1, 0), last) if low > other.min else 0
    while first <= last and other.grid_value(first) < low:
        first += 1
    until = min(max(_index(other, high) + 1, 0), last) if high < other.max else last
    while until >= 0 and other.grid_value(until) > high:
        until -= 1
    return first, until


@dataclass(frozen=True, slots=True)
class Activity:
    """When the columns exist that don't always: for each, in an order in which those it looks at come first."""

    width: int
    requirements: tuple[tuple[int, tuple[Requirement, ...]], ...]

    @classmethod
    def of(cls, parameters: Sequence[Parameter]) -> Activity:
        """Of parameters whose conditions don't go round in a circle."""
        columns = {parameter.name: column for column, parameter in enumerate(parameters)}
        found: list[tuple[int, tuple[Requirement, ...]]] = []
        left = [column for column, parameter in enumerate(parameters) if parameter.conditions]
        while left:
            waiting = {parameters[column].name for column in left}
            for column in left:
                conditions = parameters[column].conditions
                if waiting.isdisjoint(one.parameter for one in conditions):
                    places = [columns[one.parameter] for one in conditions]
                    found.append(
                        (
                            column,
                            tuple(
                                Requirement.of(one, place, parameters[place])
                                for one, place in zip(conditions, places, strict=True)
                            ),
                        )
                    )
            done = {column for column, _ in found}
            left = [column for column in left if column not in done]
        return cls(len(parameters), tuple(found))

    def mask(self, places: Sequence[NDArray[np.float64] | None], count: int) -> Mask:
        """[n, d] which columns exist, of n = ``count`` rows.

        places: [n] for each column that is looked at; None for the others.
        """
        active = np.ones((count, self.width), dtype=bool)
        for column, requirements in self.requirements:
            for requirement in requirements:
                place = places[requirement.column]
                if place is None:
                    raise ValueError(f"column {requirement.column} is looked at, and its places are not given")
                active[:, column] &= active[:, requirement.column]
                if requirement.listed is None:
                    active[:, column] &= (place >= requirement.low) & (place <= requirement.high)
                else:
                    active[:, column] &= np.isin(place, list(requirement.listed))
        return active

    def landmarks(self, column: int) -> tuple[float, ...]:
        """The places of a column at which something begins or ceases to exist."""
        found: set[float] = set()
        for _, requirements in self.requirements:
            for one in requirements:
                if one.column == column:
                    found |= one.listed if one.listed is not None else {one.low, one.high}
        return tuple(sorted(place for place in found if math.isfinite(place)))

    @property
    def looked_at(self) -> frozenset[int]:
        """The columns that conditions look at."""
        return frozenset(one.column for _, requirements in self.requirements for one in requirements)

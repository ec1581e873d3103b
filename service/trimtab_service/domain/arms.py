"""Arms: the points of a finite search space, numbered for good.

A bandit study may be given more values while it runs. An arm keeps its number
for ever, since decisions and the log name it so: arms are numbered in the
order in which they came, those that came together in the order of the space,
the last parameter turning fastest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Float, Integer, Parameter, Parameters, ParameterValue, Scale, SearchSpace

LARGEST_NUMBER = 2**53  # of an arm: every integer up to here is a double as well
MOST_LEVELS = 1_000  # of one parameter: each of them is listed


def levels(parameter: Parameter, steps: int) -> tuple[ParameterValue, ...]:
    """Every value of a parameter, or ``steps`` of them, evenly spaced on its scale, where there are more.

    Only numeric ranges are thinned out, and none where ``steps`` is 0. Then
    raises InvalidArgument (field empty) for a continuum, and for too many values.
    """
    count = parameter.cardinality
    if isinstance(parameter, Float | Integer) and steps and (count is None or count > steps):
        return _thinned(parameter, steps)
    if count is None:
        raise InvalidArgument("", f"{parameter.name!r} is a continuum: give it a step, or set the option steps")
    if count > MOST_LEVELS:
        raise InvalidArgument(
            "", f"{parameter.name!r} has {count} values; {MOST_LEVELS} at most: set the option steps to take fewer"
        )
    return tuple(parameter.values())


def _thinned(parameter: Float | Integer, steps: int) -> tuple[ParameterValue, ...]:
    shares = [index / (steps - 1) for index in range(steps)] if steps > 1 else [0.5]
    if isinstance(parameter, Float) and parameter.cardinality is not None:
        # Max itself need not be on the grid.
        last = parameter.cardinality - 1
        return tuple(dict.fromkeys(parameter.grid_value(round(share * last)) for share in shares))
    low, high = float(parameter.min), float(parameter.max)
    numbers = [min(max(_between(low, high, share, parameter.scale), low), high) for share in shares]
    # Both ends are themselves, whatever a logarithm rounds them to.
    if steps > 1:
        numbers[0], numbers[-1] = low, high
    return tuple(dict.fromkeys(round(number) if isinstance(parameter, Integer) else number for number in numbers))


def _between(low: float, high: float, share: float, scale: Scale) -> float:
    """The number that is ``share`` of the way from ``low`` to ``high``, up to rounding."""
    if scale is Scale.LOG:
        return math.exp(math.log(low) + (math.log(high) - math.log(low)) * share)
    if scale is Scale.LOGIT:
        first, last = (math.log(end / (1 - end)) for end in (low, high))
        return 1 / (1 + math.exp(-(first + (last - first) * share)))
    return low + (high - low) * share


Key = tuple[type, ParameterValue]
"""A value with its type: to Python True, 1 and 1.0 are one."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The arms of a study, each by its number.

    owners: for each parameter, by value, the numbers of the arms that have it.
    """

    points: tuple[Parameters, ...]
    owners: Mapping[str, Mapping[Key, frozenset[int]]]

    @classmethod
    def of(cls, spaces: Sequence[SearchSpace], steps: int) -> Listed:
        """``spaces``: what the space was, the latest last; each has the points of those before.

        Raises InvalidArgument (field empty) for a continuum, unless ``steps`` are given.
        """
        names = [parameter.name for parameter in spaces[-1].parameters]
        numbers: dict[tuple[Key, ...], int] = {}
        points: list[Parameters] = []
        owners: dict[str, dict[Key, set[int]]] = {name: {} for name in names}
        for space in spaces:
            for values in itertools.product(*(levels(parameter, steps) for parameter in space.parameters)):
                keys = tuple((type(value), value) for value in values)
                number = numbers.setdefault(keys, len(points))
                if number < len(points):
                    continue
                points.append(dict(zip(names, values, strict=True)))
                for name, key in zip(names, keys, strict=True):
                    owners[name].setdefault(key, set()).add(number)
        frozen = {name: {key: frozenset(arms) for key, arms in owned.items()} for name, owned in owners.items()}
        return cls(tuple(points), frozen)

    @property
    def count(self) -> int:
        """How many arms there are."""
        return len(self.points)

    def point(self, number: int) -> Parameters:
        """The parameters of an arm."""
        return self.points[number]

    def having(self, pattern: Parameters) -> frozenset[int]:
        """The arms with every value of the pattern, which says something of some parameters only."""
        found: frozenset[int] | None = None
        for name, value in pattern.items():
            arms = self.owners[name].get((type(value), value), frozenset())
            found = arms if found is None else found & arms
        return frozenset(range(self.count)) if found is None else found


@dataclass(frozen=True, slots=True)
class Lattice:
    """The points of a space too large to be listed, by number: mixed radix, the last parameter turning fastest."""

    names: tuple[str, ...]
    levels: tuple[tuple[ParameterValue, ...], ...]

    @classmethod
    def of(cls, space: SearchSpace, steps: int) -> Lattice:
        """Raises InvalidArgument (field empty) for a continuum, unless ``steps`` are given; and for too many points."""
        lattice = cls(
            tuple(parameter.name for parameter in space.parameters),
            tuple(levels(parameter, steps) for parameter in space.parameters),
        )
        if lattice.count > LARGEST_NUMBER:
            raise InvalidArgument("", f"{lattice.count} points; {LARGEST_NUMBER} at most")
        return lattice

    @property
    def count(self) -> int:
        """How many points there are."""
        return math.prod(len(values) for values in self.levels)

    def number(self, indices: Sequence[int]) -> int:
        """Of the point that has value ``indices[i]`` of parameter i."""
        number = 0
        for values, index in zip(self.levels, indices, strict=True):
            number = number * len(values) + int(index)
        return number

    def indices(self, number: int) -> tuple[int, ...]:
        """Inverse of ``number``."""
        found = []
        for values in reversed(self.levels):
            number, index = divmod(number, len(values))
            found.append(index)
        return tuple(reversed(found))

    def point(self, number: int) -> Parameters:
        """The parameters of an arm."""
        indices = self.indices(number)
        return {name: values[index] for name, values, index in zip(self.names, self.levels, indices, strict=True)}

"""Parameters, and which values each may have.

Constructors refuse what makes no sense and name the field by its own name;
whoever holds the field puts the path before it (``errors.field``). How values
become arrays is not said here: that is the optimizers' border.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Generic, TypeAlias, TypeVar

from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.prior import NormalPrior, Prior, WeightsPrior
from trimtab_service.domain.values import (
    MOST_TEXT,
    ParameterValue,
    check_description,
    check_name,
    number,
    shown,
)

Choice = TypeVar("Choice", str | bool, int | float)

MOST_VALUES = 1_000  # of one categorical or discrete parameter
LARGEST_INTEGER = 2**53  # beyond it a double no longer holds every integer
GRID_TOLERANCE = 1e-6  # of a step: how far off its grid a caller's value may be


class Scale(Enum):
    """How distances are measured along a numeric parameter."""

    LINEAR = "linear"
    LOG = "log"
    LOGIT = "logit"


@dataclass(frozen=True, slots=True)
class Float:
    """A real number in [min, max]; with a step, one of min, min + step, ..."""

    name: str
    min: float
    max: float
    scale: Scale = Scale.LINEAR
    step: float | None = None
    description: str = ""
    conditions: tuple[Condition, ...] = ()
    prior: Prior | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        check_description(self.description)
        for field in ("min", "max"):
            if not math.isfinite(getattr(self, field)):
                raise InvalidArgument(field, f"must be finite, not {getattr(self, field)}")
        if not self.min < self.max:
            raise InvalidArgument("max", f"{self.max} must be greater than min, {self.min}")
        if not math.isfinite(self.max - self.min):
            raise InvalidArgument("max", "the interval is too wide for a double")
        if self.scale is Scale.LOG and self.min <= 0:
            raise InvalidArgument("min", f"must be greater than 0 on a log scale, not {self.min}")
        if self.scale is Scale.LOGIT and not 0 < self.min < self.max < 1:
            raise InvalidArgument("min", "a logit scale needs 0 < min < max < 1")
        if self.step is not None:
            if not (math.isfinite(self.step) and self.step > 0):
                raise InvalidArgument("step", f"must be a finite number greater than 0, not {self.step}")
            if self.scale is not Scale.LINEAR:
                raise InvalidArgument("step", f"needs the linear scale, not {self.scale.value}")
            if self.step * (1 - GRID_TOLERANCE) > self.max - self.min:
                raise InvalidArgument("step", f"{self.step} is longer than the interval from {self.min} to {self.max}")
            if (self.max - self.min) / self.step > LARGEST_INTEGER:
                raise InvalidArgument("step", f"{self.step} is too short for the interval")
        _check_normal(self.prior, self.min, self.max)

    @property
    def cardinality(self) -> int | None:
        """How many values there are; None for a continuum."""
        if self.step is None:
            return None
        return math.floor((self.max - self.min) / self.step + GRID_TOLERANCE) + 1

    def grid_value(self, index: int) -> float:
        """Value ``index`` of the grid, free of accumulated rounding."""
        if self.step is None:
            raise TypeError(f"{self.name} has no step")
        value = float(Decimal(repr(self.min)) + index * Decimal(repr(self.step)))
        return min(value, self.max)

    def values(self) -> Iterator[float]:
        """Every value in increasing order; TypeError for a continuum."""
        count = self.cardinality
        if count is None:
            raise TypeError(f"{self.name} is a continuum")
        return (self.grid_value(index) for index in range(count))

    def check(self, value: ParameterValue) -> float:
        """The legal value that is meant; InvalidArgument otherwise."""
        wanted = number(value)
        if not self.min <= wanted <= self.max:
            raise InvalidArgument("", f"{wanted} is outside [{self.min}, {self.max}]")
        if self.step is None:
            return wanted
        index = round((wanted - self.min) / self.step)
        nearest = self.grid_value(index)
        if abs(nearest - wanted) > GRID_TOLERANCE * self.step:
            raise InvalidArgument("", f"{wanted} is not a whole number of steps of {self.step} above {self.min}")
        return nearest


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in [min, max]."""

    name: str
    min: int
    max: int
    scale: Scale = Scale.LINEAR
    description: str = ""
    conditions: tuple[Condition, ...] = ()
    prior: Prior | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        check_description(self.description)
        for field in ("min", "max"):
            if abs(getattr(self, field)) > LARGEST_INTEGER:
                raise InvalidArgument(field, "must lie within 2^53 of zero")
        if self.min > self.max:
            raise InvalidArgument("max", f"{self.max} must be at least min, {self.min}")
        if self.scale is Scale.LOGIT:
            raise InvalidArgument("scale", "an integer takes the linear or the log scale")
        if self.scale is Scale.LOG and self.min <= 0:
            raise InvalidArgument("min", f"must be greater than 0 on a log scale, not {self.min}")
        _check_normal(self.prior, self.min, self.max)

    @property
    def cardinality(self) -> int:
        """How many values there are."""
        return self.max - self.min + 1

    def values(self) -> Iterator[int]:
        """Every value in increasing order."""
        return iter(range(self.min, self.max + 1))

    def check(self, value: ParameterValue) -> int:
        """The legal value that is meant; InvalidArgument otherwise."""
        wanted = number(value)
        if wanted != math.floor(wanted):
            raise InvalidArgument("", f"must be a whole number, not {wanted}")
        if not self.min <= wanted <= self.max:
            raise InvalidArgument("", f"{value} is outside [{self.min}, {self.max}]")
        return int(wanted)


class _Listed(Generic[Choice]):
    """What parameters have in common whose values are written down."""

    __slots__ = ()

    choices: tuple[Choice, ...]

    @property
    def cardinality(self) -> int:
        """How many values there are."""
        return len(self.choices)

    def values(self) -> Iterator[Choice]:
        """Every value, as declared."""
        return iter(self.choices)


@dataclass(frozen=True, slots=True)
class Categorical(_Listed[str | bool]):
    """One of several texts, or of the truth values; without an order."""

    name: str
    choices: tuple[str, ...] | tuple[bool, ...]
    description: str = ""
    conditions: tuple[Condition, ...] = ()
    prior: Prior | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        check_description(self.description)
        _check_choices(self.choices)
        if not (all(isinstance(v, bool) for v in self.choices) or all(isinstance(v, str) for v in self.choices)):
            raise InvalidArgument("values", "must be all texts, or all truth values")
        for index, value in enumerate(self.choices):
            if isinstance(value, str) and len(value.encode()) > MOST_TEXT:
                raise InvalidArgument(f"values[{index}]", f"longer than {MOST_TEXT} bytes")
        if isinstance(self.prior, NormalPrior):
            raise InvalidArgument("prior.normal", "values without an order take weights")
        if self.prior is not None:
            self.prior.check_count(len(self.choices))

    def check(self, value: ParameterValue) -> str | bool:
        """The value itself if it is one of them; InvalidArgument otherwise."""
        if isinstance(value, str | bool) and type(value) is type(self.choices[0]) and value in self.choices:
            return value
        kind = "truth values" if isinstance(self.choices[0], bool) else "texts"
        listed = ", ".join(shown(choice) for choice in self.choices[:8]) + (", ..." if len(self.choices) > 8 else "")
        raise InvalidArgument("", f"{shown(value)} is not one of the {kind} {listed}")


@dataclass(frozen=True, slots=True)
class Discrete(_Listed[int | float]):
    """One of several numbers in increasing order."""

    name: str
    choices: tuple[int, ...] | tuple[float, ...]
    description: str = ""
    conditions: tuple[Condition, ...] = ()
    prior: Prior | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        check_description(self.description)
        _check_choices(self.choices)
        kinds = {type(value) for value in self.choices}
        if kinds not in ({int}, {float}):
            raise InvalidArgument("values", "must be all integers, or all floating-point numbers")
        if not all(math.isfinite(v) and abs(v) <= LARGEST_INTEGER for v in self.choices if isinstance(v, int)):
            raise InvalidArgument("values", "integers must lie within 2^53 of zero")
        for index, value in enumerate(self.choices):
            if not math.isfinite(value):
                raise InvalidArgument(f"values[{index}]", f"must be finite, not {value}")
        if any(a >= b for a, b in itertools.pairwise(self.choices)):
            raise InvalidArgument("values", "must be in increasing order")
        if isinstance(self.prior, WeightsPrior):
            self.prior.check_count(len(self.choices))
        else:
            _check_normal(self.prior, self.choices[0], self.choices[-1])

    def check(self, value: ParameterValue) -> int | float:
        """The legal value that is meant; InvalidArgument otherwise."""
        wanted = number(value)
        for choice in self.choices:
            if choice == wanted:
                return choice
        listed = ", ".join(str(choice) for choice in self.choices[:8]) + (", ..." if len(self.choices) > 8 else "")
        raise InvalidArgument("", f"{value} is not one of {listed}")


Parameter: TypeAlias = Float | Integer | Categorical | Discrete


def _check_choices(choices: Sequence[ParameterValue]) -> None:
    if not choices:
        raise InvalidArgument("values", "must not be empty")
    if len(choices) > MOST_VALUES:
        raise InvalidArgument("values", f"{len(choices)} values; {MOST_VALUES} at most")
    seen: set[ParameterValue] = set()
    for index, value in enumerate(choices):
        if value in seen:
            raise InvalidArgument(f"values[{index}]", f"{shown(value)} is there twice")
        seen.add(value)


def _check_normal(prior: Prior | None, low: float, high: float) -> None:
    if isinstance(prior, WeightsPrior):
        raise InvalidArgument("prior.weights", "a range of numbers takes a normal prior")
    if prior is not None:
        prior.check_within(low, high)

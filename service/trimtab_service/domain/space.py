"""Parameters, the search space they span, and which values are legal.

Constructors refuse what makes no sense and name the field by its own name;
whoever holds the field puts the path before it (``errors.field``). How values
become arrays is not said here: that is the optimizers' border.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from trimtab_service.domain.errors import InvalidArgument

ParameterValue: TypeAlias = float | int | str | bool
Parameters: TypeAlias = Mapping[str, ParameterValue]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
MOST_VALUES = 1_000  # of one categorical or discrete parameter
MOST_PARAMETERS = 200
MOST_TEXT = 1_024  # bytes of one categorical value or description
LARGEST_INTEGER = 2**53  # beyond it a double no longer holds every integer
GRID_TOLERANCE = 1e-6  # of a step: how far off its grid a caller's value may be


class Scale(Enum):
    """How distances are measured along a numeric parameter."""

    LINEAR = "linear"
    LOG = "log"
    LOGIT = "logit"


def check_name(name: str) -> None:
    """Raises InvalidArgument (field ``name``) unless ``name`` is well formed."""
    if not NAME.fullmatch(name):
        raise InvalidArgument(
            "name",
            f"{name[:130]!r} is not a name: a letter or underscore, then letters, digits and . _ -, 128 at most",
        )


def _check_description(description: str) -> None:
    if len(description.encode()) > MOST_TEXT:
        raise InvalidArgument("description", f"longer than {MOST_TEXT} bytes")


def _number(value: ParameterValue) -> float:
    """The value as a float; InvalidArgument with an empty field otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument("", f"must be a number, not {_kind(value)} {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise InvalidArgument("", f"{_shown(value)} is too large") from None
    if not math.isfinite(number):
        raise InvalidArgument("", f"must be finite, not {value}")
    return number


def _kind(value: ParameterValue) -> str:
    return {bool: "the truth value", int: "the integer", float: "the number", str: "the text"}[type(value)]


def _shown(value: ParameterValue) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


@dataclass(frozen=True, slots=True)
class Float:
    """A real number in [min, max]; with a step, one of min, min + step, ..."""

    name: str
    min: float
    max: float
    scale: Scale = Scale.LINEAR
    step: float | None = None
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_description(self.description)
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
        number = _number(value)
        if not self.min <= number <= self.max:
            raise InvalidArgument("", f"{number} is outside [{self.min}, {self.max}]")
        if self.step is None:
            return number
        index = round((number - self.min) / self.step)
        nearest = self.grid_value(index)
        if abs(nearest - number) > GRID_TOLERANCE * self.step:
            raise InvalidArgument("", f"{number} is not a whole number of steps of {self.step} above {self.min}")
        return nearest


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in [min, max]."""

    name: str
    min: int
    max: int
    scale: Scale = Scale.LINEAR
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_description(self.description)
        for field in ("min", "max"):
            if abs(getattr(self, field)) > LARGEST_INTEGER:
                raise InvalidArgument(field, "must lie within 2^53 of zero")
        if self.min > self.max:
            raise InvalidArgument("max", f"{self.max} must be at least min, {self.min}")
        if self.scale is Scale.LOGIT:
            raise InvalidArgument("scale", "an integer takes the linear or the log scale")
        if self.scale is Scale.LOG and self.min <= 0:
            raise InvalidArgument("min", f"must be greater than 0 on a log scale, not {self.min}")

    @property
    def cardinality(self) -> int:
        """How many values there are."""
        return self.max - self.min + 1

    def values(self) -> Iterator[int]:
        """Every value in increasing order."""
        return iter(range(self.min, self.max + 1))

    def check(self, value: ParameterValue) -> int:
        """The legal value that is meant; InvalidArgument otherwise."""
        number = _number(value)
        if number != math.floor(number):
            raise InvalidArgument("", f"must be a whole number, not {number}")
        if not self.min <= number <= self.max:
            raise InvalidArgument("", f"{value} is outside [{self.min}, {self.max}]")
        return int(number)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several texts, or of the truth values; without an order."""

    name: str
    choices: tuple[str, ...] | tuple[bool, ...]
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_description(self.description)
        _check_choices(self.choices)
        if not (all(isinstance(v, bool) for v in self.choices) or all(isinstance(v, str) for v in self.choices)):
            raise InvalidArgument("values", "must be all texts, or all truth values")
        for index, value in enumerate(self.choices):
            if isinstance(value, str) and len(value.encode()) > MOST_TEXT:
                raise InvalidArgument(f"values[{index}]", f"longer than {MOST_TEXT} bytes")

    @property
    def cardinality(self) -> int:
        """How many values there are."""
        return len(self.choices)

    def values(self) -> Iterator[str | bool]:
        """Every value as declared."""
        return iter(self.choices)

    def check(self, value: ParameterValue) -> str | bool:
        """The value itself if it is one of them; InvalidArgument otherwise."""
        for choice in self.choices:
            if type(choice) is type(value) and choice == value:
                return choice
        kind = "truth values" if isinstance(self.choices[0], bool) else "texts"
        shown = ", ".join(_shown(choice) for choice in self.choices[:8]) + (", ..." if len(self.choices) > 8 else "")
        raise InvalidArgument("", f"{_shown(value)} is not one of the {kind} {shown}")


@dataclass(frozen=True, slots=True)
class Discrete:
    """One of several numbers in increasing order."""

    name: str
    choices: tuple[int, ...] | tuple[float, ...]
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)
        _check_description(self.description)
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

    @property
    def cardinality(self) -> int:
        """How many values there are."""
        return len(self.choices)

    def values(self) -> Iterator[int | float]:
        """Every value in increasing order."""
        return iter(self.choices)

    def check(self, value: ParameterValue) -> int | float:
        """The legal value that is meant; InvalidArgument otherwise."""
        number = _number(value)
        for choice in self.choices:
            if choice == number:
                return choice
        shown = ", ".join(str(choice) for choice in self.choices[:8]) + (", ..." if len(self.choices) > 8 else "")
        raise InvalidArgument("", f"{value} is not one of {shown}")


Parameter: TypeAlias = Float | Integer | Categorical | Discrete


def _check_choices(choices: Sequence[ParameterValue]) -> None:
    if not choices:
        raise InvalidArgument("values", "must not be empty")
    if len(choices) > MOST_VALUES:
        raise InvalidArgument("values", f"{len(choices)} values; {MOST_VALUES} at most")
    seen: set[ParameterValue] = set()
    for index, value in enumerate(choices):
        if value in seen:
            raise InvalidArgument(f"values[{index}]", f"{_shown(value)} is there twice")
        seen.add(value)


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The parameters being tuned, in their order."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        if not self.parameters:
            raise InvalidArgument("parameters", "a search space needs at least one parameter")
        if len(self.parameters) > MOST_PARAMETERS:
            raise InvalidArgument("parameters", f"{len(self.parameters)} parameters; {MOST_PARAMETERS} at most")
        check_unique(self.parameters)

    @property
    def cardinality(self) -> int | None:
        """How many points there are; None if any parameter is a continuum."""
        counts = [parameter.cardinality for parameter in self.parameters]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def points(self) -> Iterator[dict[str, ParameterValue]]:
        """Every point, the last parameter turning fastest; TypeError for a continuum."""
        names = [parameter.name for parameter in self.parameters]
        for values in itertools.product(*(tuple(parameter.values()) for parameter in self.parameters)):
            yield dict(zip(names, values, strict=True))

    def check(self, values: Parameters) -> dict[str, ParameterValue]:
        """The legal point that is meant, in the order of the space.

        Raises InvalidArgument, the field being ``values["name"]``.
        """
        return check_values(self.parameters, values, "parameter of the search space")

    def check_part(self, values: Parameters) -> dict[str, ParameterValue]:
        """As ``check``, for values of some of the parameters, at least one."""
        if not values:
            raise InvalidArgument("values", "must have a value for at least one parameter")
        named = [parameter for parameter in self.parameters if parameter.name in values]
        return check_values(named, values, "parameter of the search space")


def check_unique(parameters: Sequence[Parameter]) -> None:
    """Raises InvalidArgument (``parameters[i].name``) where a name repeats."""
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        if parameter.name in seen:
            raise InvalidArgument(f"parameters[{index}].name", f"{parameter.name!r} is there twice")
        seen.add(parameter.name)


def check_values(parameters: Sequence[Parameter], values: Parameters, noun: str) -> dict[str, ParameterValue]:
    """One legal value for each of ``parameters``, and no other; InvalidArgument otherwise."""
    checked: dict[str, ParameterValue] = {}
    for parameter in parameters:
        path = f'values["{parameter.name}"]'
        if parameter.name not in values:
            raise InvalidArgument(path, f"missing: every {noun} needs a value")
        try:
            checked[parameter.name] = parameter.check(values[parameter.name])
        except InvalidArgument as error:
            raise error.under(path) from None
    if len(values) > len(checked):
        unknown = next(name for name in values if name not in checked)
        raise InvalidArgument(f'values["{unknown[:130]}"]', f"not a {noun}")
    return checked

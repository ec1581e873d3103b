"""When a parameter exists: where another one has certain values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.values import Parameters, ParameterValue, shown

MOST_CONDITIONS = 10  # of one parameter


@dataclass(frozen=True, slots=True)
class Condition:
    """``parameter``, another one of the same space, has one of ``values``, or lies in [min, max].

    Either values are given, or min or max or both. listed: the values as a set.
    """

    parameter: str
    values: tuple[ParameterValue, ...] = ()
    min: float | None = None
    max: float | None = None
    listed: frozenset[ParameterValue] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Looked into for each value that the other one has: there may be a thousand on both sides.
        object.__setattr__(self, "listed", frozenset(self.values))
        if not self.parameter:
            raise InvalidArgument("parameter", "missing: the name of another parameter")
        if self.values and not (self.min is None and self.max is None):
            raise InvalidArgument("values", "give either values, or min or max or both")
        if not self.values and self.min is None and self.max is None:
            raise InvalidArgument("values", "missing: give values, or min or max or both")
        for name in ("min", "max"):
            end = getattr(self, name)
            if end is not None and not math.isfinite(end):
                raise InvalidArgument(name, f"must be finite, not {end}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise InvalidArgument("max", f"{self.max} must be at least min, {self.min}")

    def holds(self, value: ParameterValue) -> bool:
        """Whether the condition is met by this value of ``parameter``, a legal one."""
        if self.values:
            return value in self.listed
        number = float(value)
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)

    def met(self, values: Parameters) -> bool:
        """Whether it holds at a point, or the part of one that says what ``parameter`` is where it exists."""
        return self.parameter in values and self.holds(values[self.parameter])

    def __str__(self) -> str:
        if self.values:
            listed = ", ".join(shown(value) for value in self.values[:8]) + (", ..." if len(self.values) > 8 else "")
            return f"{self.parameter} is {listed}" if len(self.values) == 1 else f"{self.parameter} is one of {listed}"
        if self.min is None:
            return f"{self.parameter} is at most {self.max}"
        if self.max is None:
            return f"{self.parameter} is at least {self.min}"
        return f"{self.parameter} is from {self.min} to {self.max}"

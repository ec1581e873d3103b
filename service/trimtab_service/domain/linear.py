"""What several parameters must have together: linear constraints, and mixtures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.values import Parameters

MOST_LINEAR_CONSTRAINTS = 50
MOST_SIMPLEXES = 10
MOST_PARTS = 200  # of a mixture: a space has no more parameters
ROUNDING = 1e-9  # of the sum of magnitudes at a point: how far off a bound its sum may be
GRAIN = 1e-12  # of the largest magnitude of a number on a linear scale, on top: nearer to 0 it isn't told
SIMPLEX_TOLERANCE = 1e-6  # of the total, on top


@dataclass(frozen=True, slots=True)
class LinearConstraint:
    """min <= sum of weight times value <= max; None: no such bound.

    weights: by the names of numeric parameters that always exist.
    slack: how much farther off a bound than others the sum may be, because of
        terms that are taken out of it.
    """

    weights: Mapping[str, float]
    min: float | None = None
    max: float | None = None
    slack: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if not self.weights:
            raise InvalidArgument("weights", "must have a weight for at least one parameter")
        for name, weight in self.weights.items():
            if not (math.isfinite(weight) and weight != 0):
                raise InvalidArgument(f'weights["{name[:130]}"]', f"must be a finite number other than 0, not {weight}")
        if self.min is None and self.max is None:
            raise InvalidArgument("max", "missing: give min or max or both")
        for name in ("min", "max"):
            end = getattr(self, name)
            if end is not None and not math.isfinite(end):
                raise InvalidArgument(name, f"must be finite, not {end}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise InvalidArgument("max", f"{self.max} must be at least min, {self.min}")

    @property
    def terms(self) -> Mapping[str, float]:
        """The weights of the sum, by name."""
        return self.weights

    def sum(self, values: Parameters) -> float:
        """At a point."""
        return math.fsum(weight * float(values[name]) for name, weight in self.weights.items())

    def met(self, values: Parameters, tolerance: float) -> bool:
        """Whether the sum at a point is within ``tolerance`` of the bounds."""
        total = self.sum(values)
        return (self.min is None or total >= self.min - tolerance) and (
            self.max is None or total <= self.max + tolerance
        )

    def __str__(self) -> str:
        terms = " + ".join(f"{weight:g} {name}" for name, weight in self.weights.items())
        terms = terms if len(terms) <= 200 else terms[:197] + "..."
        if self.min is None:
            return f"{terms} must be at most {self.max}"
        if self.max is None:
            return f"{terms} must be at least {self.min}"
        return f"{terms} must be from {self.min} to {self.max}"


@dataclass(frozen=True, slots=True)
class Simplex:
    """A mixture: ``parameters``, real numbers, add up to ``total``. slack: as of a ``LinearConstraint``."""

    parameters: tuple[str, ...]
    total: float = 1.0
    slack: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if len(self.parameters) < 2:
            raise InvalidArgument("parameters", "a mixture needs at least two parts")
        if len(self.parameters) > MOST_PARTS:
            raise InvalidArgument("parameters", f"{len(self.parameters)} parts; {MOST_PARTS} at most")
        for index, name in enumerate(self.parameters):
            if name in self.parameters[:index]:
                raise InvalidArgument(f"parameters[{index}]", f"{name[:130]!r} is there twice")
        if not math.isfinite(self.total):
            raise InvalidArgument("total", f"must be finite, not {self.total}")

    @property
    def terms(self) -> Mapping[str, float]:
        """The weights of the sum, by name: 1 each."""
        return dict.fromkeys(self.parameters, 1.0)

    def sum(self, values: Parameters) -> float:
        """At a point."""
        return math.fsum(float(values[name]) for name in self.parameters)

    def met(self, values: Parameters, tolerance: float) -> bool:
        """Whether the parts of a point add up, to ``tolerance``."""
        return abs(self.sum(values) - self.total) <= tolerance

    def __str__(self) -> str:
        terms = " + ".join(self.parameters)
        terms = terms if len(terms) <= 200 else terms[:197] + "..."
        return f"{terms} must be {self.total:g}"

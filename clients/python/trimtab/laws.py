"""What a search space says beyond the ranges of its parameters.

When parameters exist, what is believed of them beforehand, and what they must
have together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from trimtab._plain import ParameterValue, ValueLike, at, plain_number, plain_value, plain_weights, set_numbers


@dataclass(frozen=True, slots=True)
class Between:
    """A parameter exists where another one lies in [min, max]; None: no such end."""

    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError("give min or max or both")
        set_numbers(self, "min", "max", or_none=True)


Condition: TypeAlias = ValueLike | Sequence[ValueLike] | Between
"""Where a parameter exists: at one value of another one, at several, or in an interval."""


def plain_conditions(conditions: Mapping[str, Condition]) -> dict[str, Between | tuple[ParameterValue, ...]]:
    """Each as an interval, or as the values in a tuple; TypeError for anything else."""
    plain: dict[str, Between | tuple[ParameterValue, ...]] = {}
    for name, condition in conditions.items():
        if isinstance(condition, Between):
            plain[name] = condition
        elif isinstance(condition, Sequence | set | frozenset) and not isinstance(condition, str):
            plain[name] = tuple(plain_value(value) for value in condition)
        else:
            plain[name] = (plain_value(condition),)
    return plain


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """Good values of a number are believed to lie around ``mean``, less the farther away.

    spread: the standard deviation, as a share of the width of the parameter's
        scale: 0.1 on a log scale from 1 to 10,000 is 0.4 of a factor of ten.
    """

    mean: float
    spread: float

    def __post_init__(self) -> None:
        set_numbers(self, "mean", "spread")


@dataclass(frozen=True, slots=True)
class WeightsPrior:
    """How likely each listed value is the best, in the order of the parameter; only the ratios count."""

    weights: Sequence[float]

    def __post_init__(self) -> None:
        with at("weights"):
            object.__setattr__(self, "weights", tuple(plain_number(weight) for weight in self.weights))


@dataclass(frozen=True, slots=True)
class LinearConstraint:
    """min <= sum of weight times value <= max; None: no such bound.

    Kept to a billionth of the sum of magnitudes at the point.

    weights: by the names of numeric parameters that always exist.
    """

    weights: Mapping[str, float]
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", plain_weights(self.weights))
        set_numbers(self, "min", "max", or_none=True)


@dataclass(frozen=True, slots=True)
class Simplex:
    """A mixture: ``parameters``, Floats on a linear scale without a step, add up to ``total``."""

    parameters: Sequence[str]
    total: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.parameters, str):
            raise TypeError(f"a mixture has several parts, not the text {self.parameters!r:.80}")
        object.__setattr__(self, "parameters", tuple(self.parameters))
        set_numbers(self, "total")

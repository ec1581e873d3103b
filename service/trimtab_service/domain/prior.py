"""What is believed of a parameter before anything is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from trimtab_service.domain.errors import InvalidArgument

LEAST_SPREAD, MOST_SPREAD = 0.001, 10.0


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """Good values lie around ``mean``, in the unit of the parameter, less the farther away.

    spread: the standard deviation of that belief, as a share of the width of
        the parameter's scale.
    """

    mean: float
    spread: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise InvalidArgument("mean", f"must be finite, not {self.mean}")
        if not LEAST_SPREAD <= self.spread <= MOST_SPREAD:
            raise InvalidArgument("spread", f"must be from {LEAST_SPREAD} to {MOST_SPREAD:g}, not {self.spread}")

    def check_within(self, low: float, high: float) -> None:
        """Raises InvalidArgument (field ``prior.normal.mean``) unless low <= mean <= high."""
        if not low <= self.mean <= high:
            raise InvalidArgument("prior.normal.mean", f"{self.mean} is outside [{low}, {high}]")


@dataclass(frozen=True, slots=True)
class WeightsPrior:
    """How likely each value is the best one, in the order of the parameter; only the ratios count."""

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        for index, weight in enumerate(self.weights):
            if not (math.isfinite(weight) and weight > 0):
                raise InvalidArgument(f"weights[{index}]", f"must be a finite number greater than 0, not {weight}")

    def check_count(self, count: int) -> None:
        """Raises InvalidArgument (field ``prior.weights.weights``) unless there is one for each of ``count`` values."""
        if len(self.weights) != count:
            raise InvalidArgument("prior.weights.weights", f"{len(self.weights)} weights for {count} values")


Prior: TypeAlias = NormalPrior | WeightsPrior

"""How desirable several metrics are together, as one number from 0 to 1.

Derringer, Suich 1980, "Simultaneous Optimization of Several Response
Variables", with the weights of Derringer 1994, "A Balancing Act".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidArgument

MOST_DESIRES = 50
LEAST_EXPONENT, MOST_EXPONENT = 0.01, 100.0
USELESS = 0.01  # what a useless value counts as, so that points that fail in one desire alone still differ


@dataclass(frozen=True, slots=True)
class Desire:
    """How desirable the values of one metric are.

    target: as good as can be. low, high: from there on outwards the value is
        useless; None: on that side it stays as good as at the target.
    exponent: of the way from useless to target. weight: among the desires.
    """

    metric: str
    target: float
    low: float | None = None
    high: float | None = None
    exponent: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("target", "low", "high"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise InvalidArgument(name, f"must be finite, not {value}")
        if self.low is None and self.high is None:
            raise InvalidArgument("low", "give low or high or both: from where on the value is useless")
        if self.low is not None and self.low >= self.target:
            raise InvalidArgument("low", f"must be less than target, {self.target}, not {self.low}")
        if self.high is not None and self.high <= self.target:
            raise InvalidArgument("high", f"must be greater than target, {self.target}, not {self.high}")
        if not LEAST_EXPONENT <= self.exponent <= MOST_EXPONENT:
            raise InvalidArgument(
                "exponent", f"must be from {LEAST_EXPONENT} to {MOST_EXPONENT:g}, not {self.exponent}"
            )
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise InvalidArgument("weight", f"must be positive and finite, not {self.weight}")

    def value(self, measured: float) -> float:
        """From 0, useless, to 1, as good as can be."""
        end = self.low if measured < self.target else self.high
        if measured == self.target or end is None:
            return 1.0
        if (measured <= end) if end < self.target else (measured >= end):
            return 0.0
        # Halves, so that the difference of two doubles can't overflow.
        way = (0.5 * measured - 0.5 * end) / (0.5 * self.target - 0.5 * end)
        return float(way**self.exponent)


@dataclass(frozen=True, slots=True)
class Desirability:
    """The weighted geometric mean of desires, each of another metric."""

    desires: tuple[Desire, ...]

    def __post_init__(self) -> None:
        if not self.desires:
            raise InvalidArgument("desires", "a desirability needs at least one desire")
        if len(self.desires) > MOST_DESIRES:
            raise InvalidArgument("desires", f"{len(self.desires)} desires; {MOST_DESIRES} at most")
        for index, name in enumerate(self.inputs):
            if name in self.inputs[:index]:
                raise InvalidArgument(f"desires[{index}].metric", f"{name[:130]!r} is there twice")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The metrics that it is computed from."""
        return tuple(desire.metric for desire in self.desires)

    def field(self, name: str) -> str:
        """Where in the metric the input ``name`` is said."""
        return f"desirability.desires[{self.inputs.index(name)}].metric"

    def value(self, means: Mapping[str, float]) -> float:
        """Of the means of the metrics by name: exp(sum w ln(floor + (1 - floor) d) / sum w), floor = 0.01."""
        heaviest = max(desire.weight for desire in self.desires)
        weights = [desire.weight / heaviest for desire in self.desires]
        logs = [math.log(USELESS + (1.0 - USELESS) * desire.value(means[desire.metric])) for desire in self.desires]
        summed = math.fsum(weight * log for weight, log in zip(weights, logs, strict=True))
        return min(math.exp(summed / math.fsum(weights)), 1.0)

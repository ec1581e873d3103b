"""What a caller asks of outcomes: which are acceptable, and in which conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab._plain import ParameterValue, ValueLike, at, plain_number, plain_values, set_numbers


@dataclass(frozen=True, slots=True)
class OutcomeConstraint:
    """A metric with a bound; one of min and max at least.

    min, max: in the unit of the metric; None: not bounded on that side.
    relative_to_baseline: they are multiples of what the baseline has, 1.05
        say for "at most 5 % more".
    """

    metric: str
    min: float | None = None
    max: float | None = None
    relative_to_baseline: bool = False

    def __post_init__(self) -> None:
        set_numbers(self, "min", "max", or_none=True)


@dataclass(frozen=True, slots=True)
class Robustness:
    """Good in several conditions at once, instead of in the one that a caller names.

    conditions: values for every context of the study each.
    weights: how much each counts, in their order; empty: all the same.
    worst_share: what counts is the mean over this share of the conditions,
        the worst ones: 0.1 for the worst tenth, 1 for the mean over all.
    """

    conditions: Sequence[Mapping[str, ValueLike]]
    weights: Sequence[float] = ()
    worst_share: float = 1.0

    def __post_init__(self) -> None:
        conditions: tuple[Mapping[str, ParameterValue], ...] = tuple(
            plain_values(condition, f"conditions[{index}]") for index, condition in enumerate(self.conditions)
        )
        object.__setattr__(self, "conditions", conditions)
        with at("weights"):
            object.__setattr__(self, "weights", tuple(plain_number(weight) for weight in self.weights))
        set_numbers(self, "worst_share")

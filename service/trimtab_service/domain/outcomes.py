"""Which outcomes are acceptable, and in which conditions a point must be good."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Metric, Objective
from trimtab_service.domain.space import Parameters

MOST_CONSTRAINTS = 20
LEAST_CONDITIONS, MOST_CONDITIONS = 2, 100


@dataclass(frozen=True, slots=True)
class OutcomeConstraint:
    """A metric with a bound.

    min, max: in the unit of the metric, or, where it is relative, multiples
        of what the baseline has, 1.1 being a tenth of its magnitude more
        whatever its sign; None: not bounded on that side.
    """

    metric: str
    min: float | None = None
    max: float | None = None
    relative: bool = False

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise InvalidArgument("max", "give min or max or both")
        for name in ("min", "max"):
            bound = getattr(self, name)
            if bound is not None and not math.isfinite(bound):
                raise InvalidArgument(name, f"must be finite, not {bound}")
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise InvalidArgument("max", f"{self.max} must be greater than min, {self.min}")

    def bounds(self, baseline: float | None) -> tuple[float, float]:
        """The least and the greatest acceptable value, in the unit of the metric; infinite where there is none.

        baseline: what the baseline has; None: not measured yet, so that a
            relative constraint says nothing.
        """
        if not self.relative:
            return -math.inf if self.min is None else self.min, math.inf if self.max is None else self.max
        if baseline is None:
            return -math.inf, math.inf
        low = -math.inf if self.min is None else _share(self.min, baseline)
        high = math.inf if self.max is None else _share(self.max, baseline)
        return low, high


def _share(multiple: float, baseline: float) -> float:
    """baseline + (multiple - 1) |baseline|."""
    return (multiple if baseline >= 0 else 2.0 - multiple) * baseline


@dataclass(frozen=True, slots=True)
class Robustness:
    """Good in several conditions at once.

    conditions: values for every context of the study each.
    weights: how much each counts, in their order; empty: all the same.
    worst_share: what counts is the mean over this share of the conditions,
        the worst ones; 1 is the mean over all.
    """

    conditions: tuple[Parameters, ...]
    weights: tuple[float, ...] = ()
    worst_share: float = 1.0

    def __post_init__(self) -> None:
        count = len(self.conditions)
        if not LEAST_CONDITIONS <= count <= MOST_CONDITIONS:
            raise InvalidArgument(
                "conditions", f"{count} conditions; from {LEAST_CONDITIONS} to {MOST_CONDITIONS} are taken"
            )
        if self.weights and len(self.weights) != count:
            raise InvalidArgument("weights", f"{len(self.weights)} weights of {count} conditions")
        for index, weight in enumerate(self.weights):
            if not (math.isfinite(weight) and weight > 0):
                raise InvalidArgument(f"weights[{index}]", f"must be positive and finite, not {weight}")
        if not 0 < self.worst_share <= 1:
            raise InvalidArgument("worst_share", f"must be over 0 and at most 1, not {self.worst_share}")


def check_constraints(
    constraints: Sequence[OutcomeConstraint], metrics: Sequence[Metric], *, has_baseline: bool
) -> None:
    """Raises InvalidArgument at ``outcome_constraints...`` unless they fit the study."""
    if len(constraints) > MOST_CONSTRAINTS:
        raise InvalidArgument("outcome_constraints", f"{len(constraints)} constraints; {MOST_CONSTRAINTS} at most")
    declared = {metric.name: metric for metric in metrics}
    seen: set[str] = set()
    for index, constraint in enumerate(constraints):
        path, name = f"outcome_constraints[{index}]", constraint.metric
        if name not in declared:
            raise InvalidArgument(f"{path}.metric", f"{name[:130]!r} is not a declared metric")
        if name in seen:
            raise InvalidArgument(f"{path}.metric", f"{name!r} is there twice: give it min and max at once")
        seen.add(name)
        if constraint.relative:
            if not has_baseline:
                raise InvalidArgument(f"{path}.relative_to_baseline", "needs a baseline, and the study has none")
        else:
            _check_reachable(constraint, declared[name], path)


def _check_reachable(constraint: OutcomeConstraint, metric: Metric, path: str) -> None:
    low, high = constraint.bounds(None)
    if metric.max is not None and low > metric.max:
        raise InvalidArgument(f"{path}.min", f"no value of {metric.name} is that large: its own max is {metric.max}")
    if metric.min is not None and high < metric.min:
        raise InvalidArgument(f"{path}.max", f"no value of {metric.name} is that small: its own min is {metric.min}")


def check_cost(cost: str, metrics: Sequence[Metric], objectives: Sequence[Objective]) -> None:
    """Raises InvalidArgument at ``cost_metric`` unless it can be what a trial costs."""
    declared: Mapping[str, Metric] = {metric.name: metric for metric in metrics}
    if cost not in declared:
        raise InvalidArgument("cost_metric", f"{cost[:130]!r} is not a declared metric")
    if any(objective.metric == cost for objective in objectives):
        raise InvalidArgument("cost_metric", f"{cost!r} is an objective: what is optimized can't be the price of it")
    most = declared[cost].max
    if most is not None and most <= 0:
        raise InvalidArgument("cost_metric", f"a cost is greater than 0, and {cost!r} is at most {most}")

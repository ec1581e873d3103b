"""Metrics: what is measured, what is computed from it, and which way it should go.

Declarations alone. What an observation counts as by them: ``reward``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from trimtab_service.domain.desirability import Desirability
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import MOST_TEXT, check_name

MOST_METRICS = 50
MOST_OBJECTIVES = 4


class MetricKind(Enum):
    """What kind of numbers a metric takes."""

    REAL = "real"
    BINARY = "binary"


class OutsideRange(Enum):
    """What becomes of a value outside a metric's range: it is refused, or counts as the end that it lies beyond."""

    REFUSE = "refuse"
    CLIP = "clip"


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """A sum of other metrics, each times its weight. weights: by name; finite, not 0."""

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.weights:
            raise InvalidArgument("weights", "a sum needs at least one metric")
        if len(self.weights) > MOST_METRICS:
            raise InvalidArgument("weights", f"{len(self.weights)} metrics; {MOST_METRICS} at most")
        for name, weight in self.weights.items():
            if not math.isfinite(weight) or weight == 0:
                raise InvalidArgument(f'weights["{name[:130]}"]', f"must be finite and not 0, not {weight}")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The metrics that it is computed from."""
        return tuple(self.weights)

    def field(self, name: str) -> str:
        """Where in the metric the input ``name`` is said."""
        return f'weighted_sum.weights["{name[:130]}"]'


@dataclass(frozen=True, slots=True)
class Ratio:
    """One metric divided by another."""

    numerator: str
    denominator: str

    def __post_init__(self) -> None:
        if self.numerator == self.denominator:
            raise InvalidArgument("denominator", "must be another metric than the numerator")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The metrics that it is computed from."""
        return (self.numerator, self.denominator)

    def field(self, name: str) -> str:
        """Where in the metric the input ``name`` is said."""
        return "ratio.numerator" if name == self.numerator else "ratio.denominator"


Formula: TypeAlias = WeightedSum | Ratio | Desirability


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured, or computed from what is measured.

    min, max: which values there can be, in the unit of the metric; None: not
        known. A binary metric has 0 and 1 unless it says otherwise.
    formula: how it is computed from other metrics; None: it is measured.
    """

    name: str
    kind: MetricKind = MetricKind.REAL
    min: float | None = None
    max: float | None = None
    description: str = ""
    formula: Formula | None = None
    outside: OutsideRange = OutsideRange.REFUSE

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.description.encode()) > MOST_TEXT:
            raise InvalidArgument("description", f"longer than {MOST_TEXT} bytes")
        for name in ("min", "max"):
            bound = getattr(self, name)
            if bound is not None and not math.isfinite(bound):
                raise InvalidArgument(name, f"must be finite, not {bound}")
        if self.kind is MetricKind.BINARY:
            if self.formula is not None:
                raise InvalidArgument("kind", "a metric with a formula takes real numbers, not binary ones")
            if self.min not in (None, 0) or self.max not in (None, 1):
                raise InvalidArgument("kind", "a binary metric lies between 0 and 1")
            object.__setattr__(self, "min", 0.0)
            object.__setattr__(self, "max", 1.0)
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise InvalidArgument("max", f"{self.max} must be greater than min, {self.min}")

    def counted(self, value: float) -> float:
        """What the value counts as: itself, or the end of the range that it lies beyond."""
        if self.outside is OutsideRange.CLIP:
            value = value if self.min is None else max(value, self.min)
            value = value if self.max is None else min(value, self.max)
        return value

    def check(self, value: float) -> None:
        """Raises InvalidArgument (field empty) for a value outside of the range, unless it is clipped."""
        counted = self.counted(value)
        if (self.min is not None and counted < self.min) or (self.max is not None and counted > self.max):
            raise InvalidArgument("", f"{value} is outside the metric's range, {self.min} to {self.max}")


class Goal(Enum):
    """Which way a metric should go."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to minimize or to maximize.

    reference_point: with several objectives, the worst value of interest, in
        the unit of the metric; None: judged from what was observed.
    """

    metric: str
    goal: Goal
    reference_point: float | None = None

    def __post_init__(self) -> None:
        if self.reference_point is not None and not math.isfinite(self.reference_point):
            raise InvalidArgument("reference_point", f"must be finite, not {self.reference_point}")

    @property
    def sign(self) -> float:
        """1 to minimize, -1 to maximize: sign * value is always a cost."""
        return 1.0 if self.goal is Goal.MINIMIZE else -1.0


def check_metrics(metrics: Sequence[Metric], objectives: Sequence[Objective]) -> None:
    """Raises InvalidArgument unless they fit one another; the field starts with ``metrics`` or ``objectives``."""
    if not metrics:
        raise InvalidArgument("metrics", "a study needs at least one metric")
    if len(metrics) > MOST_METRICS:
        raise InvalidArgument("metrics", f"{len(metrics)} metrics; {MOST_METRICS} at most")
    declared: dict[str, Metric] = {}
    for index, metric in enumerate(metrics):
        if metric.name in declared:
            raise InvalidArgument(f"metrics[{index}].name", f"{metric.name!r} is there twice")
        declared[metric.name] = metric
    for index, metric in enumerate(metrics):
        if metric.formula is not None:
            _check_inputs(metric.formula, declared, f"metrics[{index}]")
    _check_objectives(objectives, declared)


def _check_objectives(objectives: Sequence[Objective], declared: Mapping[str, Metric]) -> None:
    if not 1 <= len(objectives) <= MOST_OBJECTIVES:
        raise InvalidArgument(
            "objectives", f"a study takes from 1 to {MOST_OBJECTIVES} objectives, not {len(objectives)}"
        )
    seen: set[str] = set()
    for index, objective in enumerate(objectives):
        if objective.metric not in declared:
            raise InvalidArgument(f"objectives[{index}].metric", f"{objective.metric[:130]!r} is not a declared metric")
        if objective.metric in seen:
            raise InvalidArgument(f"objectives[{index}].metric", f"{objective.metric!r} is there twice")
        seen.add(objective.metric)
    if len(objectives) == 1 and objectives[0].reference_point is not None:
        raise InvalidArgument("objectives[0].reference_point", "goes with several objectives, and there is one")


def _check_inputs(formula: Formula, declared: Mapping[str, Metric], path: str) -> None:
    for name in formula.inputs:
        if name not in declared:
            raise InvalidArgument(f"{path}.{formula.field(name)}", f"{name[:130]!r} is not a declared metric")
        if declared[name].formula is not None:
            raise InvalidArgument(
                f"{path}.{formula.field(name)}", f"{name!r} has a formula itself: a formula takes what is measured"
            )

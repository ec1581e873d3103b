"""Metrics and objectives: proto <-> domain. Errors name the field by its path from the metric or the spec."""

from __future__ import annotations

from trimtab.v1 import study_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Formula, Goal, Metric, MetricKind, Objective, OutsideRange, Ratio, WeightedSum

_KINDS = {
    study_pb2.METRIC_KIND_UNSPECIFIED: MetricKind.REAL,
    study_pb2.METRIC_KIND_REAL: MetricKind.REAL,
    study_pb2.METRIC_KIND_BINARY: MetricKind.BINARY,
}
_KINDS_TO = {MetricKind.REAL: study_pb2.METRIC_KIND_REAL, MetricKind.BINARY: study_pb2.METRIC_KIND_BINARY}
_OUTSIDE = {
    study_pb2.OUTSIDE_RANGE_UNSPECIFIED: OutsideRange.REFUSE,
    study_pb2.OUTSIDE_RANGE_REFUSE: OutsideRange.REFUSE,
    study_pb2.OUTSIDE_RANGE_CLIP: OutsideRange.CLIP,
}
_OUTSIDE_TO = {
    OutsideRange.REFUSE: study_pb2.OUTSIDE_RANGE_REFUSE,
    OutsideRange.CLIP: study_pb2.OUTSIDE_RANGE_CLIP,
}
_GOALS = {study_pb2.GOAL_MINIMIZE: Goal.MINIMIZE, study_pb2.GOAL_MAXIMIZE: Goal.MAXIMIZE}
_GOALS_TO = {goal: number for number, goal in _GOALS.items()}


def metric_from(message: study_pb2.MetricSpec, index: int) -> Metric:
    """Raises InvalidArgument at ``metrics[index]...``."""
    with errors.field(f"metrics[{index}]"):
        if message.kind not in _KINDS:
            raise InvalidArgument("kind", f"{message.kind} is not a kind that this server knows")
        if message.outside_range not in _OUTSIDE:
            raise InvalidArgument("outside_range", f"{message.outside_range} is not one that this server knows")
        return Metric(
            name=message.name,
            kind=_KINDS[message.kind],
            min=message.min if message.HasField("min") else None,
            max=message.max if message.HasField("max") else None,
            description=message.description,
            formula=_formula(message),
            outside=_OUTSIDE[message.outside_range],
        )


def _formula(message: study_pb2.MetricSpec) -> Formula | None:
    match message.WhichOneof("formula"):
        case "weighted_sum":
            with errors.field("weighted_sum"):
                return WeightedSum(dict(message.weighted_sum.weights))
        case "ratio":
            with errors.field("ratio"):
                return Ratio(message.ratio.numerator, message.ratio.denominator)
    return None


def metric_to(metric: Metric) -> study_pb2.MetricSpec:
    """A metric, as a message."""
    message = study_pb2.MetricSpec(
        name=metric.name,
        kind=_KINDS_TO[metric.kind],
        min=metric.min,
        max=metric.max,
        description=metric.description,
        outside_range=_OUTSIDE_TO[metric.outside],
    )
    match metric.formula:
        case WeightedSum():
            message.weighted_sum.weights.update(metric.formula.weights)
        case Ratio():
            message.ratio.numerator = metric.formula.numerator
            message.ratio.denominator = metric.formula.denominator
    return message


def objective_from(message: study_pb2.Objective, index: int) -> Objective:
    """Raises InvalidArgument at ``objectives[index].goal``."""
    goal = _GOALS.get(message.goal)
    if goal is None:
        raise InvalidArgument(f"objectives[{index}].goal", "must be GOAL_MINIMIZE or GOAL_MAXIMIZE")
    return Objective(message.metric, goal)


def objective_to(objective: Objective) -> study_pb2.Objective:
    """An objective, as a message."""
    return study_pb2.Objective(metric=objective.metric, goal=_GOALS_TO[objective.goal])

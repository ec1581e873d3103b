"""Metrics, objectives and what is asked of outcomes: proto <-> domain.

Errors name the field by its path from the metric or the spec.
"""

from __future__ import annotations

from trimtab.v1 import study_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.desirability import Desirability, Desire
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Formula, Goal, Metric, MetricKind, Objective, OutsideRange, Ratio, WeightedSum
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness
from trimtab_service.rpc.convert_values import parameters_to, patterns_from

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
        case "desirability":
            with errors.field("desirability"):
                return Desirability(
                    tuple(_desire(desire, index) for index, desire in enumerate(message.desirability.desires))
                )
    return None


def _desire(message: study_pb2.Desire, index: int) -> Desire:
    with errors.field(f"desires[{index}]"):
        return Desire(
            metric=message.metric,
            target=message.target,
            low=message.low if message.HasField("low") else None,
            high=message.high if message.HasField("high") else None,
            exponent=message.exponent if message.HasField("exponent") else 1.0,
            weight=message.weight if message.HasField("weight") else 1.0,
        )


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
        case Desirability():
            message.desirability.desires.extend(map(_desire_to, metric.formula.desires))
    return message


def _desire_to(desire: Desire) -> study_pb2.Desire:
    return study_pb2.Desire(
        metric=desire.metric,
        target=desire.target,
        low=desire.low,
        high=desire.high,
        exponent=desire.exponent,
        weight=desire.weight,
    )


def objective_from(message: study_pb2.Objective, index: int) -> Objective:
    """Raises InvalidArgument at ``objectives[index]...``."""
    with errors.field(f"objectives[{index}]"):
        goal = _GOALS.get(message.goal)
        if goal is None:
            raise InvalidArgument("goal", "must be GOAL_MINIMIZE or GOAL_MAXIMIZE")
        return Objective(message.metric, goal, message.reference_point if message.HasField("reference_point") else None)


def objective_to(objective: Objective) -> study_pb2.Objective:
    """An objective, as a message."""
    return study_pb2.Objective(
        metric=objective.metric, goal=_GOALS_TO[objective.goal], reference_point=objective.reference_point
    )


def constraint_from(message: study_pb2.OutcomeConstraint, index: int) -> OutcomeConstraint:
    """Raises InvalidArgument at ``outcome_constraints[index]...``."""
    with errors.field(f"outcome_constraints[{index}]"):
        return OutcomeConstraint(
            metric=message.metric,
            min=message.min if message.HasField("min") else None,
            max=message.max if message.HasField("max") else None,
            relative=message.relative_to_baseline,
        )


def constraint_to(constraint: OutcomeConstraint) -> study_pb2.OutcomeConstraint:
    """An outcome constraint, as a message."""
    return study_pb2.OutcomeConstraint(
        metric=constraint.metric,
        min=constraint.min,
        max=constraint.max,
        relative_to_baseline=constraint.relative,
    )


def robustness_from(message: study_pb2.Robustness) -> Robustness:
    """Raises InvalidArgument at ``robustness...``."""
    with errors.field("robustness"):
        return Robustness(
            conditions=patterns_from(message.conditions, "conditions"),
            weights=tuple(message.weights),
            worst_share=message.worst_share if message.HasField("worst_share") else 1.0,
        )


def robustness_to(robustness: Robustness) -> study_pb2.Robustness:
    """A robustness, as a message."""
    return study_pb2.Robustness(
        conditions=map(parameters_to, robustness.conditions),
        weights=robustness.weights,
        worst_share=robustness.worst_share,
    )

"""The part of a study's JSON document that says what is measured and what is made of it.

Exact, as ``documents`` is; there it is put together with the rest.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from trimtab_service.domain.desirability import Desirability, Desire
from trimtab_service.domain.metric import Formula, Goal, Metric, MetricKind, Objective, OutsideRange, Ratio, WeightedSum
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness

Document: TypeAlias = dict[str, Any]


def metric_document(metric: Metric) -> Document:
    """What is measured, or computed."""
    return {
        "name": metric.name,
        "kind": metric.kind.value,
        "min": metric.min,
        "max": metric.max,
        "description": metric.description,
        "formula": None if metric.formula is None else _formula_document(metric.formula),
        "outside": metric.outside.value,
    }


def metric_of(document: Document) -> Metric:
    """Inverse of ``metric_document``."""
    formula = document.get("formula")  # neither it nor "outside" was there from the start
    return Metric(
        name=document["name"],
        kind=MetricKind(document["kind"]),
        min=document["min"],
        max=document["max"],
        description=document["description"],
        formula=None if formula is None else _formula_of(formula),
        outside=OutsideRange(document.get("outside", OutsideRange.REFUSE.value)),
    )


def _formula_document(formula: Formula) -> Document:
    match formula:
        case WeightedSum():
            return {"weighted_sum": dict(formula.weights)}
        case Ratio():
            return {"ratio": [formula.numerator, formula.denominator]}
        case Desirability():
            return {"desirability": [_desire_document(desire) for desire in formula.desires]}


def _formula_of(document: Document) -> Formula:
    match document:
        case {"weighted_sum": weights}:
            return WeightedSum(weights)
        case {"ratio": [numerator, denominator]}:
            return Ratio(numerator, denominator)
        case {"desirability": desires}:
            return Desirability(tuple(Desire(**desire) for desire in desires))
    raise ValueError(f"{document!r} is no formula")


def _desire_document(desire: Desire) -> Document:
    return {
        "metric": desire.metric,
        "target": desire.target,
        "low": desire.low,
        "high": desire.high,
        "exponent": desire.exponent,
        "weight": desire.weight,
    }


def objective_document(objective: Objective) -> Document:
    """What is optimized."""
    document: Document = {"metric": objective.metric, "goal": objective.goal.value}
    if objective.reference_point is not None:
        document["reference_point"] = objective.reference_point
    return document


def objective_of(document: Document) -> Objective:
    """Inverse of ``objective_document``."""
    return Objective(document["metric"], Goal(document["goal"]), document.get("reference_point"))


def constraint_document(constraint: OutcomeConstraint) -> Document:
    """What is acceptable."""
    return {
        "metric": constraint.metric,
        "min": constraint.min,
        "max": constraint.max,
        "relative": constraint.relative,
    }


def constraint_of(document: Document) -> OutcomeConstraint:
    """Inverse of ``constraint_document``."""
    return OutcomeConstraint(document["metric"], document["min"], document["max"], document["relative"])


def robustness_document(robustness: Robustness) -> Document:
    """In which conditions a point must be good."""
    return {
        "conditions": [dict(condition) for condition in robustness.conditions],
        "weights": list(robustness.weights),
        "worst_share": robustness.worst_share,
    }


def robustness_of(document: Document) -> Robustness:
    """Inverse of ``robustness_document``."""
    return Robustness(tuple(document["conditions"]), tuple(document["weights"]), document["worst_share"])

"""The JSON documents in the columns of the database <-> domain values.

Readable, and exact: what is read is what was written, to the last bit and
with the same types. No SQL here; ``rows`` puts the documents into rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from trimtab_service.domain.errors import DecisionExpired, ObservationConflict, TrialNotFound, TrimtabError
from trimtab_service.domain.metric import Formula, Goal, Metric, MetricKind, Objective, OutsideRange, Ratio, WeightedSum
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, Scale, SearchSpace
from trimtab_service.domain.study import AlgorithmRequest, ChosenAlgorithm, StudySpec
from trimtab_service.domain.suggestion import ModelInfo, Source
from trimtab_service.store.base import DUPLICATE, RECORDED, Recorded, Result

Document: TypeAlias = dict[str, Any]

# Nothing here contains itself; looking for it would take as long as all the rest.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False, check_circular=False).encode

text: Callable[[Document], str] = _encode
"""A document as text."""

listed: Callable[[Sequence[Any]], str] = _encode
"""A list as text, for ``words.among_integers``, ``words.among_texts`` and ``words.Listed``."""

parsed: Callable[[str], Document] = json.JSONDecoder().decode
"""Inverse of ``text``."""


def spec_document(spec: StudySpec) -> Document:
    """Everything that defines a study."""
    return {
        "space": space_document(spec.space),
        "metrics": [_metric_document(metric) for metric in spec.metrics],
        "objectives": [{"metric": item.metric, "goal": item.goal.value} for item in spec.objectives],
        "context": [_parameter_document(parameter) for parameter in spec.context],
        "algorithm": {"name": spec.algorithm.name, "options": dict(spec.algorithm.options)},
        "baseline": None if spec.baseline is None else dict(spec.baseline),
        "lease_seconds": spec.lease.total_seconds(),
        "decision_lifetime_seconds": spec.decision_lifetime.total_seconds(),
        "seed": spec.seed,
        "description": spec.description,
        "labels": dict(spec.labels),
        "reward_wait_seconds": _seconds(spec.reward_wait),
        "default_reward": spec.default_reward,
        "retention_seconds": _seconds(spec.retention),
        "disabled_arms": [dict(arms) for arms in spec.disabled_arms],
    }


def spec_of(document: Document) -> StudySpec:
    """Inverse of ``spec_document``; older documents lack the keys that have defaults here."""
    return StudySpec(
        space=space_of(document["space"]),
        metrics=tuple(_metric_of(item) for item in document["metrics"]),
        objectives=tuple(Objective(item["metric"], Goal(item["goal"])) for item in document["objectives"]),
        context=tuple(_parameter_of(item) for item in document["context"]),
        algorithm=AlgorithmRequest(document["algorithm"]["name"], document["algorithm"]["options"]),
        baseline=document["baseline"],
        lease=timedelta(seconds=document["lease_seconds"]),
        decision_lifetime=timedelta(seconds=document["decision_lifetime_seconds"]),
        seed=document["seed"],
        description=document["description"],
        labels=document["labels"],
        reward_wait=_span(document.get("reward_wait_seconds")),
        default_reward=document.get("default_reward"),
        retention=_span(document.get("retention_seconds")),
        disabled_arms=tuple(document.get("disabled_arms", ())),
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def space_document(space: SearchSpace) -> list[Document]:
    """Its parameters, in order."""
    return [_parameter_document(parameter) for parameter in space.parameters]


def space_of(document: list[Document]) -> SearchSpace:
    """Inverse of ``space_document``."""
    return SearchSpace(tuple(_parameter_of(item) for item in document))


def _parameter_document(parameter: Parameter) -> Document:
    common = {"name": parameter.name, "description": parameter.description}
    match parameter:
        case Float():
            bounds = {"min": parameter.min, "max": parameter.max, "step": parameter.step}
            return {"kind": "float", **common, **bounds, "scale": parameter.scale.value}
        case Integer():
            bounds = {"min": parameter.min, "max": parameter.max}
            return {"kind": "integer", **common, **bounds, "scale": parameter.scale.value}
        case Categorical():
            return {"kind": "categorical", **common, "values": list(parameter.choices)}
        case Discrete():
            return {"kind": "discrete", **common, "values": list(parameter.choices)}


def _parameter_of(document: Document) -> Parameter:
    name, description = document["name"], document["description"]
    match document["kind"]:
        case "float":
            scale = Scale(document["scale"])
            return Float(name, document["min"], document["max"], scale, document["step"], description)
        case "integer":
            return Integer(name, document["min"], document["max"], Scale(document["scale"]), description)
        case "categorical":
            return Categorical(name, tuple(document["values"]), description)
        case "discrete":
            return Discrete(name, tuple(document["values"]), description)
    raise ValueError(f"{document['kind']!r} is no kind of parameter")


def _metric_document(metric: Metric) -> Document:
    return {
        "name": metric.name,
        "kind": metric.kind.value,
        "min": metric.min,
        "max": metric.max,
        "description": metric.description,
        "formula": None if metric.formula is None else _formula_document(metric.formula),
        "outside": metric.outside.value,
    }


def _metric_of(document: Document) -> Metric:
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


def _formula_of(document: Document) -> Formula:
    match document:
        case {"weighted_sum": weights}:
            return WeightedSum(weights)
        case {"ratio": [numerator, denominator]}:
            return Ratio(numerator, denominator)
    raise ValueError(f"{document!r} is no formula")


def algorithm_document(algorithm: ChosenAlgorithm) -> Document:
    """What runs a study."""
    return {
        "name": algorithm.name,
        "options": dict(algorithm.options),
        "reason": algorithm.reason,
        "decisions": algorithm.decisions,
    }


def algorithm_of(document: Document) -> ChosenAlgorithm:
    """Inverse of ``algorithm_document``."""
    return ChosenAlgorithm(document["name"], document["options"], document["reason"], document["decisions"])


def origin_document(source: Source, detail: str, model: ModelInfo, worker: str) -> Document:
    """Where a trial comes from and who asked for it."""
    return {
        "source": source.value,
        "detail": detail,
        "algorithm": model.algorithm,
        "revision": model.revision,
        "observation_count": model.observation_count,
        "worker": worker,
    }


def model_of(origin: Document) -> ModelInfo:
    """The part of ``origin_document`` that says what the trial rests on."""
    return ModelInfo(origin["algorithm"], origin["revision"], origin["observation_count"])


def observation_document(observation: Observation) -> Document:
    """How trying ended, and what was measured. What is empty is left out: the log has many of these."""
    document: Document = {"outcome": observation.outcome.value}
    if observation.measurements:
        document["measurements"] = {
            name: _measurement_document(item) for name, item in observation.measurements.items()
        }
    if observation.reason:
        document["reason"] = observation.reason
    return document


def observation_of(document: Document) -> Observation:
    """Inverse of ``observation_document``."""
    measurements = {name: _measurement_of(item) for name, item in document.get("measurements", {}).items()}
    return Observation(Outcome(document["outcome"]), measurements, document.get("reason", ""))


def _measurement_document(measurement: Measurement) -> Document:
    document: Document = {"mean": measurement.mean}
    if measurement.count != 1:
        document["count"] = measurement.count
    if measurement.standard_error is not None:
        document["standard_error"] = measurement.standard_error
    return document


def _measurement_of(document: Document) -> Measurement:
    return Measurement(document["mean"], document.get("count", 1), document.get("standard_error"))


_RECORDED: Mapping[str, Recorded] = {kind.name: kind for kind in (RECORDED, DUPLICATE)}
_KINDS = (TrialNotFound, ObservationConflict, DecisionExpired)
_REFUSALS: Mapping[str, type[TrimtabError]] = {kind.reason: kind for kind in _KINDS}


def results_document(results: list[Result]) -> Document:
    """What Observe answered, item by item."""
    return {"results": [_result_document(result) for result in results]}


def results_of(document: Document) -> list[Result]:
    """Inverse of ``results_document``."""
    return [_result_of(item) for item in document["results"]]


def _result_document(result: Result) -> str | Document:
    if isinstance(result, Recorded):
        return result.name
    return {"reason": result.reason, "message": result.message, "metadata": result.metadata}


def _result_of(document: str | Document) -> Result:
    if isinstance(document, str):
        return _RECORDED[document]
    return _REFUSALS[document["reason"]](document["message"], **document["metadata"])

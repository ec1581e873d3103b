"""The JSON documents in the columns of the database <-> domain values.

Readable, and exact: what is read is what was written, to the last bit and
with the same types. No SQL here; ``rows`` puts the documents into rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from trimtab_service.domain.errors import (
    DecisionExpired,
    InvalidArgument,
    ObservationConflict,
    SuggestionIdInvalid,
    TrialNotFound,
    TrialQueued,
    TrimtabError,
)
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.study import AlgorithmRequest, ChosenAlgorithm, StudyName, StudySpec
from trimtab_service.domain.suggestion import ModelInfo, Source
from trimtab_service.store.base import DUPLICATE, RECORDED, Recorded, Result
from trimtab_service.store.outcome_documents import (
    constraint_document,
    constraint_of,
    metric_document,
    metric_of,
    objective_document,
    objective_of,
    robustness_document,
    robustness_of,
)
from trimtab_service.store.space_documents import parameter_document, parameter_of, space_document, space_of

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
        "metrics": [metric_document(metric) for metric in spec.metrics],
        "objectives": [objective_document(item) for item in spec.objectives],
        "context": [parameter_document(parameter) for parameter in spec.context],
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
        "outcome_constraints": [constraint_document(item) for item in spec.outcome_constraints],
        "cost_metric": spec.cost_metric,
        "half_life_seconds": _seconds(spec.half_life),
        "robustness": None if spec.robustness is None else robustness_document(spec.robustness),
        "transfer_from": [str(name) for name in spec.transfer_from],
    }


def spec_of(document: Document) -> StudySpec:
    """Inverse of ``spec_document``; older documents lack the keys that have defaults here."""
    robustness = document.get("robustness")
    return StudySpec(
        space=space_of(document["space"]),
        metrics=tuple(metric_of(item) for item in document["metrics"]),
        objectives=tuple(objective_of(item) for item in document["objectives"]),
        context=tuple(parameter_of(item) for item in document["context"]),
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
        outcome_constraints=tuple(constraint_of(item) for item in document.get("outcome_constraints", ())),
        cost_metric=document.get("cost_metric"),
        half_life=_span(document.get("half_life_seconds")),
        robustness=None if robustness is None else robustness_of(robustness),
        transfer_from=tuple(StudyName.parse(name) for name in document.get("transfer_from", ())),
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


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


def origin_document(source: Source, detail: str, model: ModelInfo, worker: str, *, ahead: bool) -> Document:
    """Where a trial comes from and who asked for it. ``ahead`` is left out where it is false, as in older documents."""
    return {
        "source": source.value,
        "detail": detail,
        "algorithm": model.algorithm,
        "revision": model.revision,
        "observation_count": model.observation_count,
        "worker": worker,
        **({"ahead": True} if ahead else {}),
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
_KINDS = (TrialNotFound, TrialQueued, ObservationConflict, DecisionExpired)
_REFUSALS: Mapping[str, type[TrimtabError]] = {kind.reason: kind for kind in _KINDS}
_FAULTS: Mapping[str, type[InvalidArgument]] = {kind.reason: kind for kind in (InvalidArgument, SuggestionIdInvalid)}


def results_document(results: list[Result]) -> Document:
    """What Observe answered, item by item."""
    return {
        "results": [result.name if isinstance(result, Recorded) else refusal_document(result) for result in results]
    }


def results_of(document: Document) -> list[Result]:
    """Inverse of ``results_document``."""
    return [_result_of(item) for item in document["results"]]


def _result_of(document: str | Document) -> Result:
    return _RECORDED[document] if isinstance(document, str) else refusal_of(document)


def refusal_document(error: TrimtabError) -> Document:
    """Why one item of a call was refused."""
    if isinstance(error, InvalidArgument):
        (fault,) = error.violations
        return {
            "reason": error.reason,
            "field": fault.field,
            "message": fault.description,
            "metadata": error.metadata,
        }
    return {"reason": error.reason, "message": error.message, "metadata": error.metadata}


def refusal_of(document: Document) -> TrimtabError:
    """Inverse of ``refusal_document``."""
    reason, message, metadata = document["reason"], document["message"], document["metadata"]
    if "field" in document:
        return _FAULTS[reason](document["field"], message, **metadata)
    return _REFUSALS[reason](message, **metadata)

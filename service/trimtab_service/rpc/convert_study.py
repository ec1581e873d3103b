"""Studies: proto <-> domain. Errors name the field by its path from the spec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from trimtab.v1 import study_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Objective
from trimtab_service.domain.outcomes import OutcomeConstraint
from trimtab_service.domain.space import SearchSpace
from trimtab_service.domain.study import (
    DEFAULT_DECISION_LIFETIME,
    DEFAULT_LEASE,
    AlgorithmRequest,
    ChosenAlgorithm,
    Study,
    StudyCounts,
    StudyName,
    StudySpec,
    StudyState,
)
from trimtab_service.rpc.convert_metric import (
    constraint_from,
    constraint_to,
    metric_from,
    metric_to,
    objective_from,
    objective_to,
    robustness_from,
    robustness_to,
)
from trimtab_service.rpc.convert_space import parameter_to, parameters_from, space_from, space_to
from trimtab_service.rpc.convert_values import (
    moment_to,
    parameters_to,
    patterns_from,
    span_from,
    span_to,
    study_name,
    value_to,
    values_from,
)
from trimtab_service.studies import CHANGEABLE

_STATES = {study_pb2.STUDY_STATE_ACTIVE: StudyState.ACTIVE, study_pb2.STUDY_STATE_STOPPED: StudyState.STOPPED}
_STATES_TO = {state: number for number, state in _STATES.items()}


def spec_from(message: study_pb2.StudySpec) -> StudySpec:
    """Raises InvalidArgument, the field being a path from the spec."""
    return StudySpec(
        space=_space(message),
        context=parameters_from(message.context, "context"),
        metrics=tuple(metric_from(metric, index) for index, metric in enumerate(message.metrics)),
        objectives=_objectives(message),
        algorithm=_algorithm(message.algorithm),
        baseline=_baseline(message),
        lease=_lease(message),
        decision_lifetime=_decision_lifetime(message),
        seed=message.seed if message.HasField("seed") else None,
        description=message.description,
        labels=dict(message.labels),
        reward_wait=_span(message, "reward_wait"),
        default_reward=message.default_reward if message.HasField("default_reward") else None,
        retention=_span(message, "retention"),
        disabled_arms=patterns_from(message.disabled_arms, "disabled_arms"),
        outcome_constraints=_constraints(message),
        cost_metric=message.cost_metric or None,
        half_life=_span(message, "half_life"),
        robustness=robustness_from(message.robustness) if message.HasField("robustness") else None,
        transfer_from=_transfer_from(message),
    )


def _objectives(message: study_pb2.StudySpec) -> tuple[Objective, ...]:
    return tuple(objective_from(objective, index) for index, objective in enumerate(message.objectives))


def _constraints(message: study_pb2.StudySpec) -> tuple[OutcomeConstraint, ...]:
    return tuple(constraint_from(constraint, index) for index, constraint in enumerate(message.outcome_constraints))


def _transfer_from(message: study_pb2.StudySpec) -> tuple[StudyName, ...]:
    return tuple(study_name(text, f"transfer_from[{index}]") for index, text in enumerate(message.transfer_from))


def _space(message: study_pb2.StudySpec) -> SearchSpace:
    with errors.field("search_space"):
        return space_from(message.search_space)


def _algorithm(message: study_pb2.Algorithm) -> AlgorithmRequest:
    return AlgorithmRequest(message.name or "auto", values_from(message.options, "algorithm.options"))


def _baseline(message: study_pb2.StudySpec) -> dict[str, float | int | str | bool] | None:
    if not message.HasField("baseline"):
        return None
    return values_from(message.baseline.values, "baseline.values")


def _lease(message: study_pb2.StudySpec) -> timedelta:
    span = _span(message, "lease")
    return DEFAULT_LEASE if span is None else span


def _decision_lifetime(message: study_pb2.StudySpec) -> timedelta:
    span = _span(message, "decision_lifetime")
    return DEFAULT_DECISION_LIFETIME if span is None else span


def _span(message: study_pb2.StudySpec, name: str) -> timedelta | None:
    with errors.field(name):
        return span_from(getattr(message, name)) if message.HasField(name) else None


def changes_from(message: study_pb2.Study, paths: frozenset[str]) -> Callable[[Study], tuple[StudySpec, StudyState]]:
    """What an update makes of a study. Raises InvalidArgument for a path that can't be changed, now; and for a
    value that doesn't fit, at the call."""
    for path in sorted(paths - CHANGEABLE):
        raise InvalidArgument(
            "update_mask", f"{path[:100]!r} can't be changed; what can: {', '.join(sorted(CHANGEABLE))}"
        )
    if not paths:
        raise InvalidArgument("update_mask", f"must name what to change: {', '.join(sorted(CHANGEABLE))}")
    if "state" in paths and message.state not in _STATES:
        raise InvalidArgument("study.state", "must be STUDY_STATE_ACTIVE or STUDY_STATE_STOPPED")
    spec = message.spec
    changed: dict[str, tuple[str, Callable[[], object]]] = {
        "spec.description": ("description", lambda: spec.description),
        "spec.labels": ("labels", lambda: dict(spec.labels)),
        "spec.algorithm": ("algorithm", lambda: _algorithm(spec.algorithm)),
        "spec.baseline": ("baseline", lambda: _baseline(spec)),
        "spec.lease": ("lease", lambda: _lease(spec)),
        "spec.decision_lifetime": ("decision_lifetime", lambda: _decision_lifetime(spec)),
        "spec.search_space": ("space", lambda: _space(spec)),
        "spec.retention": ("retention", lambda: _span(spec, "retention")),
        "spec.disabled_arms": ("disabled_arms", lambda: patterns_from(spec.disabled_arms, "disabled_arms")),
        "spec.outcome_constraints": ("outcome_constraints", lambda: _constraints(spec)),
        "spec.half_life": ("half_life", lambda: _span(spec, "half_life")),
        "spec.objectives": ("objectives", lambda: _objectives(spec)),
        "spec.transfer_from": ("transfer_from", lambda: _transfer_from(spec)),
    }

    def change(old: Study) -> tuple[StudySpec, StudyState]:
        with errors.field("study.spec"):
            fields = {name: value() for path, (name, value) in changed.items() if path in paths}
            new = replace(old.spec, **fields)  # type: ignore[arg-type]
        return new, _STATES[message.state] if "state" in paths else old.state

    return change


def study_to(study: Study, counts: StudyCounts | None = None) -> study_pb2.Study:
    """A study, as a message."""
    message = study_pb2.Study(
        name=str(study.name),
        spec=spec_to(study.spec),
        state=_STATES_TO[study.state],
        algorithm=_chosen_to(study.algorithm),
        revision=study.revision,
        etag=study.etag,
        create_time=moment_to(study.create_time),
        update_time=moment_to(study.update_time),
    )
    if counts is not None:
        message.counts.CopyFrom(
            study_pb2.StudyCounts(
                queued=counts.queued,
                pending=counts.pending,
                completed=counts.completed,
                failed=counts.failed,
                abandoned=counts.abandoned,
                expired=counts.expired,
                observations=counts.observations,
            )
        )
    return message


def spec_to(spec: StudySpec) -> study_pb2.StudySpec:
    """A spec, as a message."""
    message = study_pb2.StudySpec(
        search_space=space_to(spec.space),
        context=map(parameter_to, spec.context),
        metrics=map(metric_to, spec.metrics),
        objectives=map(objective_to, spec.objectives),
        algorithm=study_pb2.Algorithm(
            name=spec.algorithm.name,
            options={name: value_to(value) for name, value in spec.algorithm.options.items()},
        ),
        lease=span_to(spec.lease),
        decision_lifetime=span_to(spec.decision_lifetime),
        seed=spec.seed,
        description=spec.description,
        labels=spec.labels,
        reward_wait=None if spec.reward_wait is None else span_to(spec.reward_wait),
        default_reward=spec.default_reward,
        retention=None if spec.retention is None else span_to(spec.retention),
        disabled_arms=map(parameters_to, spec.disabled_arms),
        outcome_constraints=map(constraint_to, spec.outcome_constraints),
        cost_metric=spec.cost_metric or "",
        half_life=None if spec.half_life is None else span_to(spec.half_life),
        robustness=None if spec.robustness is None else robustness_to(spec.robustness),
        transfer_from=map(str, spec.transfer_from),
    )
    if spec.baseline is not None:
        message.baseline.CopyFrom(parameters_to(spec.baseline))
    return message


def _chosen_to(algorithm: ChosenAlgorithm) -> study_pb2.ChosenAlgorithm:
    return study_pb2.ChosenAlgorithm(
        name=algorithm.name,
        options={name: value_to(value) for name, value in algorithm.options.items()},
        reason=algorithm.reason,
        decisions=algorithm.decisions,
    )

"""Studies: proto <-> domain. Errors name the field by its path from the spec."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from trimtab.v1 import parameters_pb2, study_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, Scale, SearchSpace
from trimtab_service.domain.study import (
    DEFAULT_DECISION_LIFETIME,
    DEFAULT_LEASE,
    AlgorithmRequest,
    ChosenAlgorithm,
    Study,
    StudyCounts,
    StudySpec,
    StudyState,
)
from trimtab_service.rpc.convert_metric import metric_from, metric_to, objective_from, objective_to
from trimtab_service.rpc.convert_values import (
    moment_to,
    parameters_to,
    patterns_from,
    span_from,
    span_to,
    value_from,
    value_to,
    values_from,
)
from trimtab_service.studies import CHANGEABLE

_SCALES = {
    parameters_pb2.SCALE_UNSPECIFIED: Scale.LINEAR,
    parameters_pb2.SCALE_LINEAR: Scale.LINEAR,
    parameters_pb2.SCALE_LOG: Scale.LOG,
    parameters_pb2.SCALE_LOGIT: Scale.LOGIT,
}
_SCALES_TO = {
    Scale.LINEAR: parameters_pb2.SCALE_LINEAR,
    Scale.LOG: parameters_pb2.SCALE_LOG,
    Scale.LOGIT: parameters_pb2.SCALE_LOGIT,
}
_STATES = {study_pb2.STUDY_STATE_ACTIVE: StudyState.ACTIVE, study_pb2.STUDY_STATE_STOPPED: StudyState.STOPPED}
_STATES_TO = {state: number for number, state in _STATES.items()}


def spec_from(message: study_pb2.StudySpec) -> StudySpec:
    """Raises InvalidArgument, the field being a path from the spec."""
    return StudySpec(
        space=_space(message),
        context=_parameters(message.context, "context"),
        metrics=tuple(metric_from(metric, index) for index, metric in enumerate(message.metrics)),
        objectives=tuple(objective_from(objective, index) for index, objective in enumerate(message.objectives)),
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
    )


def _space(message: study_pb2.StudySpec) -> SearchSpace:
    with errors.field("search_space"):
        return SearchSpace(_parameters(message.search_space.parameters, "parameters"))


def _parameters(messages: Sequence[parameters_pb2.ParameterSpec], field: str) -> tuple[Parameter, ...]:
    parameters = []
    for index, message in enumerate(messages):
        with errors.field(f"{field}[{index}]"):
            parameters.append(_parameter(message))
    return tuple(parameters)


def _parameter(message: parameters_pb2.ParameterSpec) -> Parameter:
    domain = message.WhichOneof("domain")
    if domain is None:
        raise InvalidArgument("", "needs one of float_range, integer_range, categorical, discrete")
    try:
        return _DOMAINS[domain](message)
    except InvalidArgument as error:
        (violation,) = error.violations
        # Name and description stand beside the domain, everything else in it.
        own = violation.field in ("name", "description")
        raise (error if own else error.under(domain)) from None


def _float(message: parameters_pb2.ParameterSpec) -> Float:
    part = message.float_range
    step = part.step if part.HasField("step") else None
    return Float(message.name, part.min, part.max, _scale(part.scale), step, message.description)


def _integer(message: parameters_pb2.ParameterSpec) -> Integer:
    part = message.integer_range
    return Integer(message.name, part.min, part.max, _scale(part.scale), message.description)


def _categorical(message: parameters_pb2.ParameterSpec) -> Categorical:
    # Whether the kinds of values fit is the constructor's to say.
    return Categorical(message.name, _choices(message.categorical.values), message.description)  # type: ignore[arg-type]


def _discrete(message: parameters_pb2.ParameterSpec) -> Discrete:
    return Discrete(message.name, _choices(message.discrete.values), message.description)  # type: ignore[arg-type]


_DOMAINS: Mapping[str, Callable[[parameters_pb2.ParameterSpec], Parameter]] = {
    "float_range": _float,
    "integer_range": _integer,
    "categorical": _categorical,
    "discrete": _discrete,
}


def _choices(messages: Sequence[parameters_pb2.Value]) -> tuple[float | int | str | bool, ...]:
    choices = []
    for index, message in enumerate(messages):
        with errors.field(f"values[{index}]"):
            choices.append(value_from(message))
    return tuple(choices)


def _scale(number: parameters_pb2.Scale) -> Scale:
    if number not in _SCALES:
        raise InvalidArgument("scale", f"{number} is not a scale that this server knows")
    return _SCALES[number]


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
        search_space=parameters_pb2.SearchSpace(parameters=map(_parameter_to, spec.space.parameters)),
        context=map(_parameter_to, spec.context),
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
    )
    if spec.baseline is not None:
        message.baseline.CopyFrom(parameters_to(spec.baseline))
    return message


def _parameter_to(parameter: Parameter) -> parameters_pb2.ParameterSpec:
    message = parameters_pb2.ParameterSpec(name=parameter.name, description=parameter.description)
    match parameter:
        case Float():
            message.float_range.CopyFrom(
                parameters_pb2.FloatRange(
                    min=parameter.min, max=parameter.max, scale=_SCALES_TO[parameter.scale], step=parameter.step
                )
            )
        case Integer():
            message.integer_range.CopyFrom(
                parameters_pb2.IntegerRange(min=parameter.min, max=parameter.max, scale=_SCALES_TO[parameter.scale])
            )
        case Categorical():
            message.categorical.CopyFrom(parameters_pb2.Categorical(values=map(value_to, parameter.choices)))
        case Discrete():
            message.discrete.CopyFrom(parameters_pb2.Discrete(values=map(value_to, parameter.choices)))
    return message


def _chosen_to(algorithm: ChosenAlgorithm) -> study_pb2.ChosenAlgorithm:
    return study_pb2.ChosenAlgorithm(
        name=algorithm.name,
        options={name: value_to(value) for name, value in algorithm.options.items()},
        reason=algorithm.reason,
        decisions=algorithm.decisions,
    )

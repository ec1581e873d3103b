"""The border between the client's values and the messages of the contract.

All of it, both ways, and nothing else: no calls, no defaults of the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from trimtab._status import error_of_item
from trimtab.answers import (
    Incumbent,
    ModelInfo,
    ObservationRecord,
    ObserveResult,
    ObserveStatus,
    Source,
    StudyCounts,
    StudyDescription,
    StudyState,
    Suggested,
    Trial,
    TrialState,
)
from trimtab.errors import Violation
from trimtab.space import (
    Categorical,
    Discrete,
    Float,
    Integer,
    Measurement,
    Metric,
    Observation,
    Outcome,
    Parameter,
    ParameterValue,
    ValueLike,
    as_measurement,
    plain_value,
)
from trimtab.spec import ChosenAlgorithm, StudySpec
from trimtab.v1 import parameters_pb2 as pb_parameters
from trimtab.v1 import study_pb2 as pb_study
from trimtab.v1 import study_service_pb2 as pb_study_service
from trimtab.v1 import trial_pb2 as pb_trial
from trimtab.v1 import tuning_service_pb2 as pb_tuning

Member = TypeVar("Member", bound=StrEnum)

_SCALES = {"linear": pb_parameters.SCALE_LINEAR, "log": pb_parameters.SCALE_LOG, "logit": pb_parameters.SCALE_LOGIT}
_SCALE_NAMES = {number: name for name, number in _SCALES.items()}
_KINDS = {"real": pb_study.METRIC_KIND_REAL, "binary": pb_study.METRIC_KIND_BINARY}
_OUTCOMES = {
    Outcome.COMPLETED: pb_trial.OUTCOME_COMPLETED,
    Outcome.FAILED: pb_trial.OUTCOME_FAILED,
    Outcome.ABANDONED: pb_trial.OUTCOME_ABANDONED,
}
_OUTCOME_OF = {number: outcome for outcome, number in _OUTCOMES.items()}


def _choice(table: Mapping[str, int], value: str, what: str) -> int:
    try:
        return table[value]
    except KeyError:
        raise ValueError(f"{what} must be one of {', '.join(table)}, not {value!r}") from None


# Values


def value_to_message(value: ValueLike) -> pb_parameters.Value:
    """A truth value before an integer: in Python each True is an int as well."""
    plain = plain_value(value)
    if isinstance(plain, bool):
        return pb_parameters.Value(bool_value=plain)
    if isinstance(plain, int):
        return pb_parameters.Value(int_value=plain)
    if isinstance(plain, float):
        return pb_parameters.Value(double_value=plain)
    return pb_parameters.Value(string_value=plain)


def value_from_message(message: pb_parameters.Value) -> ParameterValue:
    """TypeError for a kind of value that this client doesn't know."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise TypeError("the server sent a value without a kind; a newer client may know it")
    value: ParameterValue = getattr(message, kind)
    return value


def parameters_to_message(values: Mapping[str, ValueLike]) -> pb_parameters.Parameters:
    """One point of a space, or the values of a context."""
    return pb_parameters.Parameters(values={name: value_to_message(value) for name, value in values.items()})


def parameters_from_message(message: pb_parameters.Parameters) -> dict[str, ParameterValue]:
    """In the order of the names; a space has its own order, a map has none."""
    return {name: value_from_message(message.values[name]) for name in sorted(message.values)}


def duration_to_message(value: timedelta) -> Duration:
    """A length of time."""
    message = Duration()
    message.FromTimedelta(value)
    return message


def time_from_message(message: Timestamp) -> datetime:
    """An instant, in UTC."""
    return message.ToDatetime(tzinfo=UTC)


def _time_or_none(message: Message, field: str) -> datetime | None:
    return time_from_message(getattr(message, field)) if message.HasField(field) else None


def _member(kind: type[Member], prefix: str, enum: Any, number: int) -> Member:
    """The member called like PREFIX_NAME in the contract; UNKNOWN for a newer one."""
    name = enum.Name(number).removeprefix(prefix) if number in enum.values() else "UNKNOWN"
    return kind.__members__.get(name, kind.__members__["UNKNOWN"])


def _source(number: int) -> Source:
    return _member(Source, "SOURCE_", pb_trial.Source, number)


def state_to_message(state: TrialState) -> pb_trial.TrialState:
    """ValueError for UNKNOWN, which nothing can be asked for."""
    return pb_trial.TrialState.Value(f"TRIAL_STATE_{state.name}")


def study_state_to_message(state: StudyState) -> pb_study.StudyState:
    """ValueError for UNKNOWN, which nothing can be set to."""
    return pb_study.StudyState.Value(f"STUDY_STATE_{state.name}")


# Studies


def parameter_to_message(parameter: Parameter) -> pb_parameters.ParameterSpec:
    """The declaration of a parameter or of a context value."""
    message = pb_parameters.ParameterSpec(name=parameter.name, description=parameter.description)
    match parameter:
        case Float():
            message.float_range.min, message.float_range.max = parameter.min, parameter.max
            message.float_range.scale = _choice(_SCALES, parameter.scale, "scale")  # type: ignore[assignment]
            if parameter.step is not None:
                message.float_range.step = parameter.step
        case Integer():
            message.integer_range.min, message.integer_range.max = parameter.min, parameter.max
            message.integer_range.scale = _choice(_SCALES, parameter.scale, "scale")  # type: ignore[assignment]
        case Categorical():
            message.categorical.values.extend(value_to_message(value) for value in parameter.values)
            message.categorical.SetInParent()
        case Discrete():
            message.discrete.values.extend(value_to_message(value) for value in parameter.values)
            message.discrete.SetInParent()
        case _:
            raise TypeError(f"a parameter must be a Float, Integer, Categorical or Discrete, not {parameter!r:.80}")
    return message


def parameter_from_message(message: pb_parameters.ParameterSpec) -> Parameter:
    """TypeError for a kind of parameter that this client doesn't know."""
    name, description = message.name, message.description
    match message.WhichOneof("domain"):
        case "float_range":
            real = message.float_range
            step = real.step if real.HasField("step") else None
            scale = _SCALE_NAMES.get(real.scale, "linear")
            return Float(name, real.min, real.max, scale, step, description)  # type: ignore[arg-type]
        case "integer_range":
            whole = message.integer_range
            scale = _SCALE_NAMES.get(whole.scale, "linear")
            return Integer(name, whole.min, whole.max, scale, description)  # type: ignore[arg-type]
        case "categorical":
            return Categorical(name, [value_from_message(v) for v in message.categorical.values], description)  # type: ignore[arg-type]
        case "discrete":
            return Discrete(name, [value_from_message(v) for v in message.discrete.values], description)  # type: ignore[arg-type]
        case _:
            raise TypeError(f"parameter {name!r} is of a kind that this client doesn't know; a newer one may")


def _metric_to_message(metric: Metric) -> pb_study.MetricSpec:
    kind = _choice(_KINDS, metric.kind, "kind")
    return pb_study.MetricSpec(
        name=metric.name,
        kind=kind,  # type: ignore[arg-type]
        min=metric.min,
        max=metric.max,
        description=metric.description,
    )


def _metric_from_message(message: pb_study.MetricSpec) -> Metric:
    return Metric(
        message.name,
        "binary" if message.kind == pb_study.METRIC_KIND_BINARY else "real",
        message.min if message.HasField("min") else None,
        message.max if message.HasField("max") else None,
        message.description,
    )


def spec_to_message(spec: StudySpec) -> pb_study.StudySpec:
    """What is None in the spec is unset in the message."""
    goal = pb_study.GOAL_MINIMIZE if spec.minimize is not None else pb_study.GOAL_MAXIMIZE
    return pb_study.StudySpec(
        search_space=pb_parameters.SearchSpace(parameters=map(parameter_to_message, spec.parameters)),
        context=map(parameter_to_message, spec.context),
        metrics=map(_metric_to_message, spec.metrics),
        objectives=[pb_study.Objective(metric=spec.objective, goal=goal)],
        algorithm=algorithm_to_message(spec.algorithm, spec.options),
        baseline=None if spec.baseline is None else parameters_to_message(spec.baseline),
        lease=None if spec.lease is None else duration_to_message(spec.lease),
        decision_lifetime=None if spec.decision_lifetime is None else duration_to_message(spec.decision_lifetime),
        seed=spec.seed,
        description=spec.description,
        labels=spec.labels,
    )


def algorithm_to_message(name: str, options: Mapping[str, ValueLike]) -> pb_study.Algorithm:
    """What is asked for."""
    return pb_study.Algorithm(
        name=name, options={option: value_to_message(value) for option, value in options.items()}
    )


def spec_from_message(message: pb_study.StudySpec) -> StudySpec:
    """The first objective stands for all: there is exactly one today."""
    objective = message.objectives[0]
    minimized = objective.goal == pb_study.GOAL_MINIMIZE
    return StudySpec(
        parameters=[parameter_from_message(each) for each in message.search_space.parameters],
        minimize=objective.metric if minimized else None,
        maximize=None if minimized else objective.metric,
        metrics=[_metric_from_message(each) for each in message.metrics],
        context=[parameter_from_message(each) for each in message.context],
        algorithm=message.algorithm.name or "auto",
        options=_options_from_message(message.algorithm.options),
        baseline=parameters_from_message(message.baseline) if message.HasField("baseline") else None,
        lease=message.lease.ToTimedelta() if message.HasField("lease") else None,
        decision_lifetime=message.decision_lifetime.ToTimedelta() if message.HasField("decision_lifetime") else None,
        seed=message.seed if message.HasField("seed") else None,
        description=message.description,
        labels=dict(message.labels),
    )


def _options_from_message(options: Mapping[str, pb_parameters.Value]) -> dict[str, ParameterValue]:
    return {name: value_from_message(options[name]) for name in sorted(options)}


def study_from_message(message: pb_study.Study) -> StudyDescription:
    """One study."""
    counts = message.counts
    chosen = message.algorithm
    return StudyDescription(
        name=message.name,
        spec=spec_from_message(message.spec),
        state=_member(StudyState, "STUDY_STATE_", pb_study.StudyState, message.state),
        algorithm=ChosenAlgorithm(
            chosen.name, _options_from_message(chosen.options), chosen.reason, chosen.decisions
        ),
        revision=message.revision,
        etag=message.etag,
        create_time=time_from_message(message.create_time),
        update_time=time_from_message(message.update_time),
        counts=StudyCounts(*(getattr(counts, name) for name in StudyCounts.__slots__))
        if message.HasField("counts")
        else None,
    )


# Suggestions and observations


def _model_from_message(message: pb_trial.ModelInfo) -> ModelInfo:
    return ModelInfo(message.algorithm, message.revision, message.observation_count)


def suggested_from_message(message: pb_trial.Suggestion) -> Suggested:
    """Parameters to apply."""
    return Suggested(
        id=message.id,
        parameters=parameters_from_message(message.parameters),
        source=_source(message.source),
        propensity=message.propensity if message.HasField("propensity") else None,
        model=_model_from_message(message.model),
        expire_time=_time_or_none(message, "expire_time"),
        detail=message.detail,
    )


def _measurement_to_message(measurement: Measurement) -> pb_trial.Measurement:
    return pb_trial.Measurement(
        mean=measurement.mean,
        count=measurement.count,
        standard_error=measurement.standard_error,
        variance=measurement.variance,
    )


def _measurements_from_message(messages: Mapping[str, pb_trial.Measurement]) -> dict[str, Measurement]:
    measurements = {}
    for name in sorted(messages):
        message = messages[name]
        measurements[name] = Measurement(
            message.mean,
            message.count if message.HasField("count") else 1,
            message.standard_error if message.HasField("standard_error") else None,
            message.variance if message.HasField("variance") else None,
        )
    return measurements


def observation_to_message(observation: Observation) -> pb_trial.Observation:
    """What happened to one suggestion."""
    return pb_trial.Observation(
        suggestion_id=observation.suggestion_id,
        outcome=_OUTCOMES[observation.outcome],
        measurements={
            name: _measurement_to_message(as_measurement(value)) for name, value in observation.measurements.items()
        },
        reason=observation.reason,
    )


def observation_from_message(message: pb_trial.Observation) -> Observation:
    """The same read back; an unset outcome is a completed one."""
    return Observation(
        message.suggestion_id,
        _measurements_from_message(message.measurements),
        _OUTCOME_OF.get(message.outcome, Outcome.COMPLETED),
        message.reason,
    )


def result_from_message(message: pb_tuning.ObserveResult) -> ObserveResult:
    """The result of one observation, with its error as an exception that is not raised."""
    if not message.HasField("error"):
        duplicate = message.outcome == pb_tuning.OBSERVE_OUTCOME_DUPLICATE
        status = ObserveStatus.DUPLICATE if duplicate else ObserveStatus.RECORDED
        return ObserveResult(message.suggestion_id, status)
    fault = message.error
    violations = [Violation(each.field, each.description) for each in fault.field_violations]
    error = error_of_item(fault.code, fault.message, fault.reason, violations)
    return ObserveResult(message.suggestion_id, ObserveStatus.REFUSED, error)


def trial_from_message(message: pb_trial.Trial) -> Trial:
    """A stored suggestion with its state."""
    return Trial(
        name=message.name,
        number=message.number,
        state=_member(TrialState, "TRIAL_STATE_", pb_trial.TrialState, message.state),
        parameters=parameters_from_message(message.parameters),
        context=parameters_from_message(message.context),
        source=_source(message.source),
        model=_model_from_message(message.model),
        worker=message.worker,
        measurements=_measurements_from_message(message.measurements),
        reason=message.reason,
        create_time=time_from_message(message.create_time),
        expire_time=_time_or_none(message, "expire_time"),
        complete_time=_time_or_none(message, "complete_time"),
        detail=message.detail,
    )


def record_from_message(message: pb_trial.ObservationRecord) -> ObservationRecord:
    """One row of the observation log."""
    return ObservationRecord(
        sequence=message.sequence,
        observation=observation_from_message(message.observation),
        parameters=parameters_from_message(message.parameters),
        context=parameters_from_message(message.context),
        propensity=message.propensity if message.HasField("propensity") else None,
        create_time=time_from_message(message.create_time),
    )


def incumbent_from_message(message: pb_study_service.GetIncumbentResponse) -> Incumbent:
    """The best parameters known."""
    known = message.HasField("predicted_standard_error")
    return Incumbent(
        parameters=parameters_from_message(message.parameters),
        predicted_mean=message.predicted_mean if message.HasField("predicted_mean") else None,
        predicted_standard_error=message.predicted_standard_error if known else None,
        trial=message.trial,
        source=_source(message.source),
        model=_model_from_message(message.model),
    )

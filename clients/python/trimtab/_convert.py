"""The border between the client's values and the messages of the contract.

All of it, both ways, and nothing else: no calls, no defaults of the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from trimtab._plain import ParameterValue, ValueLike, plain_value
from trimtab._status import error_of_item
from trimtab.answers import (
    ModelInfo,
    ObservationRecord,
    ObserveResult,
    ObserveStatus,
    Source,
    Suggested,
    Trial,
    TrialState,
)
from trimtab.errors import Violation
from trimtab.space import Measurement, Observation, Outcome, as_measurement
from trimtab.v1 import parameters_pb2 as pb_parameters
from trimtab.v1 import trial_pb2 as pb_trial
from trimtab.v1 import tuning_service_pb2 as pb_tuning

Member = TypeVar("Member", bound=StrEnum)

_OUTCOMES = {
    Outcome.COMPLETED: pb_trial.OUTCOME_COMPLETED,
    Outcome.FAILED: pb_trial.OUTCOME_FAILED,
    Outcome.ABANDONED: pb_trial.OUTCOME_ABANDONED,
}
_OUTCOME_OF = {number: outcome for outcome, number in _OUTCOMES.items()}


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


def member(kind: type[Member], prefix: str, enum: Any, number: int) -> Member:
    """The member called like PREFIX_NAME in the contract; UNKNOWN for a newer one."""
    name = enum.Name(number).removeprefix(prefix) if number in enum.values() else "UNKNOWN"
    return kind.__members__.get(name, kind.__members__["UNKNOWN"])


def source_from_message(number: int) -> Source:
    """UNKNOWN for one that this client doesn't know."""
    return member(Source, "SOURCE_", pb_trial.Source, number)


def state_to_message(state: TrialState) -> pb_trial.TrialState:
    """ValueError for UNKNOWN, which nothing can be asked for."""
    return cast(pb_trial.TrialState, pb_trial.TrialState.Value(f"TRIAL_STATE_{state.name}"))


# Suggestions and observations


def model_from_message(message: pb_trial.ModelInfo) -> ModelInfo:
    return ModelInfo(message.algorithm, message.revision, message.observation_count)


def suggested_from_message(message: pb_trial.Suggestion) -> Suggested:
    """Parameters to apply."""
    return Suggested(
        id=message.id,
        parameters=parameters_from_message(message.parameters),
        source=source_from_message(message.source),
        propensity=message.propensity if message.HasField("propensity") else None,
        model=model_from_message(message.model),
        expire_time=_time_or_none(message, "expire_time"),
        detail=message.detail,
        context=parameters_from_message(message.context),
    )


def _measurement_to_message(measurement: Measurement) -> pb_trial.Measurement:
    return pb_trial.Measurement(
        mean=measurement.mean,
        count=measurement.count,
        standard_error=measurement.standard_error,
        variance=measurement.variance,
    )


def measurements_from_message(messages: Mapping[str, pb_trial.Measurement]) -> dict[str, Measurement]:
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
        measurements_from_message(message.measurements),
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
        state=member(TrialState, "TRIAL_STATE_", pb_trial.TrialState, message.state),
        parameters=parameters_from_message(message.parameters),
        context=parameters_from_message(message.context),
        source=source_from_message(message.source),
        model=model_from_message(message.model),
        worker=message.worker,
        measurements=measurements_from_message(message.measurements),
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
        suggest_time=_time_or_none(message, "suggest_time"),
        is_default=message.is_default,
        replaces_default=message.replaces_default,
    )

"""Trials, suggestions, observations: proto <-> domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trimtab.v1 import trial_pb2
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import ModelInfo, Source, Trial, TrialState
from trimtab_service.live import Live
from trimtab_service.rpc.convert_values import moment_to, parameters_to
from trimtab_service.store.base import LogRow

SOURCES: dict[Source, trial_pb2.Source] = {source: getattr(trial_pb2, f"SOURCE_{source.name}") for source in Source}
_OUTCOMES = {
    trial_pb2.OUTCOME_UNSPECIFIED: Outcome.COMPLETED,
    trial_pb2.OUTCOME_COMPLETED: Outcome.COMPLETED,
    trial_pb2.OUTCOME_FAILED: Outcome.FAILED,
    trial_pb2.OUTCOME_ABANDONED: Outcome.ABANDONED,
}
_OUTCOMES_TO: dict[Outcome, trial_pb2.Outcome] = {
    outcome: getattr(trial_pb2, f"OUTCOME_{outcome.name}") for outcome in Outcome
}
_STATES_TO: dict[TrialState, trial_pb2.TrialState] = {
    state: getattr(trial_pb2, f"TRIAL_STATE_{state.name}") for state in TrialState
}
_STATES = {number: state for state, number in _STATES_TO.items()}


def observation_from(message: trial_pb2.Observation) -> Observation:
    """Raises InvalidArgument, the field being a path from the observation."""
    outcome = _OUTCOMES.get(message.outcome)
    if outcome is None:
        raise InvalidArgument("outcome", f"{message.outcome} is not an outcome that this server knows")
    measurements = {}
    for name, measurement in message.measurements.items():
        try:
            measurements[name] = _measurement(measurement)
        except InvalidArgument as error:
            raise error.under(f'measurements["{name[:130]}"]') from None
    return Observation(outcome, measurements, message.reason)


def _measurement(message: trial_pb2.Measurement) -> Measurement:
    count = message.count if message.HasField("count") else 1
    match message.WhichOneof("spread"):
        case "variance":
            return Measurement.from_variance(message.mean, count, message.variance)
        case "standard_error":
            return Measurement(message.mean, count, message.standard_error)
    return Measurement(message.mean, count)


def measurements_to(measurements: Mapping[str, Measurement]) -> dict[str, trial_pb2.Measurement]:
    """Measurements by metric, as messages."""
    return {
        name: trial_pb2.Measurement(
            mean=measurement.mean, count=measurement.count, standard_error=measurement.standard_error
        )
        for name, measurement in measurements.items()
    }


def model_to(model: ModelInfo) -> trial_pb2.ModelInfo:
    """What an answer rests on, as a message."""
    return trial_pb2.ModelInfo(
        algorithm=model.algorithm, revision=model.revision, observation_count=model.observation_count
    )


def suggestion_to(study: Study, trial: Trial) -> trial_pb2.Suggestion:
    """A stored trial, as it is handed out."""
    message = trial_pb2.Suggestion(
        id=f"{study.name}/trials/{trial.number}",
        parameters=parameters_to(trial.parameters),
        source=SOURCES[trial.told_source],
        model=model_to(trial.model),
        expire_time=moment_to(trial.expire_time),
        detail=trial.detail,
    )
    if study.spec.robustness is not None:
        message.context.CopyFrom(parameters_to(trial.context))
    return message


def trial_to(study: Study, trial: Trial) -> trial_pb2.Trial:
    """A stored trial, as it is looked at."""
    message = trial_pb2.Trial(
        name=f"{study.name}/trials/{trial.number}",
        number=trial.number,
        state=_STATES_TO[trial.state],
        parameters=parameters_to(trial.parameters),
        source=SOURCES[trial.told_source],
        model=model_to(trial.model),
        worker=trial.worker,
        create_time=moment_to(trial.create_time),
        expire_time=moment_to(trial.expire_time),
        detail=trial.detail,
    )
    if trial.context:
        message.context.CopyFrom(parameters_to(trial.context))
    if trial.observation is not None:
        message.reason = trial.observation.reason
        for name, measurement in measurements_to(trial.observation.measurements).items():
            message.measurements[name].CopyFrom(measurement)
    if trial.complete_time is not None:
        message.complete_time.CopyFrom(moment_to(trial.complete_time))
    return message


def states_from(numbers: list[trial_pb2.TrialState]) -> frozenset[TrialState]:
    """Raises InvalidArgument at ``states[i]``."""
    for index, number in enumerate(numbers):
        if number not in _STATES:
            raise InvalidArgument(f"states[{index}]", f"{number} is not a state that this server knows")
    return frozenset(_STATES[number] for number in numbers)


def records_to(study: Study, rows: Sequence[LogRow]) -> list[trial_pb2.ObservationRecord]:
    """Rows of the log, as messages. Those of a bandit study name their arm by its number."""
    if not rows or not study.algorithm.decisions:
        return [_record_to(study, row, row.parameters or {}) for row in rows]
    arms = Live.begun(study).arms
    return [_record_to(study, row, arms.point(row.arm or 0)) for row in rows]


def _record_to(study: Study, row: LogRow, parameters: Parameters) -> trial_pb2.ObservationRecord:
    message = trial_pb2.ObservationRecord(
        sequence=row.sequence,
        observation=trial_pb2.Observation(
            suggestion_id=row.decision if row.decision is not None else f"{study.name}/trials/{row.number}",
            outcome=_OUTCOMES_TO[row.observation.outcome],
            measurements=measurements_to(row.observation.measurements),
            reason=row.observation.reason,
        ),
        parameters=parameters_to(parameters),
        propensity=row.propensity,
        create_time=moment_to(row.create_time),
        is_default=row.is_default,
        replaces_default=row.replaces_default,
    )
    if row.issued:
        message.suggest_time.FromMilliseconds(row.issued)
    if row.context:
        message.context.CopyFrom(parameters_to(row.context))
    return message

"""Trials and points that people bring to the fake server."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from trimtab._fake import STATE_AFTER, FakeStudy
from trimtab._fake_errors import invalid
from trimtab._fake_reward import check
from trimtab.v1 import parameters_pb2, trial_pb2, tuning_service_pb2


def brought(study: FakeStudy, trial: tuning_service_pb2.ImportedTrial, path: str, now: Timestamp) -> str:
    """The name of the trial that is stored now. Raises what the server would refuse it for."""
    _check_names(study, trial.parameters, f"{path}.parameters")
    observation = trial_pb2.Observation(outcome=trial.outcome, measurements=trial.measurements, reason=trial.reason)
    if STATE_AFTER[trial.outcome] == trial_pb2.TRIAL_STATE_COMPLETED:
        check(study.message.spec, observation.measurements, path)
    elif observation.measurements:
        raise invalid(f"{path}.measurements", "must be empty unless the outcome is completed")
    stored = _stored(study, trial.parameters, trial_pb2.TRIAL_STATE_PENDING, now)
    if study.message.spec.context:
        stored.context.CopyFrom(trial.context)
    observation.suggestion_id = stored.name
    study.observe(observation, path, now)
    return stored.name


def put_in_line(study: FakeStudy, points: list[parameters_pb2.Parameters], now: Timestamp) -> list[str]:
    """The names of their trials; all of them or none."""
    for index, point in enumerate(points):
        _check_names(study, point, f"points[{index}]")
    return [_stored(study, point, trial_pb2.TRIAL_STATE_QUEUED, now).name for point in points]


def _check_names(study: FakeStudy, point: parameters_pb2.Parameters, path: str) -> None:
    unknown = set(point.values) - {parameter.name for parameter in study.message.spec.search_space.parameters}
    if unknown or not point.values:
        raise invalid(f"{path}.values", f"{min(unknown, default='nothing')!r} is no point of the search space")


def _stored(
    study: FakeStudy, point: parameters_pb2.Parameters, state: trial_pb2.TrialState, now: Timestamp
) -> trial_pb2.Trial:
    number = len(study.trials) + 1
    trial = trial_pb2.Trial(
        name=f"{study.message.name}/trials/{number}",
        number=number,
        state=state,
        parameters=point,
        source=trial_pb2.SOURCE_MANUAL,
        model=trial_pb2.ModelInfo(algorithm="none"),
        create_time=now,
        expire_time=now,
    )
    study.trials.append(trial)
    return trial

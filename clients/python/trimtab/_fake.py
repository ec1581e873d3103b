"""One study of the fake server: what it holds, and how it answers.

Kept apart from ``testing``, which is about calls.
"""

from __future__ import annotations

import math
import random

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from trimtab.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ObservationConflictError,
    StudyStoppedError,
    TrimtabError,
    Violation,
)
from trimtab.v1 import parameters_pb2, study_pb2, study_service_pb2, trial_pb2, tuning_service_pb2

STATE_AFTER = {
    trial_pb2.OUTCOME_UNSPECIFIED: trial_pb2.TRIAL_STATE_COMPLETED,
    trial_pb2.OUTCOME_COMPLETED: trial_pb2.TRIAL_STATE_COMPLETED,
    trial_pb2.OUTCOME_FAILED: trial_pb2.TRIAL_STATE_FAILED,
    trial_pb2.OUTCOME_ABANDONED: trial_pb2.TRIAL_STATE_ABANDONED,
}


def invalid(field: str, description: str) -> InvalidArgumentError:
    """As the server says it."""
    violation = Violation(field, description)
    return InvalidArgumentError(f"{field}: {description}", reason="INVALID_FIELD", violations=[violation])


def not_found(reason: str, name: str) -> NotFoundError:
    """As the server says it."""
    return NotFoundError(f"{name} doesn't exist", code=grpc.StatusCode.NOT_FOUND, reason=reason)


class FakeStudy:
    """A study whose suggestions are random and whose incumbent is the best measured."""

    def __init__(self, message: study_pb2.Study, seed: int) -> None:
        self.message = message
        self.trials: list[trial_pb2.Trial] = []
        self.log: list[trial_pb2.ObservationRecord] = []
        self._random = random.Random(f"{seed} {message.name}")

    def described(self) -> study_pb2.Study:
        """The study with its counts."""
        described = study_pb2.Study()
        described.CopyFrom(self.message)
        described.counts.observations = len(self.log)
        for trial in self.trials:
            state = trial_pb2.TrialState.Name(trial.state).removeprefix("TRIAL_STATE_").lower()
            setattr(described.counts, state, getattr(described.counts, state) + 1)
        return described

    def suggest(self, request: tuning_service_pb2.SuggestRequest, now: Timestamp) -> trial_pb2.Suggestion:
        """The baseline first, then points drawn at random along each parameter's scale."""
        spec = self.message.spec
        if self.message.state == study_pb2.STUDY_STATE_STOPPED:
            raise StudyStoppedError(
                f"{self.message.name} is stopped", code=grpc.StatusCode.FAILED_PRECONDITION, reason="STUDY_STOPPED"
            )
        if {each.name for each in spec.context} != set(request.context.values):
            raise invalid("context.values", f"must be {', '.join(each.name for each in spec.context) or 'empty'}")
        number = len(self.trials) + 1
        trial = trial_pb2.Trial(
            name=f"{self.message.name}/trials/{number}",
            number=number,
            state=trial_pb2.TRIAL_STATE_PENDING,
            context=request.context if spec.context else None,
            model=self._model(),
            worker=request.worker,
            create_time=now,
        )
        trial.expire_time.FromSeconds(now.seconds + spec.lease.seconds)
        if number == 1 and spec.HasField("baseline"):
            trial.parameters.CopyFrom(spec.baseline)
            trial.source = trial_pb2.SOURCE_BASELINE
        else:
            for parameter in spec.search_space.parameters:
                trial.parameters.values[parameter.name].CopyFrom(self._draw(parameter))
            trial.source = trial_pb2.SOURCE_MODEL
        self.trials.append(trial)
        return trial_pb2.Suggestion(
            id=trial.name,
            parameters=trial.parameters,
            source=trial.source,
            model=trial.model,
            expire_time=trial.expire_time,
        )

    def observe(
        self, observation: trial_pb2.Observation, path: str, now: Timestamp
    ) -> tuning_service_pb2.ObserveOutcome:
        """Raises what the server would refuse it for."""
        trial = self.trial(observation.suggestion_id)
        self._check(observation, path)
        state = STATE_AFTER[observation.outcome]
        if trial.state != trial_pb2.TRIAL_STATE_PENDING:
            same = trial.state == state and dict(trial.measurements) == dict(observation.measurements)
            if same and trial.reason == observation.reason:
                return tuning_service_pb2.OBSERVE_OUTCOME_DUPLICATE
            raise ObservationConflictError(
                f"{trial.name} has another observation already; the first one stands",
                code=grpc.StatusCode.ALREADY_EXISTS,
                reason="OBSERVATION_CONFLICT",
            )
        trial.state = state
        trial.reason = observation.reason
        for name, measurement in observation.measurements.items():
            trial.measurements[name].CopyFrom(measurement)
        trial.complete_time.CopyFrom(now)
        self.log.append(
            trial_pb2.ObservationRecord(
                sequence=len(self.log) + 1,
                observation=observation,
                parameters=trial.parameters,
                context=trial.context if trial.HasField("context") else None,
                create_time=now,
            )
        )
        return tuning_service_pb2.OBSERVE_OUTCOME_RECORDED

    def trial(self, name: str) -> trial_pb2.Trial:
        """NotFoundError where the study has none of this name."""
        for trial in self.trials:
            if trial.name == name:
                return trial
        raise not_found("TRIAL_NOT_FOUND", name)

    def incumbent(self) -> study_service_pb2.GetIncumbentResponse:
        """The luckiest measurement; a server answers by its model instead."""
        spec = self.message.spec
        objective = spec.objectives[0]
        sign = 1.0 if objective.goal == study_pb2.GOAL_MINIMIZE else -1.0
        measured = [trial for trial in self.trials if trial.state == trial_pb2.TRIAL_STATE_COMPLETED]
        if measured:
            best = min(measured, key=lambda trial: sign * trial.measurements[objective.metric].mean)
            return study_service_pb2.GetIncumbentResponse(
                parameters=best.parameters,
                predicted_mean=best.measurements[objective.metric].mean,
                trial=best.name,
                source=trial_pb2.SOURCE_INCUMBENT,
                model=self._model(),
            )
        if not spec.HasField("baseline"):
            raise FailedPreconditionError(
                "nothing was observed and there is no baseline",
                code=grpc.StatusCode.FAILED_PRECONDITION,
                reason="NO_INCUMBENT",
            )
        return study_service_pb2.GetIncumbentResponse(
            parameters=spec.baseline, source=trial_pb2.SOURCE_BASELINE, model=self._model()
        )

    def _model(self) -> trial_pb2.ModelInfo:
        return trial_pb2.ModelInfo(
            algorithm=self.message.algorithm.name, revision=len(self.log), observation_count=len(self.log)
        )

    def _check(self, observation: trial_pb2.Observation, path: str) -> None:
        declared = {metric.name for metric in self.message.spec.metrics}
        for name, measurement in observation.measurements.items():
            if name not in declared:
                raise invalid(f'{path}.measurements["{name}"]', "not a declared metric of the study")
            if not math.isfinite(measurement.mean):
                raise invalid(f'{path}.measurements["{name}"].mean', f"must be finite, not {measurement.mean}")
        objective = self.message.spec.objectives[0].metric
        completed = STATE_AFTER[observation.outcome] == trial_pb2.TRIAL_STATE_COMPLETED
        if completed and objective not in observation.measurements:
            raise invalid(f'{path}.measurements["{objective}"]', "missing: it is an objective of the study")

    def _draw(self, parameter: parameters_pb2.ParameterSpec) -> parameters_pb2.Value:
        match parameter.WhichOneof("domain"):
            case "float_range":
                return parameters_pb2.Value(double_value=self._number(parameter.float_range))
            case "integer_range":
                whole = parameter.integer_range
                if whole.scale == parameters_pb2.SCALE_LOG:
                    drawn = round(math.exp(self._random.uniform(math.log(whole.min), math.log(whole.max))))
                    return parameters_pb2.Value(int_value=min(max(drawn, whole.min), whole.max))
                return parameters_pb2.Value(int_value=self._random.randint(whole.min, whole.max))
            case "categorical":
                return self._random.choice(parameter.categorical.values)
            case _:
                return self._random.choice(parameter.discrete.values)

    def _number(self, real: parameters_pb2.FloatRange) -> float:
        if real.HasField("step"):
            steps = math.floor((real.max - real.min) / real.step + 1e-6)
            return min(real.min + self._random.randint(0, steps) * real.step, real.max)
        if real.scale == parameters_pb2.SCALE_LOG:
            drawn = math.exp(self._random.uniform(math.log(real.min), math.log(real.max)))
        elif real.scale == parameters_pb2.SCALE_LOGIT:
            low, high = (math.log(end / (1 - end)) for end in (real.min, real.max))
            drawn = 1 / (1 + math.exp(-self._random.uniform(low, high)))
        else:
            drawn = self._random.uniform(real.min, real.max)
        return min(max(drawn, real.min), real.max)


def item_error(error: TrimtabError) -> tuning_service_pb2.ItemError:
    """The error as the result of one observation."""
    item = tuning_service_pb2.ItemError(code=error.code.value[0], reason=error.reason, message=error.message)
    if isinstance(error, InvalidArgumentError):
        for violation in error.violations:
            item.field_violations.add(field=violation.field, description=violation.description)
    return item

"""One study of the fake server: what it holds, and how it answers.

Kept apart from ``testing``, which is about calls.
"""

from __future__ import annotations

import random

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from trimtab._fake_errors import invalid, not_found
from trimtab._fake_laws import check_fixed
from trimtab._fake_reward import check, reward
from trimtab._fake_space import check_patterns, draw, may_be_suggested
from trimtab.errors import FailedPreconditionError, ObservationConflictError, StudyStoppedError
from trimtab.v1 import parameters_pb2, study_pb2, study_service_pb2, trial_pb2, tuning_service_pb2

STATE_AFTER = {
    trial_pb2.OUTCOME_UNSPECIFIED: trial_pb2.TRIAL_STATE_COMPLETED,
    trial_pb2.OUTCOME_COMPLETED: trial_pb2.TRIAL_STATE_COMPLETED,
    trial_pb2.OUTCOME_FAILED: trial_pb2.TRIAL_STATE_FAILED,
    trial_pb2.OUTCOME_ABANDONED: trial_pb2.TRIAL_STATE_ABANDONED,
}


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
        """The baseline first, then points drawn at random along each parameter's scale, of those that are allowed."""
        spec = self.message.spec
        if self.message.state == study_pb2.STUDY_STATE_STOPPED:
            raise StudyStoppedError(
                f"{self.message.name} is stopped", code=grpc.StatusCode.FAILED_PRECONDITION, reason="STUDY_STOPPED"
            )
        context = self._context(request)
        check_patterns(spec, request.allowed)
        check_fixed(spec.search_space, request.fixed)
        waiting = [trial for trial in self.trials if trial.state == trial_pb2.TRIAL_STATE_QUEUED]
        if waiting and not request.fixed.values:
            return self._handed_out(waiting[0], request, context, now)
        number = len(self.trials) + 1
        trial = trial_pb2.Trial(
            name=f"{self.message.name}/trials/{number}",
            number=number,
            state=trial_pb2.TRIAL_STATE_PENDING,
            context=context if spec.context else None,
            model=self._model(),
            worker=request.worker,
            create_time=now,
        )
        trial.expire_time.FromSeconds(now.seconds + spec.lease.seconds)
        baseline = spec.baseline if number == 1 and spec.HasField("baseline") else None
        wanted = [*request.allowed, *([request.fixed] if request.fixed.values else [])]
        if baseline is not None and may_be_suggested(spec, wanted, baseline):
            trial.parameters.CopyFrom(spec.baseline)
            trial.source = trial_pb2.SOURCE_BASELINE
        else:
            trial.parameters.CopyFrom(draw(spec, request.allowed, self._random, request.fixed.values))
            trial.source = trial_pb2.SOURCE_MODEL
        self.trials.append(trial)
        return self._suggestion(trial)

    def _context(self, request: tuning_service_pb2.SuggestRequest) -> parameters_pb2.Parameters:
        """What the caller names, or, where the server chooses it, one condition after the other."""
        spec = self.message.spec
        wanted = set() if spec.HasField("robustness") else {each.name for each in spec.context}
        if wanted != set(request.context.values):
            raise invalid("context.values", f"must be {', '.join(sorted(wanted)) or 'empty'}")
        if not spec.HasField("robustness"):
            return request.context
        return spec.robustness.conditions[len(self.trials) % len(spec.robustness.conditions)]

    def _suggestion(self, trial: trial_pb2.Trial) -> trial_pb2.Suggestion:
        return trial_pb2.Suggestion(
            id=trial.name,
            parameters=trial.parameters,
            source=trial.source,
            model=trial.model,
            expire_time=trial.expire_time,
            context=trial.context if self.message.spec.HasField("robustness") else None,
        )

    def _handed_out(
        self,
        trial: trial_pb2.Trial,
        request: tuning_service_pb2.SuggestRequest,
        context: parameters_pb2.Parameters,
        now: Timestamp,
    ) -> trial_pb2.Suggestion:
        """A trial that people put in line."""
        trial.state = trial_pb2.TRIAL_STATE_PENDING
        trial.worker = request.worker
        trial.create_time.CopyFrom(now)
        trial.expire_time.FromSeconds(now.seconds + self.message.spec.lease.seconds)
        if self.message.spec.context:
            trial.context.CopyFrom(context)
        return self._suggestion(trial)

    def observe(
        self, observation: trial_pb2.Observation, path: str, now: Timestamp
    ) -> tuning_service_pb2.ObserveOutcome:
        """Raises what the server would refuse it for."""
        trial = self.trial(observation.suggestion_id)
        state = STATE_AFTER[observation.outcome]
        if state == trial_pb2.TRIAL_STATE_COMPLETED:
            check(self.message.spec, observation.measurements, path)
        elif observation.measurements:
            raise invalid(f"{path}.measurements", "must be empty unless the outcome is completed")
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
        sign = 1.0 if spec.objectives[0].goal == study_pb2.GOAL_MINIMIZE else -1.0
        measured = [trial for trial in self.trials if trial.state == trial_pb2.TRIAL_STATE_COMPLETED]
        if measured:
            best = min(measured, key=lambda trial: sign * reward(spec, trial.measurements))
            return study_service_pb2.GetIncumbentResponse(
                parameters=best.parameters,
                predicted_mean=reward(spec, best.measurements),
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

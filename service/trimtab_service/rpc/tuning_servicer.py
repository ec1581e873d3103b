"""Suggest, Observe, ExtendLease."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from time import monotonic, time
from typing import Any

import grpc

from trimtab.v1 import trial_pb2, tuning_service_pb2_grpc
from trimtab.v1 import tuning_service_pb2 as pb
from trimtab_service import decisions as bandits
from trimtab_service.decisions import DecisionReport, Decisions
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument, StudyNotFound, SuggestionIdInvalid, TrimtabError
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import LONGEST_SPAN, SHORTEST_SPAN, Study, TrialName
from trimtab_service.live import Live
from trimtab_service.metrics import Metrics
from trimtab_service.rpc import convert_import, convert_trial, convert_values
from trimtab_service.rpc.answers import Answers
from trimtab_service.rpc.convert_values import MOST_COUNT, seconds_left
from trimtab_service.rpc.status import item_error
from trimtab_service.store.base import RECORDED, Request, Result, TrialObservation
from trimtab_service.studies import Studies
from trimtab_service.suggesting import NotOfTrials
from trimtab_service.tuner import Tuner, check_trials
from trimtab_service.turns import Ask

Context = grpc.aio.ServicerContext[Any, Any]

MOST_WORKER = 128  # bytes
_FALLBACK = {
    pb.FALLBACK_POLICY_UNSPECIFIED: True,
    pb.FALLBACK_POLICY_ALLOW: True,
    pb.FALLBACK_POLICY_FORBID: False,
}
_COUNTED = {
    "recorded": pb.OBSERVE_OUTCOME_RECORDED,
    "duplicate": pb.OBSERVE_OUTCOME_DUPLICATE,
    "refused": pb.OBSERVE_OUTCOME_UNSPECIFIED,
}


class TuningServicer(tuning_service_pb2_grpc.TuningServiceServicer):
    """The calls on the path of a caller's work."""

    def __init__(self, studies: Studies, tuner: Tuner, decisions: Decisions, timeout: float, metrics: Metrics) -> None:
        self._studies = studies
        self._tuner = tuner
        self._decisions = decisions
        self._timeout = timeout
        self._answers = Answers()
        self._counts = {name: metrics.observations.labels(name) for name in _COUNTED}

    async def Suggest(self, request: pb.SuggestRequest, context: Context) -> pb.SuggestResponse | bytes:
        """Parameters to try."""
        name = convert_values.study_name(request.study, "study")
        live = self._decisions.live(name)
        if live is not None:
            # Where the study turns out to be gone, maybe the name is in use again.
            with contextlib.suppress(StudyNotFound):
                return await self._suggest_decisions(request, live)
        study = await self._studies.recall(name)
        if not study.algorithm.decisions:
            with contextlib.suppress(NotOfTrials):
                return await self._suggest_trials(request, context)
        study = await self._studies.get(name)
        if not study.algorithm.decisions:
            return await self._suggest_trials(request, context)
        return await self._suggest_decisions(request, await self._decisions.open(study))

    async def _suggest_decisions(self, request: pb.SuggestRequest, live: Live) -> bytes:
        convert_values.check_request_id(request.request_id)
        if request.HasField("fixed"):
            raise InvalidArgument("fixed", "only trial studies take fixed values; say which arms by allowed")
        ask = bandits.Ask(convert_values.count_from(request.count), request.request_id)
        if request.context.values:
            with errors.field("context"):
                ask = replace(ask, context=convert_values.values_from(request.context.values, "values"))
        if request.allowed:
            ask = replace(ask, allowed=convert_values.patterns_from(request.allowed, "allowed"))
        spec = live.study.spec
        if spec.default_reward is None:
            chosen = self._decisions.suggest(live, ask)
        else:
            chosen = await self._decisions.suggest_remembered(live, ask)
        return self._answers.suggested(live, chosen, int(time() + spec.decision_lifetime.total_seconds()))

    async def _suggest_trials(self, request: pb.SuggestRequest, context: Context) -> pb.SuggestResponse:
        if request.fallback not in _FALLBACK:
            raise InvalidArgument("fallback", f"{request.fallback} is not a policy that this server knows")
        if len(request.worker.encode()) > MOST_WORKER:
            raise InvalidArgument("worker", f"longer than {MOST_WORKER} bytes")
        if request.allowed:
            raise InvalidArgument("allowed", "only bandit studies have arms to choose among")
        with errors.field("context"):
            values = convert_values.values_from(request.context.values, "values")
        with errors.field("fixed"):
            fixed = convert_values.values_from(request.fixed.values, "values")
        ask = Ask(
            study=convert_values.study_name(request.study, "study"),
            count=convert_values.count_from(request.count),
            context=values,
            fixed=fixed,
            worker=request.worker,
            fallback=_FALLBACK[request.fallback],
            deadline=monotonic() + seconds_left(context, self._timeout),
            request=convert_values.request_from(request, "Suggest"),
        )
        study, trials = await self._tuner.suggest(ask)
        return pb.SuggestResponse(suggestions=[convert_trial.suggestion_to(study, trial) for trial in trials])

    async def Observe(self, request: pb.ObserveRequest, context: Context) -> pb.ObserveResponse:
        """Takes what was measured; answers after it is durable."""
        name = convert_values.study_name(request.study, "study")
        _check_observations(request)
        identity = convert_values.request_from(request, "Observe")
        study = await self._studies.recall(name)
        try:
            results = await self._observed(study, request, identity, recalled=True)
        except StudyNotFound:
            # The memo was of a study that has been deleted; maybe the name is in use again.
            self._studies.forget(name)
            self._decisions.deleted(name)
            results = await self._observed(await self._studies.get(name), request, identity)
        return self._answer(request, results)

    async def _observed(
        self, study: Study, request: pb.ObserveRequest, identity: Request | None, *, recalled: bool = False
    ) -> Sequence[Result]:
        """Judged by the study; one that was ``recalled`` refuses nothing, unless it is what the store holds."""
        current: Study | None
        if study.algorithm.decisions:
            judged = self._decisions.judged(study, _decision_reports(study, request))
            current = await self._changed(study, judged) if recalled else None
            if current is None:
                return await self._decisions.observe(study, judged, identity)
        else:
            reports = _trial_reports(study, request)
            current = await self._changed(study, reports) if recalled else None
            if current is None:
                return await self._tuner.observe(study, reports, identity)
        return await self._observed(current, request, identity)

    async def _changed(self, study: Study, items: Sequence[object]) -> Study | None:
        """What the study has become, where it refuses one of the items and isn't what it was. Raises StudyNotFound."""
        if not any(isinstance(item, TrimtabError) for item in items):
            return None
        current = await self._studies.get(study.name)
        if current.uid != study.uid:
            self._decisions.deleted(study.name)
        return None if (current.uid, current.etag) == (study.uid, study.etag) else current

    def _answer(self, request: pb.ObserveRequest, results: Sequence[Result]) -> pb.ObserveResponse:
        items = list(map(_result, request.observations, results))
        for name, outcome in _COUNTED.items():
            count = sum(item.outcome == outcome for item in items)
            if count:
                self._counts[name].inc(count)
        return pb.ObserveResponse(results=items)

    async def ExtendLease(self, request: pb.ExtendLeaseRequest, context: Context) -> pb.ExtendLeaseResponse:
        """Moves the end of a pending trial's lease."""
        name = convert_values.trial_name(request.trial, "trial")
        lease: timedelta | None = None
        if request.HasField("lease"):
            with errors.field("lease"):
                lease = convert_values.span_from(request.lease)
            if not SHORTEST_SPAN <= lease <= LONGEST_SPAN:
                raise InvalidArgument("lease", "must be between 1 second and 366 days")
        end = await self._tuner.extend_lease(name, lease, convert_values.request_from(request, "ExtendLease"))
        return pb.ExtendLeaseResponse(expire_time=convert_values.moment_to(end))

    async def ImportTrials(self, request: pb.ImportTrialsRequest, context: Context) -> pb.ImportTrialsResponse:
        """Takes trials that were made elsewhere; answers after they are durable."""
        name = convert_values.study_name(request.study, "study")
        convert_import.check_length(request.trials, "trials")
        identity = convert_values.request_from(request, "ImportTrials")
        study = await self._studies.get(name)
        check_trials(study)
        entries = convert_import.foreign_trials(study, request.trials)
        results = await self._tuner.import_trials(study, entries, identity)
        return pb.ImportTrialsResponse(results=[convert_import.import_result(study, result) for result in results])

    async def EnqueueTrials(self, request: pb.EnqueueTrialsRequest, context: Context) -> pb.EnqueueTrialsResponse:
        """Puts points in line, to be suggested before anything else."""
        name = convert_values.study_name(request.study, "study")
        convert_import.check_length(request.points, "points")
        points = []
        for index, point in enumerate(request.points):
            with errors.field(f"points[{index}]"):
                points.append(convert_values.values_from(point.values, "values"))
        identity = convert_values.request_from(request, "EnqueueTrials")
        numbers = await self._tuner.enqueue(name, points, identity)
        return pb.EnqueueTrialsResponse(trials=[f"{name}/trials/{number}" for number in numbers])


def _check_observations(request: pb.ObserveRequest) -> None:
    if not request.observations:
        raise InvalidArgument("observations", "must not be empty")
    if len(request.observations) > MOST_COUNT:
        raise InvalidArgument("observations", f"{len(request.observations)} observations; {MOST_COUNT} at most")
    if len(request.observations) == 1:
        return
    seen = set()
    for index, observation in enumerate(request.observations):
        if observation.suggestion_id in seen:
            raise InvalidArgument(f"observations[{index}].suggestion_id", "this suggestion is there twice")
        seen.add(observation.suggestion_id)


def _result(observation: trial_pb2.Observation, result: Result) -> pb.ObserveResult:
    if result is RECORDED:
        return pb.ObserveResult(suggestion_id=observation.suggestion_id, outcome=pb.OBSERVE_OUTCOME_RECORDED)
    if isinstance(result, TrimtabError):
        return pb.ObserveResult(suggestion_id=observation.suggestion_id, error=item_error(result))
    return pb.ObserveResult(suggestion_id=observation.suggestion_id, outcome=pb.OBSERVE_OUTCOME_DUPLICATE)


def _observation(study: Study, message: trial_pb2.Observation, position: int) -> Observation:
    try:
        observation = convert_trial.observation_from(message)
        study.spec.check_observation(observation)
    except InvalidArgument as error:
        raise error.under(f"observations[{position}]") from None
    return observation


def _decision_reports(study: Study, request: pb.ObserveRequest) -> list[DecisionReport | InvalidArgument]:
    reports: list[DecisionReport | InvalidArgument] = []
    for index, message in enumerate(request.observations):
        try:
            observation = _observation(study, message, index)
        except InvalidArgument as error:
            reports.append(error)
        else:
            reports.append(DecisionReport(message.suggestion_id, observation))
    return reports


def _trial_reports(study: Study, request: pb.ObserveRequest) -> list[TrialObservation | InvalidArgument]:
    reports: list[TrialObservation | InvalidArgument] = []
    for index, message in enumerate(request.observations):
        try:
            number = _trial_number(study, message.suggestion_id, f"observations[{index}].suggestion_id")
            reports.append(TrialObservation(number, _observation(study, message, index)))
        except InvalidArgument as error:
            reports.append(error)
    return reports


def _trial_number(study: Study, suggestion_id: str, path: str) -> int:
    try:
        name = TrialName.parse(suggestion_id)
    except InvalidArgument:
        raise SuggestionIdInvalid(path, f"{suggestion_id[:200]!r} is not the id of a suggestion") from None
    if name.study != study.name:
        raise SuggestionIdInvalid(path, f"this suggestion belongs to {name.study}, not to {study.name}")
    return name.number

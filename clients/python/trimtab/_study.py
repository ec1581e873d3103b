"""The handle on a study."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask

from trimtab import _convert as convert
from trimtab import _methods as methods
from trimtab._blocking import blocking, iterating
from trimtab._caller import fresh_request_id
from trimtab._calls import Measured, OnUnavailable, StudyCalls
from trimtab._convert_explanation import explain_request, explanation_from_message, front_from_message
from trimtab._convert_incumbent import incumbent_from_message
from trimtab._convert_study import change_to_message, study_from_message
from trimtab._elsewhere import Elsewhere
from trimtab._plain import ParameterValue, ValueLike
from trimtab._suggestion import AsyncSuggestion, Suggesting, Suggestion
from trimtab.answers import Incumbent, ObservationRecord, ObserveResult, StudyDescription, Suggested, Trial, TrialState
from trimtab.explanation import Explanation, ParetoFront, Slice
from trimtab.outcomes import OutcomeConstraint
from trimtab.space import MeasurementLike, Observation, Outcome, Parameter
from trimtab.spec import StudyChange, StudyState, duration, duration_or_forever
from trimtab.v1 import study_service_pb2 as pb

Handle = TypeVar("Handle")
Arguments = ParamSpec("Arguments")

PAGE_SIZE = 500  # of what is listed: a few hundred kilobytes a call


class StudyCore(Elsewhere, Generic[Handle]):
    """What the blocking and the asyncio handle have in common."""

    def __init__(self, calls: StudyCalls, handle: Callable[[StudyCalls, Suggested], Handle]) -> None:
        self._calls = calls
        self._handle = handle

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def name(self) -> str:
        """namespaces/{namespace}/studies/{study}."""
        return self._calls.name

    @property
    def id(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    @property
    def baseline(self) -> Mapping[str, ParameterValue] | None:
        """What suggest falls back to; None while the client doesn't know it."""
        return self._calls.baseline

    async def _suggest(
        self,
        context: Mapping[str, ValueLike] | None = None,
        *,
        allowed: Sequence[Mapping[str, ValueLike]] | None = None,
        fixed: Mapping[str, ValueLike] | None = None,
        timeout: float | None = None,
        on_unavailable: OnUnavailable = "baseline",
        request_id: str | None = None,
    ) -> Handle:
        """Asks for parameters to try; a context manager that always reports.

        context: a value for each context that the study declares.
        allowed: bandit studies: what this call may get. Each entry gives
            values for some of the parameters, and lets in every arm that has
            them all; the propensity is that of the choice among them. None:
            every arm. A baseline that isn't let in is no fallback.
        fixed: trial studies: values that some of the parameters must have in
            what is suggested; the others are chosen to go with them. A
            baseline with other values is no fallback.
        timeout: in seconds, all attempts together. Make it small (0.05) where
            a user waits for the answer.
        on_unavailable: what to do when the service can't answer in time, or
            fails: "baseline" answers the study's baseline, with the source
            FALLBACK and an empty id; where no baseline is known yet the error
            is raised. "raise" always raises it, and forbids the server to
            fall back as well. A bad request raises in any case.
        request_id: the same id gets the same answer again, in another process
            too; None: drawn for this call, the same in all its attempts.
        """
        (suggestion,) = await self._suggest_many(
            1,
            context,
            allowed=allowed,
            fixed=fixed,
            timeout=timeout,
            on_unavailable=on_unavailable,
            request_id=request_id,
        )
        return suggestion

    async def _suggest_many(
        self,
        count: int,
        context: Mapping[str, ValueLike] | None = None,
        *,
        allowed: Sequence[Mapping[str, ValueLike]] | None = None,
        fixed: Mapping[str, ValueLike] | None = None,
        timeout: float | None = None,
        on_unavailable: OnUnavailable = "baseline",
        request_id: str | None = None,
    ) -> list[Handle]:
        """Asks for several at once, which differ from one another as far as the
        space allows (of a bandit each is a draw of its own). See ``suggest``."""
        suggested = await self._calls.suggest(count, context, allowed, timeout, on_unavailable, request_id, fixed)
        return [self._handle(self._calls, each) for each in suggested]

    async def _observe(
        self,
        suggestion_id: str,
        measured: Measured | None = None,
        /,
        *,
        timeout: float | None = None,
        **metrics: MeasurementLike,
    ) -> ObserveResult:
        """Reports what was measured for a suggestion known by its id. See ``Suggestion.observe``."""
        deadline = self._calls.caller.deadline(timeout)
        measurements = await self._calls.measurements(suggestion_id, measured, metrics, deadline)
        return await self._calls.observe_one(Observation(suggestion_id, measurements), deadline)

    async def _fail(self, suggestion_id: str, reason: str = "", *, timeout: float | None = None) -> ObserveResult:
        """Reports that it can't work with the parameters of a suggestion."""
        failed = Observation(suggestion_id, outcome=Outcome.FAILED, reason=reason)
        return await self._calls.observe_one(failed, self._calls.caller.deadline(timeout))

    async def _abandon(self, suggestion_id: str, reason: str = "", *, timeout: float | None = None) -> ObserveResult:
        """Reports that nobody tried a suggestion."""
        abandoned = Observation(suggestion_id, outcome=Outcome.ABANDONED, reason=reason)
        return await self._calls.observe_one(abandoned, self._calls.caller.deadline(timeout))

    async def _observe_many(
        self, observations: Sequence[Observation], *, timeout: float | None = None
    ) -> list[ObserveResult]:
        """Reports on several suggestions; a result for each, in order.

        One that is refused doesn't keep the others from being stored and
        raises nothing: see ``ObserveResult.error``.
        """
        return await self._calls.observe(observations, self._calls.caller.deadline(timeout))

    async def _extend_lease(
        self, trial: str | int, lease: timedelta | float | None = None, *, timeout: float | None = None
    ) -> datetime:
        """Asks for more time for a trial, known by name or number; returns until
        when. lease: from now, numbers are seconds; None: the study's lease."""
        span = None if lease is None else duration(lease)
        return await self._calls.extend_lease(self._trial_name(trial), span, timeout)

    async def _describe(self, *, timeout: float | None = None) -> StudyDescription:
        """The study as it is now."""
        return await self._calls.describe(self._calls.caller.deadline(timeout))

    async def _update(
        self,
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
        algorithm: str | None = None,
        options: Mapping[str, ValueLike] | None = None,
        baseline: Mapping[str, ValueLike] | None = None,
        lease: timedelta | float | None = None,
        decision_lifetime: timedelta | float | None = None,
        parameters: Sequence[Parameter] | None = None,
        retention: timedelta | float | None = None,
        disabled_arms: Sequence[Mapping[str, ValueLike]] | None = None,
        outcome_constraints: Sequence[OutcomeConstraint] | None = None,
        half_life: timedelta | float | None = None,
        reference_point: Mapping[str, float] | None = None,
        transfer_from: Sequence[str] | None = None,
        etag: str = "",
        timeout: float | None = None,
    ) -> StudyDescription:
        """Changes what may change of a study; what is left out stays as it is.

        parameters: of a bandit study, all of them, with more values than
            before and no fewer: new points are new arms.
        retention: of a bandit study; math.inf: for ever.
        disabled_arms: of a bandit study, all of them; empty: none. What was
            learned of an arm is kept, and observations of it are still taken.
        outcome_constraints: of a trial study, all of them, of no other metrics
            than before; empty: none.
        half_life: of a trial study; math.inf: age doesn't count.
        reference_point: of a study with several objectives, by metric; one that is left out is judged by the front.
        transfer_from: of a trial study, all of them, ids in its namespace or full names; empty: none.
        etag: of the description that the change rests on; raises
            EtagMismatchError if the study has changed since.
        """
        change = StudyChange(
            description=description,
            labels=labels,
            algorithm=algorithm,
            options=options,
            baseline=baseline,
            lease=None if lease is None else duration(lease),
            decision_lifetime=None if decision_lifetime is None else duration(decision_lifetime),
            parameters=parameters,
            retention=None if retention is None else duration_or_forever(retention),
            disabled_arms=disabled_arms,
            outcome_constraints=outcome_constraints,
            half_life=None if half_life is None else duration_or_forever(half_life),
            reference_point=reference_point,
            transfer_from=None if transfer_from is None else tuple(map(self._neighbour, transfer_from)),
        )
        return await self._change(change, etag, timeout)

    async def _stop(self, *, timeout: float | None = None) -> StudyDescription:
        """Makes the study refuse suggest; what was suggested can still be observed."""
        return await self._change(StudyChange(state=StudyState.STOPPED), "", timeout)

    async def _resume(self, *, timeout: float | None = None) -> StudyDescription:
        """Makes a stopped study suggest again."""
        return await self._change(StudyChange(state=StudyState.ACTIVE), "", timeout)

    async def _change(self, change: StudyChange, etag: str, timeout: float | None) -> StudyDescription:
        deadline = self._calls.caller.deadline(timeout)
        goals = {} if change.reference_point is None else (await self._calls.describe(deadline)).spec.goals
        study, paths = change_to_message(change, goals)
        study.name, study.etag = self.name, etag
        request = pb.UpdateStudyRequest(study=study, update_mask=FieldMask(paths=paths), request_id=fresh_request_id())
        response = await self._calls.caller.call_until(methods.UPDATE_STUDY, request, deadline)
        self._calls.remember(response.study)
        return study_from_message(response.study)

    async def _delete(self, *, etag: str = "", timeout: float | None = None) -> None:
        """Deletes the study with all that is in it, for good. etag: as in ``update``."""
        request = pb.DeleteStudyRequest(name=self.name, etag=etag, request_id=fresh_request_id())
        await self._calls.caller.call(methods.DELETE_STUDY, request, timeout)

    async def _trial(self, trial: str | int, *, timeout: float | None = None) -> Trial:
        """One trial, by its number or name."""
        request = pb.GetTrialRequest(name=self._trial_name(trial))
        response = await self._calls.caller.call(methods.GET_TRIAL, request, timeout)
        return convert.trial_from_message(response.trial)

    async def _trials(
        self, states: Iterable[TrialState | str] = (), *, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> AsyncIterator[Trial]:
        """The trials by number, fetched page by page as the iteration goes on.

        states: only trials in one of these; empty: all. timeout: of each page.
        """
        numbers = [convert.state_to_message(TrialState(state)) for state in states]
        token = ""
        while True:
            request = pb.ListTrialsRequest(parent=self.name, page_size=page_size, page_token=token)
            request.states.extend(numbers)
            page = await self._calls.caller.call(methods.LIST_TRIALS, request, timeout)
            for trial in page.trials:
                yield convert.trial_from_message(trial)
            token = page.next_page_token
            if not token:
                return

    async def _observations(
        self, *, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> AsyncIterator[ObservationRecord]:
        """The observation log in its order, fetched page by page. timeout: of each page."""
        token = ""
        while True:
            request = pb.ListObservationsRequest(parent=self.name, page_size=page_size, page_token=token)
            page = await self._calls.caller.call(methods.LIST_OBSERVATIONS, request, timeout)
            for record in page.observations:
                yield convert.record_from_message(record)
            token = page.next_page_token
            if not token:
                return

    async def _incumbent(
        self,
        context: Mapping[str, ValueLike] | None = None,
        *,
        trial_cost: float | None = None,
        timeout: float | None = None,
    ) -> Incumbent:
        """The best parameters known, by the model's posterior.

        context: the best for these values; None: the best of what was tried,
        each judged at its own context. trial_cost: what one more trial costs,
        in the unit of expected_gain; the answer then says whether it is worth that.
        """
        request = pb.GetIncumbentRequest(
            study=self.name,
            context=None if context is None else convert.parameters_to_message(context),
            trial_cost=trial_cost,
        )
        response = await self._calls.caller.call(methods.GET_INCUMBENT, request, timeout)
        return incumbent_from_message(response)

    async def _pareto_front(self, *, timeout: float | None = None) -> ParetoFront:
        """The trials that are best for some trade between several objectives."""
        request = pb.GetParetoFrontRequest(study=self.name)
        return front_from_message(await self._calls.caller.call(methods.GET_PARETO_FRONT, request, timeout))

    async def _explain(
        self,
        parameters: Mapping[str, ValueLike] | None = None,
        *,
        trial: str | int | None = None,
        context: Mapping[str, ValueLike] | None = None,
        slices: Sequence[Slice] = (),
        timeout: float | None = None,
    ) -> Explanation:
        """What the model believes of a point, of a trial's, or else of the incumbent's; and why it would be tried.

        context: in studies with one: in which to explain it; None: the trial's.
        slices: the cuts through the model that are wanted.
        """
        name = "" if trial is None else self._trial_name(trial)
        request = explain_request(self.name, parameters, name, context, slices)
        return explanation_from_message(await self._calls.caller.call(methods.EXPLAIN, request, timeout))

    def _neighbour(self, name: str) -> str:
        """The full name of another study."""
        return name if "/" in name else f"{self.name.rpartition('/')[0]}/{name}"

    def _trial_name(self, trial: str | int) -> str:
        return trial if isinstance(trial, str) else f"{self.name}/trials/{trial}"


class Study(StudyCore[Suggestion]):
    """A study: suggests parameters and takes what was measured.

    Comes from ``client.create_study`` or ``client.study``; safe to share
    between threads.
    """

    suggest = blocking(StudyCore[Suggestion]._suggest)
    suggest_many = blocking(StudyCore[Suggestion]._suggest_many)
    observe = blocking(StudyCore[Suggestion]._observe)
    fail = blocking(StudyCore[Suggestion]._fail)
    abandon = blocking(StudyCore[Suggestion]._abandon)
    observe_many = blocking(StudyCore[Suggestion]._observe_many)
    extend_lease = blocking(StudyCore[Suggestion]._extend_lease)
    import_trials = blocking(StudyCore[Suggestion]._import_trials)
    enqueue = blocking(StudyCore[Suggestion]._enqueue)
    describe = blocking(StudyCore[Suggestion]._describe)
    update = blocking(StudyCore[Suggestion]._update)
    stop = blocking(StudyCore[Suggestion]._stop)
    resume = blocking(StudyCore[Suggestion]._resume)
    delete = blocking(StudyCore[Suggestion]._delete)
    trial = blocking(StudyCore[Suggestion]._trial)
    trials = iterating(StudyCore[Suggestion]._trials)
    observations = iterating(StudyCore[Suggestion]._observations)
    incumbent = blocking(StudyCore[Suggestion]._incumbent)
    pareto_front = blocking(StudyCore[Suggestion]._pareto_front)
    explain = blocking(StudyCore[Suggestion]._explain)


def _opening(
    method: Callable[Concatenate[StudyCore[AsyncSuggestion], Arguments], Coroutine[Any, Any, AsyncSuggestion]],
) -> Callable[Concatenate[StudyCore[AsyncSuggestion], Arguments], Suggesting]:
    """The method as one whose answer can be awaited, or opened with ``async with``."""

    @functools.wraps(method)
    def suggest(
        self: StudyCore[AsyncSuggestion], /, *arguments: Arguments.args, **keywords: Arguments.kwargs
    ) -> Suggesting:
        return Suggesting(method(self, *arguments, **keywords))

    return suggest


class AsyncStudy(StudyCore[AsyncSuggestion]):
    """A study: suggests parameters and takes what was measured; for asyncio.

    Comes from ``client.create_study`` or ``client.study``.
    """

    suggest = _opening(StudyCore[AsyncSuggestion]._suggest)
    suggest_many = StudyCore[AsyncSuggestion]._suggest_many
    observe = StudyCore[AsyncSuggestion]._observe
    fail = StudyCore[AsyncSuggestion]._fail
    abandon = StudyCore[AsyncSuggestion]._abandon
    observe_many = StudyCore[AsyncSuggestion]._observe_many
    extend_lease = StudyCore[AsyncSuggestion]._extend_lease
    import_trials = StudyCore[AsyncSuggestion]._import_trials
    enqueue = StudyCore[AsyncSuggestion]._enqueue
    describe = StudyCore[AsyncSuggestion]._describe
    update = StudyCore[AsyncSuggestion]._update
    stop = StudyCore[AsyncSuggestion]._stop
    resume = StudyCore[AsyncSuggestion]._resume
    delete = StudyCore[AsyncSuggestion]._delete
    trial = StudyCore[AsyncSuggestion]._trial
    trials = StudyCore[AsyncSuggestion]._trials
    observations = StudyCore[AsyncSuggestion]._observations
    incumbent = StudyCore[AsyncSuggestion]._incumbent
    pareto_front = StudyCore[AsyncSuggestion]._pareto_front
    explain = StudyCore[AsyncSuggestion]._explain

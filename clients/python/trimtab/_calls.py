"""Everything that can be asked of one study, in plain values.

Requests are made and answers read here, and here it is decided what a caller
gets when no answer comes. Handles (``_study``, ``_suggestion``) only dress it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from trimtab import _convert as convert
from trimtab import _methods as methods
from trimtab._caller import Caller, fresh_request_id
from trimtab._convert_study import study_from_message
from trimtab._plain import ParameterValue, ValueLike
from trimtab.answers import ModelInfo, ObserveResult, ObserveStatus, Source, StudyDescription, Suggested
from trimtab.errors import ServiceError, TrimtabError
from trimtab.space import MeasurementLike, Observation
from trimtab.spec import lets_in, plain_patterns
from trimtab.v1 import study_pb2, study_service_pb2, tuning_service_pb2

MOST_OBSERVATIONS = 1_000  # that the server takes in one call

OnUnavailable: TypeAlias = Literal["baseline", "raise"]
Measured: TypeAlias = Mapping[str, MeasurementLike] | MeasurementLike
"""Measurements by metric, or one of the study's objective."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the client remembers of a study, to do without the server or without asking again."""

    baseline: Mapping[str, ParameterValue] | None
    objective: str | None  # None where there are several


class StudyCalls:
    """The calls about one study.

    Where one needs several, they share its time: ``deadline`` is an instant
    on the transport's clock.

    baseline: what ``suggest`` falls back to before the study's own is known.
    worker: who tries the suggestions, for people who read the list of trials.
    """

    def __init__(
        self, caller: Caller, name: str, worker: str = "", baseline: Mapping[str, ParameterValue] | None = None
    ) -> None:
        self.name = name
        self.caller = caller
        self._worker = worker
        self._given_baseline = baseline
        self._facts: _Facts | None = None

    @property
    def baseline(self) -> Mapping[str, ParameterValue] | None:
        """What suggest falls back to; None while it isn't known."""
        if self._facts is not None and self._facts.baseline is not None:
            return self._facts.baseline
        return self._given_baseline

    def remember(self, study: study_pb2.Study) -> _Facts:
        """Keeps what a call may need later; of all that a study is, it reads no more than that."""
        spec = study.spec
        baseline = convert.parameters_from_message(spec.baseline) if spec.HasField("baseline") else None
        objective = spec.objectives[0].metric if len(spec.objectives) == 1 else None
        self._facts = _Facts(baseline, objective)
        return self._facts

    # Suggest

    async def suggest(
        self,
        count: int,
        context: Mapping[str, ValueLike] | None,
        allowed: Sequence[Mapping[str, ValueLike]] | None,
        timeout: float | None,
        on_unavailable: OnUnavailable,
        request_id: str | None,
        fixed: Mapping[str, ValueLike] | None = None,
    ) -> list[Suggested]:
        """``count`` suggestions; the baseline where the service can't answer in time and it may be suggested."""
        patterns = None if allowed is None else plain_patterns(allowed)
        if patterns == ():
            raise ValueError("allowed is empty, so there is nothing to suggest; None allows every arm")
        if on_unavailable not in ("baseline", "raise"):
            raise ValueError(f"on_unavailable must be 'baseline' or 'raise', not {on_unavailable!r}")
        strict = on_unavailable == "raise"
        forbid, allow = tuning_service_pb2.FALLBACK_POLICY_FORBID, tuning_service_pb2.FALLBACK_POLICY_ALLOW
        request = tuning_service_pb2.SuggestRequest(
            study=self.name,
            count=count,
            context=None if context is None else convert.parameters_to_message(context),
            request_id=request_id or fresh_request_id(),
            worker=self._worker,
            fallback=forbid if strict else allow,
            allowed=map(convert.parameters_to_message, patterns or ()),
            fixed=convert.parameters_to_message(fixed) if fixed else None,
        )
        deadline = self.caller.deadline(timeout)
        try:
            response = await self.caller.call_until(methods.SUGGEST, request, deadline)
        except ServiceError as error:
            baseline = self.baseline
            if strict or baseline is None or not (patterns is None or lets_in(patterns, baseline)):
                raise
            if fixed and not lets_in(plain_patterns([fixed]), baseline):
                raise
            return [_fallback(baseline, error)] * count
        if not strict and self.baseline is None:
            await self._look_up_baseline(deadline)
        return [convert.suggested_from_message(each) for each in response.suggestions]

    async def _look_up_baseline(self, deadline: float) -> None:
        """Once a handle, after its first answer, in what time that answer left."""
        if self._facts is not None:
            return
        try:
            await self._look_up(deadline)
        except TrimtabError:
            # The suggestion is in hand and matters more; the next one looks again.
            return

    # Observe

    async def observe(self, observations: Sequence[Observation], deadline: float) -> list[ObserveResult]:
        """A result for each, in order; what is about a fallback of the client's own isn't sent."""
        known = [observation for observation in observations if observation.suggestion_id]
        sent: list[ObserveResult] = []
        for start in range(0, len(known), MOST_OBSERVATIONS):
            request = tuning_service_pb2.ObserveRequest(
                study=self.name,
                observations=map(convert.observation_to_message, known[start : start + MOST_OBSERVATIONS]),
                request_id=fresh_request_id(),
            )
            response = await self.caller.call_until(methods.OBSERVE, request, deadline)
            sent.extend(map(convert.result_from_message, response.results))
        results = iter(sent)
        not_sent = ObserveResult("", ObserveStatus.NOT_SENT)
        return [next(results) if observation.suggestion_id else not_sent for observation in observations]

    async def observe_one(self, observation: Observation, deadline: float) -> ObserveResult:
        """The result of one; raises what it was refused for."""
        (result,) = await self.observe([observation], deadline)
        if result.error is not None:
            raise result.error
        return result

    async def measurements(
        self,
        suggestion_id: str,
        measured: Measured | None,
        metrics: Mapping[str, MeasurementLike],
        deadline: float,
    ) -> Mapping[str, MeasurementLike]:
        """Measurements by metric; a bare one belongs to the objective, which is asked for once if it isn't known."""
        if isinstance(measured, Mapping):
            return {**measured, **metrics}
        if measured is None:
            if not metrics:
                raise TypeError("nothing was measured: give observe(metric=value), or say fail() or abandon()")
            return metrics
        if not suggestion_id:
            return metrics  # never sent: no need to ask what the number is of
        facts = self._facts or await self._look_up(deadline)
        if facts.objective is None:
            raise TypeError("the study has several objectives: say of which metric each number is")
        return {facts.objective: measured, **metrics}

    async def extend_lease(self, trial: str, lease: timedelta | None, timeout: float | None) -> datetime:
        """When the lease ends from now on."""
        request = tuning_service_pb2.ExtendLeaseRequest(
            trial=trial,
            lease=None if lease is None else convert.duration_to_message(lease),
            request_id=fresh_request_id(),
        )
        response = await self.caller.call(methods.EXTEND_LEASE, request, timeout)
        return convert.time_from_message(response.expire_time)

    # The study itself

    async def describe(self, deadline: float) -> StudyDescription:
        """The study as it is now."""
        study = await self._study(deadline)
        self.remember(study)
        return study_from_message(study)

    async def _look_up(self, deadline: float) -> _Facts:
        return self.remember(await self._study(deadline))

    async def _study(self, deadline: float) -> study_pb2.Study:
        request = study_service_pb2.GetStudyRequest(name=self.name)
        response = await self.caller.call_until(methods.GET_STUDY, request, deadline)
        return response.study


def _fallback(baseline: Mapping[str, ParameterValue], error: ServiceError) -> Suggested:
    reason = f"the service didn't answer, so this is the baseline: {error.code.name}: {error.message}"
    return Suggested("", dict(baseline), Source.FALLBACK, None, ModelInfo("", 0, 0), None, reason)

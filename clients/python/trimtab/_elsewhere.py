"""Trials that were made elsewhere, and points that are to be tried before anything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from trimtab import _convert as convert
from trimtab import _methods as methods
from trimtab._caller import fresh_request_id
from trimtab._calls import StudyCalls
from trimtab._plain import ValueLike
from trimtab._status import error_of_item
from trimtab.errors import TrimtabError, Violation
from trimtab.space import MeasurementLike, Observation, Outcome
from trimtab.v1 import tuning_service_pb2 as pb

MOST_TRIALS = 1_000
"""That the server takes in one call."""


@dataclass(frozen=True, slots=True)
class ImportedTrial:
    """A trial that was made elsewhere.

    parameters: what was tried; a legal point of the study's search space.
    measurements: by metric; a bare number is the mean of one measurement.
    context: a value for each context that the study declares.
    outcome: how it ended; completed ones have measurements, others have none.
    reason: why it failed or was abandoned.
    """

    parameters: Mapping[str, ValueLike]
    measurements: Mapping[str, MeasurementLike] = field(default_factory=dict)
    context: Mapping[str, ValueLike] = field(default_factory=dict)
    outcome: Outcome = Outcome.COMPLETED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of an imported trial.

    trial: the name of the trial that is stored now; empty where it was refused.
    error: why it was refused, an exception that is not raised; None unless it was.
    """

    trial: str
    error: TrimtabError | None = None


class Elsewhere:
    """The part of a handle that brings trials and points."""

    _calls: StudyCalls

    async def _import_trials(
        self, trials: Iterable[ImportedTrial], *, timeout: float | None = None, request_id: str | None = None
    ) -> list[ImportResult]:
        """Brings trials that were made elsewhere, with what was measured; a result for each, in order.

        They count like the study's own. One that is refused doesn't keep the
        others from being stored and raises nothing: see ``ImportResult.error``.

        timeout: in seconds, of each thousand.
        request_id: the same id stores them once, in another process too; then
            at most 1,000 at once. None: drawn for each thousand.
        """
        rest = iter(trials)
        results: list[ImportResult] = []
        if request_id is not None:
            # All of them are looked at first: a part that was sent would be stored already.
            whole = list(islice(rest, MOST_TRIALS + 1))
            if len(whole) > MOST_TRIALS:
                raise ValueError(f"with a request_id of your own, import {MOST_TRIALS} trials at once at most")
            rest = iter(whole)
        while batch := list(islice(rest, MOST_TRIALS)):
            request = pb.ImportTrialsRequest(
                study=self._calls.name,
                trials=map(_to_message, batch),
                request_id=request_id or fresh_request_id(),
            )
            response = await self._calls.caller.call(methods.IMPORT_TRIALS, request, timeout)
            results += map(_from_message, response.results)
        return results

    async def _enqueue(
        self,
        *points: Mapping[str, ValueLike],
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> list[str]:
        """Puts points in line, to be suggested before anything that the algorithm would say.

        In the order given; all of them or, where one isn't legal, none. Points that were tried before
        are tried again. The names of their trials.

        request_id: the same id puts them in line once, in another process too; None: drawn for this call.
        """
        request = pb.EnqueueTrialsRequest(
            study=self._calls.name,
            points=map(convert.parameters_to_message, points),
            request_id=request_id or fresh_request_id(),
        )
        response = await self._calls.caller.call(methods.ENQUEUE_TRIALS, request, timeout)
        return list(response.trials)


def _to_message(trial: ImportedTrial) -> pb.ImportedTrial:
    observed = convert.observation_to_message(Observation("", trial.measurements, trial.outcome, trial.reason))
    return pb.ImportedTrial(
        parameters=convert.parameters_to_message(trial.parameters),
        context=convert.parameters_to_message(trial.context) if trial.context else None,
        outcome=observed.outcome,
        measurements=observed.measurements,
        reason=observed.reason,
    )


def _from_message(message: pb.ImportResult) -> ImportResult:
    if not message.HasField("error"):
        return ImportResult(message.trial)
    fault = message.error
    violations: Sequence[Violation] = [Violation(each.field, each.description) for each in fault.field_violations]
    return ImportResult("", error_of_item(fault.code, fault.message, fault.reason, violations))

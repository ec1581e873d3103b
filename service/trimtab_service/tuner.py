"""Use cases of trial studies: suggest, observe, extend a lease, look at trials.

The primary key is the lock: a suggestion is computed from a snapshot with no
transaction open and then stored under the next number; whoever finds the
number taken goes round with the winner's points as pending. Nothing here must
know of gRPC, SQL or torch.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from weakref import WeakValueDictionary

from trimtab_service.compute import Compute
from trimtab_service.domain import errors
from trimtab_service.domain.errors import (
    DeadlineExceeded,
    OptimizerFailed,
    Overloaded,
    StudyNotFound,
    StudyStopped,
    TooMuchContention,
    TrimtabError,
)
from trimtab_service.domain.space import Parameters, ParameterValue
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudyState, TrialName
from trimtab_service.domain.suggestion import History, Incumbent, ModelInfo, Source, Suggested, Trial, TrialState
from trimtab_service.metrics import Metrics
from trimtab_service.optimizers import catalog
from trimtab_service.storage import Storage
from trimtab_service.store.base import NumberTaken, Request, Result, Snapshot, TrialObservation
from trimtab_service.studies import Studies

log = logging.getLogger(__name__)

MOST_ROUNDS = 12  # against other replicas; in one server calls for a study take turns
LONGEST_PAUSE = 0.05  # seconds between rounds, at most
# What a deadline must leave after the optimizer's share: storing a trial and
# the way back take a few milliseconds, on a busy machine a hundred times that.
# Who is in a hurry gets the least of it, who has time to spare a tenth.
LEAST_RESERVE, MOST_RESERVE = 0.05, 0.5  # seconds
RESERVED_SHARE = 0.1
FILL_IN = ChosenAlgorithm("random", {}, "fills in for the study's own", decisions=False)


class NotOfTrials(Exception):
    """The study under this name has become one of decisions: somebody deleted it and made another."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a Suggest asks for. ``deadline``: on the monotonic clock, in seconds."""

    study: StudyName
    count: int
    context: Mapping[str, ParameterValue]
    worker: str
    fallback: bool
    deadline: float
    request: Request | None


def for_the_optimizer(seconds: float) -> float:
    """How many of the ``seconds`` that a caller still waits an optimizer may take."""
    return seconds - min(max(RESERVED_SHARE * seconds, LEAST_RESERVE), MOST_RESERVE)


class Tuner:
    """Trial studies."""

    def __init__(self, storage: Storage, studies: Studies, compute: Compute, metrics: Metrics) -> None:
        self._storage = storage
        self._studies = studies
        self._compute = compute
        self._metrics = metrics
        # One flight per study: who comes second sees the first one's trials
        # as pending instead of computing the same answer.
        self._turns: WeakValueDictionary[StudyName, asyncio.Lock] = WeakValueDictionary()

    async def suggest(self, ask: Ask) -> tuple[Study, Sequence[Trial]]:
        """Stored trials to try, as many as asked for.

        Raises StudyNotFound, StudyStopped, InvalidArgument (``context...``),
        SpaceExhausted, RequestIdReused, TooMuchContention, NotOfTrials; and,
        where no fallback will do, DeadlineExceeded, OptimizerFailed, Overloaded.
        """
        async with self._turn(ask):
            for _ in range(MOST_ROUNDS):
                snapshot = await self._snapshot(ask)
                if snapshot.replay is not None:
                    return snapshot.study, snapshot.replay
                trials = await self._computed(ask, snapshot)
                try:
                    with self._metrics.phase("write"):
                        stored = await self._storage.write(
                            self._storage.store.append_trials, snapshot.study, trials, ask.request
                        )
                except NumberTaken:
                    self._metrics.suggest_conflicts.inc()
                    await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))
                    continue
                for trial in stored:
                    self._metrics.suggestions.labels(trial.model.algorithm, trial.source.value).inc()
                return snapshot.study, stored
        raise TooMuchContention(f"{ask.study}: other servers suggested first {MOST_ROUNDS} times; retry")

    @asynccontextmanager
    async def _turn(self, ask: Ask) -> AsyncIterator[None]:
        """Waits for its turn, but not beyond the deadline: who is late goes on with a fallback."""
        turn = self._turns.setdefault(ask.study, asyncio.Lock())
        try:
            async with asyncio.timeout(for_the_optimizer(ask.deadline - monotonic())):
                await turn.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            turn.release()

    async def _snapshot(self, ask: Ask) -> Snapshot:
        hint = await self._studies.recall(ask.study)
        store = self._storage.store
        while True:
            trials = catalog.CATALOG[hint.algorithm.name].uses_history
            with self._metrics.phase("read"):
                snapshot = await self._storage.read(
                    store.snapshot, ask.study, self._storage.now(), ask.request, trials=trials
                )
            study = snapshot.study
            if study.uid != hint.uid:
                self._studies.forget(ask.study)
            if study.algorithm.decisions:
                raise NotOfTrials
            if study.algorithm.name == hint.algorithm.name or not catalog.CATALOG[study.algorithm.name].uses_history:
                break
            # The memo was of an older revision, whose algorithm looked at less.
            self._studies.forget(ask.study)
            hint = study
        return snapshot

    async def _computed(self, ask: Ask, snapshot: Snapshot) -> list[Trial]:
        study, history = snapshot.study, snapshot.history
        if study.state is not StudyState.ACTIVE:
            raise StudyStopped(f"{study.name} is {study.state.value}: set its state to active to go on")
        with errors.field("context"):
            context = study.spec.check_context(ask.context)
        algorithm = study.algorithm.name
        try:
            left = for_the_optimizer(ask.deadline - monotonic())
            suggested = await self._compute.suggest(study, history, context, ask.count, left)
        except (TimeoutError, OptimizerFailed, Overloaded) as error:
            suggested = await self._filled_in(ask, snapshot, context, error)
            algorithm = FILL_IN.name
        now = self._storage.now()
        return [
            Trial(
                number=history.next_number + index,
                state=TrialState.PENDING,
                parameters=point.parameters,
                source=point.source,
                model=ModelInfo(algorithm, history.revision, history.observation_count),
                create_time=now,
                expire_time=_milliseconds(now + study.spec.lease),
                context=context,
                worker=ask.worker,
                detail=point.detail,
            )
            for index, point in enumerate(suggested)
        ]

    async def _filled_in(self, ask: Ask, snapshot: Snapshot, context: Parameters, error: Exception) -> list[Suggested]:
        cause, words = _cause(error)
        self._metrics.fallbacks.labels(cause).inc(ask.count)
        log.warning(
            "no answer from the optimizer",
            extra={"study": str(ask.study), "cause": cause, "fallback": ask.fallback},
        )
        if not ask.fallback:
            if isinstance(error, TrimtabError):
                raise error
            raise DeadlineExceeded(f"{snapshot.study.algorithm.name} could not answer within the deadline") from error
        filler = replace(snapshot.study, algorithm=FILL_IN)
        points = await self._compute.suggest(filler, snapshot.history, context, ask.count, 0.0)
        return [Suggested(point.parameters, Source.FALLBACK, f"drawn at random: {words}") for point in points]

    async def observe(
        self, study: Study, observations: Sequence[TrialObservation], request: Request | None
    ) -> list[Result]:
        """One result an observation. Raises StudyNotFound, RequestIdReused."""
        try:
            return await self._storage.write(
                self._storage.store.observe_trials, study, observations, self._storage.now(), request
            )
        except StudyNotFound:
            self._studies.forget(study.name)
            raise

    async def extend_lease(self, name: TrialName, lease: timedelta | None, request: Request | None) -> datetime:
        """When the lease ends then. Raises StudyNotFound, TrialNotFound, TrialEnded, RequestIdReused."""
        study = await self._studies.get(name.study)
        end = _milliseconds(self._storage.now() + (lease if lease is not None else study.spec.lease))
        return await self._storage.write(self._storage.store.extend_lease, study, name.number, end, request)

    async def incumbent(self, study: Study, context: Parameters, seconds: float) -> tuple[Incumbent, ModelInfo]:
        """The best parameters known, by the posterior. Raises NoIncumbent, InvalidArgument, StudyNotFound."""
        checked: Parameters = {}
        if context:
            with errors.field("context"):
                checked = study.spec.check_context(context)
        snapshot = await self._storage.read(
            self._storage.store.snapshot, study.name, self._storage.now(), None, trials=True
        )
        history: History = snapshot.history
        try:
            best = await self._compute.incumbent(snapshot.study, history, checked, seconds)
        except TimeoutError as error:
            raise DeadlineExceeded("the model could not answer within the deadline") from error
        return best, ModelInfo("gp", history.revision, history.observation_count)

    async def get_trial(self, name: TrialName) -> Trial:
        """Raises StudyNotFound, TrialNotFound."""
        return await self._storage.read(self._storage.store.get_trial, name, self._storage.now())

    async def list_trials(self, study: Study, after: int, limit: int, states: frozenset[TrialState]) -> Sequence[Trial]:
        """By number, those behind ``after``; in every state where ``states`` is empty."""
        return await self._storage.read(
            self._storage.store.list_trials, study, self._storage.now(), after, limit, states
        )


def _cause(error: Exception) -> tuple[str, str]:
    if isinstance(error, TimeoutError):
        return "deadline", "the algorithm could not answer within the deadline"
    if isinstance(error, Overloaded):
        return "overload", "too many calls were waiting for the algorithm"
    return "failure", str(error)


def _milliseconds(moment: datetime) -> datetime:
    """Without the microseconds, which not every store and client keeps."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

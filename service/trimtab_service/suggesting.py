"""The use case Suggest of trial studies: from the queue where there is one, else computed for the caller.

The primary key is the lock: a suggestion is computed from a history with no
transaction open and then stored under the next number; whoever finds the
number taken looks what is there, and goes round. Nothing here must know of
gRPC, SQL or torch.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from time import monotonic
from weakref import WeakValueDictionary

from trimtab_service.ahead import PATIENCE, Ahead, Wish, is_for, still_good, trials_of, with_open
from trimtab_service.algorithms import check_fixed
from trimtab_service.compute import Asked, Compute, Overdue
from trimtab_service.deadlines import for_a_look, for_the_optimizer
from trimtab_service.domain import errors
from trimtab_service.domain.errors import (
    DeadlineExceeded,
    InvalidArgument,
    OptimizerFailed,
    Overloaded,
    SpaceExhausted,
    StudyNotFound,
    StudyStopped,
    TooMuchContention,
    TrimtabError,
)
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudyState
from trimtab_service.domain.suggestion import Source, Suggested, Trial, TrialState
from trimtab_service.histories import Histories, Look
from trimtab_service.late import Late
from trimtab_service.metrics import Metrics
from trimtab_service.optimizers import catalog
from trimtab_service.storage import Storage
from trimtab_service.store.base import NumberTaken
from trimtab_service.store.queue import DESIGNED, MANUAL, Claim, QueuedTrial
from trimtab_service.studies import Studies
from trimtab_service.turns import Answer, Ask, Caller, Turns

log = logging.getLogger(__name__)

MOST_ROUNDS = 12  # against other replicas; in one server calls for a study take turns
LONGEST_PAUSE = 0.05  # seconds between rounds, at most
MOST_SHARED = 64  # suggestions computed in one call for several who wait
ANY_AGE = 2**60  # observations: older than that no suggestion is
MOST_BROUGHT = 100  # trials, up to which it is looked whether people brought all of them, and the baseline is to come
FILL_IN = ChosenAlgorithm("random", {}, "fills in for the study's own", decisions=False)


class NotOfTrials(Exception):
    """The study under this name has become one of decisions: somebody deleted it and made another."""


class Suggesting:
    """Suggests trials."""

    def __init__(
        self,
        storage: Storage,
        studies: Studies,
        histories: Histories,
        compute: Compute,
        ahead: Ahead,
        metrics: Metrics,
    ) -> None:
        self._storage = storage
        self._studies = studies
        self._histories = histories
        self._compute = compute
        self._ahead = ahead
        self._metrics = metrics
        self._late = Late()
        # One computation at a time for a study: who comes second sees the first
        # one's trials as pending, or gets some of them, instead of computing the same.
        self._turns: WeakValueDictionary[StudyName, Turns] = WeakValueDictionary()

    async def suggest(self, ask: Ask) -> Answer:
        """Stored trials to try, as many as asked for.

        Raises StudyNotFound, StudyStopped, InvalidArgument (``context...``, ``fixed...``),
        SpaceExhausted, RequestIdReused, TooMuchContention, NotOfTrials; and,
        where no fallback will do, DeadlineExceeded, OptimizerFailed, Overloaded.
        """
        try:
            study, trials = await self._suggested(await self._studies.recall(ask.study), ask)
        except StudyNotFound:
            # The memo was of a study that has been deleted; maybe the name is in use again.
            study, trials = await self._suggested(await self._studies.get(ask.study), ask)
        for trial in trials:
            self._metrics.suggestions.labels(trial.model.algorithm, trial.told_source.value).inc()
        return study, trials

    async def _suggested(self, hint: Study, ask: Ask) -> Answer:
        if hint.algorithm.decisions:
            raise NotOfTrials
        queued = self._takes_from_the_queue(hint, ask)
        return await (self._from_the_queue(hint, ask) if queued else self._computed(hint, ask))

    def _takes_from_the_queue(self, study: Study, ask: Ask) -> bool:
        """What is computed ahead is for nobody in particular: contexts and fixed values aren't known by then."""
        most = min(self._ahead.most, study.spec.space.cardinality or self._ahead.most)
        plain = not (ask.context or ask.fixed) and (not study.spec.context or study.spec.robustness is not None)
        return plain and ask.count <= most and catalog.CATALOG[study.algorithm.name].ahead

    async def _from_the_queue(self, study: Study, ask: Ask) -> Answer:
        end = monotonic() + for_the_optimizer(ask.deadline - monotonic())
        wish = Wish(study, ask.count, ask.worker, ask.request, self._storage.now(), end)
        try:
            claimed = await self._ahead.suggest(wish)
        except (TimeoutError, OptimizerFailed, Overloaded) as error:
            # What the model said earlier is better than what it never said.
            words = f"computed earlier: {_cause(error)[1]}"
            older = await self._ahead.claim(wish, ANY_AGE, words)
            if older is None:
                return await self._filled_in(ask, error)
            self._count_fallback(ask, error)
            claimed = older
        if claimed.study.uid != study.uid:
            self._studies.forget(study.name)
        return claimed.study, claimed.trials

    async def _computed(self, hint: Study, ask: Ask) -> Answer:
        caller = Caller(ask)
        turns = self._turns.setdefault(ask.study, Turns())
        turns.callers.append(caller)
        try:
            async with self._turn(turns, ask):
                return caller.answer or await self._in_rounds(turns, caller, hint)
        finally:
            turns.callers.remove(caller)

    @asynccontextmanager
    async def _turn(self, turns: Turns, ask: Ask) -> AsyncIterator[None]:
        """Waits for its turn, but not beyond the deadline: who is late goes on with a fallback."""
        try:
            async with asyncio.timeout(for_the_optimizer(ask.deadline - monotonic())):
                await turns.lock.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            turns.lock.release()

    async def _in_rounds(self, turns: Turns, caller: Caller, hint: Study) -> Answer:
        ask = caller.ask
        for _ in range(MOST_ROUNDS):
            try:
                look = await self._look(hint, ask)
                snapshot = look.snapshot
                hint = study = snapshot.study
                if snapshot.replay is not None:
                    return study, snapshot.replay
                check_active(study)
                asked = await self._asked(look, ask)
            except TimeoutError as error:
                return await self._filled_in(ask, error)  # and the history is read on, for who asks next
            if snapshot.has_queue and not ask.fixed:
                taken = await self._from_the_line(look, asked, ask)
                if taken is not None:
                    return taken
            late = await self._came_late(look, asked, ask)
            if late is not None:
                return late
            try:
                left = for_the_optimizer(ask.deadline - monotonic())
                sharing = turns.sharing(caller, _most_shared(study))
                points = await self._points(asked, sharing, left)
            except (TimeoutError, OptimizerFailed, Overloaded) as error:
                return await self._older(look, asked, ask, error)
            answer = await self._shared_out(sharing, asked, points)
            if answer is not None:
                return answer
            await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))
        raise TooMuchContention(f"{ask.study}: other servers suggested first {MOST_ROUNDS} times; retry")

    async def _older(self, look: Look, asked: Asked, ask: Ask, error: Exception) -> Answer:
        """What the model said earlier to the same question, or else a fallback; what it says later is kept."""
        older = await self._came_late(look, asked, ask, ANY_AGE, f"computed earlier: {_cause(error)[1]}")
        if isinstance(error, Overdue):
            self._late.keep(asked, error.running)
        if older is None:
            return await self._filled_in(ask, error)
        self._count_fallback(ask, error)
        return older

    async def _came_late(self, look: Look, asked: Asked, ask: Ask, grace: int = 0, detail: str = "") -> Answer | None:
        """What was computed for the same question, and came too late; ``grace``, ``detail``: as in ``Claim``."""
        left_over = self._late.take(look, asked, ask.count, PATIENCE, grace)
        if left_over is None:
            return None
        points = [replace(point, detail=detail or point.detail) for point in left_over.points]
        stored = await self._stored(ask, left_over.asked, points, look.past.next_number, ahead=True)
        return None if stored is None else (asked.study, stored)

    async def _points(self, asked: Asked, sharing: list[Caller], seconds: float) -> Sequence[Suggested]:
        """Points for all who share them; or for the first alone where there aren't as many, which nobody asked for."""
        if len(sharing) > 1:
            with suppress(SpaceExhausted):
                return await self._compute.suggest(asked, sum(each.ask.count for each in sharing), seconds)
        return await self._compute.suggest(asked, sharing[0].ask.count, seconds)

    async def _shared_out(self, sharing: list[Caller], asked: Asked, points: Sequence[Suggested]) -> Answer | None:
        """Stores for each caller its share, under the numbers that come next; the first one's, or None if it lost."""
        number, begun = asked.past.next_number, 0
        for caller in sharing:
            share = points[begun : begun + caller.ask.count]
            if len(share) < caller.ask.count:
                break
            begun += caller.ask.count
            try:
                stored = await self._stored(caller.ask, asked, share, number)
            except TrimtabError:
                if caller is sharing[0]:
                    raise
                continue  # what is wrong with its request it is told when its own turn comes
            if stored is None:
                break
            caller.answer = (asked.study, stored)
            number = max(trial.number for trial in stored) + 1
        return sharing[0].answer

    async def _stored(
        self,
        ask: Ask,
        asked: Asked,
        points: Sequence[Suggested],
        number: int,
        *,
        ahead: bool = False,
        compared: bool = True,
    ) -> Sequence[Trial] | None:
        """The points as trials, under later numbers if these are taken.

        None if the study was changed meanwhile, or, where the points are to be ``compared``
        with what others stored, one of them is needless.
        """
        study = asked.study
        append = self._storage.store.append_trials
        for _ in range(MOST_ROUNDS):
            trials = [
                replace(trial, worker=ask.worker, context=trial.context or asked.context, ahead=ahead)
                for trial in trials_of(study, asked.past, points, number, self._storage.now())
            ]
            try:
                with self._metrics.phase("write"):
                    return await self._storage.write(append, study, trials, ask.request)
            except NumberTaken:
                self._metrics.suggest_conflicts.inc()
                look = await self._histories.look(study.name, trials=compared)
                if len(still_good(look, study, points, asked.past.next_number)) < len(points):
                    self._metrics.fits_wasted.inc()
                    return None
                number = look.past.next_number
        return None

    async def _look(self, hint: Study, ask: Ask) -> Look:
        """Raises TimeoutError where a whole history takes longer than the caller's time."""
        while True:
            wanted = catalog.CATALOG[hint.algorithm.name].uses_history
            async with _in_time(ask) if wanted else nullcontext():
                look = await self._histories.look(ask.study, ask.request, trials=wanted)
            study = look.snapshot.study
            if study.uid != hint.uid:
                self._studies.forget(ask.study)
            if study.algorithm.decisions:
                raise NotOfTrials
            if study.algorithm.name == hint.algorithm.name or not catalog.CATALOG[study.algorithm.name].uses_history:
                early = study.spec.baseline is not None and 1 < look.past.next_number <= MOST_BROUGHT
                return await self._histories.look(ask.study, ask.request) if early and not wanted else look
            # The memo was of an older revision, whose algorithm looked at less.
            self._studies.forget(ask.study)
            hint = study

    async def _asked(self, look: Look, ask: Ask) -> Asked:
        """The question to the optimizer. What waits in the queue and is good counts as being tried.

        Raises TimeoutError where the histories of related studies take longer than the caller's time.
        """
        study = look.snapshot.study
        context: Parameters = {}
        if study.spec.robustness is None:
            with errors.field("context"):
                context = study.spec.check_context(ask.context)
        elif ask.context:
            raise InvalidArgument("context", f"{study.name} chooses it by itself, to be good in all of its conditions")
        fixed: Parameters = {}
        if ask.fixed:
            with errors.field("fixed"):
                # Where sums must come out right it may take an integer program.
                fixed = await asyncio.to_thread(check_fixed, study.spec.space, ask.fixed)
        past = with_open(look.past, [each for each in look.snapshot.queue if is_for(study, each)], context)
        learns = catalog.CATALOG[study.algorithm.name].uses_history
        if not learns:
            return Asked(study, past, context, fixed)
        async with _in_time(ask):
            return Asked(study, past, context, fixed, await self._histories.related(study))

    async def _from_the_line(self, look: Look, asked: Asked, ask: Ask) -> Answer | None:
        """Points that people put in line, and what else is needed after them; None where there aren't any."""
        if not catalog.CATALOG[asked.study.algorithm.name].uses_history:
            look = await self._histories.look(ask.study, ask.request)
        study, queue, begun = asked.study, look.snapshot.queue, self._storage.now()
        ready = sum(each.known == MANUAL for each in queue)
        if not ready:
            return None
        least = MANUAL
        if ready < ask.count:
            least = DESIGNED
            ready += sum(each.known == DESIGNED for each in queue if is_for(study, each))
        if ready < ask.count:
            left = for_the_optimizer(ask.deadline - monotonic())
            try:
                points = await self._compute.suggest(asked, ask.count - ready, left)
            except (TimeoutError, OptimizerFailed, Overloaded) as error:
                return await self._filled_in(ask, error)
            now = self._storage.now()
            trials = trials_of(study, asked.past, points, asked.past.next_number, now)
            waiting = [QueuedTrial(replace(each, state=TrialState.QUEUED), DESIGNED, study.revision) for each in trials]
            try:
                await self._storage.write(self._storage.store.queue_trials, study, waiting)
            except NumberTaken:
                return None
        now = self._storage.now()
        claim = Claim(ask.count, begun, ask.worker, least_known=least, context=asked.context)
        claimed = await self._storage.write(self._storage.store.claim_trials, ask.study, claim, now, ask.request)
        return None if claimed is None else (claimed.study, claimed.trials)

    async def _filled_in(self, ask: Ask, error: Exception) -> Answer:
        """Points drawn at random, after the baseline, in place of those of an algorithm that failed."""
        self._count_fallback(ask, error)
        if not ask.fallback:
            if isinstance(error, TrimtabError):
                raise error
            raise DeadlineExceeded("the algorithm could not answer within the deadline") from error
        for _ in range(MOST_ROUNDS):
            look = await self._histories.look(ask.study, ask.request, trials=False)
            if look.snapshot.replay is not None:
                return look.snapshot.study, look.snapshot.replay
            check_active(look.snapshot.study)
            filling_in = replace(look.snapshot, study=replace(look.snapshot.study, algorithm=FILL_IN))
            asked = await self._asked(replace(look, snapshot=filling_in), ask)
            drawn = await self._compute.suggest(asked, ask.count, 0.0)
            points = [
                Suggested(each.parameters, Source.FALLBACK, f"{_filling(each)}: {_cause(error)[1]}", each.context)
                for each in drawn
            ]
            stored = await self._stored(ask, asked, points, asked.past.next_number, compared=False)
            if stored is not None:
                return look.snapshot.study, stored
        raise TooMuchContention(f"{ask.study}: other servers suggested first {MOST_ROUNDS} times; retry")

    def _count_fallback(self, ask: Ask, error: Exception) -> None:
        cause, _ = _cause(error)
        self._metrics.fallbacks.labels(cause).inc(ask.count)
        log.warning(
            "no answer from the optimizer",
            extra={"study": str(ask.study), "cause": cause, "fallback": ask.fallback},
        )


def check_active(study: Study) -> None:
    """Raises StudyStopped."""
    if study.state is not StudyState.ACTIVE:
        raise StudyStopped(f"{study.name} is {study.state.value}: set its state to active to go on")


def _most_shared(study: Study) -> int:
    """Of how many suggestions callers may share a computation; those of cheap algorithms each have their own."""
    if catalog.CATALOG[study.algorithm.name].inline:
        return 1
    return min(MOST_SHARED, study.spec.space.cardinality or MOST_SHARED)


def _filling(point: Suggested) -> str:
    return "the baseline, which comes first" if point.source is Source.BASELINE else "drawn at random"


def _in_time(ask: Ask) -> asyncio.Timeout:
    """Raises TimeoutError where what is read leaves the caller no time for a fallback."""
    return asyncio.timeout(for_a_look(ask.deadline - monotonic()))


def _cause(error: Exception) -> tuple[str, str]:
    if isinstance(error, TimeoutError):
        return "deadline", "the algorithm could not answer within the deadline"
    if isinstance(error, Overloaded):
        return "overload", "too many calls were waiting for the algorithm"
    return "failure", str(error)

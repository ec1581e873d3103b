"""Computes suggestions before they are asked for, and hands them out.

A *flight* reads a study's history, asks the optimizer for as many points as
callers wait for or will soon ask for, and puts them into the queue in the
store. Of each study one flight is under way at a time: in a server because callers share it, among servers
because who begins one says so in the store. Both only save work; what is right is decided by the primary key
of the trials, by the claim, which gives a queued trial to one caller, and by what is queued in another's place.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from trimtab_service.compute import Asked, Compute
from trimtab_service.domain.errors import ShuttingDown, SpaceExhausted, StudyNotFound, StudyStopped, TrimtabError
from trimtab_service.domain.past import Past
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyState
from trimtab_service.domain.suggestion import ModelInfo, Source, Suggested, Trial, TrialState, lease_end
from trimtab_service.histories import Histories, Look
from trimtab_service.lines import Line
from trimtab_service.metrics import Metrics
from trimtab_service.nearness import is_again, is_new_beside, is_one_of
from trimtab_service.storage import Storage
from trimtab_service.store.base import NumberTaken, Request
from trimtab_service.store.queue import DESIGNED, MANUAL, Claim, Claimed, QueuedTrial

log = logging.getLogger(__name__)

PATIENCE = 4
"""How many observations a queued trial may be behind, for each trial that is being tried. With W workers, W - 1
results are missing from any suggestion when its own comes in; a few times that is what workers put up with
while the model is slower than they are. Where nothing is being tried, only the newest knowledge will do."""

MOST_UNASKED = 16  # flights in a row without a Suggest in between: then no more, unless somebody waits
MOST_STUDIES = 1_000  # whose queues a server looks after
FLIGHT_SECONDS = 120.0  # after which an optimizer is taken for stuck, and others may try
# How long others leave the computing to a server that has stopped to say that it
# is at it, how often it says so, and how often the others look again.
LEASE = timedelta(seconds=1.0)
RENEWAL = 0.3
LOOK = 0.03
MOST_ROUNDS = 12  # of storing points while others store theirs


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asks for how many suggestions, and until when on the monotonic clock an answer is of use."""

    study: Study
    count: int
    worker: str
    request: Request | None
    asked: datetime
    end: float


class Ahead:
    """The queues of the studies in use."""

    def __init__(self, storage: Storage, histories: Histories, compute: Compute, most: int, metrics: Metrics) -> None:
        """``most``: how many suggestions of a study may wait; 0: none are computed ahead."""
        self.most = most
        self._storage = storage
        self._histories = histories
        self._compute = compute
        self._metrics = metrics
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._closed = False
        metrics.queue_depth.set_function(lambda: sum(line.depth for line in self._lines.values()))

    async def suggest(self, wish: Wish) -> Claimed:
        """Trials from the queue, or else those of the next flight.

        Raises TimeoutError, OptimizerFailed, Overloaded, StudyStopped, StudyNotFound,
        RequestIdReused, ShuttingDown, and what the optimizer says to the caller.
        """
        line = self._line(wish.study)
        line.asked += wish.count
        line.calls += 1
        line.unasked = 0
        claimed = await self.claim(wish)
        if claimed is not None:
            return claimed
        line.wishes.append(wish.count)
        try:
            while claimed is None:
                async with asyncio.timeout(wish.end - monotonic()):
                    await self._flown(line)
                claimed = await self.claim(wish)
        finally:
            line.wishes.remove(wish.count)
        return claimed

    async def claim(self, wish: Wish, grace: int = 0, detail: str = "") -> Claimed | None:
        """Takes trials out of the queue; ``grace``: how many observations they may be behind in any case."""
        expected = self._line(wish.study).next() if wish.count == 1 else None
        claim = Claim(wish.count, wish.asked, wish.worker, PATIENCE, grace, detail=detail, expected=expected)
        now = self._storage.now()
        with self._metrics.phase("claim"):
            claimed = await self._storage.write(
                self._storage.store.claim_trials, wish.study.name, claim, now, wish.request
            )
        self._metrics.claims.labels("miss" if claimed is None else "hit").inc()
        self._line(wish.study if claimed is None else claimed.study).handed_out(claimed, expected)
        if claimed is not None:
            self._count(claimed)
        return claimed

    def _count(self, claimed: Claimed) -> None:
        for trial in claimed.trials:
            if trial.source is Source.MODEL:
                self._metrics.queue_age.observe(max(0, claimed.observation_count - trial.model.observation_count))

    def observed(self, study: Study) -> None:
        """Something was: what waits in the queue is to be replaced, if anybody has asked for suggestions here."""
        line = self._lines.get(study.uid)
        if line is not None and self.most:
            line.news = True
            self._set_off(line)

    def _set_off(self, line: Line) -> None:
        is_wanted = line.waiting > 0 or line.unasked < MOST_UNASKED
        if not self._closed and line.flight is None and is_wanted:
            line.flight = asyncio.create_task(self._fly(line))
            line.flight.add_done_callback(lambda flight: self._ended(line, flight))

    def _ended(self, line: Line, flight: asyncio.Task[None]) -> None:
        line.flight = None
        if flight.cancelled():
            return
        error = flight.exception()  # seen, whoever waits
        if error is None:
            if line.news:
                self._set_off(line)
        elif not isinstance(error, TrimtabError | TimeoutError):
            log.error("computing ahead failed", exc_info=error)

    def _line(self, study: Study) -> Line:
        line = self._lines.setdefault(study.uid, Line(study))
        self._lines.move_to_end(study.uid)
        if len(self._lines) > MOST_STUDIES:
            for uid, each in self._lines.items():
                if each.flight is None and not each.waiting and each is not line:
                    del self._lines[uid]
                    break
        return line

    async def _flown(self, line: Line) -> None:
        """Until the flight under way, or else a new one, has ended; raises what it raises, and ShuttingDown.

        But for what one that was under way already found out of the study as it was, or of what others asked for.
        """
        under_way = line.flight is not None
        self._set_off(line)
        if line.flight is None:
            raise ShuttingDown("this server is shutting down")
        try:
            await asyncio.shield(line.flight)
        except (StudyStopped, SpaceExhausted):
            if not under_way:
                raise

    async def _fly(self, line: Line) -> None:
        async with self._alone(line) as first:
            if not first:
                return
            line.unasked += 1
            line.news = False
            look = await self._histories.look(line.study.name)
            study = look.snapshot.study
            _check_same(study, line)
            if study.state is not StudyState.ACTIVE:
                raise StudyStopped(f"{study.name} is {study.state.value}: set its state to active to go on")
            fresh = _fresh(look)
            line.found(study, [each for each in look.snapshot.queue if is_for(study, each)], len(fresh))
            wanted = min(line.demand(len(look.past.open)), max(self.most, 1), _most_at_once(study) or self.most)
            if wanted > len(fresh):
                past = with_open(look.past, fresh, {})
                asked = Asked(study, past, {}, {}, await self._histories.related(study))
                await self._stored(line, look, past, await self._besides(asked, fresh, wanted, line.enough))

    async def _besides(
        self, asked: Asked, fresh: Sequence[QueuedTrial], wanted: int, enough: Sequence[int]
    ) -> Sequence[Suggested]:
        """As many points as are wanted beside the fresh ones, with which a batch may be handed out."""
        count, waits = wanted - len(fresh), [each.trial for each in fresh]
        points = await self._computed(asked, count, enough)
        if not any(is_one_of(point, waits) for point in points):
            return points
        # All that is new is being tried. Of as many points as are wanted, all different, enough don't wait yet.
        points = await self._computed(asked, wanted, enough)
        return [point for point in points if not is_one_of(point, waits)][:count]

    async def _computed(self, asked: Asked, count: int, enough: Sequence[int]) -> Sequence[Suggested]:
        """``count`` points, or the most of ``enough`` if there aren't as many: only who waits for the least is told."""
        *more, least = sorted({count, *(each for each in enough if each < count)}, reverse=True)
        for each in more:
            with suppress(SpaceExhausted):
                return await self._compute.suggest(asked, each, FLIGHT_SECONDS)
        return await self._compute.suggest(asked, least, FLIGHT_SECONDS)

    async def _stored(self, line: Line, look: Look, past: Past, points: Sequence[Suggested]) -> None:
        """Puts the points into the queue, under the numbers that are free by then: those that are still good."""
        study, number = line.study, past.next_number
        waited = frozenset(each.trial.number for each in look.snapshot.queue)
        for _ in range(MOST_ROUNDS):
            if not points:
                self._metrics.fits_wasted.inc()
                return
            queued = self._queued(study, past, points, number)
            replaced = [each.trial for each in look.snapshot.queue if each.known < MANUAL]
            instead = [trial.number for trial in replaced if is_again(trial, [each.trial for each in queued])]
            try:
                await self._storage.write(self._storage.store.queue_trials, study, queued, instead)
            except NumberTaken:
                self._metrics.suggest_conflicts.inc()
                look = await self._histories.look(study.name)
                points, number = still_good(look, study, points, number, waited), look.past.next_number
            else:
                line.replaced(queued)
                self._metrics.computed_ahead.inc(len(queued))
                return

    def _queued(self, study: Study, past: Past, points: Sequence[Suggested], number: int) -> list[QueuedTrial]:
        trials = trials_of(study, past, points, number, self._storage.now())
        return [
            QueuedTrial(
                replace(trial, state=TrialState.QUEUED, expire_time=trial.create_time),
                DESIGNED if trial.source in (Source.INITIAL, Source.BASELINE) else past.observation_count,
                study.revision,
            )
            for trial in trials
        ]

    @asynccontextmanager
    async def _alone(self, line: Line) -> AsyncIterator[bool]:
        """Whether this server is the one that computes for the study; where it isn't, after another one did."""
        store = self._storage.store
        now = self._storage.now()
        end = now + LEASE
        while not await self._storage.write(store.take_off, line.study, now, end):
            await asyncio.sleep(LOOK)
            snapshot = (await self._histories.look(line.study.name, trials=False)).snapshot
            _check_same(snapshot.study, line)
            if snapshot.has_queue:
                yield False
                return
            now = self._storage.now()
            end = now + LEASE
        lease = _Lease(self._storage, line.study, end)
        renewing = asyncio.create_task(lease.renew())
        try:
            yield True
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            with suppress(TrimtabError):  # others wait for LEASE then
                await self._storage.write(store.land, line.study, lease.end)

    async def close(self) -> None:
        """Gives up what is under way; nothing that was promised is lost."""
        self._closed = True
        flights = [line.flight for line in self._lines.values() if line.flight is not None]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


@dataclass(slots=True)
class _Lease:
    """Says in the store that this server is computing for a study, for as long as it does."""

    storage: Storage
    study: Study
    end: datetime

    async def renew(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(RENEWAL)
            now = self.storage.now()
            before, self.end = self.end, now + LEASE
            with suppress(TrimtabError):  # the next time may do
                await self.storage.write(self.storage.store.take_off, self.study, now, self.end, again=before)


def trials_of(study: Study, past: Past, points: Sequence[Suggested], number: int, now: datetime) -> list[Trial]:
    """The points as PENDING trials from ``number`` on, whose lease begins now.

    In a study that is to be good in several conditions, where the point doesn't say in which, in one after the other.
    """
    robustness = study.spec.robustness
    conditions: Sequence[Parameters] = ({},) if robustness is None else robustness.conditions
    model = ModelInfo(study.algorithm.name, past.revision, past.observation_count)
    return [
        Trial(
            number=number + index,
            state=TrialState.PENDING,
            parameters=point.parameters,
            source=point.source,
            model=model,
            create_time=now,
            expire_time=lease_end(now, study.spec.lease),
            context=point.context or conditions[(number + index) % len(conditions)],
            detail=point.detail,
        )
        for index, point in enumerate(points)
    ]


def _check_same(study: Study, line: Line) -> None:
    """Raises StudyNotFound where the name is in use again: for another study, which has a line of its own."""
    if study.uid != line.study.uid:
        raise StudyNotFound(f"{study.name} was deleted", study=str(study.name))


def _fresh(look: Look) -> list[QueuedTrial]:
    """What waits and stays: nothing that is computed now could know more."""
    study, known = look.snapshot.study, look.past.observation_count
    return [each for each in look.snapshot.queue if each.known >= known and is_for(study, each)]


def is_for(study: Study, queued: QueuedTrial) -> bool:
    """Whether a queued trial is good for the study as it is now."""
    return queued.study_revision in (0, study.revision)


def with_open(past: Past, queued: Sequence[QueuedTrial], context: Parameters) -> Past:
    """The past in which what is queued is being tried already; in ``context``, where it isn't said in which."""
    waiting = tuple(
        replace(each.trial, state=TrialState.PENDING, context=each.trial.context or context) for each in queued
    )
    return replace(past, open=past.open + waiting)


def still_good(
    look: Look, study: Study, points: Sequence[Suggested], number: int, waited: Collection[int] = ()
) -> list[Suggested]:
    """Those of the points that no trial from ``number`` on, stored meanwhile, makes needless: see ``is_new``.

    waited: numbers of trials that weren't handed out yet when the points were computed; who got one has that point.
    """
    if look.snapshot.study.etag != study.etag:
        return []
    past, space = look.past, study.spec.space
    tried = [*past.ended[: past.count], *past.open]
    stored = [trial for trial in (*tried, *(each.trial for each in look.snapshot.queue)) if trial.number >= number]
    taken = [trial for trial in tried if trial.number in waited]
    return [point for point in points if not is_one_of(point, taken) and is_new_beside(space, point, stored)]


def _most_at_once(study: Study) -> int | None:
    """How many different trials there are at most: points, in each condition where there are several; None: any."""
    count, robustness = study.spec.space.cardinality, study.spec.robustness
    return count if count is None or robustness is None else count * len(robustness.conditions)

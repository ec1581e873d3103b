"""The bandit studies in memory, and how they keep up with the log.

The state is the fold of the log: a follower reads what is new there, whoever
wrote it, folds it, and swaps in the next value. What is in memory can be
thrown away at any instant; a checkpoint only makes reading the log shorter.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from dataclasses import replace
from datetime import timedelta
from time import monotonic, perf_counter, time

from trimtab_service.domain.errors import StudyNotFound, TrimtabError
from trimtab_service.domain.study import Study, StudyName
from trimtab_service.live import Live, UnknownArm
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import CursorTooOld
from trimtab_service.studies import Studies

log = logging.getLogger(__name__)

INLINE_SECONDS = 0.002  # a policy that took longer is made in a thread, not on the event loop
PAGE = 5_000  # rows of the log folded at once
CHECKPOINT_ROWS = 10_000  # observations between two checkpoints of a study
COMPACTED_ROWS = 5_000  # deleted in one transaction
# An update may lower decision_lifetime, and rows that only a longer one needs are
# deleted no sooner than this after it: by then every replica goes by the update
# (see ``studies.MEMO_SECONDS``), and what it let in before has been stored. Nor
# sooner than this after their retention: an observation that another replica's
# clock lets in longer, and one that waits for its commit, still finds the first.
UPDATE_SECONDS = 60.0
SETTLED = 1_000  # default rewards counted in one transaction
# Of the time that one look at the log takes, how many times it pauses before
# the next: under load, following the log takes a seventh of the event loop at most.
PAUSE = 6.0
IDLE_LOOK = 0.002  # seconds between looks whether there is anybody to leave it to


class Following:
    """Live studies by name."""

    def __init__(self, storage: Storage, studies: Studies, interval: float, most: int, metrics: Metrics) -> None:
        """``interval``: seconds between looks at the log; ``most``: studies in memory."""
        self._storage = storage
        self._studies = studies
        self._interval = interval
        self._most = most
        self._metrics = metrics
        self._live: OrderedDict[StudyName, Live] = OrderedDict()
        self._opening: dict[StudyName, tuple[str, asyncio.Task[Live]]] = {}  # with the etag of what is opened
        self._new: set[StudyName] = set()
        self._slow: set[StudyName] = set()
        self._looked = monotonic()
        metrics.policy_age_seconds.set_function(lambda: monotonic() - self._looked)
        metrics.live_studies.set_function(lambda: len(self._live))
        self._news = asyncio.Event()

    def live(self, name: StudyName) -> Live | None:
        """The study if it is in memory."""
        live = self._live.get(name)
        if live is not None:
            self._live.move_to_end(name)
        return live

    async def open(self, study: Study) -> Live:
        """The study, its log folded in from the newest checkpoint if it wasn't in memory."""
        live = self._live.get(study.name)
        if live is not None and live.study.uid == study.uid:
            self._live.move_to_end(study.name)
            return live
        if not self._is_opening(study):
            self._opening[study.name] = study.etag, asyncio.create_task(self._opened(study))
        _, task = self._opening[study.name]
        return await asyncio.shield(task)

    def _is_opening(self, study: Study) -> bool:
        """Whether this very study is; not another one of its name, nor as it was before an update."""
        etag, _ = self._opening.get(study.name, ("", None))
        return etag == study.etag

    async def _opened(self, study: Study) -> Live:
        try:
            live = await self.caught_up(await self._begun(study))
            if self._is_opening(study):
                self._remember(live)
            return live
        finally:
            if self._is_opening(study):
                del self._opening[study.name]

    def _remember(self, live: Live) -> None:
        self._live[live.study.name] = live
        while len(self._live) > self._most:
            name, _ = self._live.popitem(last=False)
            self._slow.discard(name)

    async def _begun(self, study: Study) -> Live:
        """As the newest checkpoint has it, else before its log is read."""
        live = Live.begun(study)
        checkpoint = await self._storage.read(self._storage.store.load_checkpoint, study, live.fingerprint)
        if checkpoint is None:
            return live
        try:
            return live.resumed(checkpoint)
        except ValueError as error:
            log.warning("a checkpoint can't be read", extra={"study": str(study.name), "reason": str(error)})
            return live

    async def _begun_again(self, study: Study, gone: CursorTooOld) -> Live:
        """After the log was compacted. A checkpoint has what is gone; to a new algorithm it is gone for good."""
        live = await self._begun(study)
        return live if live.cursor else replace(live, cursor=gone.start)

    def updated(self, study: Study) -> None:
        """Takes an update into memory at once; other replicas see it when they next look."""
        live = self._live.get(study.name)
        if live is None:
            self.forget(study.name)  # it may be being opened as it was
            return
        after = None if study.name in self._slow else live.updated(study)
        if after is None:  # read anew, by whoever asks next, and not on the event loop
            self.forget(study.name)
        else:
            self._live[study.name] = after.playing(time())

    def forget(self, name: StudyName) -> None:
        """Lets a study leave memory, and what is being opened of it not get there."""
        self._live.pop(name, None)
        self._opening.pop(name, None)
        self._slow.discard(name)

    def expect(self, name: StudyName) -> None:
        """Says that there is something new in a study's log."""
        self._new.add(name)
        self._news.set()

    async def follow(self) -> None:
        """Keeps the live studies up with the log, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._interval)
            self._news.clear()
            begun = monotonic()
            due = begun - self._looked >= self._interval
            try:
                await (self._looked_everywhere() if due else self._looked_at(frozenset(self._new)))
            except TrimtabError as error:
                log.warning("can't follow the log", extra={"reason": error.reason})
            else:
                if due:
                    self._looked = begun
            await self._pause(min(PAUSE * (monotonic() - begun), self._interval))

    async def _pause(self, seconds: float) -> None:
        """Leaves the event loop to the calls in flight, for so long at most; not to nobody."""
        end = monotonic() + seconds
        while self._metrics.calls_in_flight and monotonic() < end:
            await asyncio.sleep(min(seconds, IDLE_LOOK))

    async def _looked_at(self, names: frozenset[StudyName]) -> None:
        self._new -= names
        for name in names:
            await self._caught_up(name)

    async def _looked_everywhere(self) -> None:
        """Two statements for all live studies, and one for each that has changed."""
        store, live, begun = self._storage.store, list(self._live.values()), monotonic()
        revisions = await self._storage.read(store.revisions, [one.study.uid for one in live])
        for one in live:
            if revisions.get(one.study.uid) == one.study.revision:
                self._studies.confirm(one.study, begun)
            else:
                await self._refreshed(one.study.name)
        self._new.clear()
        live = list(self._live.values())
        news = await self._storage.read(store.news, {one.study.uid: one.cursor for one in live})
        for one in live:
            if one.study.uid in news or one.bandit.ages:
                await self._caught_up(one.study.name)

    async def _refreshed(self, name: StudyName) -> None:
        """Takes in what another replica made of the study."""
        try:
            study = await self._studies.get(name)
        except StudyNotFound:
            self.forget(name)
            return
        before = self._live.get(name)
        if before is None or (before.study.revision >= study.revision and before.study.uid == study.uid):
            return
        if not study.algorithm.decisions or study.uid != before.study.uid:
            self.forget(name)  # somebody deleted it and made another
            return
        try:
            self.updated(study)
        except Exception:
            # A newer server's algorithm, say. The others must be followed all the same.
            log.exception("can't take in an update", extra={"study": str(name)})
            self.forget(name)

    async def _caught_up(self, name: StudyName) -> None:
        """Follows one study's log."""
        before = self._live.get(name)
        if before is None:
            return
        try:
            after = await self.caught_up(before)
        except StudyNotFound:
            self.forget(name)
        except TrimtabError as error:
            log.warning("can't follow the log", extra={"study": str(name), "reason": error.reason})
        except Exception:
            # One study's fault must not keep the others from learning. Its
            # next Suggest reads the log anew, and meets the fault itself.
            log.exception("can't fold the log", extra={"study": str(name)})
            self.forget(name)
        else:
            if self._live.get(name) is before:
                self._live[name] = after
            elif name in self._live:  # it was changed in the meantime: once more, from what it is now
                self.expect(name)

    async def caught_up(self, live: Live) -> Live:
        """The live study with everything folded in that is in the log by now."""
        seen = live.revision
        changed = live.play is None or live.bandit.ages
        while True:
            try:
                tail = await self._storage.read(self._storage.store.tail, live.study, live.cursor, PAGE)
            except CursorTooOld as gone:
                live = await self._begun_again(live.study, gone)
                changed = True
                continue
            try:
                live = live.folded(tail.rows) if tail.rows else live
            except UnknownArm as unknown:
                live = await self._grown(live, unknown)
                changed = True
                continue
            live = replace(live, cursor=tail.cursor)
            if not tail.more:
                break
        if changed or live.revision != seen:
            live = await self._playing(live)
        if live.observation_count - live.saved >= CHECKPOINT_ROWS:
            live = await self._saved(live)
        return live

    async def _grown(self, live: Live, unknown: UnknownArm) -> Live:
        """With the arms that another replica has added. Raises StudyNotFound; ``unknown`` where there are none."""
        study = await self._studies.get(live.study.name)
        if study.uid != live.study.uid:
            raise StudyNotFound(f"{study.name} was deleted", study=str(study.name))
        grown = await asyncio.to_thread(live.updated, study) or await self._begun(study)
        if grown.arms.count <= live.arms.count:
            raise unknown
        return grown

    async def _playing(self, live: Live) -> Live:
        name, now = live.study.name, time()
        if name in self._slow:
            return await asyncio.to_thread(live.playing, now)
        begun = perf_counter()
        live = live.playing(now)
        if perf_counter() - begun > INLINE_SECONDS:
            self._slow.add(name)
        return live

    # Checkpoints and what they allow

    async def _saved(self, live: Live) -> Live:
        """Keeps a checkpoint. Without one, reading the log takes longer; so where the store fails, the next will do."""
        try:
            await self._storage.write(self._storage.store.save_checkpoint, live.study, live.checkpoint())
        except TrimtabError as error:
            log.warning("can't keep a checkpoint", extra={"study": str(live.study.name), "reason": error.reason})
            return live
        self._metrics.checkpoints.inc()
        return replace(live, saved=live.observation_count)

    async def compact(self) -> None:
        """Deletes what the live studies need no longer: behind a checkpoint, and older than their retention.

        Nothing of a study that was updated in the last ``UPDATE_SECONDS``.
        """
        for live in list(self._live.values()):
            retention = live.study.spec.retention
            if retention is None or live.observation_count == 0 or self._is_fresh(live.study):
                continue
            if live.saved < live.observation_count:
                saved = await self._saved(live)
                if self._live.get(live.study.name) is live:
                    self._live[live.study.name] = saved
            await self._compacted(live, retention)

    def _is_fresh(self, study: Study) -> bool:
        """Whether a replica may still go by what the study was before its last update."""
        age = self._storage.now() - study.update_time
        return study.revision > 1 and age < timedelta(seconds=UPDATE_SECONDS)

    async def _compacted(self, live: Live, retention: timedelta) -> None:
        before = self._storage.now() - retention - timedelta(seconds=UPDATE_SECONDS)
        compact = self._storage.store.compact
        while deleted := await self._storage.write(compact, live.study, live.fingerprint, before, COMPACTED_ROWS):
            self._metrics.compacted_rows.inc(deleted)

    async def settle(self) -> None:
        """Counts default rewards as they fall due, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            with contextlib.suppress(TrimtabError):  # counted by the door; the next look takes it along
                settled = SETTLED
                while settled == SETTLED:
                    settled = await self._storage.write(self._storage.store.settle, self._storage.now(), SETTLED)
                    self._metrics.settled.inc(settled)

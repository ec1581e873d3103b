"""Reads the histories of trial studies, and of each only what is new since the last time.

An observation is final, so a trial that has one never changes: the memo keeps
these, and a read brings the ones behind the memo's revision, and all of the
few that are still open. The store counts a study's observations, and the memo
is only as good as that count: where the two differ, everything is read anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from weakref import WeakValueDictionary

from trimtab_service.domain.errors import StudyNotFound, TrimtabError
from trimtab_service.domain.past import Past
from trimtab_service.domain.study import Study, StudyName
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import Request, Snapshot

log = logging.getLogger(__name__)

MOST_TRIALS = 200_000
"""Ended trials that are kept of all studies together: some hundred megabytes. The study unused longest leaves first."""

MOST_STUDIES = 1_000
"""Whose trials are kept, however few these are."""


@dataclass(slots=True)
class _Memo:
    """What is known of one study: its ended trials, up to a revision."""

    uid: str
    line: int
    revision: int = 0
    ended: list[Trial] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Look:
    """One consistent look at a study. The history of ``snapshot`` has no trials: they are in ``past``."""

    snapshot: Snapshot
    past: Past


class Histories:
    """The histories in the store, and a memo of those read lately."""

    def __init__(
        self, storage: Storage, metrics: Metrics, most: int = MOST_TRIALS, most_studies: int = MOST_STUDIES
    ) -> None:
        """``most``: ended trials that are kept of all studies together, but for those of the one looked at last."""
        self._storage = storage
        self._metrics = metrics
        self._most = most
        self._most_studies = most_studies
        self._memo: OrderedDict[StudyName, _Memo] = OrderedDict()
        self._lines = count(1)
        # Two reads of one study at once would each bring the same news.
        self._reading: WeakValueDictionary[StudyName, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[Look]] = set()  # one of each study at most; the loop holds them weakly

    async def look(self, name: StudyName, request: Request | None = None, *, trials: bool = True) -> Look:
        """The study as it is now, with its trials if they are wanted. Raises StudyNotFound, RequestIdReused.

        Whoever goes away while trials are read leaves what has been begun to the next one.
        """
        with self._metrics.phase("read"):
            if not trials:
                snapshot = await self._read(name, request, trials=False)
                return _look(snapshot, _Memo(snapshot.study.uid, 0))
            lock = self._reading.setdefault(name, asyncio.Lock())
            await lock.acquire()
            reading = asyncio.create_task(self._brought_up_to_date(name, request))
            self._under_way.add(reading)

            def ended(_: object) -> None:
                self._under_way.discard(reading)
                lock.release()

            reading.add_done_callback(ended)
            try:
                return await asyncio.shield(reading)
            except asyncio.CancelledError:
                reading.add_done_callback(partial(_seen, name))
                raise

    async def related(self, study: Study) -> tuple[tuple[Study, Past], ...]:
        """The other trial studies that the study names, as far as there are any, with what was observed in them."""
        found = []
        for name in study.spec.transfer_from:
            with suppress(StudyNotFound):
                look = await self.look(name)
                if not look.snapshot.study.algorithm.decisions:
                    found.append((look.snapshot.study, replace(look.past, open=())))
        return tuple(found)

    async def _read(self, name: StudyName, request: Request | None, *, trials: bool, after: int = 0) -> Snapshot:
        store = self._storage.store
        return await self._storage.read(store.snapshot, name, self._storage.now(), request, trials=trials, after=after)

    async def _brought_up_to_date(self, name: StudyName, request: Request | None) -> Look:
        memo = self._memo.get(name)
        if memo is not None and memo.revision:
            snapshot = await self._read(name, request, trials=True, after=memo.revision)
            new = _ended(snapshot)
            if memo.uid == snapshot.study.uid and len(memo.ended) + len(new) == snapshot.history.observation_count:
                return self._remembered(name, memo, snapshot, new)
        snapshot = await self._read(name, request, trials=True)
        return self._remembered(name, _Memo(snapshot.study.uid, next(self._lines)), snapshot, _ended(snapshot))

    def _remembered(self, name: StudyName, memo: _Memo, snapshot: Snapshot, new: list[Trial]) -> Look:
        memo.ended += new
        memo.revision = snapshot.history.revision
        self._memo[name] = memo
        self._memo.move_to_end(name)
        kept = sum(len(each.ended) for each in self._memo.values())
        while len(self._memo) > 1 and (kept > self._most or len(self._memo) > self._most_studies):
            kept -= len(self._memo.popitem(last=False)[1].ended)
        return _look(snapshot, memo)


def _seen(name: StudyName, reading: asyncio.Task[Look]) -> None:
    """Says what went wrong with a read that nobody waits for any more."""
    error = None if reading.cancelled() else reading.exception()
    if error is not None and not isinstance(error, TrimtabError):
        log.error("can't read a history", extra={"study": str(name)}, exc_info=error)


def _ended(snapshot: Snapshot) -> list[Trial]:
    return [trial for trial in snapshot.history.trials if trial.state is not TrialState.PENDING]


def _look(snapshot: Snapshot, memo: _Memo) -> Look:
    history = snapshot.history
    pending = tuple(trial for trial in history.trials if trial.state is TrialState.PENDING)
    past = Past(
        uid=snapshot.study.uid,
        line=memo.line,
        ended=memo.ended,
        count=len(memo.ended),
        open=pending,
        next_number=history.next_number,
        revision=history.revision,
        observation_count=history.observation_count,
    )
    return Look(replace(snapshot, history=replace(history, trials=())), past)

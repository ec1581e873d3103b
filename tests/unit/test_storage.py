"""The door to the store: group commit, and what becomes of errors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from trimtab_service.domain.errors import RequestIdReused, ShuttingDown, StoreUnavailable, TrimtabError
from trimtab_service.metrics import Metrics
from trimtab_service.storage import MOST_ROWS, OPERATIONS, Storage
from trimtab_service.store.base import RECORDED, DecisionBatch, Result, Store


class Ledger:
    """Records decisions in memory; a commit waits until the test opens the gate."""

    writers: ClassVar[int] = 1

    def __init__(self) -> None:
        self.commits: list[int] = []
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.failure: Exception | None = None
        self.closed = False

    def record_decisions(self, batches: Sequence[DecisionBatch], now: datetime) -> list[list[Result] | TrimtabError]:
        """One entry a batch; a batch whose request says so is refused."""
        self.begun.release()
        assert self.gate.wait(30)
        if self.failure is not None:
            raise self.failure
        self.commits.append(len(batches))
        return [
            RequestIdReused("request_id", "was used before") if batch.request else [RECORDED] * len(batch.observations)
            for batch in batches
        ]

    def close(self) -> None:
        """Remembers that it was."""
        self.closed = True


async def test_what_has_not_happened_yet_is_counted_as_none() -> None:
    """Prometheus sees no increase in a series that begins at 1."""
    metrics = Metrics()
    await Storage(cast(Store, Ledger()), 1, metrics).close()
    for operation in ("snapshot", "record_decisions", "claim_trials", "count_pending"):
        errors = metrics.registry.get_sample_value("trimtab_store_errors_total", {"operation": operation})
        assert errors == 0
    assert {"migrate", "close", "signing_key", "writers"} & set(OPERATIONS) == set()


def batch(rows: int = 1, request: object = None) -> DecisionBatch:
    """A batch of so many observations, whatever they are."""
    return DecisionBatch(cast(Any, None), cast(Any, [None] * rows), cast(Any, request))


@pytest.fixture
def ledger() -> Ledger:
    """A store that only records decisions."""
    return Ledger()


@pytest.fixture
async def storage(ledger: Ledger) -> AsyncIterator[Storage]:
    """The door to it."""
    door = Storage(cast(Store, ledger), 1, Metrics())
    yield door
    ledger.gate.set()
    await door.close()


async def test_an_idle_door_commits_at_once(storage: Storage, ledger: Ledger) -> None:
    """A lone batch doesn't wait for company."""
    ledger.gate.set()
    assert await storage.record(batch(2)) == [RECORDED, RECORDED]
    assert ledger.commits == [1]


async def test_batches_that_come_during_a_commit_share_the_next(storage: Storage, ledger: Ledger) -> None:
    """One commit for the first, one for the nine that came meanwhile."""
    first = asyncio.create_task(storage.record(batch()))
    await asyncio.to_thread(ledger.begun.acquire)
    others = [asyncio.create_task(storage.record(batch())) for _ in range(9)]
    await asyncio.sleep(0)
    ledger.gate.set()
    await asyncio.gather(first, *others)
    assert ledger.commits == [1, 9]


async def test_a_commit_is_bounded(storage: Storage, ledger: Ledger) -> None:
    """Batches that would make it too large wait for the one after."""
    first = asyncio.create_task(storage.record(batch()))
    await asyncio.to_thread(ledger.begun.acquire)
    others = [asyncio.create_task(storage.record(batch(MOST_ROWS // 2))) for _ in range(3)]
    await asyncio.sleep(0)
    ledger.gate.set()
    await asyncio.gather(first, *others)
    assert ledger.commits == [1, 2, 1]


async def test_a_refused_batch_does_not_hurt_the_others(storage: Storage, ledger: Ledger) -> None:
    """Each caller gets its own answer."""
    ledger.gate.set()
    good, bad = await asyncio.gather(
        storage.record(batch()), storage.record(batch(request="used")), return_exceptions=True
    )
    assert good == [RECORDED]
    assert isinstance(bad, RequestIdReused)


async def test_a_failed_commit_is_told_to_every_caller(storage: Storage, ledger: Ledger) -> None:
    """Nobody is acknowledged, and the door works again afterwards."""
    ledger.failure = StoreUnavailable("gone")
    ledger.gate.set()
    answers = await asyncio.gather(*(storage.record(batch()) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    ledger.failure = None
    assert await storage.record(batch()) == [RECORDED]


async def test_a_caller_that_goes_away_does_not_stop_the_commit(storage: Storage, ledger: Ledger) -> None:
    """What it sent is stored, and the others are answered."""
    first = asyncio.create_task(storage.record(batch()))
    await asyncio.to_thread(ledger.begun.acquire)
    leaving, staying = (asyncio.create_task(storage.record(batch())) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    ledger.gate.set()
    await asyncio.gather(first, staying)
    assert ledger.commits == [1, 2]


async def test_closing_finishes_the_commits_under_way(storage: Storage, ledger: Ledger) -> None:
    """Then nothing more is taken."""
    pending = asyncio.create_task(storage.record(batch()))
    await asyncio.to_thread(ledger.begun.acquire)
    closing = asyncio.create_task(storage.close())
    ledger.gate.set()
    await closing
    assert await pending == [RECORDED]
    assert ledger.closed
    with pytest.raises(ShuttingDown):
        await storage.read(SimpleNamespace(__name__="ping"))  # type: ignore[arg-type]


async def test_who_comes_as_a_committer_ends_is_not_forgotten(storage: Storage, ledger: Ledger) -> None:
    """Callers that come back at once, in the very step in which they are answered."""
    ledger.gate.set()

    async def caller() -> None:
        for _ in range(50):
            assert await storage.record(batch()) == [RECORDED]

    async with asyncio.timeout(30):
        await asyncio.gather(caller(), caller())
    assert sum(ledger.commits) == 100

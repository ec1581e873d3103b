"""What is remembered of histories has a bound, and is right whatever it forgets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from slow_reads import SlowReads
from store_values import NOW, a_study, a_trial, completed
from trimtab_service.domain.study import Study
from trimtab_service.histories import Histories
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import Store, TrialObservation
from trimtab_service.store.catalog import open_store

THREADS = 2


@pytest.fixture
async def storage(sqlite_url: str) -> AsyncIterator[Storage]:
    """The door to an empty store."""
    store = open_store(sqlite_url, THREADS)
    store.migrate()
    storage = Storage(store, THREADS, Metrics())
    yield storage
    await storage.close()


def tried(store: Store, name: str, count: int) -> Study:
    """A study with so many ended trials."""
    study = store.create_study(a_study(name), None)
    numbers = range(1, count + 1)
    if count:
        store.append_trials(study, [a_trial(number) for number in numbers], None)
        store.observe_trials(study, [TrialObservation(number, completed()) for number in numbers], NOW, None)
    return study


async def remembered(storage: Storage, studies: list[Study], **bounds: int) -> list[bool]:
    """Whether each study is still in memory, after all of them were looked at in order."""
    histories = Histories(storage, Metrics(), **bounds)
    for study in studies:
        await histories.look(study.name)
    return [study.name in histories._memo for study in studies]


async def test_the_trials_of_all_studies_together_have_a_bound(storage: Storage) -> None:
    """The study unused longest leaves first."""
    studies = [tried(storage.store, f"s{index}", 3) for index in range(3)]
    assert await remembered(storage, studies, most=6) == [False, True, True]


async def test_the_study_looked_at_last_stays(storage: Storage) -> None:
    """However many trials it has: it would be read as a whole each time."""
    studies = [tried(storage.store, "small", 1), tried(storage.store, "large", 9)]
    assert await remembered(storage, studies, most=5) == [False, True]


async def test_studies_without_trials_are_bounded_too(storage: Storage) -> None:
    """Each takes room, though it counts no trials."""
    studies = [tried(storage.store, f"s{index}", 0) for index in range(4)]
    assert await remembered(storage, studies, most_studies=2) == [False, False, True, True]


async def test_what_was_forgotten_is_read_again(storage: Storage) -> None:
    """As a whole, under another line."""
    studies = [tried(storage.store, "first", 2), tried(storage.store, "second", 2)]
    histories = Histories(storage, Metrics(), most=2)
    before, _, after = [(await histories.look(name)).past for name in [*(one.name for one in studies), studies[0].name]]
    assert before.line != after.line
    assert list(before.ended[: before.count]) == list(after.ended[: after.count])


async def test_what_was_begun_for_somebody_who_went_away_is_not_begun_again(storage: Storage) -> None:
    """The next caller reads only what is new since; callers who only waited for their turn leave nothing behind."""
    study = tried(storage.store, "s", 3)
    histories = Histories(storage, Metrics())
    with SlowReads(storage.store, study.name) as reads:
        callers = [asyncio.create_task(histories.look(study.name)) for _ in range(3)]
        await reads.begun()
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert len(histories._under_way) == 1
        reads.go_on()
        look = await histories.look(study.name)
    assert (look.past.count, len(histories._under_way)) == (3, 0)
    assert reads.after == [0, 3]


async def test_a_fault_in_what_nobody_waits_for_is_logged(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    """And keeps nobody from reading again."""
    study = tried(storage.store, "s", 3)
    histories = Histories(storage, Metrics())
    with SlowReads(storage.store, study.name, ArithmeticError("a fault")) as reads, caplog.at_level(logging.ERROR):
        caller = asyncio.create_task(histories.look(study.name))
        await reads.begun()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        reads.go_on()
        look = await histories.look(study.name)
    assert look.past.count == 3
    assert [record.getMessage() for record in caplog.records] == ["can't read a history"]


async def test_a_store_that_closes_waits_for_what_is_read(storage: Storage) -> None:
    """Whoever asked for it."""
    study = tried(storage.store, "s", 3)
    histories = Histories(storage, Metrics())
    with SlowReads(storage.store, study.name) as reads:
        caller = asyncio.create_task(histories.look(study.name))
        await reads.begun()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        reads.go_on()
        await storage.close()
        await asyncio.sleep(0)
    assert study.name in histories._memo
    assert not histories._under_way

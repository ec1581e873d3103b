"""What a server remembers of studies, while other servers change them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from replicas import NAME, SPEC, Clock, Replica, replicas
from store_values import a_decision, a_request
from trimtab_service.domain.errors import EtagMismatch, StoreUnavailable, StudyNotFound, TooMuchContention
from trimtab_service.domain.study import Study, StudyName, StudySpec, StudyState
from trimtab_service.store import sql_studies
from trimtab_service.store.base import RECORDED, DecisionBatch, Request
from trimtab_service.studies import MEMO_SECONDS, MOST_ROUNDS

SHORT = replace(SPEC, decision_lifetime=timedelta(seconds=1))


@pytest.fixture
def clock() -> Iterator[Clock]:
    """One that everybody goes by."""
    with Clock() as clock:
        yield clock


def to(spec: StudySpec) -> Callable[[Study], tuple[StudySpec, StudyState]]:
    """A change to this spec."""
    return lambda old: (spec, old.state)


async def test_what_is_remembered_is_read_again_after_a_while(clock: Clock, sqlite_url: str) -> None:
    """Not at each call; and what another server changed is known within ``MEMO_SECONDS``."""
    async with replicas(sqlite_url) as (first, second):
        await first.studies.create(NAME, SPEC, None)
        known = [await second.studies.recall(NAME)]
        await first.studies.update(NAME, to(SHORT), frozenset({"spec.decision_lifetime"}), "", None)
        for seconds in (MEMO_SECONDS - 1, 1):
            clock.seconds += seconds
            known.append(await second.studies.recall(NAME))
        assert second.reads() == 2
    assert [study.revision for study in known] == [1, 1, 2]


async def test_a_study_in_memory_is_not_read_again(clock: Clock, sqlite_url: str) -> None:
    """Whoever follows it keeps asking for its revision, and that is as good."""
    async with replicas(sqlite_url) as (first, _):
        study = await first.studies.create(NAME, SPEC, None)
        await first.following.open(study)
        for _ in range(10):
            clock.seconds += MEMO_SECONDS / 2
            await first.look()
            await first.studies.recall(NAME)
        assert first.reads() == 0


async def test_another_revision_confirms_nothing(clock: Clock, sqlite_url: str) -> None:
    """What is remembered is then as old as it was."""
    async with replicas(sqlite_url) as (first, second):
        old = await first.studies.create(NAME, SPEC, None)
        await second.studies.update(NAME, to(SHORT), frozenset({"spec.decision_lifetime"}), "", None)
        before = second.reads()
        clock.seconds += MEMO_SECONDS
        second.studies.confirm(old, clock.seconds)
        await second.studies.recall(NAME)
        assert second.reads() == before + 1


def described(old: Study, description: str) -> Study:
    """The next revision, with another description."""
    return replace(old, spec=replace(old.spec, description=description), revision=old.revision + 1)


class Overtaken:
    """Stops a study that was described by others, ``times`` of them, since it was read."""

    def __init__(self, replica: Replica, times: int) -> None:
        self._replica = replica
        self._left = times

    def __call__(self, old: Study) -> tuple[StudySpec, StudyState]:
        """What it is to be."""
        if self._left > 0:
            self._left -= 1
            self._replica.store.replace_study(old, described(old, f"{self._left} left"), None)
        return old.spec, StudyState.STOPPED


async def test_an_update_without_an_etag_takes_the_study_as_it_is(database_url: str) -> None:
    """However many others change it meanwhile; and what they changed stays."""
    async with replicas(database_url) as (first, second):
        await first.studies.create(NAME, SPEC, None)
        updated = await first.studies.update(NAME, Overtaken(second, 3), frozenset({"state"}), "", None)
        assert updated == await second.studies.get(NAME)
    assert (updated.revision, updated.state, updated.spec.description) == (5, StudyState.STOPPED, "0 left")


async def test_an_update_with_an_etag_is_for_that_revision(database_url: str) -> None:
    """Whoever names one is told of another that came in between."""
    async with replicas(database_url) as (first, second):
        study = await first.studies.create(NAME, SPEC, None)
        with pytest.raises(EtagMismatch):
            await first.studies.update(NAME, Overtaken(second, 1), frozenset({"state"}), study.etag, None)
        assert (await first.studies.get(NAME)).state is StudyState.ACTIVE


async def test_an_update_gives_up_after_a_while(sqlite_url: str) -> None:
    """It says that it can be sent again, which it can."""
    async with replicas(sqlite_url) as (first, second):
        await first.studies.create(NAME, SPEC, None)
        with pytest.raises(TooMuchContention):
            await first.studies.update(NAME, Overtaken(second, MOST_ROUNDS), frozenset({"state"}), "", None)
        assert (await first.studies.get(NAME)).state is StudyState.ACTIVE


async def test_an_update_that_is_repeated_within_keeps_its_request_id(database_url: str) -> None:
    """Sent twice, it changes the study once: the second is answered, and asks nobody what to change."""
    async with replicas(database_url) as (first, second):
        await first.studies.create(NAME, SPEC, None)
        request = a_request(method="UpdateStudy")
        once = await first.studies.update(NAME, Overtaken(second, 2), frozenset({"state"}), "", request)
        again = await second.studies.update(NAME, Overtaken(first, 1), frozenset({"state"}), "", request)
    assert (once.revision, again) == (4, once)


async def test_updates_at_once_all_come_through(database_url: str) -> None:
    """At two servers; none of them names a revision."""
    async with replicas(database_url) as (first, second):
        await first.studies.create(NAME, SPEC, None)

        def label(key: str) -> Callable[[Study], tuple[StudySpec, StudyState]]:
            return lambda old: (replace(old.spec, labels={**old.spec.labels, key: ""}), old.state)

        paths = frozenset({"spec.labels"})
        updates = [
            each.studies.update(NAME, label(f"{each is first}-{number}"), paths, "", a_request(method="UpdateStudy"))
            for each in (first, second)
            for number in range(4)
        ]
        await asyncio.gather(*updates)
        study = await first.studies.get(NAME)
    assert (study.revision, len(study.spec.labels)) == (9, 8)


@pytest.mark.parametrize("named", [False, True])
async def test_a_deletion_takes_the_study_as_it_is(
    database_url: str, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    """Unless it names a revision, and another update came in between; a request id is answered like the first time."""
    async with replicas(database_url) as (first, second):
        study = await first.studies.create(NAME, SPEC, None)
        stored, request = first.store.delete_study, a_request(method="DeleteStudy")

        def delete_study(study: Study, request: Request | None) -> None:
            monkeypatch.setattr(first.store, "delete_study", stored)
            second.store.replace_study(study, described(study, "in between"), None)
            first.store.delete_study(study, request)

        monkeypatch.setattr(first.store, "delete_study", delete_study)
        if named:
            with pytest.raises(EtagMismatch):
                await first.studies.delete(NAME, study.etag, request)
            assert (await first.studies.get(NAME)).spec.description == "in between"
        else:
            for each in (first, second):
                await each.studies.delete(NAME, "", request)
            with pytest.raises(StudyNotFound):
                await first.studies.get(NAME)


async def test_others_write_while_a_long_study_is_deleted(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In between its portions, also where there is one writer at a time; and nothing of it is left."""
    monkeypatch.setattr(sql_studies, "DELETED_AT_ONCE", 1)
    async with replicas(database_url) as (first, _):
        long = await first.studies.create(NAME, SPEC, None)
        other = await first.studies.create(StudyName(NAME.namespace, "other"), SPEC, None)

        def batch(study: Study, count: int) -> DecisionBatch:
            return DecisionBatch(study, [a_decision(f"d{number}") for number in range(count)], None)

        await first.storage.record(batch(long, 200))
        deleting = asyncio.create_task(first.studies.delete(NAME, "", None))
        while not first.studies._clearing:
            await asyncio.sleep(0)
        assert await first.storage.record(batch(other, 1)) == [RECORDED]
        early = not deleting.done()
        await deleting
        assert not first.store.clear_deleted()
        assert (await first.studies.counts(other)).observations == 1
    assert early


async def test_a_deletion_that_the_store_fails_in_is_done(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To whoever asked for it; what is left goes at the next sweep."""
    async with replicas(database_url) as (first, second):
        await first.studies.create(NAME, SPEC, None)

        def clear_deleted() -> int:
            raise StoreUnavailable("it doesn't answer")

        monkeypatch.setattr(first.store, "clear_deleted", clear_deleted)
        await first.studies.delete(NAME, "", None)
        with pytest.raises(StudyNotFound):
            await second.studies.get(NAME)


async def test_a_deletion_sent_twice_at_once_is_answered_twice(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second may find the study gone by the first."""
    async with replicas(database_url) as (first, second):
        study = await first.studies.create(NAME, SPEC, None)
        request, get = a_request(method="DeleteStudy"), first.studies.get

        async def overtaken(name: StudyName) -> Study:
            second.store.delete_study(study, request)
            return await get(name)

        monkeypatch.setattr(first.studies, "get", overtaken)
        await first.studies.delete(NAME, "", request)

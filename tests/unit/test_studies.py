"""What a server remembers of studies, while other servers change them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from replicas import NAME, SPEC, Clock, replicas
from trimtab_service.domain.study import Study, StudySpec, StudyState
from trimtab_service.studies import MEMO_SECONDS

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

"""What a replica makes of what others did: of new arms, and when what lies behind a checkpoint may be deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from replicas import NAME, SPEC, Clock, Replica, replicas
from trimtab_service import following
from trimtab_service.bandits import states
from trimtab_service.decisions import Ask, DecisionReport
from trimtab_service.domain.errors import DecisionExpired, StudyStopped
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Categorical, SearchSpace
from trimtab_service.domain.study import AlgorithmRequest, Study, StudySpec, StudyState
from trimtab_service.following import UPDATE_SECONDS
from trimtab_service.live import Live, UnknownArm
from trimtab_service.store.base import DUPLICATE, RECORDED, DecisionBatch, DecisionObservation, Result

CLICKED = Observation(Outcome.COMPLETED, {"click": Measurement(1.0)})
ONE_ARM = replace(SPEC, space=SearchSpace((Categorical("letter", ("a",)),)))
BRIEF = replace(SPEC, decision_lifetime=timedelta(seconds=5), retention=timedelta(seconds=5))


@pytest.fixture
def clock() -> Iterator[Clock]:
    """One that everybody goes by."""
    with Clock() as clock:
        yield clock


async def decided(replica: Replica, spec: StudySpec) -> str:
    """The token of a decision of a new study, which was observed."""
    live = await replica.following.open(await replica.studies.create(NAME, spec, None))
    (chosen,) = replica.decisions.suggest(live, Ask())
    token = chosen.token.decode()
    assert await observed(replica, token) is RECORDED
    return token


async def observed(replica: Replica, token: str) -> Result:
    """What becomes of an observation."""
    study = await replica.studies.recall(NAME)
    (result,) = await replica.decisions.observe(
        study, replica.decisions.judged(study, [DecisionReport(token, CLICKED)]), None
    )
    return result


async def rows_left(replica: Replica) -> int:
    """After a sweep."""
    await replica.look()
    await replica.following.compact()
    return len(await replica.studies.observations(await replica.studies.get(NAME), 0, 10))


async def test_nothing_is_deleted_soon_after_an_update(clock: Clock, sqlite_url: str) -> None:
    """A decision is counted once, though another server went by a longer lifetime while it lived shorter already."""
    async with replicas(sqlite_url) as (first, second):
        token = await decided(first, SPEC)
        clock.seconds += 10
        await second.studies.recall(NAME)
        updated = await first.studies.update(
            NAME, lambda old: (BRIEF, old.state), frozenset({"spec.decision_lifetime", "spec.retention"}), "", None
        )
        first.decisions.updated(updated)
        await first.following.open(updated)  # where a policy takes long, an update lets it leave memory
        left, results = [], []
        for seconds in (0, UPDATE_SECONDS - 1, 1):
            clock.seconds += seconds
            left.append(await rows_left(first))
            results.append(await observed(second, token))
        assert (await first.studies.counts(updated)).observations == 1
    assert left == [1, 1, 0]
    assert results[0] is DUPLICATE
    assert [type(result) for result in results[1:]] == [DecisionExpired, DecisionExpired]


async def test_a_study_as_it_was_created_is_not_waited_for(clock: Clock, sqlite_url: str) -> None:
    """Nobody can know it otherwise."""
    async with replicas(sqlite_url) as (first, _):
        await decided(first, BRIEF)
        clock.seconds += 5 + UPDATE_SECONDS
        left = [await rows_left(first)]
        clock.seconds += 1
        left.append(await rows_left(first))
    assert left == [1, 0]


@pytest.mark.parametrize("behind", [5, UPDATE_SECONDS / 3])
async def test_a_clock_that_is_behind_counts_nothing_twice(clock: Clock, database_url: str, behind: float) -> None:
    """What its replica lets in again is still in the log of the one that deletes, though retention is no longer."""
    async with replicas(database_url) as (first, second):
        token = await decided(first, BRIEF)
        await second.studies.recall(NAME)
        results, left = [], []
        for seconds in range(3 * int(behind)):
            clock.seconds = seconds
            left.append(await rows_left(first))
            clock.seconds = seconds - behind
            results.append(await observed(second, token))
        study = await first.studies.get(NAME)
        assert (await first.studies.counts(study)).observations == 1
    assert {type(result) for result in results if result is not DUPLICATE} == {DecisionExpired}
    assert left[int(behind) + 5] == 1


async def grown(replica: Replica, **changes: Any) -> str:
    """The token of a decision for an arm that is added now, as another server makes it."""
    spec = replace(ONE_ARM, space=SearchSpace((Categorical("letter", ("a", "b", "c")),)), **changes)
    paths = frozenset({"spec.search_space", *(f"spec.{field}" for field in changes)})
    live = await replica.decisions.open(
        await replica.studies.update(NAME, lambda old: (spec, old.state), paths, "", None)
    )
    while True:
        (chosen,) = replica.decisions.suggest(live, Ask())
        if chosen.arm == 2:
            return chosen.token.decode()


@pytest.mark.parametrize("changes", [{}, {"algorithm": AlgorithmRequest("ucb1")}], ids=["arms", "arms and algorithm"])
async def test_an_observation_of_an_arm_that_is_new_makes_the_study_known(
    clock: Clock, sqlite_url: str, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A server that hasn't heard of the update learns what the others do, and keeps no other checkpoint."""
    async with replicas(sqlite_url) as (first, second):
        live = await second.following.open(await first.studies.create(NAME, ONE_ARM, None))
        for _ in range(5):
            (chosen,) = second.decisions.suggest(live, Ask())
            assert await observed(second, chosen.token.decode()) is RECORDED
        await second.following._looked_at(frozenset({NAME}))
        token = await grown(first, **changes)
        with patch.object(following, "CHECKPOINT_ROWS", 1):
            assert await observed(second, token) is RECORDED
            await second.following._looked_at(frozenset({NAME}))
        known = second.decisions.live(NAME)
        assert known is not None
        stored = second.store.load_checkpoint(known.study, known.fingerprint)
        read = await first.following.caught_up(Live.begun(known.study))
        assert stored is not None
        for left, right, kept in zip(
            *map(states.leaves, (read.state, known.state, read.resumed(stored).state)), strict=True
        ):
            np.testing.assert_allclose(right, left, rtol=1e-9)
            np.testing.assert_allclose(kept, left, rtol=1e-9)
    assert (known.arms.count, known.study.revision, known.observation_count) == (3, 2, 6)
    assert not caplog.records


async def test_an_arm_that_nobody_knows_is_a_fault(clock: Clock, sqlite_url: str) -> None:
    """Of the log; the study leaves memory, and nothing is taken for something else."""
    async with replicas(sqlite_url) as (first, _):
        study = await first.studies.create(NAME, ONE_ARM, None)
        await first.following.open(study)
        impossible = DecisionObservation("d", 7, 0.5, CLICKED)
        await first.storage.record(DecisionBatch(study, [impossible], None))
        await first.following._looked_at(frozenset({NAME}))
        assert first.decisions.live(NAME) is None
        with pytest.raises(UnknownArm):
            await first.following.open(study)


@asynccontextmanager
async def opening(replica: Replica, study: Study) -> AsyncIterator[None]:
    """While the study is read by somebody; its log has been at the end of the block."""
    gate, caught_up = asyncio.Event(), replica.following.caught_up

    async def held_up(live: Live) -> Live:
        await gate.wait()
        return await caught_up(live)

    with patch.object(replica.following, "caught_up", held_up):
        reading = asyncio.create_task(replica.following.open(study))
        await asyncio.sleep(0)
        yield
        gate.set()
        await reading


async def test_a_study_that_is_deleted_while_it_is_opened_does_not_take_the_name_of_the_next(
    clock: Clock, sqlite_url: str
) -> None:
    """Its decisions would be refused when they are observed."""
    async with replicas(sqlite_url) as (first, _):
        async with opening(first, await first.studies.create(NAME, SPEC, None)):
            await first.studies.delete(NAME, "", None)
            first.decisions.deleted(NAME)
            new = await first.studies.create(NAME, SPEC, None)
            asked = asyncio.create_task(first.following.open(new))
            await asyncio.sleep(0)
        assert (await asked).study.uid == new.uid
        live = first.following.live(NAME)
    assert live is not None
    assert live.study.uid == new.uid


async def test_a_study_that_is_stopped_while_it_is_opened_is_stopped(clock: Clock, sqlite_url: str) -> None:
    """For whoever asks after the update was answered."""
    async with replicas(sqlite_url) as (first, _):
        async with opening(first, await first.studies.create(NAME, SPEC, None)):
            stopped = await first.studies.update(
                NAME, lambda old: (old.spec, StudyState.STOPPED), frozenset({"state"}), "", None
            )
            first.decisions.updated(stopped)
        with pytest.raises(StudyStopped):
            first.decisions.suggest(first.following.live(NAME) or await first.following.open(stopped), Ask())


async def test_a_study_that_left_memory_is_not_counted(clock: Clock, sqlite_url: str) -> None:
    """Live studies are those that there are."""
    async with replicas(sqlite_url) as (first, _):
        await decided(first, SPEC)
        registry, name = first.metrics.registry, "trimtab_live_bandit_studies"
        before = registry.get_sample_value(name)
        first.decisions.deleted(NAME)
        assert (before, registry.get_sample_value(name)) == (1.0, 0.0)

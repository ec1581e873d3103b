"""A history that is read piece by piece is the one that is read at once, whatever happened in between and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from store_values import ABANDONED, FAILED, NOW, a_study, a_trial, completed
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.histories import Histories
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import NumberTaken, Store, TrialObservation
from trimtab_service.store.queue import Claim, ForeignTrial, QueuedTrial

STEPS = 40
POINT = {"rate": 0.5, "depth": 2}


def suggest(store: Store, study: Study, luck: Random) -> None:
    """Appends trials, some of them with a lease that is over already."""
    number = store.snapshot(study.name, NOW, None, trials=False).history.next_number
    end = Storage.now() + timedelta(hours=luck.choice((-1, 1)))
    store.append_trials(study, [a_trial(number + index, expire_time=end) for index in range(luck.randint(1, 3))], None)


def queue(store: Store, study: Study, luck: Random) -> None:
    """Replaces what waits."""
    history = store.snapshot(study.name, NOW, None, trials=False).history
    waiting = [a_trial(history.next_number + index, TrialState.QUEUED) for index in range(luck.randint(1, 3))]
    try:
        store.queue_trials(study, [QueuedTrial(each, history.observation_count, 1) for each in waiting])
    except NumberTaken:
        pytest.fail("nobody else is there")


def claim(store: Store, study: Study, luck: Random) -> None:
    """Takes what waits."""
    store.claim_trials(study.name, Claim(1, NOW, grace=9), Storage.now(), None)


def observe(store: Store, study: Study, luck: Random) -> None:
    """Observes some of all there are: late ones, queued ones, those that were observed already."""
    trials = store.list_trials(study, NOW, 0, 1_000, frozenset())
    chosen = luck.sample(trials, min(len(trials), 3))
    outcomes = [completed(luck.random()), FAILED, ABANDONED]
    store.observe_trials(study, [TrialObservation(one.number, luck.choice(outcomes)) for one in chosen], NOW, None)


def bring(store: Store, study: Study, luck: Random) -> None:
    """Imports, or puts in line."""
    if luck.random() < 0.5:
        store.import_trials(study, [ForeignTrial(POINT, {}, completed())], NOW, None)
    else:
        store.enqueue_trials(study, [(POINT, {})], NOW, None)


def extend(store: Store, study: Study, luck: Random) -> None:
    """Moves the end of a lease."""
    open_trials = store.list_trials(study, NOW, 0, 1_000, frozenset({TrialState.PENDING, TrialState.QUEUED}))
    if open_trials:
        store.extend_lease(study, luck.choice(open_trials).number, Storage.now() + timedelta(hours=1), None)


STEPS_OF = (suggest, suggest, queue, claim, observe, observe, bring, extend)


async def compared(histories: Histories, storage: Storage, study: Study) -> None:
    """Reads both ways."""
    look = await histories.look(study.name)
    whole = storage.store.snapshot(study.name, storage.now(), None, trials=True)
    assert look.past.history({}) == whole.history
    assert replace(look.snapshot, history=whole.history) == whole


@pytest.mark.parametrize("seed", range(4))
async def test_piece_by_piece_is_the_same_as_at_once(
    store: Store, open_another: Callable[[], Store], seed: int
) -> None:
    """Of two servers, each of which reads now and then; one keeps little in memory."""
    luck = Random(seed)
    study = store.create_study(a_study(), None)
    other_study = store.create_study(a_study("other"), None)
    servers = [Storage(each, 2, Metrics()) for each in (store, open_another())]
    histories = [Histories(servers[0], Metrics()), Histories(servers[1], Metrics(), most=3)]
    for _ in range(STEPS):
        of = luck.choice((study, study, other_study))
        luck.choice(STEPS_OF)(luck.choice(servers).store, of, luck)
        index = luck.randrange(4)
        if index < 2:
            await compared(histories[index], servers[index], luck.choice((study, other_study)))
    for index in (0, 1):
        for of in (study, other_study):
            await compared(histories[index], servers[index], of)


async def test_a_name_that_is_used_again_has_another_history(store: Store) -> None:
    """Though there are as many observations in the new study."""
    storage = Storage(store, 2, Metrics())
    histories = Histories(storage, Metrics())
    for loss in (0.25, 0.5):
        study = store.create_study(a_study(), None)
        store.import_trials(study, [ForeignTrial(POINT, {}, completed(loss))], NOW, None)
        await compared(histories, storage, study)
        store.delete_study(study, None)


async def test_a_database_that_was_set_back_is_read_anew(store: Store, open_another: Callable[[], Store]) -> None:
    """The number of observations says so, whatever the memo holds."""
    study = store.create_study(a_study(), None)
    storage = Storage(store, 2, Metrics())
    histories = Histories(storage, Metrics())
    store.import_trials(study, [ForeignTrial(POINT, {}, completed(loss)) for loss in (0.1, 0.2)], NOW, None)
    await histories.look(study.name)
    memo = histories._memo[study.name]
    memo.ended.append(memo.ended[0])  # as if a third one had been there
    await compared(histories, storage, study)


async def test_what_was_read_is_not_read_again(store: Store) -> None:
    """Two looks share the trials that have ended, and an earlier look doesn't change."""
    study = store.create_study(a_study(), None)
    histories = Histories(Storage(store, 2, Metrics()), Metrics())
    store.import_trials(study, [ForeignTrial(POINT, {}, completed())], NOW, None)
    first = (await histories.look(study.name)).past
    before: History = first.history({})
    store.import_trials(study, [ForeignTrial(POINT, {}, FAILED)], NOW, None)
    second = (await histories.look(study.name)).past
    assert first.line == second.line
    assert second.ended[0] is first.ended[0]
    assert first.history({}) == before
    assert [trial.number for trial in second.history({}).trials] == [1, 2]

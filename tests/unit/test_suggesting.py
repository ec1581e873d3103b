"""A Suggest that is computed for its caller, while the history isn't in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any
from unittest.mock import patch

import pytest

from slow_reads import SlowReads
from store_values import NOW, SPEC, a_study, a_trial, completed
from trimtab_service import suggesting
from trimtab_service.compute import Asked, Compute
from trimtab_service.domain.errors import DeadlineExceeded, SpaceExhausted
from trimtab_service.domain.space import Float
from trimtab_service.domain.study import ChosenAlgorithm, Study
from trimtab_service.domain.suggestion import Source, Suggested
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import TrialObservation
from trimtab_service.store.catalog import open_store
from trimtab_service.studies import Studies
from trimtab_service.tuner import Tuner
from trimtab_service.turns import Ask

THREADS = 4
GP = ChosenAlgorithm("gp", {}, "asked for", decisions=False)
LOADED = replace(SPEC, context=(Float("load", 0.0, 1.0),))
NO_TIME = patch.object(suggesting, "for_a_look", lambda _: 0.0)


@pytest.fixture
async def storage(sqlite_url: str) -> AsyncIterator[Storage]:
    """The door to an empty store."""
    store = open_store(sqlite_url, THREADS)
    store.migrate()
    storage = Storage(store, THREADS, Metrics())
    yield storage
    await storage.close()


@pytest.fixture
async def tuner(storage: Storage) -> AsyncIterator[Tuner]:
    """One that has read nothing yet."""
    metrics = Metrics()
    compute = Compute(1, 1, metrics)
    tuner = Tuner(storage, Studies(storage), compute, 0, metrics)
    yield tuner
    await tuner.close()
    await compute.close()


def tried(storage: Storage, name: str = "oven", **fields: Any) -> Study:
    """A study with three ended trials."""
    study = storage.store.create_study(a_study(name, spec=replace(LOADED, **fields), algorithm=GP), None)
    trials = [replace(a_trial(number), context={"load": 0.5}) for number in (1, 2, 3)]
    storage.store.append_trials(study, trials, None)
    storage.store.observe_trials(study, [TrialObservation(number, completed()) for number in (1, 2, 3)], NOW, None)
    return study


def ask(study: Study, *, fallback: bool = True) -> Ask:
    """For one trial."""
    return Ask(study.name, 1, {"load": 0.5}, {}, "", fallback, monotonic() + 60, None)


async def test_a_history_that_takes_too_long_is_read_on_and_a_fallback_is_answered(
    storage: Storage, tuner: Tuner
) -> None:
    """To each who asks meanwhile, though others take its number; and it is read once."""
    study = tried(storage)
    with SlowReads(storage.store, study.name) as reads, NO_TIME:
        _, first = await tuner.suggest(ask(study))
        await reads.begun()
        storage.store.append_trials(study, [replace(a_trial(5), context={"load": 0.5})], None)
        _, second = await tuner.suggest(ask(study))
        _, third = await tuner.suggest(ask(study))
        with pytest.raises(DeadlineExceeded):
            await tuner.suggest(ask(study, fallback=False))
        reads.go_on()
        await tuner.asked(study, {"load": 0.5})
    trials = [*first, *second, *third]
    assert [trial.number for trial in trials] == [4, 6, 7]
    assert {trial.told_source for trial in trials} == {Source.FALLBACK}
    assert reads.after == [0, 3]


async def test_the_histories_of_related_studies_may_take_too_long_as_well(storage: Storage, tuner: Tuner) -> None:
    """They are read on, too."""
    related = tried(storage, "related")
    study = tried(storage, transfer_from=(related.name,))
    times = iter([60.0, 0.0])
    with (
        SlowReads(storage.store, related.name) as reads,
        patch.object(suggesting, "for_a_look", lambda _: next(times)),
    ):
        _, (trial,) = await tuner.suggest(ask(study))
        reads.go_on()
        await tuner.asked(study, {"load": 0.5})
    assert (trial.number, trial.told_source) == (4, Source.FALLBACK)
    assert reads.after == [0, 3]


async def test_who_fixes_what_leaves_one_point_is_not_refused_with_others(storage: Storage, tuner: Tuner) -> None:
    """Of three who ask for it at once, the last two wait together: it's a point for each, not two for one."""
    study = tried(storage)
    point = {"rate": 0.01, "depth": 3}

    async def suggest(_: Compute, asked: Asked, count: int, seconds: float) -> Sequence[Suggested]:
        assert (asked.fixed, seconds > 0) == (point, True)
        await asyncio.sleep(0.05)
        if count > 1:
            raise SpaceExhausted("the search space has 1 points")
        return [Suggested(point, Source.MODEL)]

    one = replace(ask(study, fallback=False), fixed=point)
    with patch.object(Compute, "suggest", suggest):
        answers = await asyncio.gather(*(tuner.suggest(one) for _ in range(3)))
    assert sorted(trial.number for _, trials in answers for trial in trials) == [4, 5, 6]

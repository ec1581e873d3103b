"""What a store promises about a study that is too long to be deleted at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from contract.store.rewards import LATEST, REWARDED, an_expectation
from racing import race
from store_values import DECISIONS, LATER, NOW, a_decision, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import StudyNotFound
from trimtab_service.domain.study import Study, StudyCounts, TrialName
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store import sql_studies
from trimtab_service.store.base import (
    RECORDED,
    Checkpoint,
    DecisionBatch,
    ExpectationBatch,
    Store,
    TrialObservation,
)
from trimtab_service.store.queue import Claim, QueuedTrial
from trimtab_service.store.tables import checkpoints, expected, observations, progress, requests, studies, trials

AT_ONCE = 3
MANY = 10
TABLES = (checkpoints, expected, observations, progress, requests, studies, trials)


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_studies, "DELETED_AT_ONCE", AT_ONCE)


@pytest.fixture
def trial_study(store: Store) -> Study:
    """With trials that ended, are pending and wait, all by requests."""
    study = store.create_study(a_study(), None)
    for number in range(1, MANY + 1):
        store.append_trials(study, [a_trial(number)], a_request())
    store.observe_trials(study, [TrialObservation(number, completed()) for number in range(1, MANY)], NOW, a_request())
    store.queue_trials(study, [QueuedTrial(a_trial(MANY + 1, TrialState.QUEUED), MANY - 1, 1)])
    return study


@pytest.fixture
def bandit(store: Store) -> Study:
    """With decisions that were observed, are expected and are due, and a checkpoint."""
    study = store.create_study(a_study("router", spec=REWARDED, algorithm=DECISIONS), None)
    store.expect_decisions([ExpectationBatch(study, [an_expectation(f"e{number}") for number in range(MANY)])])
    for number in range(MANY):
        store.record_decisions([DecisionBatch(study, [a_decision(f"d{number}")], a_request())], NOW)
    store.save_checkpoint(study, Checkpoint("fingerprint", store.tail(study, "", 100).cursor, 1, 1, b"state"))
    return study


def rows_left(store: Store) -> dict[str, int]:
    """Of every table that hangs on studies, where there are any."""

    def count(connection: object) -> dict[str, int]:
        driver = connection.driver  # type: ignore[attr-defined]
        return {
            table.name: many
            for table in TABLES
            for (many,) in driver.execute(f"SELECT count(*) FROM {table.name}").fetchall()
            if many
        }

    left: dict[str, int] = store.read(count)  # type: ignore[attr-defined]
    return left


def test_a_long_study_is_gone_at_once(store: Store, trial_study: Study) -> None:
    """Though rows are left: nobody reads them, adds to them, or finds the study."""
    store.delete_study(trial_study, None)
    assert rows_left(store)["trials"] > AT_ONCE
    assert store.list_studies(None, None, 10) == []
    assert store.revisions([trial_study.uid]) == {}
    assert store.list_trials(trial_study, NOW, 0, 100, frozenset()) == []
    assert store.list_observations(trial_study, 0, 100) == []
    assert store.tail(trial_study, "", 100).rows == []
    assert store.get_counts(trial_study, NOW) == StudyCounts()
    assert store.claim_trials(trial_study.name, Claim(1, NOW), NOW, None) is None
    calls: list[Callable[[], object]] = [
        lambda: store.get_study(trial_study.name),
        lambda: store.get_trial(TrialName(trial_study.name, 1), NOW),
        lambda: store.snapshot(trial_study.name, NOW, None, trials=True),
        lambda: store.replace_study(trial_study, replace(trial_study, revision=2), None),
        lambda: store.delete_study(trial_study, None),
        lambda: store.observe_trials(trial_study, [TrialObservation(MANY, completed())], NOW, None),
        lambda: store.enqueue_trials(trial_study, [({"rate": 0.5, "depth": 2}, {})], NOW, None),
        lambda: store.append_trials(trial_study, [a_trial(MANY)], None),
    ]
    for call in calls:
        with pytest.raises(StudyNotFound):
            call()


def test_its_name_is_free_at_once(store: Store, trial_study: Study) -> None:
    """And whoever takes it loses nothing to what is still being deleted."""
    store.delete_study(trial_study, None)
    successor = store.create_study(a_study(), None)
    store.append_trials(successor, [a_trial()], None)
    store.observe_trials(successor, [TrialObservation(1, completed())], NOW, None)
    while store.clear_deleted():
        pass
    assert store.get_counts(successor, NOW) == StudyCounts(completed=1, observations=1)
    assert rows_left(store) == {"observations": 1, "progress": 1, "studies": 1, "trials": 1}


def test_it_goes_in_portions(store: Store, trial_study: Study, bandit: Study) -> None:
    """Of a bounded size; until nothing is left."""
    for study in (trial_study, bandit):
        store.delete_study(study, None)
    portions = []
    while deleted := store.clear_deleted():
        portions.append(deleted)
    assert rows_left(store) == {}
    assert len(portions) > 2 * MANY / AT_ONCE
    assert max(portions) <= AT_ONCE + 1  # the study's own row


def test_a_repeated_deletion_is_answered_while_rows_are_left(store: Store, bandit: Study) -> None:
    """And nothing else is deleted for it."""
    request = a_request(method="DeleteStudy")
    store.delete_study(bandit, request)
    successor = store.create_study(replace(a_study("router"), algorithm=DECISIONS), None)
    left = rows_left(store)
    store.delete_study(bandit, request)
    assert rows_left(store) == left
    assert store.get_study(bandit.name) == successor


def test_any_server_goes_on_with_a_deletion(
    store: Store, trial_study: Study, bandit: Study, open_another: Callable[[], Store]
) -> None:
    """Where the one that began it has stopped: when it next forgets old requests."""
    for study in (trial_study, bandit):
        store.delete_study(study, None)
    other = open_another()
    other.forget_requests(NOW)
    assert rows_left(other) == {}


def test_what_decisions_a_study_still_takes_goes_with_it(store: Store, bandit: Study) -> None:
    """From whoever hasn't heard; defaults that fall due too. Others in the same commit are recorded."""
    other = store.create_study(a_study("other", algorithm=DECISIONS), None)
    store.delete_study(bandit, None)
    batches = [
        DecisionBatch(bandit, [a_decision("late")], a_request()),
        DecisionBatch(other, [a_decision()], a_request()),
    ]
    answers = store.record_decisions(batches, NOW)
    again = store.record_decisions(batches, NOW)
    store.settle(LATEST, 100)
    store.save_checkpoint(bandit, Checkpoint("other", "", 1, 1, b"state"))
    while store.clear_deleted():
        pass
    assert answers[1] == [RECORDED] == again[1]
    assert isinstance(again[0], StudyNotFound)
    assert rows_left(store) == {"observations": 1, "progress": 1, "requests": 1, "studies": 1}
    assert isinstance(store.record_decisions(batches, NOW)[0], StudyNotFound)


def test_many_servers_clear_what_others_still_write(
    store: Store, trial_study: Study, bandit: Study, open_another: Callable[[], Store]
) -> None:
    """Nobody is in another's way, and in the end nothing is left."""
    kept = store.create_study(a_study("kept", algorithm=DECISIONS), None)
    stores = [store, *(open_another() for _ in range(3))]
    for study in (trial_study, bandit):
        store.delete_study(study, None)

    def clear(one: Store) -> None:
        while one.clear_deleted():
            pass

    def write(one: Store, writer: int) -> None:
        for number in range(MANY):
            late, own = (DecisionBatch(study, [a_decision(f"w{writer}-{number}")], None) for study in (bandit, kept))
            _, recorded = one.record_decisions([late, own], NOW)
            assert recorded == [RECORDED]
            with pytest.raises(StudyNotFound):
                one.append_trials(trial_study, [a_trial(number + 1, expire_time=LATER)], None)

    calls: list[Callable[[], None]] = [lambda one=one: clear(one) for one in stores[:2]]  # type: ignore[misc]
    calls += [lambda one=one, place=place: write(one, place) for place, one in enumerate(stores[2:])]  # type: ignore[misc]
    assert race(calls) == [None] * len(calls)
    clear(store)
    assert rows_left(store) == {"observations": 2 * MANY, "progress": 1, "studies": 1}

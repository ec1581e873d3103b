"""What a store promises about trials: snapshots, appending, leases, reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from store_values import ABANDONED, FAILED, LATER, NOW, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import (
    RequestIdReused,
    StudyNotFound,
    TrialEnded,
    TrialNotFound,
)
from trimtab_service.domain.study import Study, StudyName, TrialName
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.store.base import NumberTaken, Store, TrialObservation

JUST_AFTER = NOW + timedelta(microseconds=1)


@pytest.fixture
def study(store: Store) -> Study:
    """A study of stored trials."""
    return store.create_study(a_study(), None)


def in_every_state(store: Store, study: Study) -> dict[TrialState, Trial]:
    """Appends six trials, one in each state at NOW."""
    expired = a_trial(6, expire_time=NOW)
    store.append_trials(study, [a_trial(1, TrialState.QUEUED), *map(a_trial, (2, 3, 4, 5)), expired], None)
    ended = [TrialObservation(3, completed()), TrialObservation(4, FAILED), TrialObservation(5, ABANDONED)]
    store.observe_trials(study, ended, NOW, None)
    trials = store.list_trials(study, NOW, 0, 10, frozenset())
    return {trial.state: trial for trial in trials}


def test_a_snapshot_of_an_empty_study(store: Store, study: Study) -> None:
    """The first trial is number 1."""
    snapshot = store.snapshot(study.name, NOW, None, trials=True)
    assert (snapshot.study, snapshot.history, snapshot.replay) == (study, History((), 1, 0, 0), None)


def test_a_snapshot_of_an_unknown_study(store: Store) -> None:
    """Is an error."""
    with pytest.raises(StudyNotFound):
        store.snapshot(StudyName("lab", "nowhere"), NOW, None, trials=True)


def test_a_snapshot_leaves_out_what_nobody_is_trying(store: Store, study: Study) -> None:
    """Queued and expired trials; all others are there, by number."""
    states = in_every_state(store, study)
    history = store.snapshot(study.name, NOW, None, trials=True).history
    kept = (TrialState.PENDING, TrialState.COMPLETED, TrialState.FAILED, TrialState.ABANDONED)
    assert history.trials == tuple(states[state] for state in kept)
    assert (history.next_number, history.observation_count) == (7, 3)


def test_a_snapshot_without_trials_knows_the_rest(store: Store, study: Study) -> None:
    """Number, revision and count are those of a snapshot with trials."""
    in_every_state(store, study)
    full = store.snapshot(study.name, NOW, None, trials=True).history
    assert store.snapshot(study.name, NOW, None, trials=False).history == replace(full, trials=())


def test_the_revision_is_the_newest_place_in_the_log(store: Store, study: Study) -> None:
    """Of this study; others don't move it."""
    other = store.create_study(a_study("other"), None)
    for owner in (study, other):
        store.append_trials(owner, [a_trial(1), a_trial(2)], None)
    revisions = []
    for number in (2, 1):
        store.observe_trials(study, [TrialObservation(number, completed())], NOW, None)
        store.observe_trials(other, [TrialObservation(number, completed())], NOW, None)
        revisions.append(store.snapshot(study.name, NOW, None, trials=False).history.revision)
    assert revisions == [row.sequence for row in store.list_observations(study, 0, 10)]


def test_a_late_observation_brings_an_expired_trial_back(store: Store, study: Study) -> None:
    """It counts like any other."""
    store.append_trials(study, [a_trial(1, expire_time=NOW)], None)
    assert store.snapshot(study.name, NOW, None, trials=True).history.trials == ()
    store.observe_trials(study, [TrialObservation(1, completed())], LATER, None)
    (trial,) = store.snapshot(study.name, LATER, None, trials=True).history.trials
    assert (trial.state, trial.complete_time) == (TrialState.COMPLETED, LATER)


def test_appended_trials_are_found(store: Store, study: Study) -> None:
    """One by one, and as they were appended."""
    trials = store.append_trials(study, [a_trial(1), a_trial(2)], None)
    assert trials == (a_trial(1), a_trial(2))
    assert tuple(store.get_trial(TrialName(study.name, number), NOW) for number in (1, 2)) == trials


def test_a_number_is_taken_once(store: Store, study: Study) -> None:
    """And none of the trials of the refused call is stored."""
    store.append_trials(study, [a_trial(2)], None)
    with pytest.raises(NumberTaken):
        store.append_trials(study, [a_trial(1), a_trial(2), a_trial(3)], a_request())
    assert [trial.number for trial in store.list_trials(study, NOW, 0, 10, frozenset())] == [2]


def test_a_refused_append_leaves_its_request_id_unused(store: Store, study: Study) -> None:
    """So the caller can go round with it."""
    store.append_trials(study, [a_trial(1)], None)
    request = a_request(method="Suggest")
    with pytest.raises(NumberTaken):
        store.append_trials(study, [a_trial(1)], request)
    assert store.append_trials(study, [a_trial(2)], request) == (a_trial(2),)


def test_nothing_is_appended_to_a_deleted_study(store: Store, study: Study) -> None:
    """It is an error."""
    store.delete_study(study, None)
    with pytest.raises(StudyNotFound, match="deleted"):
        store.append_trials(study, [a_trial(1)], a_request())


def test_appending_again_with_one_request_id_gives_the_first_trials(store: Store, study: Study) -> None:
    """Though the second call brought other parameters and numbers."""
    request = a_request(method="Suggest")
    first = store.append_trials(study, [a_trial(1), a_trial(2)], request)
    again = [a_trial(3, parameters={"rate": 0.9, "depth": 9}), a_trial(4)]
    assert store.append_trials(study, again, request) == first
    assert store.snapshot(study.name, NOW, request, trials=False).history.next_number == 3


def test_a_snapshot_replays_a_request(store: Store, study: Study) -> None:
    """With the trials as they are now, with or without the history."""
    request = a_request(method="Suggest")
    store.append_trials(study, [a_trial(1), a_trial(2, expire_time=NOW)], request)
    store.append_trials(study, [a_trial(3)], None)
    store.observe_trials(study, [TrialObservation(1, completed())], NOW, None)
    states = (TrialState.COMPLETED, TrialState.EXPIRED)
    for trials in (True, False):
        replay = store.snapshot(study.name, NOW, request, trials=trials).replay
        assert replay is not None
        assert tuple(trial.state for trial in replay) == states


def test_a_snapshot_for_a_new_request_replays_nothing(store: Store, study: Study) -> None:
    """The request id of another study is nothing to this one."""
    request = a_request(method="Suggest")
    store.append_trials(store.create_study(a_study("other"), None), [a_trial(1)], request)
    assert store.snapshot(study.name, NOW, request, trials=False).replay is None


@pytest.mark.parametrize("change", [{"method": "Observe"}, {"fingerprint": b"another body"}])
def test_a_request_id_of_another_call_is_refused(store: Store, study: Study, change: dict[str, object]) -> None:
    """By every call that takes one, and nothing is stored."""
    request = a_request(method="Suggest")
    store.append_trials(study, [a_trial(1)], request)
    other = replace(request, **change)  # type: ignore[arg-type]
    calls: list[Callable[[], object]] = [
        lambda: store.snapshot(study.name, NOW, other, trials=False),
        lambda: store.append_trials(study, [a_trial(2)], other),
        lambda: store.observe_trials(study, [TrialObservation(1, completed())], NOW, other),
        lambda: store.extend_lease(study, 1, LATER + timedelta(days=1), other),
        lambda: store.replayed(study.uid, other),
    ]
    for call in calls:
        with pytest.raises(RequestIdReused):
            call()
    assert store.list_trials(study, NOW, 0, 10, frozenset()) == [a_trial(1)]


def test_a_lease_is_extended(store: Store, study: Study) -> None:
    """Also one that is over, and one that never began."""
    trials = [a_trial(1), a_trial(2, expire_time=NOW), a_trial(3, TrialState.QUEUED)]
    store.append_trials(study, trials, None)
    end = LATER + timedelta(days=1)
    assert [store.extend_lease(study, number, end, None) for number in (1, 2, 3)] == [end] * 3
    leases = {(trial.state, trial.expire_time) for trial in store.list_trials(study, LATER, 0, 10, frozenset())}
    assert leases == {(TrialState.PENDING, end)}


def test_a_lease_is_shortened(store: Store, study: Study) -> None:
    """It ends when the caller said last."""
    store.append_trials(study, [a_trial(1)], None)
    store.extend_lease(study, 1, JUST_AFTER, None)
    name = TrialName(study.name, 1)
    assert [store.get_trial(name, now).state for now in (NOW, JUST_AFTER)] == [TrialState.PENDING, TrialState.EXPIRED]


@pytest.mark.parametrize("observation", [completed(), FAILED, ABANDONED])
def test_a_trial_that_ended_has_no_lease(store: Store, study: Study, observation: object) -> None:
    """It stays as it is."""
    store.append_trials(study, [a_trial(1)], None)
    store.observe_trials(study, [TrialObservation(1, observation)], NOW, None)  # type: ignore[arg-type]
    with pytest.raises(TrialEnded, match="trials/1"):
        store.extend_lease(study, 1, LATER, a_request())
    assert store.get_trial(TrialName(study.name, 1), LATER).observation == observation


def test_an_unknown_trial_has_no_lease(store: Store, study: Study) -> None:
    """It is an error."""
    with pytest.raises(TrialNotFound, match="trials/1"):
        store.extend_lease(study, 1, LATER, None)


def test_extending_again_with_one_request_id_gives_the_first_time(store: Store, study: Study) -> None:
    """Whatever became of the trial since."""
    store.append_trials(study, [a_trial(1)], None)
    request = a_request(method="ExtendLease")
    first = store.extend_lease(study, 1, LATER, request)
    again = store.extend_lease(study, 1, LATER + timedelta(hours=1), request)
    store.observe_trials(study, [TrialObservation(1, completed())], NOW, None)
    assert [first, again, store.extend_lease(study, 1, NOW, request)] == [LATER] * 3


def test_an_unknown_trial_is_not_found(store: Store, study: Study) -> None:
    """Nor one of an unknown study; they are different errors."""
    store.append_trials(study, [a_trial(1)], None)
    with pytest.raises(TrialNotFound, match="trials/2"):
        store.get_trial(TrialName(study.name, 2), NOW)
    with pytest.raises(StudyNotFound, match="nowhere"):
        store.get_trial(TrialName(StudyName("lab", "nowhere"), 1), NOW)


def test_trials_are_listed_by_number_in_pages(store: Store, study: Study) -> None:
    """Pages join without a gap."""
    store.append_trials(study, [a_trial(number) for number in (5, 1, 4, 2, 3)], None)
    read: list[int] = []
    while page := store.list_trials(study, NOW, read[-1] if read else 0, 2, frozenset()):
        read += [trial.number for trial in page]
    assert read == [1, 2, 3, 4, 5]


def test_trials_are_listed_by_state(store: Store, study: Study) -> None:
    """Each state by itself, and two together."""
    states = in_every_state(store, study)
    assert set(states) == set(TrialState)
    for state, trial in states.items():
        assert store.list_trials(study, NOW, 0, 10, frozenset({state})) == [trial]
    both = frozenset({TrialState.EXPIRED, TrialState.FAILED})
    assert store.list_trials(study, NOW, 0, 10, both) == [states[TrialState.FAILED], states[TrialState.EXPIRED]]


def test_a_page_of_one_state_is_full(store: Store, study: Study) -> None:
    """The limit counts what is asked for, not what is passed over."""
    trials = [a_trial(number, TrialState.QUEUED if number % 2 else TrialState.PENDING) for number in range(1, 11)]
    store.append_trials(study, trials, None)
    listed = store.list_trials(study, NOW, 2, 3, frozenset({TrialState.PENDING}))
    assert [trial.number for trial in listed] == [4, 6, 8]

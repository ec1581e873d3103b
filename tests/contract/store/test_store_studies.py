"""What a store promises about studies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from store_values import (
    DECISIONS,
    LATER,
    NOW,
    SPEC,
    a_decision,
    a_request,
    a_study,
    a_trial,
    completed,
)
from trimtab_service.domain.errors import EtagMismatch, RequestIdReused, StudyExists, StudyNotFound
from trimtab_service.domain.study import Study, StudyCounts, StudyName, StudyState
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store.base import DecisionBatch, Store, TrialObservation


def stopped(study: Study) -> Study:
    """The next revision of the study."""
    return replace(study, state=StudyState.STOPPED, revision=study.revision + 1, update_time=LATER)


def test_a_created_study_is_found(store: Store) -> None:
    """By its name, as it was created."""
    study = store.create_study(a_study(), None)
    assert store.get_study(study.name) == study


@pytest.mark.parametrize("name", [StudyName("lab", "other"), StudyName("elsewhere", "oven")])
def test_an_unknown_study_is_not_found(store: Store, name: StudyName) -> None:
    """Neither in the same namespace, nor under the same id in another one."""
    store.create_study(a_study("oven", "lab"), None)
    with pytest.raises(StudyNotFound, match=str(name)):
        store.get_study(name)


def test_a_name_is_taken_once(store: Store) -> None:
    """The first study stays as it is."""
    first = store.create_study(a_study(), None)
    with pytest.raises(StudyExists, match="namespaces/lab/studies/oven"):
        store.create_study(a_study(spec=replace(SPEC, seed=8)), None)
    assert store.get_study(first.name) == first


def test_creating_again_with_one_request_id_gives_the_first_study(store: Store) -> None:
    """Even though the second call brought a uid of its own."""
    request = a_request(method="CreateStudy")
    first = store.create_study(a_study(), request)
    assert store.create_study(a_study(), request) == first


def test_a_repeated_creation_gives_the_study_as_it_is_now(store: Store) -> None:
    """It may have changed since it was created."""
    request = a_request(method="CreateStudy")
    study = store.create_study(a_study(), request)
    changed = store.replace_study(study, stopped(study), None)
    assert store.create_study(a_study(), request) == changed


def test_a_repeated_creation_of_a_study_since_deleted_says_so(store: Store) -> None:
    """It is not created a second time."""
    request = a_request(method="CreateStudy")
    study = store.create_study(a_study(), request)
    store.delete_study(study, None)
    with pytest.raises(StudyNotFound, match="deleted"):
        store.create_study(a_study(), request)


def test_a_request_id_of_another_creation_is_refused(store: Store) -> None:
    """Nothing is created."""
    request = a_request(method="CreateStudy")
    store.create_study(a_study("oven"), request)
    with pytest.raises(RequestIdReused, match="request_id"):
        store.create_study(a_study("kiln"), replace(request, fingerprint=b"another body"))
    assert [study.name.study for study in store.list_studies(None, None, 10)] == ["oven"]


def test_request_ids_of_two_namespaces_are_apart(store: Store) -> None:
    """Two callers who don't know of each other may draw the same one."""
    request = a_request(method="CreateStudy")
    store.create_study(a_study("oven", "lab"), request)
    other = a_study("oven", "plant")
    assert store.create_study(other, replace(request, fingerprint=b"another body")) == other


def test_studies_are_listed_by_name(store: Store) -> None:
    """By code point and namespace first, whatever the order of creation."""
    names = [("lab", "b"), ("lab", "a-z"), ("lab", "ab"), ("a-lab", "z"), ("lab", "a1")]
    for namespace, study in names:
        store.create_study(a_study(study, namespace), None)
    listed = [(study.name.namespace, study.name.study) for study in store.list_studies(None, None, 10)]
    assert listed == sorted(names)


def test_pages_of_studies_join(store: Store) -> None:
    """Each page begins behind the last study of the one before, also from one namespace to the next."""
    names = sorted(StudyName(namespace, f"s{index}") for namespace in ("a", "b") for index in range(4))
    for name in names:
        store.create_study(a_study(name.study, name.namespace), None)
    read: list[StudyName] = []
    while page := store.list_studies(None, read[-1] if read else None, 3):
        read += [study.name for study in page]
    assert read == names


def test_one_namespace_is_listed_alone(store: Store) -> None:
    """Others don't show through."""
    for namespace in ("lab", "plant"):
        store.create_study(a_study("oven", namespace), None)
    assert [str(study.name) for study in store.list_studies("plant", None, 10)] == ["namespaces/plant/studies/oven"]


def test_a_replaced_study_is_found(store: Store) -> None:
    """As it was replaced."""
    study = store.create_study(a_study(), None)
    new = stopped(study)
    assert store.replace_study(study, new, None) == new
    assert store.get_study(study.name) == new


def test_a_study_is_replaced_only_as_it_was_read(store: Store) -> None:
    """Of two who read the same revision, one is told to read again."""
    study = store.create_study(a_study(), None)
    first = store.replace_study(study, stopped(study), None)
    with pytest.raises(EtagMismatch, match="read it again"):
        store.replace_study(study, replace(stopped(study), spec=replace(SPEC, description="lost")), None)
    assert store.get_study(study.name) == first


def test_a_deleted_study_is_not_replaced(store: Store) -> None:
    """Nor is a study that took its name."""
    study = store.create_study(a_study(), None)
    store.delete_study(study, None)
    successor = store.create_study(a_study(), None)
    with pytest.raises(StudyNotFound):
        store.replace_study(study, stopped(study), None)
    assert store.get_study(study.name) == successor


def test_replacing_again_with_one_request_id_has_one_effect(store: Store) -> None:
    """The repetition gets the study as it is now."""
    study = store.create_study(a_study(), None)
    request = a_request(method="UpdateStudy")
    store.replace_study(study, stopped(study), request)
    newest = store.replace_study(stopped(study), replace(study, revision=3), None)
    assert store.replace_study(study, stopped(study), request) == newest


def test_replacing_with_a_request_id_of_another_call_is_refused(store: Store) -> None:
    """Nothing is replaced."""
    study = store.create_study(a_study(), None)
    request = a_request()
    store.extend_lease(study, store.append_trials(study, [a_trial()], None)[0].number, LATER, request)
    with pytest.raises(RequestIdReused, match="for Observe"):
        store.replace_study(study, stopped(study), replace(request, method="UpdateStudy"))
    assert store.get_study(study.name) == study


def test_a_deleted_study_is_gone(store: Store) -> None:
    """Its name is free again."""
    study = store.create_study(a_study(), None)
    store.delete_study(study, None)
    with pytest.raises(StudyNotFound):
        store.get_study(study.name)
    store.create_study(a_study(), None)


def test_deletion_takes_everything_along(store: Store) -> None:
    """Trials, log and requests; of other studies nothing."""
    study, bandit, other = (
        store.create_study(a_study(name, algorithm=algorithm), None)
        for name, algorithm in (("oven", a_study().algorithm), ("router", DECISIONS), ("kiln", a_study().algorithm))
    )
    request = a_request()
    for owner in (study, other):
        store.append_trials(owner, [a_trial()], request)
        store.observe_trials(owner, [TrialObservation(1, completed())], NOW, None)
    store.record_decisions([DecisionBatch(bandit, [a_decision()], request)], NOW)
    store.delete_study(study, None)
    store.delete_study(bandit, None)
    left = [
        (store.get_counts(owner, NOW), len(store.tail(owner, "", 10).rows), store.replayed(owner.uid, request))
        for owner in (study, bandit, other)
    ]
    nothing = (StudyCounts(), 0, False)
    assert left == [nothing, nothing, (StudyCounts(completed=1, observations=1), 1, True)]


def test_a_study_is_deleted_only_as_it_was_read(store: Store) -> None:
    """A change in between is not lost unseen."""
    study = store.create_study(a_study(), None)
    changed = store.replace_study(study, stopped(study), None)
    with pytest.raises(EtagMismatch):
        store.delete_study(study, None)
    assert store.get_study(study.name) == changed


def test_deleting_twice_says_so(store: Store) -> None:
    """Without a request id nobody knows who deleted it."""
    study = store.create_study(a_study(), None)
    store.delete_study(study, None)
    with pytest.raises(StudyNotFound):
        store.delete_study(study, None)


def test_deleting_again_with_one_request_id_succeeds(store: Store) -> None:
    """And leaves a study alone that has taken the name since."""
    study = store.create_study(a_study(), None)
    request = a_request(method="DeleteStudy")
    store.delete_study(study, request)
    successor = store.create_study(a_study(), None)
    store.delete_study(study, request)
    assert store.replayed("namespaces/lab", request)
    assert store.get_study(study.name) == successor


def test_counts_tell_the_states_apart(store: Store) -> None:
    """A pending trial is expired from the instant its lease ends."""
    study = store.create_study(a_study(), None)
    states = [TrialState.QUEUED, TrialState.QUEUED, *[TrialState.PENDING] * 6]
    store.append_trials(study, [a_trial(number, state) for number, state in enumerate(states, 1)], None)
    store.extend_lease(study, 8, NOW + timedelta(microseconds=1), None)
    store.extend_lease(study, 7, NOW, None)
    store.observe_trials(study, [TrialObservation(number, completed()) for number in (3, 4)], NOW, None)
    counts = store.get_counts(study, NOW)
    assert counts == StudyCounts(queued=2, pending=3, completed=2, expired=1, observations=2)


def test_pending_trials_of_all_studies_are_counted(store: Store) -> None:
    """Neither queued, nor ended, nor expired ones."""
    for name in ("oven", "kiln"):
        study = store.create_study(a_study(name), None)
        store.append_trials(study, [a_trial(1, TrialState.QUEUED), a_trial(2), a_trial(3), a_trial(4)], None)
        store.observe_trials(study, [TrialObservation(3, completed())], NOW, None)
        store.extend_lease(study, 4, NOW, None)
    assert store.count_pending(NOW) == 2


def test_the_deployment_has_one_signing_key(store: Store) -> None:
    """The first candidate is kept."""
    assert [store.signing_key(b"first"), store.signing_key(b"second")] == [b"first", b"first"]

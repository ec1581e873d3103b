"""What a store promises about observations of trials, and the log they make."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store_values import FAILED, LATER, NOW, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import ObservationConflict, StudyNotFound, TrialNotFound
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import Study, TrialName
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store.base import DUPLICATE, RECORDED, Result, Store, TrialObservation


@pytest.fixture
def study(store: Store) -> Study:
    """A study with five pending trials."""
    study = store.create_study(a_study(), None)
    store.append_trials(study, [a_trial(number) for number in range(1, 6)], None)
    return study


def observe(store: Store, study: Study, *observations: tuple[int, Observation]) -> list[Result]:
    """Observes trials by number."""
    return store.observe_trials(study, [TrialObservation(*item) for item in observations], NOW, None)


def kinds(results: list[Result]) -> list[object]:
    """What became of each: RECORDED, DUPLICATE, or the class of the error."""
    return [type(result) if isinstance(result, Exception) else result for result in results]


def test_an_observation_ends_its_trial(store: Store, study: Study) -> None:
    """The trial carries it from then on."""
    assert observe(store, study, (2, completed())) == [RECORDED]
    ended = replace(a_trial(2), state=TrialState.COMPLETED, observation=completed(), complete_time=NOW)
    assert store.get_trial(TrialName(study.name, 2), LATER) == ended


def test_a_queued_trial_takes_an_observation(store: Store, study: Study) -> None:
    """It was tried, though nobody said that it was handed out."""
    store.append_trials(study, [a_trial(6, TrialState.QUEUED)], None)
    assert observe(store, study, (6, completed())) == [RECORDED]
    assert store.get_trial(TrialName(study.name, 6), NOW).state is TrialState.COMPLETED


def test_the_same_observation_again_is_a_duplicate(store: Store, study: Study) -> None:
    """It counts once."""
    assert observe(store, study, (1, completed())) + observe(store, study, (1, completed())) == [RECORDED, DUPLICATE]
    assert store.snapshot(study.name, NOW, None, trials=False).history.observation_count == 1


@pytest.mark.parametrize("second", [completed(0.75), FAILED])
def test_another_observation_is_refused(store: Store, study: Study, second: Observation) -> None:
    """The first one stands, and the message shows it."""
    observe(store, study, (1, completed(0.5)))
    (result,) = observe(store, study, (1, second))
    assert isinstance(result, ObservationConflict)
    assert str(result) == (
        "namespaces/lab/studies/oven/trials/1 has another observation already, completed with loss = 0.5; "
        "the first one stands"
    )
    assert store.get_trial(TrialName(study.name, 1), NOW).observation == completed(0.5)


def test_each_observation_has_its_own_result(store: Store, study: Study) -> None:
    """What is refused doesn't keep the others from being stored."""
    observe(store, study, (1, completed()), (2, FAILED))
    results = observe(store, study, (9, completed()), (3, FAILED), (1, completed()), (2, completed()), (4, completed()))
    assert kinds(results) == [TrialNotFound, RECORDED, DUPLICATE, ObservationConflict, RECORDED]
    assert [row.number for row in store.list_observations(study, 0, 10)] == [1, 2, 3, 4]


def test_one_call_may_name_a_trial_twice(store: Store, study: Study) -> None:
    """As if it had been two calls."""
    results = observe(store, study, (1, completed()), (1, completed()), (1, FAILED))
    assert kinds(results) == [RECORDED, DUPLICATE, ObservationConflict]


def test_nothing_to_observe_is_no_error(store: Store, study: Study) -> None:
    """There is nothing to answer either."""
    assert observe(store, study) == []


def test_a_deleted_study_takes_no_observation(store: Store, study: Study) -> None:
    """The whole call is refused."""
    store.delete_study(study, None)
    with pytest.raises(StudyNotFound):
        observe(store, study, (1, completed()))


def test_a_repeated_call_gets_the_first_answer(store: Store, study: Study) -> None:
    """With its refusals, though they would be judged otherwise by now."""
    observe(store, study, (2, completed()))
    request = a_request()
    items = [TrialObservation(1, completed()), TrialObservation(2, FAILED), TrialObservation(6, completed())]
    first = store.observe_trials(study, items, NOW, request)
    store.append_trials(study, [a_trial(6)], None)
    again = store.observe_trials(study, items, LATER, request)
    assert kinds(first) == [RECORDED, ObservationConflict, TrialNotFound]
    assert [(repr(result), getattr(result, "metadata", None)) for result in again] == [
        (repr(result), getattr(result, "metadata", None)) for result in first
    ]
    assert store.get_trial(TrialName(study.name, 6), NOW).state is TrialState.PENDING


def test_the_log_tells_what_was_tried(store: Store, study: Study) -> None:
    """Each row carries the parameters and the context of its trial."""
    trial = replace(a_trial(6), context={"hour": 7})
    store.append_trials(study, [trial], None)
    store.observe_trials(study, [TrialObservation(6, completed())], LATER, None)
    (row,) = store.list_observations(study, 0, 10)
    assert (row.number, row.parameters, row.context) == (6, trial.parameters, trial.context)
    assert (row.observation, row.create_time) == (completed(), LATER)
    assert (row.decision, row.arm, row.propensity) == (None, None, None)


def test_the_log_is_read_in_pages(store: Store, study: Study) -> None:
    """In the order in which it was written, without gaps between pages."""
    for number in (3, 1, 5, 2, 4):
        observe(store, study, (number, completed()))
    read: list[int | None] = []
    after = 0
    while page := store.list_observations(study, after, 2):
        read += [row.number for row in page]
        after = page[-1].sequence
    assert read == [3, 1, 5, 2, 4]


def test_the_tail_gives_trials_as_well(store: Store, study: Study) -> None:
    """It is the same log."""
    observe(store, study, (3, completed()), (1, FAILED))
    assert list(store.tail(study, "", 10).rows) == store.list_observations(study, 0, 10)

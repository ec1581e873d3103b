"""What becomes of observations and trials that are refused: each stands for itself, and for good under its request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store_values import LATER, NOW, SPEC, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import InvalidArgument, LineFull, SuggestionIdInvalid, TrialQueued
from trimtab_service.domain.space import Integer
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store import sql_queue
from trimtab_service.store.base import RECORDED, Store, TrialObservation
from trimtab_service.store.queue import DESIGNED, MANUAL, Claim, ForeignTrial, QueuedTrial

POINT = {"rate": 0.5, "depth": 2}
BAD = InvalidArgument('observations[1].measurements["loss"]', "missing")
WRONG = SuggestionIdInvalid("observations[2].suggestion_id", "'x' is not the id of a suggestion")


@pytest.fixture
def study(store: Store) -> Study:
    """A study of stored trials."""
    return store.create_study(a_study(), None)


@pytest.fixture
def in_context(store: Store) -> Study:
    """One whose trials are for an hour of the day, with a point in line that is for none yet."""
    study = store.create_study(a_study("hourly", spec=replace(SPEC, context=(Integer("hour", 0, 23),))), None)
    store.enqueue_trials(study, [(POINT, {})], NOW, None)
    return study


def shown(results: object) -> list[object]:
    """Errors by all that they say."""
    assert isinstance(results, list | tuple)
    return [(type(one), one.violations, one.metadata) if isinstance(one, InvalidArgument) else one for one in results]


def test_what_did_not_fit_is_answered_so_again(store: Store, study: Study) -> None:
    """Between the others, and whatever fits the study by the time of the second call."""
    store.append_trials(study, [a_trial(1), a_trial(2)], None)
    first, second = TrialObservation(1, completed()), TrialObservation(2, completed())
    request = a_request()
    once = store.observe_trials(study, [first, BAD, WRONG, second], NOW, request)
    again = store.observe_trials(study, [first, second, second, second], LATER, request)
    assert shown(once) == [RECORDED, *shown([BAD, WRONG]), RECORDED]
    assert shown(again) == shown(once)


def test_an_observe_of_faults_alone_is_remembered(store: Store, study: Study) -> None:
    """Nothing is stored then, nor later under the same request."""
    store.append_trials(study, [a_trial(1)], None)
    request = a_request()
    once = store.observe_trials(study, [BAD], NOW, request)
    again = store.observe_trials(study, [TrialObservation(1, completed())], NOW, request)
    assert shown(once) == shown(again) == shown([BAD])
    assert store.snapshot(study.name, NOW, None, trials=False).history.observation_count == 0


def test_an_import_answers_for_each_of_its_trials(store: Store, study: Study) -> None:
    """In order, and the same again."""
    good, request = ForeignTrial(POINT, {}, completed()), a_request()
    once = store.import_trials(study, [BAD, good, good, BAD], NOW, request)
    again = store.import_trials(study, [good] * 4, NOW, request)
    (bad,) = shown([BAD])
    assert shown(once) == shown(again) == [bad, 1, 2, bad]
    assert len(store.list_observations(study, 0, 10)) == 2


def test_an_import_of_faults_alone_leaves_the_queue_as_it_is(store: Store, study: Study) -> None:
    """Nothing has become known."""
    store.queue_trials(study, [QueuedTrial(a_trial(1, TrialState.QUEUED), DESIGNED, 1)])
    assert shown(store.import_trials(study, [BAD], NOW, a_request())) == shown([BAD])
    assert [trial.number for trial in store.list_trials(study, NOW, 0, 10, frozenset())] == [1]


def test_no_more_points_are_put_in_line_than_may_wait(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a call or none; what was computed doesn't count, and what was handed out no more."""
    monkeypatch.setattr(sql_queue, "MOST_IN_LINE", 3)
    store.queue_trials(study, [QueuedTrial(a_trial(1, TrialState.QUEUED), DESIGNED, 1)])
    assert store.enqueue_trials(study, [(POINT, {})] * 2, NOW, None) == (2, 3)
    with pytest.raises(LineFull, match="2 points wait"):
        store.enqueue_trials(study, [(POINT, {})] * 2, NOW, None)
    store.claim_trials(study.name, Claim(1, NOW), NOW, None)
    assert store.enqueue_trials(study, [(POINT, {})] * 2, NOW, None) == (4, 5)


def test_a_trial_without_its_context_takes_no_observation(store: Store, in_context: Study) -> None:
    """A model could make nothing of it. Once somebody takes it for a context, it does."""
    observation = TrialObservation(1, completed())
    (refused,) = store.observe_trials(in_context, [observation], NOW, None)
    assert isinstance(refused, TrialQueued)
    assert "trials/1" in str(refused)
    store.claim_trials(in_context.name, Claim(1, NOW, least_known=MANUAL, context={"hour": 3}), NOW, None)
    assert store.observe_trials(in_context, [observation], NOW, None) == [RECORDED]


def test_a_trial_without_its_context_has_no_lease(store: Store, in_context: Study) -> None:
    """It stays in line."""
    with pytest.raises(TrialQueued, match="trials/1"):
        store.extend_lease(in_context, 1, LATER, a_request())
    assert [trial.state for trial in store.list_trials(in_context, NOW, 0, 10, frozenset())] == [TrialState.QUEUED]


def test_a_queued_trial_with_a_context_has_a_lease(store: Store, in_context: Study) -> None:
    """As in a study without one."""
    waiting = replace(a_trial(2, TrialState.QUEUED), context={"hour": 3})
    store.queue_trials(in_context, [QueuedTrial(waiting, DESIGNED, 1)])
    assert store.extend_lease(in_context, 2, LATER, None) == LATER

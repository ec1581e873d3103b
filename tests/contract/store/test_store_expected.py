"""What a store promises to whoever claims a trial and says which one it expects: all that it promises to others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from racing import race
from store_values import LATER, NOW, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import RequestIdReused
from trimtab_service.domain.names import TrialName
from trimtab_service.domain.study import Study, StudyState
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store import sql_studies
from trimtab_service.store.base import Store, TrialObservation
from trimtab_service.store.queue import ANY_REVISION, DESIGNED, MANUAL, Claim, Claimed, Expected, QueuedTrial

POINT = {"rate": 0.5, "depth": 2}
CALLERS = 8


@pytest.fixture
def study(store: Store) -> Study:
    """A study of stored trials."""
    return store.create_study(a_study(), None)


def queued(number: int, known: int = 0, rate: float = 0.25) -> QueuedTrial:
    """A trial that waits."""
    trial = a_trial(number, TrialState.QUEUED, parameters={"rate": rate, "depth": 3})
    return QueuedTrial(trial, known, 1)


def manual(number: int) -> QueuedTrial:
    """One that people put in line."""
    return replace(queued(number, MANUAL), study_revision=ANY_REVISION)


def expecting(study: Study, first: QueuedTrial, **changes: object) -> Claim:
    """By one who is patient with one observation."""
    return replace(Claim(1, NOW, "worker 7", grace=1, expected=Expected(study, first)), **changes)  # type: ignore[arg-type]


def claimed(store: Store, study: Study, claim: Claim) -> int | None:
    """The number of the trial that it gets."""
    found = store.claim_trials(study.name, claim, NOW, None)
    return None if found is None else found.trials[0].number


def observed(store: Store, study: Study, *finished: int) -> None:
    """Observes trials."""
    store.observe_trials(study, [TrialObservation(number, completed()) for number in finished], NOW, None)


def test_the_answer_is_the_same_as_after_a_look(store: Store, study: Study) -> None:
    """The trial as it is stored from now on, the study, and how much it has observed."""
    store.append_trials(study, [a_trial(1)], None)
    store.queue_trials(study, [queued(2), queued(3)])
    observed(store, study, 1)
    first = store.claim_trials(study.name, expecting(study, queued(2), detail="late"), LATER, None)
    second = store.claim_trials(study.name, expecting(study, queued(2), detail="late"), LATER, None)
    assert first is not None
    assert second is not None
    (trial,) = first.trials
    assert trial == store.get_trial(TrialName(study.name, 2), LATER)
    (other,) = second.trials
    assert replace(first, trials=(replace(trial, number=3, model=other.model),)) == second
    assert (trial.worker, trial.detail, trial.ahead, first.observation_count) == ("worker 7", "late", True, 1)
    assert (other.number, other.state) == (3, TrialState.PENDING)


def test_of_those_that_are_as_good_it_is_the_expected_one(store: Store, study: Study) -> None:
    """Others, who claim at once, expect the ones before it."""
    store.queue_trials(study, [queued(1), queued(2), queued(3)])
    assert claimed(store, study, expecting(study, queued(2))) == 2
    assert claimed(store, study, Claim(1, NOW)) == 1


def test_a_request_is_answered_once(store: Store, study: Study) -> None:
    """Whatever is expected the second time; under another body its id is refused."""
    store.queue_trials(study, [queued(1), queued(2)])
    request = a_request(method="Suggest")
    first = store.claim_trials(study.name, expecting(study, queued(1)), NOW, request)
    observed(store, study, 1)
    again = store.claim_trials(study.name, expecting(study, queued(2)), LATER, request)
    assert first is not None
    assert again is not None
    assert [trial.number for trial in (*first.trials, *again.trials)] == [1, 1]
    assert again.trials[0].state is TrialState.COMPLETED
    with pytest.raises(RequestIdReused):
        store.claim_trials(study.name, expecting(study, queued(2)), NOW, replace(request, fingerprint=b"other body"))
    assert claimed(store, study, expecting(study, queued(2))) == 2


def late(store: Store, study: Study, *others: QueuedTrial) -> None:
    """Queues 4 and 5, which know nothing, beside others that were queued before."""
    store.queue_trials(study, others)
    store.queue_trials(study, [queued(4), queued(5)])


@pytest.mark.parametrize("better", [queued(1, 3), queued(1, DESIGNED), manual(1)])
def test_what_is_better_comes_first(store: Store, study: Study, better: QueuedTrial) -> None:
    """What knows more, belongs to the design or was put in line by hand."""
    late(store, study, better)
    assert claimed(store, study, expecting(study, queued(5))) == 1
    assert claimed(store, study, expecting(study, queued(5))) == 5


@pytest.mark.parametrize("kind", [partial(queued, known=DESIGNED), manual])
def test_what_has_an_order_keeps_it(store: Store, study: Study, kind: Callable[[int], QueuedTrial]) -> None:
    """The design, and what people put in line, whatever is expected."""
    store.queue_trials(study, [kind(1), kind(2), kind(3)])
    assert [claimed(store, study, expecting(study, kind(number))) for number in (3, 2, 3)] == [1, 2, 3]


def test_what_is_better_but_not_to_be_had_is_in_nobodys_way(
    store: Store, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is being tried, is another study's, or was computed for the study as it was."""
    other = store.create_study(a_study("other"), None)
    store.queue_trials(other, [manual(1)])
    late(store, study, queued(1, 5), queued(2, 5), queued(3, 5))
    store.claim_trials(study.name, Claim(3, NOW), NOW, None)
    assert claimed(store, study, expecting(study, queued(5))) == 5
    store.queue_trials(study, [queued(6, 5)])
    changed = store.replace_study(study, replace(study, revision=2), None)
    new = [replace(queued(number), study_revision=2) for number in (7, 8)]
    with monkeypatch.context() as patch:
        patch.setattr(store, "write_alone", lambda _: None)  # what they replace goes a moment later
        store.queue_trials(changed, new)
    assert claimed(store, changed, expecting(changed, new[1])) == 8


@pytest.mark.parametrize(("patience", "grace", "number"), [(1, 0, None), (2, 0, 6), (0, 1, None), (0, 2, 6)])
def test_what_is_too_old_is_not_handed_out(
    store: Store, study: Study, patience: int, grace: int, number: int | None
) -> None:
    """By two observations, while one trial is being tried; who doesn't try any more doesn't count."""
    store.append_trials(study, [a_trial(1), a_trial(2), a_trial(3), a_trial(4, expire_time=NOW)], None)
    store.queue_trials(study, [queued(5), queued(6)])
    observed(store, study, 1, 2)
    assert claimed(store, study, expecting(study, queued(6), patience=patience, grace=grace)) == number


def test_of_a_stopped_study_nothing_is_handed_out(store: Store, study: Study) -> None:
    """Though its revision is known, and the trial good for all."""
    store.queue_trials(study, [manual(1)])
    stopped = store.replace_study(study, replace(study, revision=2, state=StudyState.STOPPED), None)
    assert claimed(store, stopped, expecting(stopped, manual(1))) is None


def test_of_a_changed_study_only_what_is_good_for_all(store: Store, study: Study) -> None:
    """Whatever revision is believed in."""
    store.queue_trials(study, [queued(1), queued(2)])
    store.queue_trials(study, [manual(3)])
    store.queue_trials(study, [queued(4), queued(5)])  # come late
    changed = store.replace_study(study, replace(study, revision=2), None)
    assert claimed(store, study, expecting(study, manual(3))) == 3
    assert claimed(store, study, expecting(study, queued(5))) is None
    assert claimed(store, changed, expecting(changed, queued(5))) is None


def test_of_a_deleted_study_nothing_is_handed_out(store: Store, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its trials are there still, and its name is another's."""
    monkeypatch.setattr(sql_studies, "DELETED_AT_ONCE", 1)
    store.queue_trials(study, [queued(number) for number in range(1, 9)])
    store.delete_study(study, None)
    again = store.create_study(a_study(), None)
    assert claimed(store, study, expecting(study, queued(5))) is None
    store.queue_trials(again, [queued(5, rate=0.75)])
    found = store.claim_trials(study.name, expecting(study, queued(5)), NOW, None)
    assert found is not None
    assert (found.study, found.trials[0].parameters["rate"]) == (again, 0.75)


def test_only_the_studys_own_trial_and_count(store: Store, study: Study) -> None:
    """Others have the same numbers."""
    other = store.create_study(a_study("other"), None)
    for each, ended in ((other, 1), (study, 2)):
        store.append_trials(each, [a_trial(1), a_trial(2)], None)
        observed(store, each, *range(1, ended + 1))
        store.queue_trials(each, [queued(4, 2), queued(5, 2)])
    found = store.claim_trials(study.name, expecting(study, queued(5, 2)), NOW, None)
    assert found is not None
    assert (found.trials[0].number, found.observation_count) == (5, 2)
    assert [trial.number for trial in store.list_trials(other, NOW, 0, 9, frozenset({TrialState.QUEUED}))] == [4, 5]


@pytest.mark.parametrize(
    "another",
    [
        queued(1, 1, rate=0.75),
        replace(queued(1, rate=0.75), study_revision=ANY_REVISION),
        QueuedTrial(replace(queued(1, rate=0.75).trial, create_time=NOW - timedelta(seconds=1)), 0, 1),
    ],
)
def test_nobody_is_told_what_is_not_stored(store: Store, study: Study, another: QueuedTrial) -> None:
    """Where another trial has come to have the number."""
    store.queue_trials(study, [queued(1)])
    found = store.claim_trials(study.name, expecting(study, another), NOW, None)
    assert found is not None
    assert found.trials[0] == store.get_trial(TrialName(study.name, 1), NOW)


def test_what_somebody_took_is_another_s(store: Store, study: Study, open_another: Callable[[], Store]) -> None:
    """Who expected it gets the next one."""
    store.queue_trials(study, [queued(1), queued(2)])
    assert claimed(open_another(), study, Claim(1, NOW)) == 1
    assert claimed(store, study, expecting(study, queued(1))) == 2
    assert claimed(store, study, expecting(study, queued(1))) is None


def test_who_wants_several_or_only_some_kinds_looks(store: Store, study: Study) -> None:
    """What is expected is one, of any kind."""
    store.queue_trials(study, [queued(1), queued(2)])
    assert claimed(store, study, expecting(study, queued(1), least_known=MANUAL)) is None
    both = store.claim_trials(study.name, expecting(study, queued(2), count=2), NOW, None)
    assert both is not None
    assert [trial.number for trial in both.trials] == [1, 2]


def test_of_many_who_expect_the_same_each_gets_one_of_its_own(
    store: Store, study: Study, open_another: Callable[[], Store]
) -> None:
    """At two servers, at the same instant."""
    stores = [store, open_another()] * (CALLERS // 2)
    store.queue_trials(study, [queued(number) for number in range(1, CALLERS + 1)])
    wanted = expecting(study, queued(3))
    answers = race([partial(claimed, each, study, wanted) for each in stores])
    got = [answer for answer in answers if isinstance(answer, int)]
    pending = store.list_trials(study, NOW, 0, 100, frozenset({TrialState.PENDING}))
    assert 3 in got
    assert sorted(got) == [trial.number for trial in pending]


def test_one_request_that_expects_claims_once(store: Store, study: Study, open_another: Callable[[], Store]) -> None:
    """However many servers it reaches at the same instant, whatever each of them expects."""
    stores = [store, open_another()] * (CALLERS // 2)
    store.queue_trials(study, [queued(number) for number in range(1, CALLERS + 1)])
    request = a_request(method="Suggest")
    calls = [
        partial(each.claim_trials, study.name, expecting(study, queued(number)), NOW, request)
        for number, each in enumerate(stores, 1)
    ]
    numbers = {answer.trials[0].number for answer in race(calls) if isinstance(answer, Claimed)}
    pending = store.list_trials(study, NOW, 0, 100, frozenset({TrialState.PENDING}))
    assert numbers == {trial.number for trial in pending}
    assert len(numbers) == 1

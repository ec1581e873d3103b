"""What a store promises to whoever claims a trial and says which one it expects: all that it promises to others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from racing import race
from store_values import LATER, NOW, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import RequestIdReused
from trimtab_service.domain.names import TrialName
from trimtab_service.domain.study import Study, StudyState
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store.base import Store, TrialObservation
from trimtab_service.store.queue import DESIGNED, MANUAL, Claim, Claimed, Expected, QueuedTrial

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


def taken(store: Store, study: Study) -> None:
    """By somebody else."""
    store.claim_trials(study.name, Claim(1, NOW), NOW, None)


def overtaken(store: Store, study: Study) -> None:
    """By one that knows more."""
    store.append_trials(study, [a_trial(7)], None)
    observed(store, study, 7)
    store.queue_trials(study, [queued(8, 1)], instead=[2])


def put_behind(store: Store, study: Study) -> None:
    """By what people put in line."""
    store.queue_trials(study, [replace(queued(9, MANUAL), study_revision=0)])


def outdated(store: Store, study: Study) -> None:
    """By two observations, and the other one isn't."""
    store.append_trials(study, [a_trial(7), a_trial(8)], None)
    store.queue_trials(study, [queued(9, 1)])
    store.queue_trials(study, [queued(10)])  # comes late
    observed(store, study, 7, 8)


def stale(store: Store, study: Study) -> None:
    """All that waits, by two observations."""
    store.append_trials(study, [a_trial(7), a_trial(8)], None)
    observed(store, study, 7, 8)


def changed(store: Store, study: Study) -> None:
    """The study."""
    store.replace_study(study, replace(study, revision=2), None)


def stopped(store: Store, study: Study) -> None:
    """The study."""
    store.replace_study(study, replace(study, revision=2, state=StudyState.STOPPED), None)


def deleted(store: Store, study: Study) -> None:
    """The study, whose name is another's now."""
    store.delete_study(study, None)
    again = store.create_study(a_study(), None)
    store.queue_trials(again, [queued(1)])


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (taken, queued(1)),
        (overtaken, queued(1)),
        (put_behind, queued(1)),
        (outdated, queued(10)),
        (stale, queued(1)),
        (changed, queued(1)),
        (stopped, queued(1)),
        (deleted, queued(1)),
        (taken, replace(queued(2), study_revision=0)),
        (taken, queued(2, DESIGNED)),
        (taken, queued(5)),
    ],
)
def test_what_is_not_as_expected_is_looked_up(
    store: Store,
    study: Study,
    open_another: Callable[[], Store],
    happens: Callable[[Store, Study], None],
    expected: QueuedTrial,
) -> None:
    """The answer is that of a claim that expects nothing."""
    store.queue_trials(study, [queued(1), queued(2)])
    happens(open_another(), study)
    wanted = expecting(study, expected)
    found = store.claim_trials(study.name, wanted, NOW, None)
    if found is None:
        assert store.claim_trials(study.name, replace(wanted, expected=None), NOW, None) is None
        return
    (trial,) = found.trials
    assert trial == store.get_trial(TrialName(study.name, trial.number), NOW)
    assert found.study == store.get_study(study.name)
    assert trial.number == {"taken": 2, "overtaken": 8, "put_behind": 9, "outdated": 9, "deleted": 1}[happens.__name__]


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

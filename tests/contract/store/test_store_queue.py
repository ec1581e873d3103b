"""What a store promises about trials that wait to be handed out, and about trials from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import sleep

import pytest

from racing import race
from store_values import FAILED, LATER, NOW, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import RequestIdReused, StudyNotFound
from trimtab_service.domain.study import Study, StudyName, StudyState
from trimtab_service.domain.suggestion import Source, TrialState
from trimtab_service.store.base import NumberTaken, Store, TrialObservation
from trimtab_service.store.queue import ANY_REVISION, DESIGNED, MANUAL, Claim, Claimed, ForeignTrial, QueuedTrial

POINT = {"rate": 0.5, "depth": 2}
ONE = Claim(1, NOW, "worker 7")
CALLERS = 8
PAUSE = 0.01  # seconds between two replacements of a queue; an optimizer takes longer


@pytest.fixture
def study(store: Store) -> Study:
    """A study of stored trials."""
    return store.create_study(a_study(), None)


def queued(number: int, known: int = 0, study_revision: int = 1) -> QueuedTrial:
    """A trial that waits."""
    return QueuedTrial(a_trial(number, TrialState.QUEUED), known, study_revision)


def claimed(store: Store, study: Study, claim: Claim = ONE) -> list[int]:
    """The numbers of the trials that a claim gets; none if it gets nothing."""
    found = store.claim_trials(study.name, claim, NOW, None)
    return [] if found is None else [trial.number for trial in found.trials]


def numbers(store: Store, study: Study, state: TrialState) -> list[int]:
    """Of the trials in a state."""
    return [trial.number for trial in store.list_trials(study, NOW, 0, 100, frozenset({state}))]


def observed(store: Store, study: Study, *finished: int) -> None:
    """Observes trials."""
    store.observe_trials(study, [TrialObservation(number, completed()) for number in finished], NOW, None)


def test_a_claimed_trial_is_pending(store: Store, study: Study) -> None:
    """From now on, for as long as the study's lease, by whoever claimed it; and the study comes along."""
    store.queue_trials(study, [queued(1), queued(2)])
    found = store.claim_trials(study.name, ONE, LATER, None)
    assert found is not None
    (trial,) = found.trials
    assert (trial.number, trial.state, trial.worker, trial.ahead) == (1, TrialState.PENDING, "worker 7", True)
    assert (trial.create_time, found.study) == (LATER, study)
    assert timedelta(0) <= LATER + study.spec.lease - trial.expire_time < timedelta(milliseconds=1)
    assert store.list_trials(study, LATER, 0, 1, frozenset({TrialState.PENDING})) == [trial]
    assert numbers(store, study, TrialState.QUEUED) == [2]


def test_what_was_computed_while_its_caller_waited_was_not_computed_ahead(store: Store, study: Study) -> None:
    """It is fresh, and says so."""
    store.queue_trials(study, [queued(1)])
    found = store.claim_trials(study.name, replace(ONE, asked=NOW - timedelta(microseconds=1)), NOW, None)
    assert found is not None
    assert not found.trials[0].ahead


def test_a_claim_gets_all_that_it_wants_or_nothing(store: Store, study: Study) -> None:
    """So that a request has one answer."""
    store.queue_trials(study, [queued(1), queued(2)])
    assert claimed(store, study, replace(ONE, count=3)) == []
    assert claimed(store, study, replace(ONE, count=2)) == [1, 2]
    assert claimed(store, study) == []


def test_nothing_waits_in_an_unknown_study(store: Store) -> None:
    """Whoever wants to know why reads the study."""
    assert store.claim_trials(StudyName("lab", "nowhere"), ONE, NOW, a_request()) is None


def test_the_order_in_which_trials_are_handed_out(store: Store, study: Study) -> None:
    """By hand, of the design, then those that know most; of the same kind by number."""
    store.append_trials(study, [a_trial(1)], None)
    store.queue_trials(study, [queued(2, DESIGNED), queued(3, 1), queued(4, 1)])
    observed(store, study, 1)
    store.queue_trials(study, [queued(number, known) for number, known in ((5, 2), (6, 2))])
    manual = [replace(queued(number, MANUAL), study_revision=ANY_REVISION) for number in (7, 8)]
    store.queue_trials(study, manual)
    assert [claimed(store, study) for _ in range(4)] == [[7], [8], [], []]


def test_a_trial_is_stale_that_is_too_many_observations_behind(store: Store, study: Study) -> None:
    """The more there are the more trials are being tried at the moment."""
    store.append_trials(study, [a_trial(number) for number in range(1, 6)], None)
    store.queue_trials(study, [queued(6), queued(7)])
    observed(store, study, 1, 2, 3)
    assert claimed(store, study, replace(ONE, patience=1)) == []
    assert claimed(store, study, replace(ONE, grace=2)) == []
    assert claimed(store, study, replace(ONE, patience=2)) == [6]
    assert claimed(store, study, replace(ONE, grace=3)) == [7]


def test_trials_whose_lease_is_over_excuse_no_staleness(store: Store, study: Study) -> None:
    """Nobody is trying them."""
    store.append_trials(study, [a_trial(1), a_trial(2, expire_time=NOW), a_trial(3, expire_time=NOW)], None)
    store.queue_trials(study, [queued(4)])
    observed(store, study, 1)
    assert claimed(store, study, replace(ONE, patience=1)) == []


@pytest.mark.parametrize("change", [{"revision": 2}, {"revision": 2, "state": StudyState.STOPPED}])
def test_a_changed_study_hands_out_only_what_was_put_in_line_by_hand(
    store: Store, study: Study, change: dict[str, object]
) -> None:
    """What was computed was for the study as it was; of a stopped study nothing is handed out."""
    store.enqueue_trials(study, [(POINT, {})], NOW, None)
    store.queue_trials(study, [queued(2, DESIGNED), queued(3)])
    store.replace_study(study, replace(study, **change), None)  # type: ignore[arg-type]
    stopped = "state" in change
    assert [claimed(store, study) for _ in range(2)] == [[] if stopped else [1], []]


def test_who_wants_only_what_was_put_in_line_gets_no_more(store: Store, study: Study) -> None:
    """For the context of the call."""
    store.queue_trials(study, [queued(1, DESIGNED)])
    only = replace(ONE, least_known=MANUAL, context={"hour": 3})
    assert claimed(store, study, only) == []
    store.enqueue_trials(study, [(POINT, {})], NOW, None)
    found = store.claim_trials(study.name, only, NOW, None)
    assert found is not None
    assert [(trial.number, trial.context, trial.source) for trial in found.trials] == [(2, {"hour": 3}, Source.MANUAL)]


def test_queued_trials_replace_what_knows_less(store: Store, study: Study) -> None:
    """Not what knows as much, not what was put in line by hand; and of another revision of the study nothing stays."""
    store.enqueue_trials(study, [(POINT, {})], NOW, None)
    store.queue_trials(study, [queued(2, DESIGNED), queued(3, 1), queued(4, 2)])
    store.queue_trials(study, [queued(5, 2)])
    assert numbers(store, study, TrialState.QUEUED) == [1, 2, 4, 5]
    store.queue_trials(replace(study, revision=2), [queued(6, 2, 2)])
    assert numbers(store, study, TrialState.QUEUED) == [1, 6]


def test_a_number_that_is_taken_replaces_nothing(store: Store, study: Study) -> None:
    """The caller goes round."""
    store.queue_trials(study, [queued(1, 1)])
    with pytest.raises(NumberTaken):
        store.queue_trials(study, [queued(2, 2), queued(1, 2)])
    assert numbers(store, study, TrialState.QUEUED) == [1]


def test_the_last_number_is_never_free(
    store: Store, study: Study, open_another: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though whoever replaces knows more than what was stored since, under later numbers: the next one is new."""
    other = open_another()
    replace_queued = store.write_alone  # type: ignore[attr-defined]
    store.queue_trials(study, [queued(1)])

    def overtaken(work: Callable[[object], object]) -> object:
        other.queue_trials(study, [queued(3, 1)])
        return replace_queued(work)

    monkeypatch.setattr(store, "write_alone", overtaken)
    store.queue_trials(study, [queued(2, 2)])
    assert numbers(store, study, TrialState.QUEUED) == [2, 3]
    assert store.snapshot(study.name, NOW, None, trials=False).history.next_number == 4


def test_a_number_that_was_replaced_is_taken(store: Store, study: Study) -> None:
    """By whoever computes since before: it goes round, and its request isn't answered yet."""
    for known in range(3):
        store.queue_trials(study, [queued(known + 1, known)])
    request = a_request(method="Suggest")
    for number in (1, 2):
        with pytest.raises(NumberTaken):
            store.append_trials(study, [a_trial(number)], request)
        with pytest.raises(NumberTaken):
            store.queue_trials(study, [queued(number, 3)])
    assert not store.replayed(study.uid, request)
    assert [trial.number for trial in store.list_trials(study, NOW, 0, 10, frozenset())] == [3]


def test_what_is_queued_in_place_of_others_takes_it(store: Store, study: Study) -> None:
    """Though they know as much."""
    store.queue_trials(study, [queued(1, 1), queued(2, 1), queued(3, 1)])
    store.queue_trials(study, [queued(4, 1)], [1, 3])
    assert numbers(store, study, TrialState.QUEUED) == [2, 4]


@pytest.mark.parametrize("gone", [1, 9])
def test_nothing_is_queued_in_place_of_what_waits_no_longer(store: Store, study: Study, gone: int) -> None:
    """Since it was handed out, or replaced: the caller looks again."""
    store.queue_trials(study, [queued(1), queued(2)])
    assert claimed(store, study) == [1]
    with pytest.raises(NumberTaken):
        store.queue_trials(study, [queued(3, 1)], [2, gone])
    assert numbers(store, study, TrialState.QUEUED) == [2]


def test_a_trial_is_handed_out_or_what_is_queued_in_its_place(
    store: Store, study: Study, open_another: Callable[[], Store]
) -> None:
    """Of the same point never both, at two servers at the same instant."""
    other = open_another()
    store.queue_trials(study, [queued(number) for number in range(1, CALLERS + 1)])

    def replaced(number: int) -> list[int]:
        other.queue_trials(study, [queued(number + CALLERS)], [number])
        return [number]

    calls = [partial(replaced, number) for number in range(1, CALLERS + 1)]
    answers = race([*calls, *[partial(claimed, store, study)] * CALLERS])
    got = numbers(store, study, TrialState.PENDING)
    points = [(number - 1) % CALLERS for number in [*got, *numbers(store, study, TrialState.QUEUED)]]
    assert sum(isinstance(answer, NumberTaken) for answer in answers[:CALLERS]) == sum(n <= CALLERS for n in got)
    assert sorted(points) == list(range(CALLERS))


def test_a_snapshot_says_what_waits(store: Store, study: Study) -> None:
    """Beside the history."""
    assert not store.snapshot(study.name, NOW, None, trials=False).has_queue
    store.append_trials(study, [a_trial(1)], None)
    store.queue_trials(study, [queued(3, 7, 1), queued(2, DESIGNED, 1)])
    snapshot = store.snapshot(study.name, NOW, None, trials=True)
    assert snapshot.queue == (queued(2, DESIGNED, 1), queued(3, 7, 1))
    assert [trial.number for trial in snapshot.history.trials] == [1]
    assert store.snapshot(study.name, NOW, None, trials=False).has_queue


def test_a_claim_is_answered_once(store: Store, study: Study) -> None:
    """The same request gets the same trials, whatever became of them; with another body it is refused."""
    store.queue_trials(study, [queued(1), queued(2), queued(3)])
    request = a_request(method="Suggest")
    first = store.claim_trials(study.name, ONE, NOW, request)
    observed(store, study, 1)
    again = store.claim_trials(study.name, ONE, LATER, request)
    assert first is not None
    assert again is not None
    assert [trial.number for trial in again.trials] == [trial.number for trial in first.trials]
    assert (again.trials[0].state, again.trials[0].ahead) == (TrialState.COMPLETED, True)
    with pytest.raises(RequestIdReused):
        store.claim_trials(study.name, ONE, NOW, replace(request, fingerprint=b"another body"))
    assert numbers(store, study, TrialState.QUEUED) == [2, 3]


def test_each_of_many_claims_gets_a_trial_of_its_own(
    store: Store, study: Study, open_another: Callable[[], Store]
) -> None:
    """At two servers, at the same instant; who gets none finds the queue empty or is told to look again."""
    stores = [store, open_another()] * (CALLERS // 2)
    many = 5 * CALLERS
    store.queue_trials(study, [queued(number) for number in range(1, many + 1)])

    def claim(store: Store) -> list[int]:
        return [number for _ in range(5) for number in claimed(store, study)]

    answers = race([partial(claim, store) for store in stores])
    got = [number for answer in answers if isinstance(answer, list) for number in answer]
    assert len(got) == len(set(got))
    assert sorted(got + numbers(store, study, TrialState.QUEUED)) == list(range(1, many + 1))
    assert sorted(got) == numbers(store, study, TrialState.PENDING)


def test_one_request_claims_once_wherever_it_is_sent(
    store: Store, study: Study, open_another: Callable[[], Store]
) -> None:
    """However many servers it reaches at the same instant."""
    stores = [store, open_another()] * (CALLERS // 2)
    store.queue_trials(study, [queued(number) for number in range(1, CALLERS + 1)])
    request = a_request(method="Suggest")
    answers = race([partial(each.claim_trials, study.name, ONE, NOW, request) for each in stores])
    taken = [answer.trials[0].number for answer in answers if isinstance(answer, Claimed)]
    # Who comes while all the others hold trials may be told that there is nothing.
    assert set(taken) == set(numbers(store, study, TrialState.PENDING))
    assert len(set(taken)) == 1


def test_imported_trials_count_as_observed(store: Store, study: Study) -> None:
    """By number, with their observations, in the log, and behind the revision."""
    store.append_trials(study, [a_trial(1)], None)
    foreign = [ForeignTrial(POINT, {}, completed(0.25)), ForeignTrial(POINT, {}, FAILED)]
    assert store.import_trials(study, foreign, NOW, None) == (2, 3)
    history = store.snapshot(study.name, NOW, None, trials=True).history
    states = [TrialState.PENDING, TrialState.COMPLETED, TrialState.FAILED]
    assert [trial.state for trial in history.trials] == states
    assert [trial.observation for trial in history.trials[1:]] == [completed(0.25), FAILED]
    assert {trial.source for trial in history.trials[1:]} == {Source.MANUAL}
    log = store.list_observations(study, 0, 10)
    assert (history.observation_count, history.revision) == (2, log[-1].sequence)
    assert [row.number for row in log] == [2, 3]


def test_what_people_bring_empties_the_queue(store: Store, study: Study) -> None:
    """Of all that was computed without knowing of it."""
    store.enqueue_trials(study, [(POINT, {})], NOW, None)
    store.queue_trials(study, [queued(2, DESIGNED), queued(3)])
    store.import_trials(study, [ForeignTrial(POINT, {}, completed())], NOW, None)
    assert numbers(store, study, TrialState.QUEUED) == [1]
    store.queue_trials(study, [queued(5, DESIGNED), queued(6)])
    assert store.enqueue_trials(study, [(POINT, {}), (POINT, {})], NOW, None) == (7, 8)
    assert numbers(store, study, TrialState.QUEUED) == [1, 7, 8]


@pytest.mark.parametrize("method", ["import_trials", "enqueue_trials"])
def test_what_people_bring_is_stored_once(
    store: Store, study: Study, open_another: Callable[[], Store], method: str
) -> None:
    """For each request, at the same instant at two servers; another body under the same id is refused."""
    stores = [store, open_another()] * (CALLERS // 2)
    one: object = ForeignTrial(POINT, {}, completed()) if method == "import_trials" else (POINT, {})
    brought = [one] * 3
    request = a_request()
    answers = race([partial(getattr(each, method), study, brought, NOW, request) for each in stores])
    assert answers == [(1, 2, 3)] * CALLERS
    assert len(store.list_trials(study, NOW, 0, 100, frozenset())) == 3
    with pytest.raises(RequestIdReused):
        getattr(store, method)(study, brought, NOW, replace(request, fingerprint=b"another body"))


@pytest.mark.parametrize("method", ["import_trials", "enqueue_trials", "queue_trials"])
def test_nothing_is_brought_to_a_deleted_study(store: Store, study: Study, method: str) -> None:
    """It is an error."""
    store.delete_study(study, None)
    calls: dict[str, Callable[[], object]] = {
        "import_trials": lambda: store.import_trials(study, [ForeignTrial(POINT, {}, completed())], NOW, None),
        "enqueue_trials": lambda: store.enqueue_trials(study, [(POINT, {})], NOW, None),
        "queue_trials": lambda: store.queue_trials(study, [queued(1)]),
    }
    with pytest.raises(StudyNotFound, match="deleted"):
        calls[method]()


def test_one_server_computes_ahead_at_a_time(store: Store, study: Study, open_another: Callable[[], Store]) -> None:
    """Until it says that it is done, or has stopped to say that it is at it; only it can go on."""
    other, end = open_another(), NOW + timedelta(seconds=1)
    later = end + timedelta(seconds=1)
    assert store.take_off(study, NOW, end)
    assert not other.take_off(study, NOW, end)
    assert not other.take_off(study, NOW, later, again=NOW)
    assert store.take_off(study, NOW, later, again=end)
    store.land(study, end)  # an older word, which says nothing
    assert not other.take_off(study, end, later)
    store.land(study, later)
    assert other.take_off(study, NOW, end)
    assert store.take_off(study, end, later)


def test_a_wrong_clock_holds_nobody_up(store: Store, study: Study) -> None:
    """An end that is farther away than any could be is none."""
    assert store.take_off(study, NOW, NOW + timedelta(days=1))
    assert store.take_off(study, NOW, NOW + timedelta(seconds=1))


def test_a_queue_that_is_being_replaced_is_not_empty(
    store: Store, study: Study, open_another: Callable[[], Store]
) -> None:
    """Whoever claims meanwhile gets an old trial or a new one."""
    rounds, batch = 40, CALLERS * 10
    other = open_another()
    store.queue_trials(study, [queued(number) for number in range(1, batch + 1)])

    def replaced() -> int:
        for known in range(1, rounds):
            first = known * batch + 1
            other.queue_trials(study, [queued(number, known) for number in range(first, first + batch)])
            sleep(PAUSE)
        return 0

    def missed() -> int:
        # Fewer claims than trials at any time, so that the claims themselves never empty the queue.
        return sum(not claimed(store, study) for _ in range(batch - 1))

    assert race([replaced, missed]) == [0, 0]

"""What a store promises when callers meet: several threads, of two servers over one database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from threading import Event

import pytest

from racing import Patience, race
from store_values import DECISIONS, FAILED, LATER, NOW, a_decision, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import (
    EtagMismatch,
    ObservationConflict,
    StudyExists,
    StudyNotFound,
    TrimtabError,
)
from trimtab_service.domain.study import Study, StudyState, TrialName
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.store.base import (
    DUPLICATE,
    RECORDED,
    DecisionBatch,
    NumberTaken,
    Request,
    Result,
    Store,
    TrialObservation,
)

CALLERS = 8


@pytest.fixture
def stores(store: Store, open_another: Callable[[], Store]) -> list[Store]:
    """Two servers, taken in turn."""
    return [store, open_another()] * (CALLERS // 2)


@pytest.fixture
def study(store: Store) -> Study:
    """A study of stored trials."""
    return store.create_study(a_study(), None)


def how_many(answers: Sequence[object], kind: type[Exception]) -> int:
    """How many calls raised an error of this class."""
    return sum(isinstance(answer, kind) for answer in answers)


def test_one_of_many_takes_a_number(stores: list[Store], study: Study) -> None:
    """All others are told to go round."""
    for number in range(1, 6):
        answers = race([partial(store.append_trials, study, [a_trial(number)], None) for store in stores])
        assert how_many(answers, NumberTaken) == CALLERS - 1


def test_callers_who_go_round_never_lose_a_trial(stores: list[Store], study: Study) -> None:
    """The numbers are 1 to n, each once."""

    def suggest(store: Store, times: int) -> list[int]:
        numbers: list[int] = []
        while len(numbers) < times:
            number = store.snapshot(study.name, NOW, None, trials=False).history.next_number
            try:
                store.append_trials(study, [a_trial(number)], None)
            except NumberTaken:
                continue
            numbers.append(number)
        return numbers

    answers = race([partial(suggest, store, 5) for store in stores])
    numbers = [number for answer in answers if isinstance(answer, list) for number in answer]
    assert sorted(numbers) == list(range(1, 5 * CALLERS + 1))


def test_one_suggest_request_has_one_effect(stores: list[Store], study: Study) -> None:
    """Everybody gets the same trials, whatever each had computed."""
    request = a_request(method="Suggest")

    def suggest(store: Store, caller: int) -> tuple[Trial, ...]:
        trials = [a_trial(2 * caller + offset, parameters={"rate": caller / 10, "depth": offset}) for offset in (1, 2)]
        return store.append_trials(study, trials, request)

    answers = race([partial(suggest, store, caller) for caller, store in enumerate(stores)])
    stored = tuple(stores[0].list_trials(study, NOW, 0, 100, frozenset()))
    assert len(stored) == 2
    assert answers == [stored] * CALLERS


def test_one_suggest_request_for_one_number_has_one_effect(stores: list[Store], study: Study) -> None:
    """A taken number is no error to whoever asked for the same."""
    request = a_request(method="Suggest")
    answers = race([partial(store.append_trials, study, [a_trial(1)], request) for store in stores])
    assert answers == [(a_trial(1),)] * CALLERS


def test_one_of_many_observations_of_a_trial_stands(stores: list[Store], study: Study) -> None:
    """Of the same one, all but the first are duplicates; of different ones, all but the first are refused."""
    store = stores[0]
    store.append_trials(study, [a_trial(1), a_trial(2)], None)

    def observe(store: Store, number: int, loss: float) -> list[Result]:
        return store.observe_trials(study, [TrialObservation(number, completed(loss))], NOW, None)

    same = race([partial(observe, store, 1, 0.5) for store in stores])
    different = race([partial(observe, store, 2, float(caller)) for caller, store in enumerate(stores)])
    assert sorted(map(repr, same)) == sorted(map(repr, [[RECORDED]] + [[DUPLICATE]] * (CALLERS - 1)))
    results = [answer[0] for answer in different if isinstance(answer, list)]
    assert how_many(results, ObservationConflict) == CALLERS - 1
    winner = float(results.index(RECORDED))
    assert store.get_trial(TrialName(study.name, 2), NOW).observation == completed(winner)


def test_observers_of_many_trials_count_each_once(stores: list[Store], study: Study) -> None:
    """Though they come in opposite orders; the count of the snapshot is that of the log."""
    store, many = stores[0], 40
    store.append_trials(study, [a_trial(number) for number in range(1, many + 1)], None)
    forward = [TrialObservation(number, completed()) for number in range(1, many + 1)]
    orders = [forward, forward[::-1]] * (CALLERS // 2)
    answers = race(
        [partial(store.observe_trials, study, items, NOW, None) for store, items in zip(stores, orders, strict=True)]
    )
    recorded = sum(answer.count(RECORDED) for answer in answers if isinstance(answer, list))
    history = store.snapshot(study.name, NOW, None, trials=False).history
    log = store.list_observations(study, 0, 100)
    assert (recorded, history.observation_count, len(log)) == (many, many, many)
    assert history.revision == log[-1].sequence


def test_one_observe_request_has_one_answer(stores: list[Store], study: Study) -> None:
    """Nobody is told DUPLICATE of what his own request recorded."""
    stores[0].append_trials(study, [a_trial(1)], None)
    items = [TrialObservation(1, completed()), TrialObservation(2, FAILED)]
    request = a_request()
    answers = race([partial(store.observe_trials, study, items, NOW, request) for store in stores])
    assert {repr(answer) for answer in answers} == {repr(answers[0])}
    assert repr(answers[0]).startswith("[RECORDED, TrialNotFound")


def test_one_lease_request_has_one_answer(stores: list[Store], study: Study) -> None:
    """The time of whoever came first."""
    stores[0].append_trials(study, [a_trial(1)], None)
    request = a_request(method="ExtendLease")
    ends = [LATER.replace(minute=caller) for caller in range(CALLERS)]
    answers = race(
        [partial(store.extend_lease, study, 1, end, request) for store, end in zip(stores, ends, strict=True)]
    )
    stored = stores[0].get_trial(TrialName(study.name, 1), NOW).expire_time
    assert answers == [stored] * CALLERS


def test_one_of_many_creates_a_name(stores: list[Store], study: Study) -> None:
    """All others are told that it exists."""
    answers = race([partial(store.create_study, a_study("kiln"), None) for store in stores])
    assert how_many(answers, StudyExists) == CALLERS - 1


def test_one_creation_request_creates_one_study(stores: list[Store], study: Study) -> None:
    """Everybody gets it."""
    request = a_request(method="CreateStudy")
    answers = race([partial(store.create_study, a_study("kiln"), request) for store in stores])
    assert answers == [stores[0].get_study(a_study("kiln").name)] * CALLERS


def test_one_of_many_replaces_a_revision(stores: list[Store], study: Study) -> None:
    """All others are told to read again."""
    new = replace(study, state=StudyState.STOPPED, revision=2)
    answers = race([partial(store.replace_study, study, new, None) for store in stores])
    assert how_many(answers, EtagMismatch) == CALLERS - 1


def test_a_decision_that_many_report_counts_once(stores: list[Store], study: Study) -> None:
    """In whatever order each reports them."""
    bandit = stores[0].create_study(a_study("router", algorithm=DECISIONS), None)
    decisions = [a_decision(f"d{number:02}") for number in range(40)]

    def record(store: Store, caller: int) -> list[Result]:
        order = decisions[caller:] + decisions[:caller]
        batches = [DecisionBatch(bandit, [decision], None) for decision in order]
        return [result for answer in store.record_decisions(batches, NOW) for result in answer]  # type: ignore[union-attr]

    answers = race([partial(record, store, caller) for caller, store in enumerate(stores)])
    recorded = sum(answer.count(RECORDED) for answer in answers if isinstance(answer, list))
    duplicate = sum(answer.count(DUPLICATE) for answer in answers if isinstance(answer, list))
    assert (recorded, duplicate) == (40, 40 * (CALLERS - 1))
    assert len(stores[0].tail(bandit, "", 1_000).rows) == 40


def test_one_decision_request_has_one_answer(stores: list[Store], study: Study) -> None:
    """Among the batches of others, which all count."""
    bandit = stores[0].create_study(a_study("router", algorithm=DECISIONS), None)
    request = a_request()

    def record(store: Store, caller: int) -> list[list[Result] | TrimtabError]:
        own = DecisionBatch(bandit, [a_decision(f"own{caller}")], None)
        shared = DecisionBatch(bandit, [a_decision("a"), a_decision("a"), a_decision("b")], request)
        return store.record_decisions([own, shared], NOW)

    answers = race([partial(record, store, caller) for caller, store in enumerate(stores)])
    assert answers == [[[RECORDED], [RECORDED, DUPLICATE, RECORDED]]] * CALLERS
    assert len(stores[0].tail(bandit, "", 100).rows) == CALLERS + 2


def test_the_tail_misses_nothing_while_others_write(stores: list[Store], study: Study) -> None:
    """Every row once, though transactions commit in any order and pages are small.

    An empty tail is not the end: rows are held back while an older transaction is open.
    """
    bandit = stores[0].create_study(a_study("router", algorithm=DECISIONS), None)
    done = Event()
    rounds, size = 15, 7
    expected = [f"{c}-{t}-{i}" for c in range(CALLERS) for t in range(rounds) for i in range(size)]

    def write(store: Store, caller: int) -> int:
        for turn in range(rounds):
            decisions = [a_decision(f"{caller}-{turn}-{index}") for index in range(size)]
            store.record_decisions([DecisionBatch(bandit, decisions, None)], NOW)
        return rounds

    def follow(store: Store) -> list[str | None]:
        read: list[str | None] = []
        cursor, patience = "", Patience()
        while True:
            tail = store.tail(bandit, cursor, 5)
            read += [row.decision for row in tail.rows]
            cursor = tail.cursor
            if not tail.rows and done.is_set() and (len(read) >= len(expected) or patience.is_over()):
                return read

    def write_all() -> list[str | None]:
        answers = race([partial(write, store, caller) for caller, store in enumerate(stores)])
        done.set()
        assert answers == [rounds] * CALLERS
        return []

    calls: list[Callable[[], list[str | None]]] = [write_all, partial(follow, stores[1])]
    written, read = race(calls)
    assert isinstance(read, list)
    assert (written, sorted(map(str, read))) == ([], sorted(expected))


def test_a_snapshot_is_of_one_instant(stores: list[Store], study: Study) -> None:
    """Its trials, its count, its revision and its next number tell the same story, whoever writes meanwhile."""
    store, done, many = stores[0], Event(), 40

    def write() -> list[History]:
        for number in range(1, many + 1):
            store.append_trials(study, [a_trial(number)], None)
            store.observe_trials(study, [TrialObservation(number, completed())], NOW, None)
        done.set()
        return []

    def read() -> list[History]:
        seen = []
        while not done.is_set():
            seen.append(stores[1].snapshot(study.name, NOW, None, trials=True).history)
        return seen

    _, *readers = race([write, read, read])
    log = {row.sequence: place for place, row in enumerate(store.list_observations(study, 0, 100), 1)}
    seen = [history for histories in readers if isinstance(histories, list) for history in histories]
    assert done.is_set()
    for history in seen:
        ended = history.in_state(TrialState.COMPLETED)
        assert len(ended) == history.observation_count == log.get(history.revision, 0)
        assert len(history.trials) == history.next_number - 1


def test_a_deletion_leaves_nothing_behind(stores: list[Store], study: Study) -> None:
    """Whoever writes meanwhile is before it, or told that the study is gone."""
    store = stores[0]
    for name in ("s1", "s2", "s3"):
        doomed = store.create_study(a_study(name), None)
        store.append_trials(doomed, [a_trial(number) for number in range(1, CALLERS)], None)
        request = a_request()

        def observe(store: Store, number: int, doomed: Study = doomed, request: Request = request) -> object:
            own = replace(request, key=f"{request.key}-{number}")
            return store.observe_trials(doomed, [TrialObservation(number, completed())], NOW, own)

        def append(store: Store, doomed: Study = doomed) -> object:
            return store.append_trials(doomed, [a_trial(50, TrialState.QUEUED)], None)

        calls: list[Callable[[], object]] = [partial(store.delete_study, doomed, None), partial(append, stores[1])]
        calls += [partial(observe, other, number) for number, other in enumerate(stores[2:], 1)]
        answers = race(calls)
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        assert how_many(failures, StudyNotFound) == len(failures)
        assert store.list_trials(doomed, NOW, 0, 100, frozenset()) == []
        assert store.list_observations(doomed, 0, 100) == []
        assert [store.replayed(doomed.uid, replace(request, key=f"{request.key}-{n}")) for n in range(9)] == [False] * 9


def test_one_key_is_agreed_on(stores: list[Store]) -> None:
    """Servers that start together sign with the same key."""
    answers = race([partial(store.signing_key, b"%d" % caller) for caller, store in enumerate(stores)])
    assert answers == [stores[0].signing_key(b"late")] * CALLERS

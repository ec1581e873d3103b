"""What a store promises about decisions: group commit and the tail of the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store_values import DECISIONS, LATER, NOW, a_decision, a_request, a_study, completed
from trimtab_service.domain.errors import InvalidArgument, ObservationConflict, RequestIdReused, StudyNotFound
from trimtab_service.domain.study import Study, StudyCounts
from trimtab_service.store.base import DUPLICATE, RECORDED, DecisionBatch, DecisionObservation, LogRow, Request, Store


@pytest.fixture
def study(store: Store) -> Study:
    """A bandit study."""
    return store.create_study(a_study("router", algorithm=DECISIONS), None)


def batch(study: Study, *decisions: DecisionObservation, request: Request | None = None) -> DecisionBatch:
    """What one call brings."""
    return DecisionBatch(study, decisions, request)


def record(store: Store, *batches: DecisionBatch) -> list[object]:
    """What became of each: RECORDED, DUPLICATE, or the class of the error."""

    def kind(result: object) -> object:
        return type(result) if isinstance(result, Exception) else result

    answers = store.record_decisions(batches, NOW)
    return [list(map(kind, answer)) if isinstance(answer, list) else kind(answer) for answer in answers]


def logged(store: Store, study: Study) -> list[str]:
    """The decisions in the log, sorted."""
    return sorted(row.decision or "" for row in store.tail(study, "", 1_000).rows)


def test_decisions_are_recorded(store: Store, study: Study) -> None:
    """With all that learning needs."""
    decision = a_decision("d1", loss=0.25, arm=4)
    assert record(store, batch(study, decision)) == [[RECORDED]]
    (row,) = store.tail(study, "", 10).rows
    expected = LogRow(row.sequence, completed(0.25), {"hour": 7}, NOW, decision="d1", arm=4, propensity=0.25)
    assert row == expected


def test_many_calls_share_a_transaction(store: Store, study: Study) -> None:
    """Each has its own answer, in order."""
    other = store.create_study(a_study("cache", algorithm=DECISIONS), None)
    answers = record(
        store,
        batch(study, a_decision("b"), a_decision("a")),
        batch(other, a_decision("a"), request=a_request()),
        batch(study),
        batch(study, a_decision("c"), request=a_request()),
    )
    assert answers == [[RECORDED, RECORDED], [RECORDED], [], [RECORDED]]
    assert (logged(store, study), logged(store, other)) == (["a", "b", "c"], ["a"])


def test_counts_count_decisions(store: Store, study: Study) -> None:
    """There are no trials in a bandit study."""
    record(store, batch(study, a_decision("a"), a_decision("a"), a_decision("b")))
    assert store.get_counts(study, NOW) == StudyCounts(observations=2)


def test_no_calls_are_no_error(store: Store) -> None:
    """There is nothing to answer either."""
    assert record(store) == []


def test_a_decision_counts_once(store: Store, study: Study) -> None:
    """Within a call, within a transaction, and after it."""
    first = record(store, batch(study, a_decision("a"), a_decision("a")), batch(study, a_decision("a")))
    second = record(store, batch(study, a_decision("a"), a_decision("b")))
    assert (first, second) == ([[RECORDED, DUPLICATE], [DUPLICATE]], [[DUPLICATE, RECORDED]])
    assert logged(store, study) == ["a", "b"]


def test_a_second_observation_of_a_decision_is_refused(store: Store, study: Study) -> None:
    """Whether the first came before or in the same transaction; it stands."""
    record(store, batch(study, a_decision("a", loss=1.0)))
    answers = record(
        store,
        batch(study, a_decision("a", loss=2.0), a_decision("b", loss=1.0)),
        batch(study, a_decision("b", loss=2.0)),
    )
    assert answers == [[ObservationConflict, RECORDED], [ObservationConflict]]
    assert {row.observation.measurements["loss"].mean for row in store.tail(study, "", 10).rows} == {1.0}


def test_the_same_decision_of_two_studies_is_two(store: Store, study: Study) -> None:
    """Ids are unique in a study."""
    other = store.create_study(a_study("cache", algorithm=DECISIONS), None)
    answers = record(store, batch(study, a_decision("a", 1.0)), batch(other, a_decision("a", 2.0)))
    assert answers == [[RECORDED], [RECORDED]]


def test_a_deleted_study_does_not_touch_the_others(store: Store, study: Study) -> None:
    """Its batch alone is refused."""
    gone = store.create_study(a_study("gone", algorithm=DECISIONS), None)
    store.delete_study(gone, None)
    answers = record(
        store,
        batch(study, a_decision("a")),
        batch(gone, a_decision("a"), request=a_request()),
        batch(study, a_decision("b")),
    )
    assert answers == [[RECORDED], StudyNotFound, [RECORDED]]
    assert (logged(store, study), logged(store, gone)) == (["a", "b"], [])


def test_a_call_that_brings_nothing_is_told_that_the_study_is_gone(store: Store, study: Study) -> None:
    """Though no constraint says so; it isn't remembered either, and the others get their answers."""
    gone = store.create_study(a_study("gone", algorithm=DECISIONS), None)
    store.delete_study(gone, None)
    request, refused = a_request(), InvalidArgument("observations[0]", "no")
    answers = record(store, batch(gone), batch(study), DecisionBatch(gone, [refused], request), batch(study))
    assert answers == [StudyNotFound, [], StudyNotFound, []]
    assert not store.replayed(gone.uid, request)


def test_a_repeated_call_gets_the_first_answer(store: Store, study: Study) -> None:
    """With its refusals; in the same transaction, and after it."""
    record(store, batch(study, a_decision("a", 1.0)))
    request = a_request()
    call = batch(study, a_decision("a", 2.0), a_decision("b"), a_decision("b"), request=request)
    first = store.record_decisions([call, call], NOW)
    again = store.record_decisions([call], LATER)
    expected = repr(
        [
            ObservationConflict(
                "decision a has another observation already, completed with loss = 1; the first one stands"
            ),
            RECORDED,
            DUPLICATE,
        ]
    )
    assert [repr(answer) for answer in first + again] == [expected] * 3
    assert logged(store, study) == ["a", "b"]


def test_a_reused_request_id_does_not_touch_the_others(store: Store, study: Study) -> None:
    """Whether it was used before, or by another batch of the transaction."""
    used, fresh = a_request(), a_request()
    record(store, batch(study, a_decision("a"), request=used))
    answers = record(
        store,
        batch(study, a_decision("b"), request=replace(used, fingerprint=b"another body")),
        batch(study, a_decision("c"), request=fresh),
        batch(study, a_decision("d"), request=replace(fresh, method="Suggest")),
        batch(study, a_decision("e")),
    )
    assert answers == [RequestIdReused, [RECORDED], RequestIdReused, [RECORDED]]
    assert logged(store, study) == ["a", "c", "e"]


def test_request_ids_of_two_studies_are_apart(store: Store, study: Study) -> None:
    """Each study remembers its own."""
    other = store.create_study(a_study("cache", algorithm=DECISIONS), None)
    request = a_request()
    answers = record(
        store,
        batch(study, a_decision("a"), request=request),
        batch(other, a_decision("a"), request=replace(request, fingerprint=b"another body")),
    )
    assert answers == [[RECORDED], [RECORDED]]


def test_a_large_group_with_a_duplicate_is_judged_whole(store: Store, study: Study) -> None:
    """However many statements it takes to look."""
    decisions = [a_decision(f"d{number:04}") for number in range(1_200)]
    record(store, batch(study, decisions[700], decisions[1_100]))
    (answer,) = store.record_decisions([batch(study, *decisions, request=a_request())], NOW)
    assert isinstance(answer, list)
    assert [index for index, result in enumerate(answer) if result is DUPLICATE] == [700, 1_100]
    assert len(store.list_observations(study, 0, 2_000)) == 1_200


def test_an_empty_log_has_an_empty_tail(store: Store, study: Study) -> None:
    """It can be asked for again."""
    tail = store.tail(study, "", 10)
    assert (list(tail.rows), tail.more) == ([], False)
    record(store, batch(study, a_decision("a")))
    assert [row.decision for row in store.tail(study, tail.cursor, 10).rows] == ["a"]


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_following_the_tail_gives_every_row_once(store: Store, study: Study, limit: int) -> None:
    """Whatever the size of the pages, while the log grows."""
    read: list[str | None] = []
    cursor = ""
    for number in range(4):
        record(store, batch(study, *[a_decision(f"{number}-{index}") for index in range(3)]))
        tail = store.tail(study, cursor, limit)
        read += [row.decision for row in tail.rows]
        cursor = tail.cursor
    while (tail := store.tail(study, cursor, limit)).rows:
        read += [row.decision for row in tail.rows]
        assert len(tail.rows) <= limit
        cursor = tail.cursor
    assert sorted(map(str, read)) == [f"{number}-{index}" for number in range(4) for index in range(3)]


def test_a_tail_says_whether_there_is_more(store: Store, study: Study) -> None:
    """Exactly when rows were left for the next page."""
    record(store, batch(study, a_decision("a"), a_decision("b"), a_decision("c")))
    assert [store.tail(study, "", limit).more for limit in (2, 3, 4)] == [True, False, False]


def test_the_tail_of_one_study_is_its_own(store: Store, study: Study) -> None:
    """Others don't show through, nor move its cursor."""
    other = store.create_study(a_study("cache", algorithm=DECISIONS), None)
    record(store, batch(other, a_decision("x")), batch(study, a_decision("a")), batch(other, a_decision("y")))
    assert [row.decision for row in store.tail(study, "", 10).rows] == ["a"]

"""What a store promises about decisions that count as a default reward unless they are observed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from contract.store.rewards import DEFAULT, LATEST, REWARDED, an_answer, an_expectation, milliseconds
from store_values import DECISIONS, LATER, NOW, SPEC, a_decision, a_request, a_study, completed
from trimtab_service.domain.errors import ObservationConflict, StudyNotFound, TrimtabError
from trimtab_service.domain.study import Study, StudyCounts
from trimtab_service.store.base import (
    DUPLICATE,
    RECORDED,
    DecisionBatch,
    DecisionObservation,
    ExpectationBatch,
    LogRow,
    Request,
    Result,
    Store,
)

MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def study(store: Store) -> Study:
    """A bandit study with a default reward."""
    return store.create_study(a_study("router", spec=REWARDED, algorithm=DECISIONS), None)


def expect(store: Store, study: Study, *names: str) -> None:
    """Decisions that are due now."""
    assert store.expect_decisions([ExpectationBatch(study, [an_expectation(name) for name in names])]) == [None]


def observe(
    store: Store, study: Study, *items: DecisionObservation, request: Request | None = None
) -> list[Result] | TrimtabError:
    """What one call is answered."""
    (answer,) = store.record_decisions([DecisionBatch(study, items, request)], NOW)
    return answer


def log(store: Store, study: Study) -> list[LogRow]:
    """All rows in the order of the tail, which is that of the sequences here."""
    rows = list(store.tail(study, "", 1_000).rows)
    assert rows == store.list_observations(study, 0, 1_000)
    return rows


def kinds(store: Store, study: Study) -> list[tuple[str | None, str]]:
    """Decision and kind of each row."""

    def kind(row: LogRow) -> str:
        return "default" if row.is_default else "late" if row.replaces_default else "timely"

    return [(row.decision, kind(row)) for row in log(store, study)]


def test_what_is_due_counts_as_the_default_reward(store: Store, study: Study) -> None:
    """With all that is known of the decision."""
    expect(store, study, "d1")
    assert store.settle(LATER, 10) == 1
    (row,) = log(store, study)
    issued = milliseconds(NOW) - 600_000
    decided = LogRow(row.sequence, DEFAULT, {"hour": 7}, LATER, decision="d1", arm=2, propensity=0.25)
    assert row == replace(decided, issued=issued, step=41, tag=-1, is_default=True)
    assert store.get_counts(study, NOW) == StudyCounts(observations=1)


def test_nothing_counts_before_it_is_due(store: Store, study: Study) -> None:
    """To the millisecond."""
    due = NOW.replace(microsecond=123_000)
    store.expect_decisions([ExpectationBatch(study, [an_expectation("d1", due)])])
    assert [store.settle(due - MILLISECOND, 10), store.settle(due, 10), store.settle(due, 10)] == [0, 1, 0]


def test_a_decision_that_was_observed_gets_no_default(store: Store, study: Study) -> None:
    """However late the look at what is due comes."""
    expect(store, study, "a", "b")
    assert observe(store, study, an_answer("a")) == [RECORDED]
    assert store.settle(LATEST, 10) == 1
    assert kinds(store, study) == [("a", "timely"), ("b", "default")]


def test_a_late_observation_takes_the_place_of_the_default(store: Store, study: Study) -> None:
    """Behind it in the log; and once, whoever repeats or contradicts it."""
    expect(store, study, "a")
    store.settle(NOW, 10)
    answers = [observe(store, study, an_answer("a", loss)) for loss in (0.5, 0.5, 0.75)]
    assert answers[:2] == [[RECORDED], [DUPLICATE]]
    assert isinstance(answers[2], list)
    assert isinstance(answers[2][0], ObservationConflict)
    assert kinds(store, study) == [("a", "default"), ("a", "late")]
    assert log(store, study)[1].observation == completed(0.5)


def test_what_takes_the_place_of_a_default_is_of_the_arm_it_was_counted_for(store: Store, study: Study) -> None:
    """Even where a repeated Suggest answered with another one, and that was observed: what is taken back was given."""
    store.expect_decisions([ExpectationBatch(study, [an_expectation(arm=2)])])
    store.settle(LATEST, 10)
    other = replace(an_answer(arm=1), propensity=0.75, context={"hour": 8}, issued=5, step=6, tag=7)
    store.record_decisions([DecisionBatch(study, [other], None)], NOW)
    default, late = store.tail(study, "", 10).rows

    assert late.replaces_default
    assert late.observation == other.observation
    for name in ("arm", "propensity", "context", "issued", "step", "tag"):
        assert getattr(late, name) == getattr(default, name)


def test_late_and_timely_observations_share_a_transaction(store: Store, study: Study) -> None:
    """Within a batch, and with studies that have no default reward."""
    plain = store.create_study(a_study("plain", algorithm=DECISIONS), None)
    expect(store, study, "late", "timely")
    store.expect_decisions([ExpectationBatch(study, [an_expectation("early", LATER)])])
    observe(store, study, an_answer("timely"))
    store.settle(NOW, 10)
    batches = [
        DecisionBatch(study, [an_answer("late"), an_answer("early"), an_answer("late")], a_request()),
        DecisionBatch(plain, [a_decision("late")], None),
        DecisionBatch(study, [an_answer("early"), an_answer("unknown"), an_answer("timely")], None),
    ]
    answers = store.record_decisions(batches, NOW)
    assert answers == [[RECORDED, RECORDED, DUPLICATE], [RECORDED], [DUPLICATE, RECORDED, DUPLICATE]]
    assert sorted(kinds(store, study)) == [
        ("early", "timely"),
        ("late", "default"),
        ("late", "late"),
        ("timely", "timely"),
        ("unknown", "timely"),
    ]
    assert kinds(store, plain) == [("late", "timely")]
    assert store.settle(LATEST, 10) == 0


def test_expecting_again_changes_nothing(store: Store, study: Study) -> None:
    """Neither what was remembered first, nor what became of it."""
    again = replace(an_expectation("a"), due=milliseconds(LATER), arm=5)
    expect(store, study, "a")
    answers = store.expect_decisions([ExpectationBatch(study, [again, an_expectation("b"), an_expectation("b")])])
    assert (answers, store.settle(NOW, 10)) == ([None], 2)
    assert [(row.decision, row.arm) for row in log(store, study)] == [("a", 2), ("b", 2)]
    observe(store, study, an_answer("a"), an_answer("c"))
    expect(store, study, "a", "b", "c")
    assert store.settle(LATEST, 10) == 3
    assert sorted(kinds(store, study)) == [("a", "default"), ("a", "late"), ("b", "default"), ("c", "timely")]


def test_an_observation_after_expecting_again_takes_the_place_of_the_default(store: Store, study: Study) -> None:
    """Though the decision is expected once more."""
    expect(store, study, "a")
    store.settle(NOW, 10)
    expect(store, study, "a")
    assert observe(store, study, an_answer("a")) == [RECORDED]
    assert kinds(store, study) == [("a", "default"), ("a", "late")]
    assert store.settle(LATEST, 10) == 0


def test_many_calls_are_remembered_in_one_transaction(store: Store, study: Study) -> None:
    """One whose study is gone doesn't touch the others."""
    other = store.create_study(a_study("cache", spec=REWARDED, algorithm=DECISIONS), None)
    gone = store.create_study(a_study("gone", spec=REWARDED, algorithm=DECISIONS), None)
    store.delete_study(gone, None)
    batches = [
        ExpectationBatch(study, [an_expectation("a"), an_expectation("b")]),
        ExpectationBatch(gone, [an_expectation("a")]),
        ExpectationBatch(other, [an_expectation("a")]),
        ExpectationBatch(study, []),
    ]
    answers = store.expect_decisions(batches)
    assert [type(answer) for answer in answers] == [type(None), StudyNotFound, type(None), type(None)]
    assert (store.expect_decisions([]), store.settle(NOW, 10)) == ([], 3)
    assert (kinds(store, study), kinds(store, other)) == ([("a", "default"), ("b", "default")], [("a", "default")])


def test_the_oldest_are_settled_first(store: Store, study: Study) -> None:
    """No more than asked for at once."""
    late, early = (an_expectation(name, time) for name, time in (("late", NOW), ("early", NOW - MILLISECOND)))
    store.expect_decisions([ExpectationBatch(study, [late, early])])
    assert [store.settle(NOW, 1), kinds(store, study)] == [1, [("early", "default")]]
    assert [store.settle(NOW, 1), store.settle(NOW, 1)] == [1, 0]


def test_a_call_that_is_refused_leaves_expectations_alone(store: Store, study: Study) -> None:
    """Nothing of it is stored, so the default reward still counts."""
    expect(store, study, "a", "b")
    request = a_request()
    observe(store, study, an_answer("a"), request=request)
    refused = observe(store, study, an_answer("b"), request=replace(request, fingerprint=b"another body"))
    assert isinstance(refused, TrimtabError)
    store.settle(NOW, 10)
    assert kinds(store, study) == [("a", "timely"), ("b", "default")]


def test_a_repeated_call_gets_the_first_answer_whatever_was_settled_since(store: Store, study: Study) -> None:
    """It is not taken for a late observation."""
    expect(store, study, "a")
    request = a_request()
    first = observe(store, study, an_answer("a"), request=request)
    expect(store, study, "a")
    store.settle(NOW, 10)
    assert [first, observe(store, study, an_answer("a"), request=request)] == [[RECORDED], [RECORDED]]
    assert kinds(store, study) == [("a", "timely")]


def test_without_a_default_reward_nothing_counts(store: Store, study: Study) -> None:
    """What was expected is forgotten once it is due."""
    plain = replace(study, spec=SPEC, revision=2)
    expect(store, study, "a")
    store.replace_study(study, plain, None)
    assert [store.settle(NOW, 10), store.settle(NOW, 10), kinds(store, plain)] == [1, 0, []]


def test_a_server_that_has_not_heard_of_the_default_reward_does_no_harm(store: Store, study: Study) -> None:
    """It may hold an older revision of the study."""
    older = replace(study, spec=SPEC)
    expect(store, study, "late", "timely")
    store.expect_decisions([ExpectationBatch(study, [an_expectation("early", LATER)])])
    observe(store, older, an_answer("timely"))
    store.settle(NOW, 10)
    assert observe(store, older, an_answer("late"), an_answer("early")) == [RECORDED, RECORDED]
    store.settle(LATEST, 10)
    assert kinds(store, study) == [
        ("timely", "timely"),
        ("late", "default"),
        *sorted([("late", "late"), ("early", "timely")]),
    ]


def test_a_deleted_study_expects_nothing(store: Store, study: Study) -> None:
    """Its expectations went with it."""
    expect(store, study, "a")
    store.delete_study(study, None)
    assert store.settle(LATEST, 10) == 0

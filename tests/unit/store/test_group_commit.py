"""What becomes of each observation when many calls share a transaction, without a database."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store_values import DECISIONS, a_decision, a_request, a_study, completed
from trimtab_service.domain.errors import RequestIdReused, StudyNotFound
from trimtab_service.store.base import DUPLICATE, RECORDED, DecisionBatch
from trimtab_service.store.group_commit import Answered, Known, judge

STUDY = a_study(algorithm=DECISIONS)
OTHER = a_study("other", algorithm=DECISIONS)


def test_the_rows_are_those_of_what_was_recorded() -> None:
    """And of the requests that were judged."""
    request = a_request()
    known = Known({STUDY.uid}, decisions={(STUDY.uid, "old"): completed()})
    batch = DecisionBatch(STUDY, [a_decision("old"), a_decision("new"), a_decision("new")], request)
    plan = judge([batch], known, 7)
    assert plan.answers == [[DUPLICATE, RECORDED, DUPLICATE]]
    assert [(row[0], row[1], row[6]) for row in plan.decisions] == [(STUDY.uid, "new", 7)]
    assert [row[:4] for row in plan.requests] == [(STUDY.uid, request.key, request.method, request.fingerprint)]


def test_what_was_answered_before_brings_no_rows() -> None:
    """Nor does what is refused whole."""
    request, reused = a_request(), a_request()
    known = Known(
        {STUDY.uid},
        {
            (STUDY.uid, request.key): Answered(request.method, request.fingerprint, [DUPLICATE]),
            (STUDY.uid, reused.key): Answered(reused.method, b"another body", [RECORDED]),
        },
    )
    batches = [
        DecisionBatch(STUDY, [a_decision("a")], request),
        DecisionBatch(STUDY, [a_decision("b")], reused),
        DecisionBatch(OTHER, [a_decision("c")], None),
    ]
    plan = judge(batches, known, 7)
    assert plan.answers[0] == [DUPLICATE]
    assert [type(answer) for answer in plan.answers[1:]] == [RequestIdReused, StudyNotFound]
    assert (plan.decisions, plan.requests) == ([], [])


names = st.sampled_from("abcd")
batches = st.lists(
    st.tuples(st.sampled_from([STUDY, OTHER]), st.lists(st.tuples(names, st.sampled_from([1.0, 2.0])), max_size=4)),
    max_size=6,
)


@given(calls=batches, cut=st.integers(0, 6))
def test_sharing_a_transaction_changes_no_answer(calls: list[tuple[object, list[tuple[str, float]]]], cut: int) -> None:
    """The same calls in two transactions get the same answers, and leave the same rows."""
    given_batches = [
        DecisionBatch(study, [a_decision(name, loss) for name, loss in decisions], None)  # type: ignore[arg-type]
        for study, decisions in calls
    ]
    together = judge(given_batches, Known.nothing(given_batches), 7)
    known = Known.nothing(given_batches)
    apart = [judge(part, known, 7) for part in (given_batches[:cut], given_batches[cut:])]
    assert repr([answer for plan in apart for answer in plan.answers]) == repr(together.answers)
    assert [row for plan in apart for row in plan.decisions] == together.decisions

"""What a store promises about checkpoints, and about logs whose old rows were deleted."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store_values import DECISIONS, LATER, NOW, SPEC, a_decision, a_request, a_study
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study
from trimtab_service.store.base import DUPLICATE, Checkpoint, CursorTooOld, DecisionBatch, Store

one_store = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def study(store: Store) -> Study:
    """A bandit study."""
    return store.create_study(a_study("router", algorithm=DECISIONS), None)


def record(store: Store, study: Study, *names: str, minutes: int = 0) -> None:
    """Decisions that are observed so long after NOW."""
    batch = DecisionBatch(study, [a_decision(name) for name in names], None)
    store.record_decisions([batch], NOW + timedelta(minutes=minutes))


def followed(store: Store, study: Study, limit: int = 1_000, fingerprint: str = "a") -> Checkpoint:
    """The fold of the first ``limit`` rows: their names."""
    tail = store.tail(study, "", limit)
    names = " ".join(row.decision or "" for row in tail.rows)
    return Checkpoint(fingerprint, tail.cursor, max(row.sequence for row in tail.rows), len(tail.rows), names.encode())


def names(store: Store, study: Study, cursor: str = "") -> list[str]:
    """The decisions of a tail."""
    return [row.decision or "" for row in store.tail(study, cursor, 1_000).rows]


def test_a_checkpoint_is_kept(store: Store, study: Study) -> None:
    """For its study and its fingerprint; the log goes on from there."""
    record(store, study, "a", "b")
    checkpoint = followed(store, study)
    other = store.create_study(a_study("other", algorithm=DECISIONS), None)
    store.save_checkpoint(study, checkpoint)
    record(store, study, "c")
    found = [store.load_checkpoint(study, "a"), store.load_checkpoint(study, "b"), store.load_checkpoint(other, "a")]
    assert found == [checkpoint, None, None]
    assert names(store, study, checkpoint.cursor) == ["c"]


def test_a_checkpoint_only_moves_forward(store: Store, study: Study) -> None:
    """One that is behind changes nothing; each fingerprint has its own."""
    record(store, study, *"abc")
    one, two, three = (followed(store, study, limit) for limit in (1, 2, 3))
    another = replace(one, fingerprint="b")
    for checkpoint in (two, one, another, three, two):
        store.save_checkpoint(study, checkpoint)
    assert [store.load_checkpoint(study, name) for name in "ab"] == [three, another]


def test_a_checkpoint_of_the_same_place_changes_nothing(store: Store, study: Study) -> None:
    """The two are the same up to rounding."""
    record(store, study, "a")
    first = followed(store, study)
    store.save_checkpoint(study, first)
    store.save_checkpoint(study, replace(first, state=b"another"))
    assert store.load_checkpoint(study, "a") == first


def test_the_checkpoint_of_a_deleted_study_is_no_error(store: Store, study: Study) -> None:
    """Nor is it kept; those that there were went with the study."""
    record(store, study, "a")
    checkpoint = followed(store, study)
    store.save_checkpoint(study, checkpoint)
    store.delete_study(study, None)
    before = store.load_checkpoint(study, "a")
    store.save_checkpoint(study, checkpoint)
    assert (before, store.load_checkpoint(study, "a")) == (None, None)


def test_what_a_checkpoint_covers_is_compacted(store: Store, study: Study) -> None:
    """Counts stay what they are, and the log begins behind it."""
    record(store, study, *"abc")
    covered = followed(store, study, 2)
    store.save_checkpoint(study, covered)
    assert store.compact(study, "a", LATER, 10) == 2
    assert [row.decision for row in store.list_observations(study, 0, 10)] == ["c"]
    assert store.get_counts(study, NOW).observations == 3
    assert names(store, study, covered.cursor) == ["c"]
    assert store.load_checkpoint(study, "a") == covered


def test_nothing_is_deleted_that_no_checkpoint_covers(store: Store, study: Study) -> None:
    """One of another fingerprint doesn't count."""
    record(store, study, "a")
    first = store.compact(study, "a", LATER, 10)
    store.save_checkpoint(study, followed(store, study, fingerprint="b"))
    assert (first, store.compact(study, "a", LATER, 10), names(store, study)) == (0, 0, ["a"])


def test_nothing_is_deleted_that_is_young(store: Store, study: Study) -> None:
    """Nor anything behind the first row that is."""
    record(store, study, "a", minutes=0)
    record(store, study, "b", minutes=2)
    record(store, study, "c", minutes=1)
    store.save_checkpoint(study, followed(store, study))
    deleted = [store.compact(study, "a", NOW + timedelta(minutes=minutes), 10) for minutes in (0, 2, 2, 3)]
    assert (deleted, names(store, study, followed_start(store, study))) == ([0, 1, 0, 2], [])


def followed_start(store: Store, study: Study) -> str:
    """Where the log begins."""
    with pytest.raises(CursorTooOld) as caught:
        store.tail(study, "", 1)
    return caught.value.start


def test_a_transaction_deletes_so_many_and_no_more(store: Store, study: Study) -> None:
    """The next one goes on."""
    record(store, study, *"abcde")
    store.save_checkpoint(study, followed(store, study))
    assert [store.compact(study, "a", LATER, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert store.get_counts(study, NOW).observations == 5


def test_a_deleted_study_has_nothing_to_compact(store: Store, study: Study) -> None:
    """It is no error."""
    record(store, study, "a")
    store.save_checkpoint(study, followed(store, study))
    store.delete_study(study, None)
    assert store.compact(study, "a", LATER, 10) == 0
    assert list(store.tail(study, "", 10).rows) == []


def test_studies_are_compacted_apart(store: Store, study: Study) -> None:
    """And their requests are remembered."""
    other = store.create_study(a_study("other", algorithm=DECISIONS), None)
    call = DecisionBatch(study, [a_decision("a"), a_decision("a")], a_request())
    first = store.record_decisions([call], NOW)
    record(store, other, "x")
    store.save_checkpoint(study, followed(store, study))
    store.compact(study, "a", LATER, 10)
    assert store.record_decisions([call], NOW) == first
    assert first[0][1] is DUPLICATE  # type: ignore[index]
    assert names(store, other) == ["x"]


def test_a_checkpoint_that_was_overtaken_is_not_found(store: Store, study: Study) -> None:
    """The rows behind it are gone; nor does it come back."""
    record(store, study, *"abc")
    behind, ahead = followed(store, study, 1, "b"), followed(store, study, 2, "a")
    store.save_checkpoint(study, behind)
    store.save_checkpoint(study, ahead)
    found = [store.load_checkpoint(study, "b")]
    store.compact(study, "a", LATER, 10)
    found.append(store.load_checkpoint(study, "b"))
    store.save_checkpoint(study, behind)
    found.append(store.load_checkpoint(study, "b"))
    assert found == [behind, None, None]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a log."""

    kind: str
    number: int


steps = st.lists(st.builds(Step, st.sampled_from(["record", "save", "compact"]), st.integers(1, 4)), max_size=12)


@one_store
@given(steps=steps)
def test_no_row_is_ever_missed(store: Store, steps: list[Step]) -> None:
    """From every cursor there ever was, the tail gives all that is behind it, or says that it can't.

    And a checkpoint with the tail behind it is the whole log, whatever was compacted when.
    """
    study = store.create_study(a_study(f"s{uuid.uuid4().hex}", algorithm=DECISIONS), None)
    written: list[str] = []
    cursors, gone, saved = [""], 0, 0
    for time, step in enumerate(steps):
        if step.kind == "record":
            new = [f"d{len(written) + index:03}" for index in range(step.number)]
            record(store, study, *new, minutes=time)
            cursor = cursors[-1]
            for _ in new:
                cursor = store.tail(study, cursor, 1).cursor
                cursors.append(cursor)
            written += new
        elif step.kind == "save":
            place = min(saved + step.number, len(written))
            if place > saved:
                saved = place
                state = " ".join(written[:saved]).encode()
                store.save_checkpoint(study, Checkpoint("a", cursors[saved], 1, saved, state))
        else:
            gone += store.compact(study, "a", NOW + timedelta(minutes=time - 1), step.number)
            assert gone <= saved
    for place, cursor in enumerate(cursors):
        if place < gone:
            with pytest.raises(CursorTooOld) as caught:
                store.tail(study, cursor, 100)
            assert caught.value.start == cursors[gone]
        else:
            assert names(store, study, cursor) == written[place:]
    checkpoint = store.load_checkpoint(study, "a")
    known = checkpoint.state.decode().split() if checkpoint is not None else []
    assert known + names(store, study, checkpoint.cursor if checkpoint is not None else "") == written
    assert store.get_counts(study, NOW).observations == len(written)


def test_a_lifetime_is_not_raised_once_decisions_may_be_forgotten(store: Store) -> None:
    """Neither while there is a retention, nor when it was taken away after something was deleted."""
    kept = timedelta(days=10)
    first = store.create_study(a_study("lasting", spec=replace(SPEC, retention=kept), algorithm=DECISIONS), None)
    longer = replace(first.spec, decision_lifetime=timedelta(days=9))
    with pytest.raises(InvalidArgument, match="decision_lifetime"):
        store.replace_study(first, replace(first, spec=longer, revision=2), None)
    store.record_decisions([DecisionBatch(first, [a_decision("d1")], None)], NOW)
    tail = store.tail(first, "", 10)
    store.save_checkpoint(first, Checkpoint("f", tail.cursor, tail.rows[-1].sequence, 1, b""))
    second = store.replace_study(first, replace(first, spec=replace(first.spec, retention=None), revision=2), None)
    assert store.compact(first, "f", NOW + timedelta(days=11), 10) == 0
    third = store.replace_study(
        second, replace(second, spec=replace(second.spec, decision_lifetime=timedelta(days=8)), revision=3), None
    )
    assert store.compact(third, "f", NOW + timedelta(days=11), 10) == 1
    with pytest.raises(InvalidArgument, match="decision_lifetime"):
        store.replace_study(
            third, replace(third, spec=replace(third.spec, decision_lifetime=timedelta(days=9)), revision=4), None
        )
    store.replace_study(
        third, replace(third, spec=replace(third.spec, decision_lifetime=timedelta(days=1)), revision=4), None
    )

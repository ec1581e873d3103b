"""What a store promises to those who follow many studies: what is new in one look."""

from __future__ import annotations

import uuid
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store_values import DECISIONS, NOW, a_decision, a_study, a_trial, completed
from trimtab_service.domain.study import Study
from trimtab_service.store.base import DecisionBatch, Store, TrialObservation

one_store = settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])


def bandits(store: Store, many: int) -> list[Study]:
    """So many bandit studies of names of their own."""
    return [store.create_study(a_study(f"s{uuid.uuid4().hex}", algorithm=DECISIONS), None) for _ in range(many)]


def record(store: Store, study: Study, many: int) -> None:
    """Adds so many rows to the log."""
    store.record_decisions([DecisionBatch(study, [a_decision(uuid.uuid4().hex) for _ in range(many)], None)], NOW)


def test_news_of_nothing(store: Store) -> None:
    """Nobody is asked for, or there is no log yet, or no such study."""
    (study,) = bandits(store, 1)
    asked = [{}, {study.uid: ""}, {"0" * 32: "", study.uid: ""}]
    assert [store.news(cursors) for cursors in asked] == [set(), set(), set()]


def test_news_end_where_the_tail_ends(store: Store) -> None:
    """And begin again with the next row."""
    study, other = bandits(store, 2)
    record(store, study, 3)
    record(store, other, 1)
    halfway = store.tail(study, "", 2).cursor
    end = store.tail(study, "", 3).cursor
    found = [store.news({study.uid: cursor}) for cursor in ("", halfway, end)]
    record(store, study, 1)
    assert [*found, store.news({study.uid: end})] == [{study.uid}, {study.uid}, set(), {study.uid}]


def test_news_of_trials_as_well(store: Store) -> None:
    """It is the same log."""
    study = store.create_study(a_study(), None)
    store.append_trials(study, [a_trial(1)], None)
    store.observe_trials(study, [TrialObservation(1, completed())], NOW, None)
    assert store.news({study.uid: ""}) == {study.uid}


@one_store
@given(logs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6))
def test_news_are_the_studies_whose_tail_has_rows(store: Store, logs: list[tuple[int, int]]) -> None:
    """Whatever the cursors are."""
    studies = bandits(store, len(logs))
    cursors = {}
    for study, (many, read) in zip(studies, logs, strict=True):
        record(store, study, many)
        cursors[study.uid] = store.tail(study, "", read).cursor if read else ""
    expected = {study.uid for study in studies if store.tail(study, cursors[study.uid], 1).rows}
    assert store.news(cursors) == expected


def test_a_thousand_studies_are_looked_at_together(store: Store) -> None:
    """Most of which are no more."""
    studies = bandits(store, 3)
    for study in studies[:2]:
        record(store, study, 1)
    cursors = {f"{number:032x}": "17-9" for number in range(1_000)} | {study.uid: "" for study in studies}
    assert store.news(cursors) == {study.uid for study in studies[:2]}


def test_revisions_are_those_stored(store: Store) -> None:
    """Of the studies that there are."""
    first, second, gone = bandits(store, 3)
    store.replace_study(second, replace(second, revision=2), None)
    store.delete_study(gone, None)
    uids = [study.uid for study in (first, second, gone)]
    assert (store.revisions(uids), store.revisions([])) == ({first.uid: 1, second.uid: 2}, {})

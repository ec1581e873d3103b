"""What a store promises about default rewards and checkpoints when servers meet over one database."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import groupby
from threading import Event

import pytest

from contract.store.rewards import LATEST, REWARDED, an_answer, an_expectation
from racing import Patience, race
from store_values import DECISIONS, LATER, NOW, SPEC, a_decision, a_study
from trimtab_service.domain.errors import StudyNotFound
from trimtab_service.domain.study import Study
from trimtab_service.store.base import (
    RECORDED,
    Checkpoint,
    CursorTooOld,
    DecisionBatch,
    ExpectationBatch,
    LogRow,
    Store,
)

CALLERS = 6


@pytest.fixture
def stores(store: Store, open_another: Callable[[], Store]) -> list[Store]:
    """Two servers, taken in turn."""
    return [store, open_another()] * (CALLERS // 2)


@pytest.fixture
def study(store: Store) -> Study:
    """A bandit study with a default reward."""
    return store.create_study(a_study("router", spec=REWARDED, algorithm=DECISIONS), None)


def log(store: Store, study: Study) -> list[LogRow]:
    """All rows in the order of the tail."""
    return list(store.tail(study, "", 10_000).rows)


def wrong(rows: Sequence[LogRow]) -> list[LogRow]:
    """The rows of decisions whose rows, in order, are not one of: timely; default; default and late."""

    def kind(row: LogRow) -> tuple[bool, bool]:
        return (row.is_default, row.replaces_default)

    by_decision = sorted(rows, key=lambda row: row.decision or "")  # keeps the order within each
    right = [[(False, False)], [(True, False)], [(True, False), (False, True)]]
    groups = [list(group) for _, group in groupby(by_decision, key=lambda row: row.decision)]
    return [row for group in groups if list(map(kind, group)) not in right for row in group]


@pytest.mark.parametrize("turn", range(4))
def test_a_decision_is_timely_or_default_or_both_in_order(stores: list[Store], study: Study, turn: int) -> None:
    """While some observe, some settle, and some hand out the same decisions again; each observation is taken once.

    Among those who observe is a server that has not heard of the default reward.
    """
    names = [f"d{number:02}" for number in range(30)]
    unaware = replace(study, spec=SPEC)
    luck = random.Random(turn)
    orders = [luck.sample(names, len(names)) for _ in stores]

    def observe(store: Store, known: Study, order: Sequence[str], size: int) -> list[str]:
        recorded = []
        for first in range(0, len(order), size):
            batch = DecisionBatch(known, [an_answer(name) for name in order[first : first + size]], None)
            (results,) = store.record_decisions([batch], NOW)
            assert isinstance(results, list)
            recorded += [name for name, result in zip(order[first:], results, strict=False) if result is RECORDED]
        return recorded

    def settle(store: Store) -> list[str]:
        for _ in range(10):
            store.settle(NOW, 7)
        return []

    def expect(store: Store, order: Sequence[str]) -> list[str]:
        for name in order:
            assert store.expect_decisions([ExpectationBatch(study, [an_expectation(name)])]) == [None]
        return []

    stores[0].expect_decisions([ExpectationBatch(study, [an_expectation(name) for name in names])])
    answers = race(
        [
            partial(settle, stores[0]),
            partial(settle, stores[1]),
            partial(observe, stores[2], study, orders[2], 1),
            partial(observe, stores[3], unaware, orders[3], 4),
            partial(observe, stores[4], study, orders[4], 3),
            partial(expect, stores[5], orders[5]),
        ]
    )
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    while stores[0].settle(LATEST, 100):
        pass
    rows = log(stores[1], study)
    recorded = [name for answer in answers if isinstance(answer, list) for name in answer]
    assert wrong(rows) == []
    assert sorted(recorded) == names
    assert sorted(row.decision or "" for row in rows if not row.is_default) == names


def test_those_who_settle_share_the_work(stores: list[Store], study: Study) -> None:
    """Each default reward counts once, and is counted once."""
    names = [f"d{number:03}" for number in range(100)]
    stores[0].expect_decisions([ExpectationBatch(study, [an_expectation(name) for name in names])])

    def settle(store: Store) -> int:
        return sum(store.settle(NOW, 5) for _ in range(30))

    counts = race([partial(settle, store) for store in stores])
    assert sum(count for count in counts if isinstance(count, int)) == len(names)
    assert sorted(row.decision or "" for row in log(stores[0], study)) == names


def test_a_deletion_takes_expectations_along(stores: list[Store]) -> None:
    """Whoever settles, observes or hands out meanwhile is before it, or told that the study is gone."""
    for name in ("s1", "s2", "s3"):
        doomed = stores[0].create_study(a_study(name, spec=REWARDED, algorithm=DECISIONS), None)
        names = [f"d{number}" for number in range(8)]
        expected = ExpectationBatch(doomed, [an_expectation(name) for name in names])
        observed = DecisionBatch(doomed, [an_answer(name) for name in names[::2]], None)
        stores[0].expect_decisions([expected])
        calls: list[Callable[[], object]] = [
            partial(stores[0].delete_study, doomed, None),
            partial(stores[1].settle, NOW, 5),
            partial(stores[2].settle, NOW, 5),
            partial(stores[3].record_decisions, [observed], NOW),
            partial(stores[4].expect_decisions, [expected]),
        ]
        deleted, *answers = race(calls)
        assert deleted is None
        for answer in answers:
            assert isinstance(answer, int) or (
                isinstance(answer, list) and isinstance(answer[0], list | StudyNotFound | None)
            )
        assert (stores[0].settle(LATEST, 100), stores[0].list_observations(doomed, 0, 100)) == (0, [])


def test_the_furthest_checkpoint_is_kept(stores: list[Store], study: Study) -> None:
    """In whatever order many servers keep theirs."""
    store = stores[0]
    batch = DecisionBatch(study, [a_decision(f"d{number:02}") for number in range(20)], None)
    store.record_decisions([batch], NOW)
    cursors = [store.tail(study, "", many).cursor for many in range(1, 21)]
    checkpoints = [Checkpoint("a", cursor, many, many, b"%d" % many) for many, cursor in enumerate(cursors, 1)]

    def save(store: Store, order: Sequence[Checkpoint]) -> None:
        for checkpoint in order:
            store.save_checkpoint(study, checkpoint)

    orders = [random.Random(caller).sample(checkpoints, 20) for caller in range(CALLERS)]
    answers = race([partial(save, store, order) for store, order in zip(stores, orders, strict=True)])
    assert (answers, store.load_checkpoint(study, "a")) == ([None] * CALLERS, checkpoints[-1])


def test_followers_miss_nothing_while_others_compact(stores: list[Store], study: Study) -> None:
    """Each begins anew now and then, from a checkpoint, and knows every row once in the end.

    An empty tail is not the end: rows are held back while an older transaction is open.
    """
    done, many = Event(), 60

    def write(store: Store) -> Counter[str]:
        for number in range(many):
            store.record_decisions([DecisionBatch(study, [a_decision(f"d{number:02}")], None)], NOW)
        done.set()
        return Counter()

    def begun(store: Store) -> tuple[str, Counter[str]]:
        checkpoint = store.load_checkpoint(study, "a")
        return (
            ("", Counter()) if checkpoint is None else (checkpoint.cursor, Counter(checkpoint.state.decode().split()))
        )

    def follow(store: Store, caller: int) -> Counter[str]:
        luck, (cursor, known), patience = random.Random(caller), begun(store), Patience()
        while True:
            try:
                tail = store.tail(study, cursor, 3)
            except CursorTooOld:
                cursor, known = begun(store)
                continue
            known.update(row.decision or "" for row in tail.rows)
            cursor = tail.cursor
            if not tail.rows and done.is_set() and (len(known) == many or patience.is_over()):
                return known
            if known and luck.random() < 0.3:
                state = " ".join(known.elements()).encode()
                store.save_checkpoint(study, Checkpoint("a", cursor, 1, known.total(), state))
                store.compact(study, "a", LATER + timedelta(minutes=1), 4)
            if luck.random() < 0.2:
                cursor, known = begun(store)

    calls: list[Callable[[], Counter[str]]] = [partial(write, stores[0])]
    calls += [partial(follow, store, caller) for caller, store in enumerate(stores[1:5])]
    _, *followers = race(calls)
    assert followers == [Counter(f"d{number:02}" for number in range(many))] * 4
    assert stores[0].get_counts(study, NOW).observations == many

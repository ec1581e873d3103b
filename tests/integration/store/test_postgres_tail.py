"""The tail of the log on PostgreSQL, where a row with a lower number may appear after one with a higher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event
from types import SimpleNamespace

import psycopg
import pytest

from store_values import DECISIONS, NOW, a_decision, a_study
from trimtab_service.domain.study import Study
from trimtab_service.store import rows, sql_log
from trimtab_service.store.base import DecisionBatch
from trimtab_service.store.catalog import open_store
from trimtab_service.store.connection import Connection
from trimtab_service.store.postgres import PostgresStore


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    """An empty store."""
    store = open_store(postgres_url, 2)
    assert isinstance(store, PostgresStore)
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def study(store: PostgresStore) -> Study:
    """A bandit study."""
    return store.create_study(a_study(algorithm=DECISIONS), None)


def record(store: PostgresStore, study: Study, *names: str) -> None:
    """Records decisions and commits."""
    store.record_decisions([DecisionBatch(study, [a_decision(name) for name in names], None)], NOW)


@contextmanager
def late(
    store: PostgresStore, study: Study, *names: str, end: Callable[[], None] = lambda: None
) -> Iterator[Future[None]]:
    """Writes decisions before the block, and commits them after it and after ``end``."""
    written, release = Event(), Event()

    def write(connection: Connection) -> None:
        now = rows.microseconds(NOW)
        connection.insert(rows.DECISION, [rows.decision_row(study, a_decision(name), now) for name in names])
        written.set()
        assert release.wait(60)
        end()

    with ThreadPoolExecutor(1) as thread:
        future: Future[None] = thread.submit(store.write, write)
        assert written.wait(60)
        try:
            yield future
        finally:
            release.set()
            wait([future])


def test_reading_behind_the_last_number_would_skip_a_row(store: PostgresStore, study: Study) -> None:
    """That such commits happen at all: the trap that the tail avoids."""
    with late(store, study, "slow"):
        record(store, study, "quick")
        seen = store.list_observations(study, 0, 10)
    after = store.list_observations(study, seen[-1].sequence, 10)
    assert [row.decision for row in seen + after] == ["quick"]


def test_a_row_that_commits_late_is_not_skipped(store: PostgresStore, study: Study) -> None:
    """Rows behind the open transaction are held back, then all come, each once."""
    record(store, study, "early")
    with late(store, study, "slow1", "slow2"):
        record(store, study, "quick")
        held = store.tail(study, "", 10)
    after = store.tail(study, held.cursor, 10)
    read = [[row.decision for row in tail.rows] for tail in (held, after)]
    assert read == [["early"], ["slow1", "slow2", "quick"]]


def test_several_late_commits_in_any_order(store: PostgresStore, study: Study) -> None:
    """Followed row by row, through every intermediate state."""
    read: list[str | None] = []
    cursor = ""

    def follow() -> None:
        nonlocal cursor
        for _ in range(10):
            tail = store.tail(study, cursor, 1)
            read.extend(row.decision for row in tail.rows)
            cursor = tail.cursor

    with late(store, study, "a"):
        record(store, study, "b")
        follow()
        with late(store, study, "c"):
            record(store, study, "d")
            follow()
        follow()
        record(store, study, "e")
    follow()
    assert sorted(map(str, read)) == ["a", "b", "c", "d", "e"]


def test_a_transaction_that_is_rolled_back_holds_nothing_for_ever(store: PostgresStore, study: Study) -> None:
    """Its rows never were."""

    def give_up() -> None:
        raise RuntimeError("given up")

    with late(store, study, "never", end=give_up) as future:
        record(store, study, "quick")
        held = store.tail(study, "", 10)
    read = [[row.decision for row in tail.rows] for tail in (held, store.tail(study, held.cursor, 10))]
    assert (str(future.exception()), read) == ("given up", [[], ["quick"]])


def test_the_tail_reads_from_an_index(store: PostgresStore, study: Study, postgres_url: str) -> None:
    """However long the log is: neither sorted nor passed over row by row."""
    for part in range(20):
        record(store, study, *[f"{part}-{index}" for index in range(200)])
    cursor = store.tail(study, "", 3_000).cursor
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    plans: list[str] = []

    def explain(connection: Connection) -> None:
        execute = connection.driver.execute
        connection.driver = SimpleNamespace(execute=lambda text, values: execute(f"EXPLAIN {text}", values))
        plans.extend(line for (line,) in connection.all(sql_log.TAIL, values))

    transaction, sequence = map(int, cursor.split("-"))
    values = {"uid": study.uid, "transaction": transaction, "sequence": sequence, "most": 100}
    store.look(explain)
    plan = "\n".join(plans)
    assert "observations_log_ix" in plan
    assert "Sort" not in plan


def test_a_log_restored_on_another_server_is_read(store: PostgresStore, study: Study, postgres_url: str) -> None:
    """Its rows name transactions that this server will come to in years; a start puts that right."""
    record(store, study, "a", "b")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE observations SET transaction_id = 1000000000000 + sequence")
    before = store.tail(study, "", 10)
    store.migrate()
    record(store, study, "c")
    after = store.tail(study, before.cursor, 10)
    read = [[row.decision for row in tail.rows] for tail in (before, after)]
    assert read == [[], ["a", "b", "c"]]

"""The tail of the log on PostgreSQL, where a row with a lower number may appear after one with a higher."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Executable

from store_values import DECISIONS, NOW, a_decision, a_request, a_study
from trimtab_service.domain.study import Study
from trimtab_service.store import rows, sql_log
from trimtab_service.store.base import RECORDED, Checkpoint, CursorTooOld, DecisionBatch
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
        connection.insert((rows.DECISION, [rows.decision_row(study, a_decision(name), now) for name in names]))
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


def test_observations_take_one_round_trip(store: PostgresStore, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the memory of the requests that brought them, however many calls share the transaction."""
    batches = [DecisionBatch(study, [a_decision(name)], a_request()) for name in "abc"]
    execute, statements = psycopg.Connection.execute, []

    def counting(self: psycopg.Connection[Any], query: str, *args: Any) -> psycopg.Cursor[Any]:
        statements.append(query)
        return execute(self, query, *args)

    monkeypatch.setattr(psycopg.Connection, "execute", counting)
    assert store.record_decisions(batches, NOW) == [[RECORDED]] * 3
    assert len(statements) == 1


def explained(store: PostgresStore, statement: Executable, values: Mapping[str, object]) -> str:
    """How the server would find the rows."""
    plans: list[str] = []

    def explain(connection: Connection) -> None:
        execute = connection.driver.execute
        connection.driver = SimpleNamespace(execute=lambda text, values: execute(f"EXPLAIN {text}", values))
        plans.extend(line for (line,) in connection.all(statement, values))

    store.look(explain)
    return "\n".join(plans)


def test_the_tail_reads_from_an_index(store: PostgresStore, study: Study, postgres_url: str) -> None:
    """However long the log is: neither sorted nor passed over row by row."""
    for part in range(20):
        record(store, study, *[f"{part}-{index}" for index in range(200)])
    cursor = store.tail(study, "", 3_000).cursor
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    transaction, sequence = map(int, cursor.split("-"))
    values = {"uid": study.uid, "transaction": transaction, "sequence": sequence, "most": 100}
    plan = explained(store, sql_log.TAIL, values)
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


def test_checkpoints_restored_on_another_server_cover_what_they_covered(
    store: PostgresStore, study: Study, postgres_url: str
) -> None:
    """Of a log that was compacted as well; and what is new comes behind all of them."""
    for name in "abcdef":
        record(store, study, name)
    cursors = [store.tail(study, "", many).cursor for many in range(1, 7)]
    for name, cursor in zip("abcde", cursors, strict=False):
        store.save_checkpoint(study, Checkpoint(name, cursor, 1, 1, b""))
    assert store.compact(study, "c", NOW + timedelta(days=1), 2) == 2
    store.save_checkpoint(study, Checkpoint("a", cursors[0], 1, 1, b""))  # which is behind where the log begins
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for table, column in (("observations", "transaction_id"), ("checkpoints", "transaction_id")):
            # In the opposite order of their numbers, and the first of them as old as this server.
            connection.execute(f"UPDATE {table} SET {column} = {column} + 1000000000000 - 10")
        connection.execute("UPDATE progress SET compacted_transaction = compacted_transaction + 1000000000000 - 10")
    store.migrate()
    record(store, study, "g")
    checkpoints = {name: store.load_checkpoint(study, name) for name in "abcde"}
    read = {
        name: "".join(row.decision or "" for row in store.tail(study, found.cursor, 10).rows)
        for name, found in checkpoints.items()
        if found is not None
    }
    assert read == {"b": "cdefg", "c": "defg", "d": "efg", "e": "fg"}
    with pytest.raises(CursorTooOld) as caught:
        store.tail(study, "", 10)
    assert [row.decision for row in store.tail(study, caught.value.start, 10).rows] == list("cdefg")
    assert store.compact(study, "e", NOW + timedelta(days=1), 100) == 3
    assert store.get_counts(study, NOW).observations == 7


def test_news_are_looked_up_in_an_index(store: PostgresStore, study: Study, postgres_url: str) -> None:
    """Each study by itself, however many there are and however long their logs."""
    for part in range(10):
        record(store, study, *[f"{part}-{index}" for index in range(200)])
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    values = {"cursors": json.dumps([[study.uid, 1, 1]] + [[f"{number:032x}", 0, 0] for number in range(500)])}
    plan = explained(store, sql_log.NEWS, values)
    assert "Index Scan using observations_log_ix" in plan or "Index Only Scan using observations_log_ix" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan

"""Default rewards on PostgreSQL, where a transaction may be older than what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import Executable

from contract.store.rewards import REWARDED, an_answer, an_expectation
from store_values import DECISIONS, NOW, SPEC, a_study
from trimtab_service.domain.study import Study
from trimtab_service.store import group_commit, rows, sql_log
from trimtab_service.store.base import DUPLICATE, RECORDED, DecisionBatch, ExpectationBatch
from trimtab_service.store.catalog import open_store
from trimtab_service.store.connection import Connection, DriverCursor, Values
from trimtab_service.store.postgres import PostgresConnection, PostgresStore


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
    """A bandit study with a default reward."""
    return store.create_study(a_study(spec=REWARDED, algorithm=DECISIONS), None)


def expect(store: PostgresStore, study: Study, *names: str) -> None:
    """Decisions that are due now."""
    store.expect_decisions([ExpectationBatch(study, [an_expectation(name) for name in names])])


def interrupt(
    monkeypatch: pytest.MonkeyPatch, awaited: Executable, act: Callable[[PostgresConnection], object]
) -> None:
    """Acts, once, before the statement is executed."""
    execute = PostgresConnection._execute
    waiting = [act]

    def executing(self: PostgresConnection, statement: Executable, values: Values) -> DriverCursor:
        if waiting and statement is awaited:
            waiting.pop()(self)
        return execute(self, statement, values)

    monkeypatch.setattr(PostgresConnection, "_execute", executing)


def test_what_takes_a_default_rewards_place_is_behind_it(
    store: PostgresStore, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its transaction began before the default reward came into the log, and sees it."""
    store.record_decisions([DecisionBatch(study, [an_answer("known")], None)], NOW)
    expect(store, study, "a", "b")
    began: list[int] = []

    def settle(connection: PostgresConnection) -> None:
        began.extend(connection.driver.execute("SELECT pg_current_xact_id()::text::bigint").fetchone())
        assert store.settle(NOW, 10) == 2

    interrupt(monkeypatch, group_commit._DECISIONS, settle)
    batch = DecisionBatch(study, [an_answer("a"), an_answer("known")], None)
    assert store.record_decisions([batch], NOW) == [[RECORDED, DUPLICATE]]
    assert [(row.decision, row.is_default, row.replaces_default) for row in store.tail(study, "", 10).rows] == [
        ("known", False, False),
        ("a", True, False),
        ("b", True, False),
        ("a", False, True),
    ]
    with store.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT DISTINCT transaction_id FROM observations ORDER BY 1").scalars()
        _, default, replacing = found.all()
    assert began[0] < default < replacing


def test_an_observation_that_is_not_committed_yet_is_waited_for(
    store: PostgresStore, study: Study, postgres_url: str
) -> None:
    """Where nobody knew that it was expected, only the index of the log is in the way of a default reward."""
    unaware = replace(study, spec=SPEC)
    expect(store, study, "a", "b")
    row = rows.decision_row(unaware, an_answer("a"), rows.microseconds(NOW))
    with ThreadPoolExecutor(1) as thread, psycopg.connect(postgres_url, autocommit=True) as looking:

        def observe(connection: Connection) -> Future[int]:
            connection.insert((rows.DECISION, [row]))
            settled = thread.submit(store.settle, NOW, 10)
            while looking.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
                assert not settled.done()
            return settled

        assert store.write(observe).result() == 2
    read = [(row.decision, row.is_default) for row in store.tail(study, "", 10).rows]
    assert read == [("a", False), ("b", True)]


def test_who_settles_does_not_wait(store: PostgresStore, study: Study) -> None:
    """For a transaction that observes what is due, nor for one that deletes a study."""
    doomed = store.create_study(a_study("doomed", spec=REWARDED, algorithm=DECISIONS), None)
    expect(store, study, "a", "b")
    expect(store, doomed, "a")
    settled: list[int] = []

    def observe(connection: Connection) -> None:
        connection.change(sql_log._EXPECT_NO_MORE, {"uid": study.uid, "decisions": '["a"]'})
        connection.driver.execute("DELETE FROM progress WHERE study_uid = %s", [doomed.uid])
        connection.driver.execute("SELECT uid FROM studies WHERE uid = %s FOR UPDATE", [doomed.uid])
        settled.append(store.settle(NOW, 10))

    store.write(observe)
    assert settled == [1]
    assert [row.decision for row in store.tail(study, "", 10).rows] == ["b"]

"""A database that isn't there: said clearly, without the password, and forgotten when it is back."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from databases import PostgresServer
from store_values import DECISIONS, NOW, a_decision, a_study, a_trial, completed
from trimtab_service.domain.errors import StoreUnavailable
from trimtab_service.domain.study import Study, TrialName
from trimtab_service.store.base import DecisionBatch, Store, TrialObservation
from trimtab_service.store.catalog import open_store
from trimtab_service.store.connection import Connection
from trimtab_service.store.postgres import PostgresStore


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server that the test may stop and kill."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def store(server: PostgresServer) -> Iterator[PostgresStore]:
    """A store on it."""
    store = open_store(server.url, 2)
    assert isinstance(store, PostgresStore)
    store.migrate()
    yield store
    store.close()


def every_call(store: Store, study: Study) -> list[Callable[[], object]]:
    """One call of each method that talks to the database."""
    return [
        store.migrate,
        lambda: store.count_pending(NOW),
        lambda: store.signing_key(b"key"),
        lambda: store.forget_requests(NOW),
        lambda: store.create_study(study, None),
        lambda: store.get_study(study.name),
        lambda: store.get_counts(study, NOW),
        lambda: store.list_studies(None, None, 10),
        lambda: store.replace_study(study, study, None),
        lambda: store.delete_study(study, None),
        lambda: store.snapshot(study.name, NOW, None, trials=True),
        lambda: store.append_trials(study, [a_trial()], None),
        lambda: store.observe_trials(study, [TrialObservation(1, completed())], NOW, None),
        lambda: store.extend_lease(study, 1, NOW, None),
        lambda: store.get_trial(TrialName(study.name, 1), NOW),
        lambda: store.list_trials(study, NOW, 0, 10, frozenset()),
        lambda: store.record_decisions([DecisionBatch(study, [a_decision()], None)], NOW),
        lambda: store.list_observations(study, 0, 10),
        lambda: store.tail(study, "", 10),
    ]


def test_every_call_says_that_the_database_is_away(server: PostgresServer, store: PostgresStore) -> None:
    """Whatever was asked; and the password is never shown."""
    study = store.create_study(a_study(), None)
    server.kill()
    for call in every_call(store, study):
        with pytest.raises(StoreUnavailable, match=r"PostgreSQL at 127\.0\.0\.1") as caught:
            call()
        assert "unused-secret" not in str(caught.value)
    server.start()


def test_a_database_that_comes_back_is_used_again(server: PostgresServer, store: PostgresStore) -> None:
    """By the first call, though every connection in the pool had died; nothing that was acknowledged is lost."""
    study = store.create_study(a_study(algorithm=DECISIONS), None)
    store.record_decisions([DecisionBatch(study, [a_decision("before")], None)], NOW)
    server.kill()
    server.start()
    store.record_decisions([DecisionBatch(study, [a_decision("after")], None)], NOW)
    assert [row.decision for row in store.tail(study, "", 10).rows] == ["before", "after"]


def test_a_write_whose_commit_was_cut_off_is_not_tried_again(server: PostgresServer, store: PostgresStore) -> None:
    """It may have happened: the caller decides, with its request id."""
    attempts = []

    def cut_off(connection: Connection) -> None:
        attempts.append(connection)
        server.kill()

    with pytest.raises(StoreUnavailable):
        store.write(cut_off)
    server.start()
    assert len(attempts) == 1


def test_a_transaction_that_was_cut_off_before_its_commit_runs_again(store: PostgresStore) -> None:
    """It left no trace, so the caller needn't know."""
    attempts = []

    def cut_off_once(connection: Connection) -> int:
        attempts.append(connection)
        (backend,) = connection.driver.execute("SELECT pg_backend_pid()").fetchone()
        if len(attempts) == 1:
            url = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
        (seven,) = connection.driver.execute("SELECT 7").fetchone()
        return int(seven)

    assert (store.write(cut_off_once), len(attempts)) == (7, 2)


def test_a_server_that_was_never_there() -> None:
    """A wrong port is said with its host and number."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can answer there
        port = taken.getsockname()[1]
        store = open_store(f"postgresql://user:unused-secret@127.0.0.1:{port}/trimtab", 1)
        with pytest.raises(StoreUnavailable, match=rf"127\.0\.0\.1:{port}") as caught:
            store.migrate()
        store.close()
    assert "unused-secret" not in str(caught.value)


def test_a_database_that_was_never_made(postgres_server_url: str) -> None:
    """Its name is in the message."""
    store = open_store(postgres_server_url.rpartition("/")[0] + "/nowhere", 1)
    with pytest.raises(StoreUnavailable, match="nowhere"):
        store.migrate()
    store.close()


def test_threads_that_hold_every_connection_keep_others_waiting_for_a_while_only(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is an error that says so."""
    monkeypatch.setattr("trimtab_service.store.postgres.POOL_SECONDS", 0.01)
    store = open_store(postgres_url, 1)
    assert isinstance(store, PostgresStore)
    store.migrate()
    held = [store.engine.connect() for _ in range(1 + store.writers)]
    with pytest.raises(StoreUnavailable, match="in use"):
        store.count_pending(NOW)
    for connection in held:
        connection.close()
    store.close()


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """The message says what to do."""
    store = open_store(f"sqlite:///{tmp_path / 'missing' / 'trimtab.db'}", 1)
    with pytest.raises(StoreUnavailable, match="missing to put the database in; make it"):
        store.migrate()


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    """The message says so."""
    store = open_store(f"sqlite:///{tmp_path}", 1)
    with pytest.raises(StoreUnavailable, match="is a folder"):
        store.migrate()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one " * 40)
    store = open_store(f"sqlite:///{path}", 1)
    with pytest.raises(StoreUnavailable, match=r"notes.txt.*not a database"):
        store.migrate()
    store.close()
    assert path.read_text().startswith("not a database")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder in which nobody can make a file")
def test_a_folder_that_cannot_be_written() -> None:
    """The message names the file."""
    store = open_store("sqlite:////proc/trimtab.db", 1)
    with pytest.raises(StoreUnavailable, match=r"/proc/trimtab\.db"):
        store.migrate()
    store.close()

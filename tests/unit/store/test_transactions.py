"""How often work is begun, and under which name its failure arrives."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trimtab_service.domain.errors import StoreUnavailable, TooMuchContention
from trimtab_service.store import sqlite
from trimtab_service.store.connection import Connection
from trimtab_service.store.sqlite import SqliteStore
from trimtab_service.store.transactions import MOST_ATTEMPTS, Overtaken


class Passing(sqlite3.OperationalError):
    """What goes away by itself."""

    sqlstate = "40001"


class Fallible(SqliteStore):
    """A store that takes such errors for passing ones."""

    passing = frozenset({"40001"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Fallible]:
    """A database with one table of its own."""
    store = Fallible(tmp_path / "trimtab.db", 1)
    store.write(lambda connection: connection.driver.execute("CREATE TABLE notes (note TEXT UNIQUE)"))
    yield store
    store.close()


def notes(store: Fallible) -> list[tuple[str]]:
    """Everything that was committed."""
    found: list[tuple[str]] = store.look(
        lambda connection: connection.driver.execute("SELECT note FROM notes ORDER BY note").fetchall()
    )
    return found


def note(connection: Connection, text: str) -> None:
    """Writes one line."""
    connection.driver.execute("INSERT INTO notes VALUES (?)", (text,))


def test_passing_errors_are_tried_again(store: Fallible) -> None:
    """From the beginning; nothing of the failed attempts stays."""
    attempts: list[int] = []

    def work(connection: Connection) -> int:
        note(connection, f"attempt {len(attempts)}")
        attempts.append(1)
        if len(attempts) < 3:
            raise Passing
        return len(attempts)

    assert (store.write(work), notes(store)) == (3, [("attempt 2",)])


def test_errors_that_do_not_pass_are_given_up(store: Fallible) -> None:
    """After a bounded number of attempts."""
    attempts: list[int] = []

    def work(_connection: Connection) -> None:
        attempts.append(1)
        raise Passing("could not serialize")

    with pytest.raises(StoreUnavailable, match="could not serialize"):
        store.write(work)
    assert len(attempts) == MOST_ATTEMPTS


def test_a_fault_of_ours_keeps_its_name(store: Fallible) -> None:
    """It isn't the database that is away."""
    with pytest.raises(sqlite3.ProgrammingError):
        store.look(lambda connection: connection.driver.execute("SELECT ?", ()))


def test_an_exception_of_the_work_undoes_it(store: Fallible) -> None:
    """And comes out as it is; the connection is as good as new."""

    def work(connection: Connection) -> None:
        note(connection, "lost")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        store.write(work)
    store.write(lambda connection: note(connection, "kept"))
    assert notes(store) == [("kept",)]


def test_what_refuses_is_judged(store: Fallible) -> None:
    """Nothing of the work is kept; the judge's answer is the answer."""

    def work(connection: Connection) -> str | None:
        note(connection, "lost")
        return None

    assert (store.write_or_judge(work, lambda _: "judged"), notes(store)) == ("judged", [])


def test_a_judge_without_an_answer_begins_anew(store: Fallible) -> None:
    """What was in the way may be gone."""
    store.write(lambda connection: note(connection, "in the way"))
    looked: list[str] = []

    def work(connection: Connection) -> str:
        if looked:
            connection.driver.execute("DELETE FROM notes")
        note(connection, "in the way")
        return "written"

    def judge(_connection: Connection) -> str | None:
        looked.append("once")
        return None

    assert (store.write_or_judge(work, judge), looked) == ("written", ["once"])


def test_endless_contention_is_said(store: Fallible) -> None:
    """Rather than going round for ever."""
    store.write(lambda connection: note(connection, "in the way"))

    def work(connection: Connection) -> str:
        note(connection, "in the way")
        return "never"

    with pytest.raises(TooMuchContention):
        store.write_or_judge(work, lambda _: None)
    with pytest.raises(TooMuchContention):
        store.write_or_retry(work, work)


@pytest.mark.parametrize("alone", [False, True])
def test_work_that_was_overtaken_begins_anew(store: Fallible, alone: bool) -> None:
    """With the other work, as where a constraint was in the way; nothing of the first attempts stays."""
    begun: list[str] = []

    def work(name: str) -> Callable[[Connection], str]:
        def run(connection: Connection) -> str:
            begun.append(name)
            note(connection, f"attempt {len(begun)}")
            if len(begun) < 3:
                raise Overtaken
            return name

        return run

    retry = store.write_alone_or_retry if alone else store.write_or_retry
    assert retry(work("first"), work("again")) == "again"
    assert (begun, notes(store)) == (["first", "again", "again"], [("attempt 3",)])


def test_a_writer_does_not_keep_readers_waiting(store: Fallible) -> None:
    """They see what was committed before."""
    store.write(lambda connection: note(connection, "before"))

    def work(connection: Connection) -> list[tuple[str]]:
        note(connection, "during")
        return notes(store)

    assert (store.write(work), notes(store)) == ([("before",)], [("before",), ("during",)])


def test_a_file_that_another_holds_is_waited_for_a_while(
    store: Fallible, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is said which one."""
    monkeypatch.setattr("trimtab_service.store.sqlite.BUSY_SECONDS", 0.01)
    second = Fallible(tmp_path / "trimtab.db", 1)
    with pytest.raises(StoreUnavailable, match=r"trimtab\.db doesn't answer: database is locked"):
        store.write(lambda _: second.write(lambda connection: note(connection, "late")))
    second.close()


class BusyOnce:
    """A connection that is told once that the file is busy."""

    def __init__(self, errorname: str) -> None:
        self.statements: list[str] = []
        self._errorname = errorname

    def execute(self, statement: str) -> None:
        """Fails at first."""
        self.statements.append(statement)
        if len(self.statements) == 1:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorname = self._errorname
            raise error


def test_a_busy_switch_to_the_write_ahead_log_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite doesn't wait by itself there, when several servers make the file together."""
    pauses: list[float] = []
    monkeypatch.setattr(sqlite, "sleep", pauses.append)
    connection = BusyOnce("SQLITE_BUSY_RECOVERY")
    sqlite.write_ahead(connection)  # type: ignore[arg-type]
    assert (len(connection.statements), pauses) == (2, [sqlite.SWITCH_SECONDS])


def test_a_switch_that_fails_otherwise_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk doesn't get better by waiting."""
    connection = BusyOnce("SQLITE_FULL")
    with pytest.raises(sqlite3.OperationalError):
        sqlite.write_ahead(connection)  # type: ignore[arg-type]
    assert len(connection.statements) == 1

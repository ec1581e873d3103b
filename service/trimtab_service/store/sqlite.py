"""SQLite: one file, and one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from time import monotonic, sleep
from typing import Any, ClassVar, TypeVar

from sqlalchemy import URL, Executable, create_engine, event

from trimtab_service.domain.errors import StoreUnavailable
from trimtab_service.store.connection import Connection, Insertion, Row, Values
from trimtab_service.store.schema import make_tables
from trimtab_service.store.sql_checkpoints import SqlCheckpoints
from trimtab_service.store.sql_log import SqlLog, page_by
from trimtab_service.store.sql_queue import SqlQueue
from trimtab_service.store.sql_rewards import SqlRewards
from trimtab_service.store.sql_trials import ended_after
from trimtab_service.store.tables import observations

Answer = TypeVar("Answer")

BUSY_SECONDS = 10.0
"""How long a connection waits for another process that writes."""

SWITCH_SECONDS = 0.01
"""Between two attempts to switch a new file to the write-ahead log."""

PRAGMAS = (
    "PRAGMA synchronous = FULL",  # a commit is on the disk when it returns
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)


MOST_ROWS = 256
"""Inserted by one statement; with the columns that tables have, far below SQLite's limit of values."""


class SqliteConnection(Connection):
    """Of sqlite3."""

    def insert(self, *parts: tuple[Insertion, Sequence[Row]]) -> None:
        """As few statements as powers of two allow, so that there are few to prepare.

        sqlite3 gives other threads the interpreter at each step, and may wait
        for it a while before the next; a row at a time, that wait is the
        longest part of a batch.
        """
        for insertion, rows in parts:
            begun, size = 0, MOST_ROWS
            while begun < len(rows):
                if begun + size > len(rows):
                    size //= 2
                    continue
                values = list(chain.from_iterable(rows[begun : begun + size]))
                self.driver.execute(_insert_text(insertion, size), values)
                begun += size

    def change_and_insert(
        self, change: Executable, values: Values, insertion: Insertion, rows: Sequence[Row], answer: Executable
    ) -> Row | None:
        """Three statements; what is written here always has a transaction around it."""
        if not self.change(change, values):
            return None
        if rows:
            self.insert((insertion, rows))
        return self.first(answer, values)


@lru_cache
def _insert_text(insertion: Insertion, rows: int) -> str:
    row = f"({', '.join('?' for _ in insertion.columns)})"
    columns = ", ".join(insertion.columns)
    return f"INSERT INTO {insertion.table.name} ({columns}) VALUES {', '.join([row] * rows)}"


class SqliteStore(SqlQueue, SqlRewards, SqlLog, SqlCheckpoints):
    """Studies in one SQLite file, made on first start."""

    writers: ClassVar[int] = 1
    begin_read = "BEGIN"
    begin_write = "BEGIN IMMEDIATE"
    passing: ClassVar[frozenset[str]] = frozenset()  # no deadlocks; and waiting has its own limit
    connection = SqliteConnection
    # In this order there is an index anyway, see ``tables``.
    page = page_by(observations.c.transaction_id, observations.c.sequence)
    ended = ended_after(observations.c.transaction_id == 0)

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        # SQLite's own way of waiting for a lock is to sleep and look again.
        self._writing = threading.Lock()
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": BUSY_SECONDS, "cached_statements": 256, "isolation_level": None},
            pool_size=threads + self.writers,
            max_overflow=0,
        )
        event.listen(engine, "connect", _prepare)
        super().__init__(engine, f"the SQLite file {path}")

    def migrate(self) -> None:
        """Makes or upgrades the tables."""
        self._check_place()
        with self.renamed():
            make_tables(self.engine, self.begin_write)

    def close(self) -> None:
        """Lets go of the file."""
        self.engine.dispose()

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """One at a time."""
        with self._writing:
            return super().write(work)

    def has_died(self, _driver: Any) -> bool:
        """A file doesn't go away."""
        return False

    def _check_place(self) -> None:
        """SQLite itself only says that it can't open the file."""
        folder = self._path.parent
        if not folder.is_dir():
            raise StoreUnavailable(f"there is no folder {folder} to put the database in; make it, or name another file")
        if self._path.is_dir():
            raise StoreUnavailable(f"{self._path} is a folder; name a file in it")


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    write_ahead(connection)
    for pragma in PRAGMAS:
        connection.execute(pragma)


def write_ahead(connection: sqlite3.Connection) -> None:
    """Switches to the write-ahead log, in which readers and the writer don't wait for each other.

    The file stays so. Of several who switch a new file at once SQLite lets one
    through, and tells the others at once that it is busy, whatever their time-out.
    """
    end = monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or monotonic() > end:
                raise
            sleep(SWITCH_SECONDS)
        else:
            return

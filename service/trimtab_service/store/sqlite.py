"""SQLite: one file, and one writer at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any, ClassVar, TypeVar

from sqlalchemy import URL, Connection, create_engine, event, literal_column

from trimtab_service.domain.errors import StoreUnavailable
from trimtab_service.store import documents, rows
from trimtab_service.store.schema import is_current, make_current
from trimtab_service.store.sql_log import SqlLog, append_observations, rows_behind
from trimtab_service.store.sql_studies import SqlStudies
from trimtab_service.store.sql_trials import SqlTrials

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

_INSERT_REQUESTS = f"INSERT INTO requests ({', '.join(rows.REQUEST)}) VALUES ({', '.join('?' for _ in rows.REQUEST)})"
_INSERT_DECISIONS = (
    f"INSERT INTO observations (transaction_id, {', '.join(rows.DECISION)})"
    f" VALUES (0, {', '.join('?' for _ in rows.DECISION)})"
)


class SqliteStore(SqlStudies, SqlTrials, SqlLog):
    """Studies in one SQLite file, made on first start."""

    writers: ClassVar[int] = 1
    begin_read = "BEGIN"
    begin_write = "BEGIN IMMEDIATE"
    passing: ClassVar[frozenset[str]] = frozenset()  # no deadlocks; and waiting has its own limit
    append_observations = append_observations(literal_column("0"))
    tail_rows = rows_behind(literal_column("1"))

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        # SQLite's own way of waiting for a lock is to sleep and look again.
        self._writing = threading.Lock()
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": BUSY_SECONDS, "cached_statements": 256},
            isolation_level="AUTOCOMMIT",
            json_serializer=documents.text,
            pool_size=threads + self.writers,
            max_overflow=0,
        )
        event.listen(engine, "connect", _prepare)
        super().__init__(engine, f"the SQLite file {path}")

    def migrate(self) -> None:
        """Makes or upgrades the tables."""
        self._check_place()
        if not self.read(is_current):
            self.write(make_current)

    def close(self) -> None:
        """Lets go of the file."""
        self.engine.dispose()

    def write(self, work: Callable[[Connection], Answer]) -> Answer:
        """One at a time."""
        with self._writing:
            return super().write(work)

    def insert_requests(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        """As many executions of one prepared statement."""
        connection.exec_driver_sql(_INSERT_REQUESTS, list(values))

    def insert_decisions(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        """As many executions of one prepared statement."""
        connection.exec_driver_sql(_INSERT_DECISIONS, list(values))

    def _check_place(self) -> None:
        """SQLite itself only says that it can't open the file."""
        folder = self._path.parent
        if not folder.is_dir():
            raise StoreUnavailable(f"there is no folder {folder} to put the database in; make it, or name another file")
        if self._path.is_dir():
            raise StoreUnavailable(f"{self._path} is a folder; name a file in it")


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    _write_ahead(connection)
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _write_ahead(connection: sqlite3.Connection) -> None:
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

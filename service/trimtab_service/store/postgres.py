"""PostgreSQL 13 or newer, for many servers over one database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import URL, create_engine

from trimtab_service.store.connection import Connection, Insertion, Row
from trimtab_service.store.schema import make_tables
from trimtab_service.store.sql_log import SqlLog
from trimtab_service.store.sql_trials import SqlTrials

SETTINGS = {
    "connect_timeout": 5,  # seconds
    # A network that swallows packets is noticed within seconds, not minutes.
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 30,  # seconds
    # A server that stops in the middle of a transaction holds locks, and holds
    # back the tails of all others; the database ends it.
    "options": "-c lock_timeout=10s -c idle_in_transaction_session_timeout=30s",
}
"""Of each connection, where the URL doesn't say otherwise."""

POOL_SECONDS = 10.0
"""How long a thread waits for a connection when all are in use."""

LOCK = f"SELECT pg_advisory_xact_lock({0x5472696D746162})"  # "Trimtab" in ASCII
"""Holds off other servers that start, until the end of the transaction."""

# In a database restored from a dump the log names transactions of the old
# server. Those that the new one hasn't come to yet would be held back from the
# tail for as long as it takes; they are given the number of one that it has.
NEXT_TRANSACTION = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
IS_FROM_ELSEWHERE = f"""
SELECT max(transaction_id) >= {NEXT_TRANSACTION}
FROM (SELECT transaction_id FROM observations ORDER BY sequence DESC LIMIT 1000) AS newest
"""
RENUMBER = f"""
UPDATE observations SET transaction_id = pg_current_xact_id()::text::bigint
WHERE transaction_id >= {NEXT_TRANSACTION}
"""


class PostgresConnection(Connection):
    """Of psycopg."""

    def insert(self, insertion: Insertion, rows: Sequence[Row]) -> None:
        """COPY, which both sides take the least time for, also for a single row."""
        copy_from = f"COPY {insertion.table.name} ({', '.join(insertion.columns)}) FROM STDIN"
        with self.driver.cursor() as cursor, cursor.copy(copy_from) as copy:
            for row in rows:
                copy.write_row(row)


class PostgresStore(SqlTrials, SqlLog):
    """Studies in a PostgreSQL database, made on first start."""

    writers: ClassVar[int] = 4
    begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    begin_write = "BEGIN"
    passing: ClassVar[frozenset[str]] = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
    connection = PostgresConnection

    def __init__(self, url: URL, threads: int) -> None:
        settings = {name: value for name, value in SETTINGS.items() if name not in url.query}
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={**settings, "autocommit": True},
            pool_size=threads + self.writers,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
        )
        super().__init__(engine, f"PostgreSQL at {url.host or 'the local socket'}:{url.port or 5432}")

    def migrate(self) -> None:
        """Makes or upgrades the tables, one server at a time."""
        with self.renamed():
            make_tables(self.engine, self.begin_write, LOCK)
        if self.look(lambda connection: connection.driver.execute(IS_FROM_ELSEWHERE).fetchone()) == (True,):
            self.write(_renumber)

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    def has_died(self, driver: Any) -> bool:
        """As psycopg knows."""
        return bool(driver.closed or driver.broken)


def _renumber(connection: Connection) -> None:
    connection.driver.execute(LOCK)
    connection.driver.execute(RENUMBER)

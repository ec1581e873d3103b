"""PostgreSQL 13 or newer, for many servers over one database."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

from sqlalchemy import URL, Column, Executable, LargeBinary, String, create_engine
from sqlalchemy.dialects import postgresql

from trimtab_service.store.connection import Connection, DriverCursor, Insertion, Row, Values
from trimtab_service.store.schema import make_tables
from trimtab_service.store.sql_checkpoints import SqlCheckpoints
from trimtab_service.store.sql_log import SqlLog
from trimtab_service.store.sql_queue import SqlQueue
from trimtab_service.store.sql_rewards import SqlRewards

Answer = TypeVar("Answer")

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

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
# tail for as long as it takes, and checkpoints would lie behind all that is
# new; so they are renumbered, in an order that is the same wherever it matters:
# what a checkpoint covers it covers afterwards.
NEXT_TRANSACTION = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
IS_FROM_ELSEWHERE = f"""
SELECT greatest(
    (SELECT max(transaction_id) FROM checkpoints),
    (SELECT max(transaction_id) FROM (
        SELECT transaction_id FROM observations ORDER BY sequence DESC LIMIT 1000
    ) AS newest)
) >= {NEXT_TRANSACTION}
"""
LOCK_LOG = "LOCK TABLE observations, checkpoints, progress IN SHARE ROW EXCLUSIVE MODE"
# The checkpoints of a study that has one from elsewhere, each with a transaction
# of this server that has ended; further ones have later transactions.
COVERS = f"""
CREATE TEMPORARY TABLE covers ON COMMIT DROP AS
SELECT study_uid, fingerprint, transaction_id, sequence, {NEXT_TRANSACTION} - dense_rank() OVER (
    PARTITION BY study_uid ORDER BY transaction_id DESC, sequence DESC
) AS renumbered
FROM checkpoints
WHERE study_uid IN (SELECT study_uid FROM checkpoints WHERE transaction_id >= {NEXT_TRANSACTION})
"""
RENUMBER_LOG = f"""
UPDATE observations AS log SET transaction_id = coalesce(
    (SELECT min(renumbered) FROM covers WHERE covers.study_uid = log.study_uid
        AND (covers.transaction_id, covers.sequence) >= (log.transaction_id, log.sequence)),
    pg_current_xact_id()::text::bigint
)
WHERE transaction_id >= {NEXT_TRANSACTION} OR study_uid IN (SELECT study_uid FROM covers)
"""
RENUMBER_STARTS = """
UPDATE progress SET compacted_transaction = coalesce(
    (SELECT min(renumbered) FROM covers WHERE covers.study_uid = progress.study_uid
        AND (covers.transaction_id, covers.sequence) >= (compacted_transaction, compacted_sequence)),
    pg_current_xact_id()::text::bigint
), compacted_sequence = 0
WHERE compacted > 0 AND study_uid IN (SELECT study_uid FROM covers)
"""
# Behind every row of its transaction.
RENUMBER_CHECKPOINTS = f"""
UPDATE checkpoints SET transaction_id = renumbered, sequence = {2**63 - 1}
FROM covers WHERE covers.study_uid = checkpoints.study_uid AND covers.fingerprint = checkpoints.fingerprint
"""
RENUMBER = (LOCK_LOG, COVERS, RENUMBER_LOG, RENUMBER_STARTS, RENUMBER_CHECKPOINTS)


class PostgresConnection(Connection):
    """Of psycopg."""

    def insert(self, *parts: tuple[Insertion, Sequence[Row]]) -> None:
        """One statement, whose text depends on nothing but the tables, and one value for all the rows of each.

        COPY takes two round trips a table, and psycopg twice the time to feed it.
        """
        text = _insert_text(tuple(insertion for insertion, _ in parts))
        self.driver.execute(text, [_encode(rows) for _, rows in parts])

    def change_and_insert(
        self, change: Executable, values: Values, insertion: Insertion, rows: Sequence[Row], answer: Executable
    ) -> Row | None:
        """One statement, and one value for all the rows."""
        changing, answering = self._statements.prepared(change), self._statements.prepared(answer)
        text = _change_text(changing.text, insertion if rows else None, answering.text)
        every = {**changing.constants, **answering.constants, **values, "new_rows": _encode(rows)}
        cursor: DriverCursor = self.driver.execute(text, every)
        return cursor.fetchone()

    def go_by_indexes(self) -> None:
        """By making a sort look dear."""
        self.driver.execute("SET LOCAL enable_sort = off")


# Bytes travel as hexadecimal digits.
_encode = json.JSONEncoder(
    separators=(",", ":"), allow_nan=False, ensure_ascii=False, check_circular=False, default=bytes.hex
).encode


@lru_cache
def _insert_text(insertions: tuple[Insertion, ...]) -> str:
    *before, last = map(_insert_one, insertions)
    beside = ", ".join(f"part{number} AS ({text})" for number, text in enumerate(before))
    return f"WITH {beside} {last}" if before else last


@lru_cache
def _change_text(change: str, insertion: Insertion | None, answer: str) -> str:
    parts = [f"changed AS ({change} RETURNING 1)"]
    if insertion is not None:
        inserted = _insert_one(insertion, "%(new_rows)s") + " WHERE EXISTS (SELECT FROM changed)"
        parts.append(f"inserted AS ({inserted})")
    return f"WITH {', '.join(parts)} SELECT ({answer}) FROM changed"


def _insert_one(insertion: Insertion, placeholder: str = "%s") -> str:
    """The rows are a JSON array of arrays, whose elements come out as text."""
    columns = insertion.columns
    values = [_converted(insertion.table.c[name], f"value ->> {place}") for place, name in enumerate(columns)]
    table = f"INSERT INTO {insertion.table.name} ({', '.join(columns)})"
    return f"{table} SELECT {', '.join(values)} FROM json_array_elements({placeholder}::json)"


def _converted(column: Column[Any], text: str) -> str:
    if isinstance(column.type, LargeBinary):
        return f"decode({text}, 'hex')"
    return text if isinstance(column.type, String) else f"({text})::{column.type.compile(DIALECT)}"


class PostgresStore(SqlQueue, SqlRewards, SqlLog, SqlCheckpoints):
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

    def write_alone(self, work: Callable[[Connection], Answer]) -> Answer:
        """As the transaction that every statement is by itself."""
        return self._run("", work)

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    def has_died(self, driver: Any) -> bool:
        """As psycopg knows."""
        return bool(driver.closed or driver.broken)


def _renumber(connection: Connection) -> None:
    for statement in (LOCK, *RENUMBER):
        connection.driver.execute(statement)

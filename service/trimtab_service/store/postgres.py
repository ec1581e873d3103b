"""PostgreSQL 13 or newer, for many servers over one database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import URL, Connection, create_engine, literal_column

from trimtab_service.store import documents
from trimtab_service.store.schema import is_current, make_current
from trimtab_service.store.sql_log import SqlLog, append_observations, rows_behind
from trimtab_service.store.sql_studies import SqlStudies
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

MIGRATION_LOCK = 0x5472696D746162  # "Trimtab" in ASCII

_TRANSACTION = "pg_current_xact_id()::text::bigint"
_HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

_INSERT_REQUESTS = """
INSERT INTO requests (scope, key, method, fingerprint, answer, create_time)
SELECT scope, key, method, fingerprint, answer::json, create_time
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::text[], %s::bigint[])
  AS given (scope, key, method, fingerprint, answer, create_time)
"""

_INSERT_DECISIONS = f"""
INSERT INTO observations
  (transaction_id, study_uid, decision, arm, propensity, context, observation, create_time)
SELECT {_TRANSACTION}, study_uid, decision, arm, propensity, context::json, observation::json, create_time
FROM unnest(%s::text[], %s::text[], %s::integer[], %s::float8[], %s::text[], %s::text[], %s::bigint[])
  AS given (study_uid, decision, arm, propensity, context, observation, create_time)
"""


class PostgresStore(SqlStudies, SqlTrials, SqlLog):
    """Studies in a PostgreSQL database, made on first start."""

    writers: ClassVar[int] = 4
    begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    begin_write = "BEGIN"
    passing: ClassVar[frozenset[str]] = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
    append_observations = append_observations(literal_column(_TRANSACTION))
    tail_rows = rows_behind(literal_column(_HORIZON))

    def __init__(self, url: URL, threads: int) -> None:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={name: value for name, value in SETTINGS.items() if name not in url.query},
            isolation_level="AUTOCOMMIT",
            json_serializer=documents.text,
            hide_parameters=True,
            pool_size=threads + self.writers,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
        )
        super().__init__(engine, f"PostgreSQL at {url.host or 'the local socket'}:{url.port or 5432}")

    def migrate(self) -> None:
        """Makes or upgrades the tables, one server at a time."""

        def lock_and_make(connection: Connection) -> None:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
            make_current(connection)

        if not self.read(is_current):
            self.write(lock_and_make)

    def close(self) -> None:
        """Closes every connection."""
        self.engine.dispose()

    def insert_requests(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        """One statement, of one array a column."""
        connection.exec_driver_sql(_INSERT_REQUESTS, _columns(values))

    def insert_decisions(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        """One statement, of one array a column."""
        connection.exec_driver_sql(_INSERT_DECISIONS, _columns(values))


def _columns(values: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*values, strict=True))

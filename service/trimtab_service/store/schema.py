"""Makes the tables, or brings those of an older version up to date.

An empty database gets today's tables at once. Alembic, which takes longer to
import than all else that a start does, is needed only where the database is of
an older version. A test holds that both ways lead to the same tables.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from trimtab_service.domain.errors import StoreUnavailable
from trimtab_service.store.migrations import HEAD, OLDER
from trimtab_service.store.tables import PARTIAL_INDEXES, metadata

# Alembic's own, as it makes it.
_versions = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def make_tables(engine: Engine, *locking: str) -> None:
    """Makes the tables those of this version.

    locking: statements that begin a transaction and hold off all others who do
        the same; only needed where the tables are not yet right.
    """
    with engine.connect() as connection:
        if _version(connection) == HEAD:
            return
    with engine.begin() as connection:
        for statement in locking:
            connection.exec_driver_sql(statement)
        _make(connection)


def _make(connection: Connection) -> None:
    version = _version(connection)
    if version == HEAD:
        return
    if version is None:
        metadata.create_all(connection, checkfirst=False)
        for statement in PARTIAL_INDEXES:
            connection.exec_driver_sql(statement)
        _versions.create(connection)
        connection.execute(insert(_versions), {"version_num": HEAD})
    elif version in OLDER:
        _upgrade(connection)
    else:
        raise StoreUnavailable(
            f"the database is of version {version}, and this server knows versions up to {HEAD}: "
            "a newer Trimtab made it; run that one"
        )


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_versions.name):
        return None
    version: str | None = connection.execute(select(_versions.c.version_num)).scalar()
    return version


def _upgrade(connection: Connection) -> None:
    from alembic import command

    from trimtab_service.store.migrations.run import configuration

    command.upgrade(configuration(connection), "head")

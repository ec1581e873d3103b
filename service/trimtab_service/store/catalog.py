"""Which engines there are: one line each."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from trimtab_service.store.base import Store

FORMS = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME"


class UnusableUrl(ValueError):
    """The database's URL is of no known form. Never shows the URL, which may hold a password."""


def open_store(url: str, threads: int) -> Store:
    """The store of this URL, for ``threads`` threads that read besides its writers. Connects when first used.

    Raises UnusableUrl where it is of no known form.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UnusableUrl(f"the database's URL is not of the form {FORMS}") from None
    match parsed.drivername:
        case "sqlite":
            return _open_sqlite(parsed, threads)
        case "postgresql" | "postgres":  # as libpq has it
            return _open_postgres(parsed, threads)
    raise UnusableUrl(f"there is no engine {parsed.drivername!r}: the database's URL is {FORMS}")


def _open_sqlite(url: URL, threads: int) -> Store:
    if not url.database or url.database == ":memory:":
        raise UnusableUrl("SQLite needs a file, which every connection sees: sqlite:///FILE")
    if url.host or url.query:
        raise UnusableUrl("a SQLite URL has three slashes, then the file, and nothing else: sqlite:///FILE")
    from trimtab_service.store.sqlite import SqliteStore  # only the engine in use is loaded

    return SqliteStore(Path(url.database), threads)


def _open_postgres(url: URL, threads: int) -> Store:
    from trimtab_service.store.postgres import PostgresStore  # only the engine in use is loaded

    return PostgresStore(url, threads)

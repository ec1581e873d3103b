"""What tests of every kind share: databases, and how examples are drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from databases import PostgresServer, fresh_database

# How fast a machine draws examples says nothing about the code. The same ones are
# drawn each time, so that a test that fails says something about a change; others with TRIMTAB_TEST_RANDOM=1.
settings.register_profile(
    "any machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("TRIMTAB_TEST_RANDOM") != "1",
)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """A real PostgreSQL server: the one in TRIMTAB_TEST_POSTGRES, or one started for this run."""
    named = os.environ.get("TRIMTAB_TEST_POSTGRES")
    if named:
        yield named
    else:
        with PostgresServer() as server:
            yield server.url


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database, dropped afterwards."""
    with fresh_database(postgres_server_url) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that doesn't exist yet."""
    return f"sqlite:///{tmp_path / 'trimtab.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database, once on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url

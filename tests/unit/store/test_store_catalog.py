"""Which databases can be named, and what is said of those that can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab_service.store.catalog import UnusableUrl, open_store
from trimtab_service.store.postgres import PostgresStore
from trimtab_service.store.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("url", "kind", "writers"),
    [
        ("sqlite:///trimtab.db", SqliteStore, 1),
        ("sqlite:////var/lib/trimtab/trimtab.db", SqliteStore, 1),
        ("postgresql://user:secret@db.example:5433/trimtab", PostgresStore, 4),
        ("postgres://user:secret@db.example/trimtab", PostgresStore, 4),
        ("postgresql://user@/trimtab?host=/run/postgresql", PostgresStore, 4),
    ],
)
def test_an_engine_is_opened_without_a_connection(url: str, kind: type[object], writers: int) -> None:
    """The database needn't answer yet."""
    store = open_store(url, 2)
    store.close()
    assert (type(store), store.writers) == (kind, writers)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://user:secret@host/name", "no engine 'mysql'"),
        ("postgresql+asyncpg://user:secret@host/name", "no engine 'postgresql[+]asyncpg'"),
        ("secret", "not of the form"),
        ("", "not of the form"),
        ("postgresql://user:secret@host:port/name", "not of the form"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite://secret/trimtab.db", "three slashes"),
        ("sqlite:///trimtab.db?mode=secret", "three slashes"),
    ],
)
def test_another_url_is_refused_with_the_forms_there_are(url: str, said: str) -> None:
    """The URL itself is never shown: it may hold a password."""
    with pytest.raises(UnusableUrl, match=said) as caught:
        open_store(url, 2)
    assert "sqlite:///FILE" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_relative_file_is_found_where_the_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes, then the path as the shell would have it."""
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///trimtab.db", 2)
    store.migrate()
    store.close()
    assert (tmp_path / "trimtab.db").is_file()


def test_settings_in_the_url_win() -> None:
    """Whoever gives options of his own knows his network."""
    store = open_store("postgresql://host/name?connect_timeout=60", 2)
    assert isinstance(store, PostgresStore)
    _, settings = store.engine.dialect.create_connect_args(store.engine.url)
    store.close()
    assert settings["connect_timeout"] == "60"

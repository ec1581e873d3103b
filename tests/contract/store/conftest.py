"""A store of each engine. A new engine joins by one more ``..._url`` fixture in ``database_url``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from trimtab_service.store.base import Store
from trimtab_service.store.catalog import open_store

THREADS = 4


@pytest.fixture
def open_another(database_url: str) -> Iterator[Callable[[], Store]]:
    """Opens further stores over the same database, as other replicas do."""
    opened: list[Store] = []

    def open_one() -> Store:
        store = open_store(database_url, THREADS)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another: Callable[[], Store]) -> Store:
    """An empty store."""
    store = open_another()
    store.migrate()
    return store

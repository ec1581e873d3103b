"""Servers that many tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import serving
from serving import RunningServer


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server on SQLite for all tests of a module; each makes studies of its own."""
    with RunningServer(serving.sqlite_in(tmp_path_factory.mktemp("server"))) as running:
        yield running

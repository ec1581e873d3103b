"""The gRPC server: what it is told, and what it says of what it is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from trimtab._transport import CHANNEL_OPTIONS
from trimtab_service.config import Config
from trimtab_service.rpc.server import options

SERVER_OPTIONS = [name for name, _ in options(Config())]


@pytest.fixture(scope="module")
def known() -> set[str]:
    """The names that are spelled out in gRPC's core; what lies before one may be anything."""
    found = re.findall(rb"(grpc\.[a-z0-9_.]+)\0", Path(cygrpc.__file__).read_bytes())
    return {name.decode() for name in found}


@pytest.mark.parametrize("name", [*SERVER_OPTIONS, *CHANNEL_OPTIONS])
def test_grpc_knows_every_option(known: set[str], name: str) -> None:
    """One that it doesn't know it ignores in silence. The client's as well."""
    assert name in known


@pytest.mark.parametrize("name", ["grpc.http2.min_recv_ping_interval_without_data_ms", "grpc.so_reuse"])
def test_an_option_that_grpc_does_not_know_is_found(known: set[str], name: str) -> None:
    """Nor is the beginning of a name one."""
    assert name not in known

"""A server with TLS, and with certificates of its clients."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

import serving
import trimtab
from serving import RunningServer

CERTIFICATES = Path(__file__).parents[1] / "certificates"
SERVER = (f"--tls-certificate={CERTIFICATES / 'server.pem'}", f"--tls-key={CERTIFICATES / 'server.key'}")


def client(server: RunningServer, certificate: str = "") -> trimtab.Client:
    """One that trusts the server, with a certificate of its own or without."""
    authority = (CERTIFICATES / "server.pem").read_bytes()
    own = [(CERTIFICATES / f"{certificate}.{ending}").read_bytes() for ending in ("key", "pem") if certificate]
    credentials = grpc.ssl_channel_credentials(authority, *own)
    return trimtab.Client(server.address, credentials=credentials, timeout=20)


def test_clients_are_served_over_tls(tmp_path: Path) -> None:
    """Whoever they are."""
    with RunningServer(serving.sqlite_in(tmp_path), *SERVER) as server, client(server) as one:
        assert list(one.studies()) == []


def test_clients_show_certificates_where_they_must(tmp_path: Path) -> None:
    """Signed by the right one, or they are not served."""
    flags = (*SERVER, f"--tls-client-ca={CERTIFICATES / 'client.pem'}")
    with RunningServer(serving.sqlite_in(tmp_path), *flags) as server:
        with client(server, "client") as known:
            assert list(known.studies()) == []
        for certificate in ("", "renewed"):
            with client(server, certificate) as stranger, pytest.raises(trimtab.TrimtabError):
                list(stranger.studies(timeout=1))

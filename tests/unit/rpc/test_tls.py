"""TLS files: what is wrong with them is said by the name of the field, and renewed ones are taken up."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from trimtab_service.config import Config, ConfigError
from trimtab_service.rpc.tls import Certificates

CERTIFICATES = Path(__file__).parents[2] / "certificates"


def config(folder: Path, certificate: str = "server.pem", key: str = "server.key", client_ca: str = "") -> Config:
    """With these files of a folder."""
    authority = str(folder / client_ca) if client_ca else ""
    return Config(tls_certificate=str(folder / certificate), tls_key=str(folder / key), tls_client_ca=authority)


@asynccontextmanager
async def served(certificates: Certificates) -> AsyncIterator[int]:
    """The port of a server that shows them."""
    server, credentials = grpc.aio.server(), certificates.credentials()
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    yield port
    await server.stop(None)


async def is_trusted(port: int, authority: str) -> bool:
    """Whether a client shakes hands that trusts this one only."""
    context = ssl.create_default_context(cafile=CERTIFICATES / f"{authority}.pem")
    context.set_alpn_protocols(["h2"])
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except ssl.SSLCertVerificationError:
        return False
    writer.transport.abort()
    return True


def renew(folder: Path, name: str, ending: str) -> None:
    """Puts another file in the place of the server's, as a whole."""
    fresh = folder / "fresh"
    shutil.copy(CERTIFICATES / f"{name}.{ending}", fresh)
    fresh.replace(folder / f"server.{ending}")


async def test_a_renewed_certificate_is_shown_to_who_comes_next(tmp_path: Path) -> None:
    """Without a restart."""
    for ending in ("pem", "key"):
        renew(tmp_path, "server", ending)
    async with served(Certificates(config(tmp_path))) as port:
        before = [await is_trusted(port, name) for name in ("server", "renewed")]
        for ending in ("pem", "key"):
            renew(tmp_path, "renewed", ending)
        after = [await is_trusted(port, name) for name in ("server", "renewed")]
    assert (before, after) == ([True, False], [False, True])


async def test_half_a_renewal_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The one before stays in use until both files are new; what keeps it from them is said once."""
    for ending in ("pem", "key"):
        renew(tmp_path, "server", ending)
    async with served(Certificates(config(tmp_path))) as port:
        renew(tmp_path, "renewed", "pem")
        with caplog.at_level(logging.ERROR, "trimtab_service.rpc.tls"):
            half = [await is_trusted(port, "server") for _ in range(2)]
            (tmp_path / "server.key").unlink()
            gone = [await is_trusted(port, "server") for _ in range(2)]
        renew(tmp_path, "renewed", "key")
        whole = await is_trusted(port, "renewed")
    assert (half, gone, whole) == ([True, True], [True, True], True)
    assert ["isn't the key" in record.reason for record in caplog.records] == [True, False]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"certificate": "junk"}, "tls_certificate: .*junk holds no certificate"),
        ({"certificate": "server.key"}, "tls_certificate: .*server.key holds no certificate"),
        ({"key": "junk"}, "tls_key: .*junk holds no private key"),
        ({"key": "server.pem"}, "tls_key: .*server.pem holds no private key"),
        ({"key": "renewed.key"}, "tls_key: .*renewed.key isn't the key of the certificate in .*server.pem"),
        ({"key": "encrypted.key"}, "tls_key: .*encrypted.key is encrypted"),
        ({"client_ca": "junk"}, "tls_client_ca: .*junk holds no certificate"),
        ({"client_ca": "binary"}, "tls_client_ca: .*binary holds no certificate"),
        ({"certificate": "damaged"}, "tls_certificate: .*damaged holds no certificate in PEM, or a damaged one"),
        ({"key": "missing"}, "can't read .*missing: No such file"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, files: dict[str, str], said: str) -> None:
    """By its field, and without what is in it."""
    for file in CERTIFICATES.glob("*.[kp]e[ym]"):
        shutil.copy(file, tmp_path)
    (tmp_path / "junk").write_text("hush hush\n")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    lines = (tmp_path / "server.pem").read_text().splitlines()
    (tmp_path / "damaged").write_text("\n".join([lines[0], *lines[2:]]))
    with pytest.raises(ConfigError, match=f"^{said}") as refusal:
        Certificates(config(tmp_path, **files))
    key = (tmp_path / "server.key").read_text().splitlines()[1]
    assert not any(secret in str(refusal.value) for secret in ("hush", key[:8]))

"""TLS: files that are checked before they are used, and read again once they were renewed."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import NoReturn, TypeAlias

import grpc

from trimtab_service.config import Config, ConfigError

log = logging.getLogger(__name__)

_OF_ANOTHER = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")
_Stamps: TypeAlias = list[tuple[int, int, int]]


class Certificates:
    """The server's certificate and key, and the CA of its clients.

    Law: they are looked at with every new connection. One that is opened after
    a renewal gets the new certificate, those that are open keep theirs. Files
    that can't be used, maybe because only one of them is new yet, change nothing.
    """

    def __init__(self, config: Config) -> None:
        """Raises ConfigError, which names the field at fault."""
        self._config = config
        self._stamps = self._look()
        self._first = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """What a port is opened with."""
        authenticate = bool(self._config.tls_client_ca)
        # The stubs don't know that None says that nothing has changed.
        return grpc.dynamic_ssl_server_credentials(self._first, self._renewed, authenticate)  # type: ignore[arg-type]

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What has changed since the last look, on a thread of gRPC's; None: nothing has."""
        stamps = self._look()
        if stamps == self._stamps:
            return None
        self._stamps = stamps
        try:
            read = self._read()
        except ConfigError as error:
            log.error("TLS files can't be used, the ones before stay in use", extra={"reason": str(error)})
            return None
        log.info("TLS files renewed")
        return read

    def _look(self) -> _Stamps:
        """What tells a file from the one that replaces it; nothing where one is missing."""
        config = self._config
        files = [Path(file) for file in (config.tls_certificate, config.tls_key, config.tls_client_ca) if file]
        try:
            found = [file.stat() for file in files]
        except OSError:
            return []
        return [(one.st_mtime_ns, one.st_ino, one.st_size) for one in found]

    def _read(self) -> grpc.ServerCertificateConfiguration:
        config = self._config
        try:
            certificate, key = Path(config.tls_certificate).read_bytes(), Path(config.tls_key).read_bytes()
            authority = Path(config.tls_client_ca).read_bytes() if config.tls_client_ca else None
            _check_certificates("tls_certificate", config.tls_certificate, certificate)
            _check_pair(config)
        except OSError as error:
            raise ConfigError(f"can't read {error.filename}: {error.strerror}") from None
        if authority is not None:
            _check_certificates("tls_client_ca", config.tls_client_ca, authority)
        return grpc.ssl_server_certificate_configuration([(key, certificate)], authority)


def _check_certificates(field: str, file: str, text: bytes) -> None:
    """gRPC says of a file that isn't one, or of a key that doesn't fit, that it can't listen."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=text.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError):
        raise ConfigError(f"{field}: {file} holds no certificate in PEM, or a damaged one") from None


def _check_pair(config: Config) -> None:
    def ask() -> NoReturn:
        raise ConfigError(f"tls_key: {config.tls_key} is encrypted; the server takes one without a passphrase")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.tls_certificate, config.tls_key, ask)
    except ssl.SSLError as error:
        if error.reason in _OF_ANOTHER:
            said = f"tls_key: {config.tls_key} isn't the key of the certificate in {config.tls_certificate}"
        else:
            said = f"tls_key: {config.tls_key} holds no private key in PEM that fits tls_certificate"
        raise ConfigError(said) from None

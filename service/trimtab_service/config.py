"""The whole configuration, read once at start into one frozen value.

Every field is a flag of ``trimtab serve`` (``--store-threads``), an
environment variable (``TRIMTAB_STORE_THREADS``) and a value of the Helm chart
(``config.storeThreads``); a flag wins over a variable. Nothing else in the
service reads the environment.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, get_type_hints

MOST_QUEUE = 1_000
"""Suggestions computed ahead of one study; far more than can be fresh."""


MEANT_EMPTY = frozenset({"metrics_address", "database"})
"""Fields whose variable may be empty and is not unset then: metrics are served nowhere; a database that got lost on its
way here is refused, rather than a new one begun."""

OF_THE_COMMAND_LINE = frozenset({"TRIMTAB_SERVER", "TRIMTAB_NAMESPACE"})
"""Variables that are none of the server's."""


class ConfigError(ValueError):
    """A flag or environment variable has a value that can't be used."""


def _doc(text: str, default: Any, *, secret: bool = False, choices: Sequence[str] = ()) -> Any:
    return field(default=default, metadata={"help": text, "secret": secret, "choices": choices})


@dataclass(frozen=True, slots=True)
class Config:
    """What a server is told. ``repr`` never shows a secret."""

    address: str = _doc("where to serve gRPC, host:port; port 0 takes any free one", "0.0.0.0:50051")
    metrics_address: str = _doc(
        "where to serve Prometheus metrics over HTTP, host:port; empty: nowhere", "0.0.0.0:9464"
    )
    database: str = field(
        default="sqlite:///trimtab.db",
        repr=False,
        metadata={
            "help": "sqlite:///FILE, or postgresql://USER:PASSWORD@HOST:PORT/NAME; the tables are made on first start",
            "secret": True,
            "choices": (),
        },
    )
    workers: int = _doc("processes that run optimizers; started when first needed", 2)
    worker_queue: int = _doc("optimizer calls that may wait for a process before fallbacks are given", 64)
    queue: int = _doc("suggestions of a study that may wait, computed before they are asked for; 0: none are", 64)
    store_threads: int = _doc("threads, and connections, that read from the database", 4)
    max_message_bytes: int = _doc("largest request taken, in bytes", 4 * 1024 * 1024)
    max_concurrent_rpcs: int = _doc("calls in flight at once; more are answered RESOURCE_EXHAUSTED", 2_000)
    suggest_timeout: float = _doc("seconds a Suggest may take when its caller sets no deadline", 60.0)
    tail_interval: float = _doc("seconds between looks at the log for observations that other replicas took", 0.5)
    request_retention: float = _doc("seconds for which request ids are remembered", 7 * 86_400.0)
    sweep_interval: float = _doc(
        "seconds between forgetting old request ids and deleting observations past their study's retention", 600.0
    )
    live_studies: int = _doc("bandit studies kept in memory; the one unused longest leaves first", 1_000)
    grace: float = _doc("seconds that calls in flight have to finish after SIGTERM", 20.0)
    token_keys: str = field(
        default="",
        repr=False,
        metadata={
            "help": "keys that sign decisions, as ID:BASE64 separated by commas, the first one signing and all "
            "verifying; empty: one key made on first start and kept in the database",
            "secret": True,
            "choices": (),
        },
    )
    tls_certificate: str = _doc("file with the server's certificate chain in PEM; empty: no TLS", "")
    tls_key: str = _doc("file with the server's private key in PEM", "")
    tls_client_ca: str = _doc("file with the CA that clients' certificates must be signed by; empty: not asked for", "")
    log_format: str = _doc("a readable line, or a JSON object, per event", "text", choices=("text", "json"))
    log_level: str = _doc("least severity that is logged", "info", choices=("debug", "info", "warning", "error"))

    def __post_init__(self) -> None:
        self._check_numbers()
        for name in ("address", "metrics_address"):
            value = getattr(self, name)
            if value or name == "address":
                _check_address(name, value)
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ConfigError("tls_certificate and tls_key go together")
        if self.tls_client_ca and not self.tls_certificate:
            raise ConfigError("tls_client_ca needs tls_certificate and tls_key")
        for option in fields(self):
            choices = option.metadata["choices"]
            if choices and getattr(self, option.name) not in choices:
                raise ConfigError(
                    f"{option.name} must be one of {', '.join(choices)}, not {getattr(self, option.name)!r}"
                )

    def _check_numbers(self) -> None:
        for name in ("workers", "worker_queue", "store_threads", "max_concurrent_rpcs", "live_studies"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("suggest_timeout", "tail_interval", "request_retention", "sweep_interval"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be greater than 0, not {getattr(self, name)}")
        if not 0 <= self.queue <= MOST_QUEUE:
            raise ConfigError(f"queue must be 0 to {MOST_QUEUE}, not {self.queue}")
        if not self.grace >= 0:
            raise ConfigError(f"grace must be at least 0, not {self.grace}")
        if self.max_message_bytes < 65_536:
            raise ConfigError(f"max_message_bytes must be at least 65536, not {self.max_message_bytes}")


def _check_address(name: str, value: str) -> None:
    host, separator, port = value.rpartition(":")
    if not (separator and host and port.isdecimal() and int(port) < 65_536):
        raise ConfigError(f"{name} must be host:port, not {value!r}")


def split_address(value: str) -> tuple[str, int]:
    """Host, without the brackets of an IPv6 one, and port of a checked address."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def silence_grpc(environment: MutableMapping[str, str] = os.environ) -> None:
    """Keeps the lines that gRPC's core writes by itself out of the log, unless GRPC_VERBOSITY asks for them.

    Heard only before gRPC is imported.
    """
    environment.setdefault("GRPC_VERBOSITY", "NONE")


def variable(name: str) -> str:
    """The environment variable of a field."""
    return "TRIMTAB_" + name.upper()


def load(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration that flags and environment variables say; an empty variable is one that isn't set.

    Raises ConfigError, which names the field, or the variable if that said it;
    prints and raises SystemExit for --help and flags that don't exist.
    """
    parser = argparse.ArgumentParser(
        prog="trimtab serve",
        description="Serves Trimtab. Each flag can be given as the environment variable in brackets instead.",
        allow_abbrev=False,
    )
    for option in fields(Config):
        shown = "" if option.metadata["secret"] else f"; default: {option.default}"
        parser.add_argument(
            "--" + option.name.replace("_", "-"),
            metavar="|".join(option.metadata["choices"]) or option.name.upper(),
            help=f"{option.metadata['help']} [{variable(option.name)}{shown}]".replace("%", "%%"),
        )
    given = vars(parser.parse_args(arguments))
    kinds = get_type_hints(Config)
    values: dict[str, Any] = {}
    by_variable = set()
    for option in fields(Config):
        name, text = option.name, given[option.name]
        if text is None:
            text = environment.get(variable(name))
            if text is None or not (text or name in MEANT_EMPTY):
                continue
            by_variable.add(name)
        try:
            values[name] = kinds[name](text)
        except ValueError:
            noun = {int: "a whole number", float: "a number"}[kinds[name]]
            said = variable(name) if name in by_variable else name
            raise ConfigError(f"{said} must be {noun}, not {text!r}") from None
    try:
        return Config(**values)
    except ConfigError as error:
        name, _, rest = str(error).partition(" ")
        raise ConfigError(f"{variable(name) if name in by_variable else name} {rest}") from None


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Variables that look like a server's, and are no field's: misspelt ones, most likely."""
    known = {variable(option.name) for option in fields(Config)} | OF_THE_COMMAND_LINE
    return sorted(name for name in environment if name.startswith(variable("")) and name not in known)

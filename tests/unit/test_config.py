"""The configuration: flags over variables over defaults, checked at once, secrets kept quiet."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, get_type_hints

import pytest

from trimtab_service.config import (
    MEANT_EMPTY,
    Config,
    ConfigError,
    load,
    silence_grpc,
    split_address,
    unknown_variables,
    variable,
)

OTHER: dict[str, str] = {
    "address": "127.0.0.1:6000",
    "metrics_address": "127.0.0.1:6001",
    "database": "postgresql://tuner:hunter2@db/trimtab",
    "workers": "7",
    "worker_queue": "8",
    "queue": "12",
    "store_threads": "9",
    "max_message_bytes": "70000",
    "max_concurrent_rpcs": "10",
    "suggest_timeout": "1.5",
    "tail_interval": "2.5",
    "request_retention": "3.5",
    "sweep_interval": "5.5",
    "live_studies": "11",
    "grace": "4.5",
    "token_keys": "first:aHVudGVyMg==",
    "tls_certificate": "a.pem",
    "tls_key": "b.pem",
    "tls_client_ca": "c.pem",
    "log_format": "json",
    "log_level": "debug",
}
"""Another value than the default for every field."""

KINDS = get_type_hints(Config)


def flags(values: dict[str, str]) -> list[str]:
    """The values as flags."""
    return [word for name, text in values.items() for word in ("--" + name.replace("_", "-"), text)]


def variables(values: dict[str, str]) -> dict[str, str]:
    """The values as environment variables."""
    return {variable(name): text for name, text in values.items()}


def test_nothing_said_means_the_defaults() -> None:
    """Other programs' variables don't matter."""
    assert load([], {"PATH": "/bin", "TRIMTAB": "1"}) == Config()


def test_this_test_knows_every_field() -> None:
    """A new field gets its line in OTHER."""
    assert list(OTHER) == [field.name for field in fields(Config)]


def test_every_field_is_a_flag_and_a_variable() -> None:
    """With the same meaning."""
    expected = Config(**{name: KINDS[name](text) for name, text in OTHER.items()})
    assert load(flags(OTHER), {}) == expected
    assert load([], variables(OTHER)) == expected


def test_a_flag_wins_over_a_variable() -> None:
    """What is typed for this run counts more than what is set for all."""
    assert load(["--workers", "3"], {"TRIMTAB_WORKERS": "4"}).workers == 3


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    """As shells and compose files leave them; but an empty metrics address switches metrics off."""
    empty = {variable(name): "" for name in OTHER if name not in MEANT_EMPTY}
    assert load([], empty) == Config()
    assert load([], {"TRIMTAB_METRICS_ADDRESS": ""}).metrics_address == ""


def test_an_empty_database_is_not_the_default_one() -> None:
    """Somebody meant another; the store refuses it."""
    assert load([], {"TRIMTAB_DATABASE": ""}).database == ""


@pytest.mark.parametrize("name", ["workers", "grace"])
@pytest.mark.parametrize("text", ["", "two", "0x10"])
def test_a_text_that_is_no_number_is_refused(name: str, text: str) -> None:
    """By the name of the field."""
    with pytest.raises(ConfigError, match=f"^{name} must be a (whole )?number, not {text!r}$"):
        load(flags({name: text}), {})


def test_a_variable_at_fault_is_named() -> None:
    """And not the flag, which may be right; nor the other way round."""
    for text, said in (("two", "must be a whole number, not 'two'"), ("0", "must be at least 1, not 0")):
        with pytest.raises(ConfigError, match=f"^TRIMTAB_WORKERS {said}$"):
            load([], {"TRIMTAB_WORKERS": text})
        with pytest.raises(ConfigError, match=f"^workers {said}$"):
            load(["--workers", text], {"TRIMTAB_WORKERS": "3"})


def test_a_variable_that_nobody_reads_is_found() -> None:
    """Those of the command line and of other programs aren't among them."""
    misspelt = {"TRIMTAB_WROKERS": "3", "TRIMTAB_WORKERS": "3", "TRIMTAB_SERVER": "localhost:1", "PATH": "/bin"}
    assert unknown_variables({**misspelt, **variables(OTHER)}) == ["TRIMTAB_WROKERS"]


def test_grpc_is_silent_unless_told_otherwise() -> None:
    """Its core writes no events."""
    environment: dict[str, str] = {}
    silence_grpc(environment)
    told = {"GRPC_VERBOSITY": "debug"}
    silence_grpc(told)
    assert (environment, told) == ({"GRPC_VERBOSITY": "NONE"}, {"GRPC_VERBOSITY": "debug"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"workers": 0}, "workers must be at least 1"),
        ({"worker_queue": 0}, "worker_queue must be at least 1"),
        ({"store_threads": -1}, "store_threads must be at least 1"),
        ({"max_concurrent_rpcs": 0}, "max_concurrent_rpcs must be at least 1"),
        ({"suggest_timeout": 0.0}, "suggest_timeout must be greater than 0"),
        ({"suggest_timeout": float("nan")}, "suggest_timeout must be greater than 0"),
        ({"tail_interval": -1.0}, "tail_interval must be greater than 0"),
        ({"request_retention": 0.0}, "request_retention must be greater than 0"),
        ({"grace": -0.1}, "grace must be at least 0"),
        ({"grace": float("nan")}, "grace must be at least 0"),
        ({"max_message_bytes": 65_535}, "max_message_bytes must be at least 65536"),
        ({"address": ""}, "address must be host:port"),
        ({"address": "localhost"}, "address must be host:port"),
        ({"address": ":50051"}, "address must be host:port"),
        ({"address": "localhost:65536"}, "address must be host:port"),
        ({"address": "localhost:5005²"}, "address must be host:port"),
        ({"metrics_address": "localhost:http"}, "metrics_address must be host:port"),
        ({"tls_certificate": "a.pem"}, "tls_certificate and tls_key go together"),
        ({"tls_key": "b.pem"}, "tls_certificate and tls_key go together"),
        ({"tls_client_ca": "c.pem"}, "tls_client_ca needs tls_certificate and tls_key"),
        ({"log_format": "xml"}, "log_format must be one of text, json"),
        ({"log_level": "loud"}, "log_level must be one of debug, info, warning, error"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(change: dict[str, Any], said: str) -> None:
    """At start, and not when it is first used."""
    with pytest.raises(ConfigError, match=f"^{said}"):
        Config(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"workers": 1},
        {"grace": 0.0},
        {"max_message_bytes": 65_536},
        {"address": "localhost:0"},
        {"address": "[::1]:65535"},
        {"tls_certificate": "a.pem", "tls_key": "b.pem", "tls_client_ca": "c.pem"},
    ],
)
def test_the_last_value_that_makes_sense_is_taken(change: dict[str, Any]) -> None:
    """Right at the bounds."""
    config = Config(**change)
    assert {name: getattr(config, name) for name in change} == change


def test_an_unknown_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Also one that is only the beginning of a flag."""
    for flag in ("--wrokers", "--worker"):
        with pytest.raises(SystemExit) as ended:
            load([flag, "2"], {})
        assert ended.value.code == 2
        assert f"unrecognized arguments: {flag}" in capsys.readouterr().err


def test_help_lists_every_flag_with_its_variable_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    """All that there is to know, in one place."""
    with pytest.raises(SystemExit) as ended:
        load(["--help"], {})
    assert ended.value.code == 0
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    for field in fields(Config):
        assert "--" + field.name.replace("_", "-") in shown
        assert f"[{variable(field.name)}" in shown
    assert "[TRIMTAB_WORKERS; default: 2]" in shown


def test_secrets_are_never_shown() -> None:
    """repr ends in logs; it leaves out every field that is marked secret."""
    shown = repr(load([], variables(OTHER)))
    secret = [field.name for field in fields(Config) if field.metadata["secret"]]
    assert secret == ["database", "token_keys"]
    assert not any(OTHER[name] in shown or f"{name}=" in shown for name in secret)
    assert "address='127.0.0.1:6000'" in shown


@pytest.mark.parametrize(
    ("address", "parts"),
    [("0.0.0.0:50051", ("0.0.0.0", 50_051)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_an_address_is_split_at_its_last_colon(address: str, parts: tuple[str, int]) -> None:
    """The brackets of an IPv6 host are for reading only."""
    assert split_address(address) == parts

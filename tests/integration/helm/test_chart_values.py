"""Values: what the chart refuses, and how they reach the server's one Config."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest
import yaml

from integration.helm.chart import CHART, EVERYTHING, POSTGRES, HelmRefused, Values, environment, render
from trimtab_service.config import Config, ConfigError, load, variable

TYPES = {int: "integer", float: ["number", "string"], str: "string"}
SECRETS = {"database": "postgresql://tuner:hunter2@db/trimtab", "tokenKeys": "first:aHVudGVyMg=="}


def camel_case(name: str) -> str:
    """The Helm value of a field of Config."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def schema_of_config() -> dict[str, Any]:
    """What values.schema.json says of config."""
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
    found: dict[str, Any] = schema["properties"]["config"]["properties"]
    return found


def test_every_field_of_the_configuration_is_a_value_and_the_other_way_round() -> None:
    """With the same description, type and choices."""
    hints = get_type_hints(Config)
    expected = {
        camel_case(field.name): (field.metadata["help"], TYPES[hints[field.name]], list(field.metadata["choices"]))
        for field in fields(Config)
    }
    found = {name: (s["description"], s["type"], s.get("enum", [])) for name, s in schema_of_config().items()}
    assert found == expected


def test_every_value_reaches_the_server() -> None:
    """Whatever is set, the server reads it from its environment, numbers undamaged."""
    config = Config(
        address="127.0.0.1:6000",
        metrics_address="127.0.0.1:6001",
        database=SECRETS["database"],
        workers=3,
        worker_queue=65,
        store_threads=5,
        max_message_bytes=16_777_216,
        max_concurrent_rpcs=1_000_000,
        suggest_timeout=0.001,
        tail_interval=0.25,
        request_retention=31_622_400.0,
        sweep_interval=30.5,
        live_studies=12_345,
        grace=7.5,
        token_keys=SECRETS["tokenKeys"],
        tls_certificate="/certificates/a.pem",
        tls_key="/certificates/b.pem",
        tls_client_ca="/certificates/c.pem",
        log_format="text",
        log_level="debug",
    )
    values = {camel_case(field.name): getattr(config, field.name) for field in fields(config)}
    variables = environment(render({"config": values}))
    assert set(variables) == {variable(field.name) for field in fields(config)}
    assert load([], variables) == config


def test_a_number_can_be_given_as_text() -> None:
    """As `--set config.tailInterval=0.25` does."""
    assert load([], environment(render({"config": {"tailInterval": "0.25"}}))).tail_interval == 0.25


def test_what_is_left_out_has_the_servers_default() -> None:
    """The chart's own values are the server's, apart from where data and logs go."""
    config, default = load([], environment(render({}))), Config()
    differing = {f.name for f in fields(Config) if getattr(config, f.name) != getattr(default, f.name)}
    assert differing == {"database", "log_format"}


def test_a_default_can_be_taken_out() -> None:
    """null removes it, and the server's own default holds."""
    variables = environment(render({"config": {"logFormat": None}}))
    assert "TRIMTAB_LOG_FORMAT" not in variables


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_only_in_the_secret(name: str) -> None:
    """Not in the ConfigMap, nor in what describes the pods."""
    rendered = render({"config": SECRETS})
    holders = [found["kind"] for found in rendered.objects if SECRETS[name] in json.dumps(found)]
    assert holders == ["Secret"]


def test_every_secret_field_is_kept_out_of_the_config_map() -> None:
    """The template knows the fields by name; a new secret one must be added there."""
    secret = {camel_case(field.name) for field in fields(Config) if field.metadata["secret"]}
    assert secret == set(SECRETS)


def test_an_existing_secret_takes_the_place_of_values() -> None:
    """The pod reads it, and the chart makes none that would be empty."""
    rendered = render(EVERYTHING)
    sources = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in rendered.container["env"] if "valueFrom" in e}
    assert sources == {
        "TRIMTAB_DATABASE": {"name": "trimtab-db-app", "key": "uri"},
        "TRIMTAB_TOKEN_KEYS": {"name": "trimtab-keys", "key": "token-keys"},
    }
    assert rendered.all_of("Secret") == []


def test_one_existing_secret_leaves_the_other_to_the_chart() -> None:
    """The chart's own Secret holds what no other one does."""
    rendered = render({"existingSecrets": {"database": {"name": "trimtab-db-app"}}})
    assert rendered.one("Secret")["stringData"] == {"token-keys": ""}


def test_a_certificate_is_mounted_and_named() -> None:
    """The paths in the server's configuration are those of the mounted Secret."""
    rendered = render(EVERYTHING)
    data = rendered.one("ConfigMap")["data"]
    assert {"name": "tls", "mountPath": "/tls", "readOnly": True} in rendered.container["volumeMounts"]
    assert {"name": "tls", "secret": {"secretName": "trimtab-tls"}} in rendered.pod["volumes"]
    assert [data[f"TRIMTAB_TLS_{name}"] for name in ("CERTIFICATE", "KEY", "CLIENT_CA")] == [
        *("/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt")
    ]


def open_objects(values: Any, path: str = "") -> list[str]:
    """The paths of every map in values.yaml whose names are the chart's own."""
    passed_through = {
        *("podAnnotations", "podLabels", "nodeSelector", "affinity", "resources", "podSecurityContext"),
        *("securityContext", "behavior", "annotations", "labels"),
    }
    found = [path]
    for name, inner in values.items():
        if isinstance(inner, dict) and name not in passed_through:
            found += open_objects(inner, f"{path}.{name}".lstrip("."))
    return found


@pytest.mark.parametrize("path", open_objects(yaml.safe_load((CHART / "values.yaml").read_text())))
def test_a_misspelt_value_is_refused(path: str) -> None:
    """At every place where the names are the chart's own."""
    values: dict[str, Any] = {"mispelt": 1}
    for name in reversed(path.split(".") if path else []):
        values = {name: values}
    with pytest.raises(HelmRefused, match="additional properties 'mispelt' not allowed"):
        render(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"config": {"logLevel": "loud"}}, "/config/logLevel"),
        ({"config": {"workers": "two"}}, "/config/workers"),
        ({"config": {"grace": "soon"}}, "/config/grace"),
        ({"config": {"address": None}}, "missing property 'address'"),
        ({"config": {"address": "localhost"}}, "/config/address"),
        ({"config": {"address": ":50051"}}, "/config/address"),
        ({"config": {"address": "0.0.0.0:0"}}, "/config/address"),
        ({"config": {"address": "0.0.0.0:65536"}}, "/config/address"),
        ({"config": {"metricsAddress": "0.0.0.0:0"}}, "/config/metricsAddress"),
        ({"config": {"tailInterval": "0.0"}}, "/config/tailInterval"),
        ({"fullnameOverride": "Tuner_1"}, "/fullnameOverride"),
        ({"fullnameOverride": "tuner-"}, "/fullnameOverride"),
        ({"nameOverride": "my.tuner"}, "/nameOverride"),
        ({"podDisruptionBudget": {"minAvailable": "half"}}, "/podDisruptionBudget/minAvailable"),
        ({"service": {"port": 70_000}}, "/service/port"),
        ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
        ({"persistence": {"mountPath": "data"}}, "/persistence/mountPath"),
        ({"tolerations": {"key": "a"}}, "/tolerations"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(values: Values, said: str) -> None:
    """By its path, before anything is made."""
    with pytest.raises(HelmRefused, match=said):
        render(values)


def test_numbers_have_the_servers_bounds() -> None:
    """Else the pods would start, refuse their configuration and start again."""
    hints, schema = get_type_hints(Config), schema_of_config()
    ends: list[tuple[Any, Any]]
    for field in fields(Config):
        said = schema[camel_case(field.name)]
        if hints[field.name] is int:
            ends = [(said["minimum"], -1)] + ([(said["maximum"], 1)] if "maximum" in said else [])
        elif hints[field.name] is float:
            ends = [(said["minimum"], -1)] if "minimum" in said else [(said["exclusiveMinimum"] + 1e-9, -1e-9)]
        else:
            continue
        for end, beyond in ends:
            replace(Config(), **{field.name: end})
            with pytest.raises(ConfigError, match=field.name):
                replace(Config(), **{field.name: end + beyond})


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:6000", "localhost:65535"])
def test_a_fixed_port_is_taken(address: str) -> None:
    """Of any host: the Services and the probes need to know it."""
    assert load([], environment(render({"config": {"address": address, "metricsAddress": address}}))).address == address


def test_a_name_of_ones_own_is_taken() -> None:
    """For every object."""
    names = {found["metadata"]["name"] for found in render({"fullnameOverride": "tuner-1"}).objects}
    assert names == {"tuner-1", "tuner-1-headless"}


def test_clients_certificates_without_tls_are_refused() -> None:
    """It would serve without encryption, and nobody would hear of it."""
    with pytest.raises(HelmRefused, match=r"tls\.verifyClients needs tls\.existingSecret"):
        render({"tls": {"verifyClients": True}})


@pytest.mark.parametrize(
    "values",
    [
        {"replicaCount": 2},
        {"autoscaling": {"enabled": True}},
        {"replicaCount": 2, "config": {"database": "sqlite:////data/other.db"}},
    ],
    ids=["two", "autoscaled", "another file"],
)
def test_several_servers_on_sqlite_are_refused(values: Values) -> None:
    """The message says what to do instead."""
    with pytest.raises(HelmRefused, match=r"set config.database .* to a PostgreSQL URL, or replicaCount to 1"):
        render(values)


def test_a_sqlite_file_outside_the_volume_is_refused() -> None:
    """It could not be written, or would be lost with the pod."""
    with pytest.raises(HelmRefused, match="must lie on the volume"):
        render({"config": {"database": "sqlite:///trimtab.db"}})


def test_a_monitor_of_metrics_that_are_not_served_is_refused() -> None:
    """It would find nothing, and say nothing."""
    with pytest.raises(HelmRefused, match=r"needs config\.metricsAddress"):
        render({**POSTGRES, "config": {"metricsAddress": ""}, "serviceMonitor": {"enabled": True}})

"""What the chart makes: objects that Kubernetes takes, and pods that behave."""

from __future__ import annotations

import tomllib
from typing import Any

import kubernetes_validate
import pytest
import yaml

from integration.helm.chart import (
    CHART,
    EVERYTHING,
    POSTGRES,
    REPOSITORY,
    SQLITE,
    Values,
    environment,
    notes,
    render,
    run_helm,
)

KUBERNETES = "1.34"
WAYS = pytest.mark.parametrize("values", [SQLITE, POSTGRES, EVERYTHING], ids=["sqlite", "postgres", "everything"])
RESOURCES = {"nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName"}


@WAYS
def test_helm_finds_nothing_to_complain_of(values: Values) -> None:
    """helm lint --strict turns its warnings into errors."""
    assert "0 chart(s) failed" in run_helm("lint", "--strict", str(CHART), values=values)


@WAYS
def test_kubernetes_takes_every_object(values: Values) -> None:
    """Each is checked strictly against the schema of its kind; only the Prometheus operator's own kind has none."""
    unknown = set()
    for found in render(values).objects:
        try:
            kubernetes_validate.validate(found, KUBERNETES, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.add(found["kind"])
    assert unknown <= {"ServiceMonitor"}


def test_the_check_of_objects_can_fail() -> None:
    """A misspelt field is found."""
    deployment = render(SQLITE).one("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)


@WAYS
def test_every_object_says_whose_it_is(values: Values) -> None:
    """The recommended labels are on all of them."""
    for found in render(values).objects:
        labels = found["metadata"]["labels"]
        assert {labels["app.kubernetes.io/name"], labels["app.kubernetes.io/instance"]} == {"trimtab", "demo"}


def test_one_file_makes_one_object() -> None:
    """Whoever looks for an object finds it by its kind."""
    for path in (CHART / "templates").glob("*.yaml"):
        assert path.read_text().count("\nkind: ") == 1, path.name


def test_chart_and_package_have_one_version() -> None:
    """The chart of a release runs the image of that release."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])


def test_services_find_the_pods() -> None:
    """Services, budget and deployment select by the labels that the pods have."""
    rendered = render({**EVERYTHING, "podLabels": {"app.kubernetes.io/component": "server"}})
    labels = rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"].items()
    selectors: list[dict[str, str]] = [
        rendered.one("Service")["spec"]["selector"],
        rendered.one("Service", "-headless")["spec"]["selector"],
        rendered.one("Deployment")["spec"]["selector"]["matchLabels"],
        rendered.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        rendered.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_clients_can_balance_by_themselves() -> None:
    """The headless service names every server, by the port that they listen on."""
    service = render({**POSTGRES, "config": {**POSTGRES["config"], "address": "[::]:6000"}}).one("Service", "-headless")
    assert (service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]) == ("None", 6000)


def test_probes_ask_the_server_itself() -> None:
    """Start and life: the process. Readiness: the service that needs the database."""
    container = render(SQLITE).container
    asked = {
        name: container[name + "Probe"]["grpc"].get("service", "") for name in ("startup", "liveness", "readiness")
    }
    assert asked == {"startup": "", "liveness": "", "readiness": "trimtab.v1.TuningService"}


@pytest.mark.parametrize(
    "values",
    [EVERYTHING, {"config": {"tlsCertificate": "/mine/a.pem", "tlsKey": "/mine/b.pem"}}],
    ids=["secret", "files"],
)
def test_probes_of_a_server_with_tls_open_a_connection(values: Values) -> None:
    """Kubernetes' gRPC probes don't speak TLS and would fail for ever."""
    container = render(values).container
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[name]["tcpSocket"] == {"port": "grpc"}
        assert "grpc" not in container[name]


@pytest.mark.parametrize(
    ("values", "protocol"),
    [
        (SQLITE, "kubernetes.io/h2c"),
        (EVERYTHING, "https"),
        ({"config": {"tlsCertificate": "/mine/a.pem", "tlsKey": "/mine/b.pem"}}, "https"),
        ({**EVERYTHING, "service": {"appProtocol": "grpc"}}, "grpc"),
    ],
    ids=["plain", "secret", "files", "said"],
)
def test_services_say_what_the_port_speaks(values: Values, protocol: str) -> None:
    """A mesh that takes TLS for plain HTTP/2 breaks every call; what the user says counts."""
    rendered = render(values)
    for suffix in ("", "-headless"):
        ports = {port["name"]: port for port in rendered.one("Service", suffix)["spec"]["ports"]}
        assert ports["grpc"]["appProtocol"] == protocol


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"maxUnavailable": 0}, {"maxUnavailable": 0}),
        ({"minAvailable": 2}, {"minAvailable": 2}),
        ({"minAvailable": 0}, {"minAvailable": 0}),
        ({"minAvailable": "50%", "maxUnavailable": 2}, {"minAvailable": "50%"}),
        ({"minAvailable": None, "maxUnavailable": "30%"}, {"maxUnavailable": "30%"}),
    ],
)
def test_a_budget_has_one_bound(budget: dict[str, Any], said: dict[str, Any]) -> None:
    """Kubernetes refuses both at once; minAvailable, which nobody has unless he sets it, wins."""
    spec = render({"podDisruptionBudget": budget}).one("PodDisruptionBudget")["spec"]
    del spec["selector"]
    assert spec == said


def test_a_budget_can_be_done_without() -> None:
    """By a switch: Helm merges an empty map with the chart's own values."""
    assert render({"podDisruptionBudget": {"enabled": False}}).all_of("PodDisruptionBudget") == []


@pytest.mark.parametrize(
    ("values", "command"),
    [
        (SQLITE, "trimtab --server localhost:50051 study list"),
        ({"tls": {"existingSecret": "a"}}, "trimtab --server localhost:50051 --tls-ca ca.crt study list"),
        (
            {"tls": {"existingSecret": "a", "verifyClients": True}},
            "trimtab --server localhost:50051 --tls-ca ca.crt --tls-certificate client.crt --tls-key client.key "
            "study list",
        ),
    ],
    ids=["plain", "tls", "clients"],
)
def test_the_notes_have_a_command_that_asks_the_server(values: Values, command: str) -> None:
    """Whoever types it sees whether calls arrive."""
    lines = [line.strip() for line in notes(values).splitlines()]
    assert command in lines


@pytest.mark.parametrize("grace", [0, 0.5, 20, 300])
def test_a_pod_gets_longer_than_its_server_takes_to_drain(grace: float) -> None:
    """Else Kubernetes would kill calls in flight."""
    rendered = render({"config": {"grace": grace}})
    before = rendered.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert rendered.pod["terminationGracePeriodSeconds"] > before + grace


@WAYS
def test_pods_have_no_rights(values: Values) -> None:
    """No root, no writes to the image, no capabilities, no token of the cluster."""
    rendered = render(values)
    assert rendered.pod["securityContext"]["runAsNonRoot"]
    assert rendered.pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert rendered.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert rendered.pod["automountServiceAccountToken"] is False
    assert rendered.one("ServiceAccount")["automountServiceAccountToken"] is False


@WAYS
def test_kubernetes_sets_no_variables_that_look_like_ours(values: Values) -> None:
    """A Service named trimtab would give every pod TRIMTAB_PORT and the like."""
    assert render(values).pod["enableServiceLinks"] is False


def test_updates_lose_no_server() -> None:
    """A new server is ready before an old one goes."""
    strategy = render(POSTGRES).one("Deployment")["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_two_servers_never_share_a_sqlite_file() -> None:
    """Not even during an update; the file lies on a claim that outlives the release."""
    rendered = render(SQLITE)
    assert rendered.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert environment(rendered)["TRIMTAB_DATABASE"] == "sqlite:////data/trimtab.db"
    assert {"name": "data", "mountPath": "/data"} in rendered.container["volumeMounts"]
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "demo-trimtab"}} in rendered.pod["volumes"]
    claim = rendered.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize(
    ("persistence", "volume"),
    [
        ({"enabled": False}, {"name": "data", "emptyDir": {}}),
        ({"existingClaim": "mine"}, {"name": "data", "persistentVolumeClaim": {"claimName": "mine"}}),
    ],
)
def test_the_volume_can_be_another(persistence: dict[str, Any], volume: dict[str, Any]) -> None:
    """One that the user made, or none that lasts; then the chart makes no claim."""
    rendered = render({"persistence": persistence})
    assert volume in rendered.pod["volumes"]
    assert rendered.all_of("PersistentVolumeClaim") == []


@pytest.mark.parametrize("values", [POSTGRES, EVERYTHING], ids=["url", "existing secret"])
def test_postgres_needs_no_volume(values: Values) -> None:
    """Only the folder for temporary files is there."""
    rendered = render(values)
    assert rendered.all_of("PersistentVolumeClaim") == []
    assert "data" not in {volume["name"] for volume in rendered.pod["volumes"]}


@pytest.mark.parametrize("setting", [{"logLevel": "debug"}, {"tokenKeys": "a:AAAA"}], ids=["plain", "secret"])
def test_a_changed_setting_restarts_the_pods(setting: dict[str, str]) -> None:
    """Environment variables are read once, at start."""
    annotations = [
        render({"config": config}).one("Deployment")["spec"]["template"]["metadata"]["annotations"]
        for config in ({}, setting)
    ]
    assert annotations[0] != annotations[1]


def test_a_scaled_deployment_has_no_count_of_its_own() -> None:
    """Else every helm upgrade would undo what the autoscaler did."""
    rendered = render(EVERYTHING)
    assert "replicas" not in rendered.one("Deployment")["spec"]
    assert rendered.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "demo-trimtab"


def test_nothing_extra_is_made_unasked() -> None:
    """The default is what everyone needs."""
    assert {found["kind"] for found in render(SQLITE).objects} == {
        *("Deployment", "Service", "ServiceAccount", "ConfigMap", "Secret"),
        *("PersistentVolumeClaim", "PodDisruptionBudget"),
    }


def test_what_the_user_says_of_pods_is_passed_through() -> None:
    """As it is, without a name of our own for each field."""
    rendered = render(EVERYTHING)
    assert {name: rendered.pod[name] for name in RESOURCES} == {name: EVERYTHING[name] for name in RESOURCES}
    assert EVERYTHING["extraEnv"][0] in rendered.container["env"]
    assert EVERYTHING["extraVolumes"][0] in rendered.pod["volumes"]
    assert EVERYTHING["extraVolumeMounts"][0] in rendered.container["volumeMounts"]


def test_metrics_are_scraped_where_they_are_served() -> None:
    """The monitor names a port that the service has, which leads to a port that the container has."""
    rendered = render(EVERYTHING)
    (endpoint,) = rendered.one("ServiceMonitor")["spec"]["endpoints"]
    ports = {port["name"]: port["targetPort"] for port in rendered.one("Service")["spec"]["ports"]}
    targets = {port["name"]: port["containerPort"] for port in rendered.container["ports"]}
    assert targets[ports[endpoint["port"]]] == 9464


def test_a_server_without_metrics_has_no_port_for_them() -> None:
    """Neither the container nor the service."""
    rendered = render({"config": {"metricsAddress": ""}})
    assert [port["name"] for port in rendered.container["ports"]] == ["grpc"]
    assert [port["name"] for port in rendered.one("Service")["spec"]["ports"]] == ["grpc"]

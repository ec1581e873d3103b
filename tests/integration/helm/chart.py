"""Renders the chart with a real helm, for tests to look at what comes out."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[3]
CHART = REPOSITORY / "helm" / "trimtab"

Values = Mapping[str, Any]

SQLITE: Values = {}
"""What a first try uses: nothing said at all."""

POSTGRES: Values = {"replicaCount": 3, "config": {"database": "postgresql://tuner:hunter2@db.example:5432/trimtab"}}

EVERYTHING: Values = {
    "imagePullSecrets": [{"name": "registry"}],
    "existingSecrets": {"database": {"name": "trimtab-db-app", "key": "uri"}, "tokenKeys": {"name": "trimtab-keys"}},
    "tls": {"existingSecret": "trimtab-tls", "verifyClients": True},
    "service": {"type": "LoadBalancer", "annotations": {"example.com/internal": "true"}},
    "serviceAccount": {"annotations": {"example.com/role": "tuner"}},
    "autoscaling": {"enabled": True, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}}},
    "podDisruptionBudget": {"minAvailable": "50%", "unhealthyPodEvictionPolicy": "AlwaysAllow"},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {
        "enabled": True,
        "from": [{"podSelector": {"matchLabels": {"tunes": "true"}}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
    },
    "podAnnotations": {"example.com/team": "search"},
    "podLabels": {"example.com/tier": "backend"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "batch", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "serving",
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
}
"""Every switch of the chart turned on."""


class HelmRefused(Exception):
    """Helm ended with an error; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects that the chart makes of some values."""

    objects: tuple[dict[str, Any], ...]

    def all_of(self, kind: str) -> list[dict[str, Any]]:
        """The objects of a kind."""
        return [found for found in self.objects if found["kind"] == kind]

    def one(self, kind: str, suffix: str = "") -> dict[str, Any]:
        """The object of a kind whose name is the full name with this suffix."""
        (found,) = (o for o in self.all_of(kind) if o["metadata"]["name"] == "demo-trimtab" + suffix)
        return found

    @property
    def pod(self) -> dict[str, Any]:
        """The spec of the pods."""
        spec: dict[str, Any] = self.one("Deployment")["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> dict[str, Any]:
        """The one container of a pod."""
        (found,) = self.pod["containers"]
        return dict(found)


def run_helm(*arguments: str, values: Values | None = None) -> str:
    """What helm prints. Raises HelmRefused."""
    program = os.environ.get("TRIMTAB_HELM") or str(REPOSITORY / "build" / "tools" / "helm")
    if not Path(program).exists():
        raise FileNotFoundError(f"{program}: make it with `make helm-tool`, or name a helm in TRIMTAB_HELM")
    given = ["--values", "-"] if values is not None else []
    ran = subprocess.run(
        [program, *arguments, *given], input=json.dumps(values), capture_output=True, text=True, timeout=60, check=False
    )
    if ran.returncode:
        raise HelmRefused(ran.stdout + ran.stderr)
    return ran.stdout


def notes(values: Values) -> str:
    """What helm prints after it has installed the chart with these values. Asks no cluster."""
    return run_helm("install", "demo", str(CHART), "--namespace", "tuning", "--dry-run=client", values=values)


def render(values: Values) -> Rendered:
    """The chart with these values, as release ``demo``. Raises HelmRefused."""
    text = run_helm("template", "demo", str(CHART), "--namespace", "tuning", values=values)
    return Rendered(tuple(found for found in yaml.safe_load_all(text) if found))


def environment(rendered: Rendered) -> dict[str, str]:
    """The environment variables that a pod gets from the chart's own ConfigMap and Secret."""
    found = dict(rendered.one("ConfigMap")["data"])
    secret = rendered.one("Secret").get("stringData") or {}
    for entry in rendered.container["env"]:
        source = entry.get("valueFrom", {}).get("secretKeyRef")
        if source and source["name"] == "demo-trimtab":
            found[entry["name"]] = secret[source["key"]]
    return found

"""How long a server takes to SERVING, and how much memory it holds, before any model is needed.

Seconds depend on the machine's speed, which drifts; the yardstick is how long
the same machine takes, in the same run, to import BoTorch. Where the goal of
0.6 s was set that took 1.1 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

import serving

RUNS = 7
GOAL_SECONDS = 0.6
GOAL_MEGABYTES = 80
GOAL_RATIO = 0.55  # 0.6 s of 1.1 s


def figures() -> list[dict[str, Any]]:
    """Medians of several starts, each asked until its health says SERVING."""
    with tempfile.TemporaryDirectory() as folder:
        first = _started(Path(folder))
        later, yardsticks = [], []
        for _ in range(RUNS):
            later.append(_started(Path(folder)))
            yardsticks.append(_imported("botorch"))
    seconds = statistics.median(run[0] for run in later)
    memory = statistics.median(run[1] for run in later)
    return [
        _row("start to SERVING, database exists", seconds, "s", GOAL_SECONDS),
        _row("start to SERVING, of importing BoTorch", seconds / statistics.median(yardsticks), "x", GOAL_RATIO),
        _row("start to SERVING, database is made", first[0], "s", None),
        _row("memory after a Suggest and an Observe", memory, "MB", GOAL_MEGABYTES),
    ]


def _row(figure: str, value: float, unit: str, most: float | None) -> dict[str, Any]:
    goal = None if most is None else f"<= {most}"
    return {
        "figure": figure,
        "value": value,
        "unit": unit,
        "goal": goal,
        "holds": None if most is None else value <= most,
    }


def _started(folder: Path) -> tuple[float, float]:
    """Seconds from exec to SERVING, and MB of resident memory after serving a call of each kind."""
    port = serving.free_port()
    command = [sys.executable, "-m", "trimtab_service", f"--address=127.0.0.1:{port}", "--metrics-address=127.0.0.1:0"]
    environment = {"TRIMTAB_DATABASE": serving.sqlite_in(folder), "PATH": "/usr/bin:/bin"}
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        seconds = _until_serving(port, begun)
        _one_cycle(port, process.pid)
        status = Path(f"/proc/{process.pid}/status").read_text()
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    finally:
        process.terminate()
        process.wait(60)
    return seconds, kilobytes / 1024


def _imported(module: str) -> float:
    """Seconds that a fresh interpreter takes to import a module."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
    return time.perf_counter() - begun


def _until_serving(port: int, begun: float) -> float:
    with grpc.insecure_channel(
        f"127.0.0.1:{port}",
        options=[
            ("grpc.initial_reconnect_backoff_ms", 10),
            ("grpc.min_reconnect_backoff_ms", 10),
            ("grpc.max_reconnect_backoff_ms", 10),
        ],
    ) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        while True:
            try:
                answer = health.Check(health_pb2.HealthCheckRequest(service="trimtab.v1.TuningService"), timeout=1)
            except grpc.RpcError:
                time.sleep(0.005)
                continue
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return time.perf_counter() - begun


def _one_cycle(port: int, study: int) -> None:
    """A trial and a decision, so that what is loaded lazily is loaded."""
    with serving.attached(f"127.0.0.1:{port}") as server:
        for name, spec, metric in (("t", serving.float_spec(), "y"), ("d", serving.arms_spec(), "click")):
            serving.create(server, spec, study=f"{name}{study}")
            (suggestion,) = serving.suggest(server, f"{name}{study}")
            serving.observe(server, serving.measured(suggestion.id, metric, 1.0), study=f"{name}{study}")

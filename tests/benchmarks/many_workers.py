"""Sixty-four workers on one study of the Gaussian process, at three servers over one database: what is done in vain."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from random import Random
from typing import Any
from urllib.request import urlopen

import queue_latency
import serving
from serving import RunningServer
from trimtab_service.optimizers.gp_suggest import DOUBTED, UNCERTAIN

SERVERS = 3
WORKERS = 64
CYCLES = 6  # of each worker
TRIAL_SECONDS = 2.0  # on average
MOST_WASTED = 0.2
ON_PURPOSE = {UNCERTAIN, DOUBTED}  # said of points that are measured again
NEAR = 1e-6  # of the width of each parameter: closer than this, two points are one


def figures() -> list[dict[str, Any]]:
    """On both engines: points that came twice, but on purpose; trials that were lost, computations in vain."""
    return [*_measured(queue_latency.sqlite), *_measured(queue_latency.postgres)]


def _measured(engine: Callable[[], AbstractContextManager[str]]) -> list[dict[str, Any]]:
    with engine() as database, ExitStack() as stack:
        servers = [stack.enter_context(RunningServer(database)) for _ in range(SERVERS)]
        serving.create(servers[0], queue_latency.spec())
        begun = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as workers:
            answers = workers.map(lambda index: _work(servers[index % SERVERS], index), range(WORKERS))
            got = [each for several in answers for each in several]
        seconds = time.perf_counter() - begun
        stored = {trial.name for trial in serving.all_trials(servers[0])}
        observed = serving.get(servers[1]).counts.observations
        wasted, computed = (_counted(servers, f"trimtab_{name}") for name in ("wasted_computations", "computations"))
    points = Counter(point for _, point, why in got if why not in ON_PURPOSE)
    about = f"{engine.__name__}, {WORKERS} workers, {SERVERS} servers"
    lost = len({name for name, _, _ in got} - stored) + len(got) - observed
    return [
        _row(f"{about}: points that came twice", sum(points.values()) - len(points), "points", 0),
        _row(f"{about}: trials lost", lost, "trials", 0),
        _row(f"{about}: computations in vain", wasted / computed, "share", MOST_WASTED),
        _row(f"{about}: suggestions a computation", len(got) / computed, "", None),
        _row(f"{about}: trials a second", len(got) / seconds, "1/s", None),
    ]


def _work(server: RunningServer, index: int) -> list[tuple[str, tuple[int, ...], str]]:
    """A worker's ids, its points on a grid of ``NEAR``, and what was said of them."""
    luck, got = Random(index), []
    for _ in range(CYCLES):
        (suggestion,) = serving.suggest(server, timeout=300)
        time.sleep(TRIAL_SECONDS * luck.uniform(0.5, 1.5))
        point = serving.plain(suggestion.parameters)
        serving.observe(server, serving.measured(suggestion.id, mean=queue_latency.value(point, luck)))
        cell = tuple(round(float(point[name]) / NEAR) for name in sorted(point))
        got.append((suggestion.id, cell, suggestion.detail))
    return got


def _counted(servers: list[RunningServer], name: str) -> float:
    total = 0.0
    for server in servers:
        with urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as page:
            lines = page.read().decode().splitlines()
        total += sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}_total "))
    return total


def _row(figure: str, value: float, unit: str, most: float | None) -> dict[str, Any]:
    goal = None if most is None else f"<= {most:g}"
    return {
        "figure": figure,
        "value": value,
        "unit": unit,
        "goal": goal,
        "holds": None if most is None else value <= most,
    }

"""Suggest and Observe of a trial in turn, durable, by eight workers: how many a second, and does it stay flat."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import serving
from serving import RunningServer

WORKERS = 8
CYCLES = 1_200
TRIALS = 10_000
GOAL_FLAT = 0.9


def figures() -> list[dict[str, Any]]:
    """Cycles a second of random search on SQLite, empty and with 10,000 trials, and their ratio."""
    with tempfile.TemporaryDirectory() as folder, RunningServer(serving.sqlite_in(Path(folder))) as server:
        serving.create(server, serving.float_spec(), study="warm")
        cycles(server, "warm", CYCLES // 4)
        serving.create(server, serving.float_spec(), study="large")
        fill(server, "large", TRIALS)
        serving.create(server, serving.float_spec(), study="empty")
        empty = cycles(server, "empty", CYCLES)
        large = cycles(server, "large", CYCLES)
    return [
        _row(f"cycles a second, {WORKERS} workers, empty study", empty, "1/s", None),
        _row(f"cycles a second, {WORKERS} workers, {TRIALS:,} trials", large, "1/s", None),
        _row(f"at {TRIALS:,} trials, of the figure at 0", large / empty, "x", GOAL_FLAT),
    ]


def fill(server: RunningServer, study: str, trials: int) -> None:
    """So many completed trials, a thousand a call."""
    for _ in range(trials // 1_000):
        suggestions = serving.suggest(server, study, count=1_000)
        serving.observe(server, *(serving.measured(one.id) for one in suggestions), study=study)


def cycles(server: RunningServer, study: str, count: int) -> float:
    """Cycles a second, and every one of them acknowledged."""

    def worker(share: int) -> None:
        for _ in range(share):
            (suggestion,) = serving.suggest(server, study)
            (result,) = serving.observe(server, serving.measured(suggestion.id), study=study)
            if result.HasField("error"):
                raise RuntimeError(result.error.message)

    begun = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(worker, [count // WORKERS] * WORKERS))
    return count / (time.perf_counter() - begun)


def _row(figure: str, value: float, unit: str, least: float | None) -> dict[str, Any]:
    goal = None if least is None else f">= {least}"
    return {
        "figure": figure,
        "value": value,
        "unit": unit,
        "goal": goal,
        "holds": None if least is None else value >= least,
    }

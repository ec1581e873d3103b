"""Ten thousand bandit studies in one server: its memory, and what a study costs that has left it."""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import serving
from serving import RunningServer

STUDIES = 10_000
SAMPLE = 200
MOST_MEGABYTES = 300
CALLERS = 8


def figures() -> list[dict[str, Any]]:
    """Each study is created, asked, and told something; then some are asked again, those that left first."""
    with tempfile.TemporaryDirectory() as folder, RunningServer(serving.sqlite_in(Path(folder))) as server:
        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(lambda number: _visit(server, number), range(STUDIES)))
        memory = _resident_megabytes(server.process.pid)
        gone = [_asked(server, number) for number in range(SAMPLE)]
        here = [_asked(server, number) for number in range(SAMPLE)]
    return [
        {
            "figure": f"memory with {STUDIES:,} bandit studies, all used",
            "value": memory,
            "unit": "MB",
            "goal": f"<= {MOST_MEGABYTES}",
            "holds": memory <= MOST_MEGABYTES,
        },
        _milliseconds("first Suggest of a study that had left memory, median", gone),
        _milliseconds("the next one, median", here),
    ]


def _resident_megabytes(process: int) -> float:
    """As the kernel counts them."""
    (line,) = (line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def _visit(server: RunningServer, number: int) -> None:
    study = f"s{number}"
    serving.create(server, serving.arms_spec(arms=10), study)
    (decision,) = serving.suggest(server, study)
    serving.observe(server, serving.measured(decision.id, "click", 1.0), study=study)


def _asked(server: RunningServer, number: int) -> float:
    begun = time.perf_counter()
    serving.suggest(server, f"s{number}")
    return time.perf_counter() - begun


def _milliseconds(figure: str, seconds: list[float]) -> dict[str, Any]:
    return {"figure": figure, "value": 1e3 * statistics.median(seconds), "unit": "ms", "goal": None, "holds": None}

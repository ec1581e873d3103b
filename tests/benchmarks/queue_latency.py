"""How long a Suggest of a Gaussian-process study takes that finds its answer in the queue, whatever the history.

Eight workers suggest, try for a while, and observe, through a running server;
the latency is that of each Suggest, those included that had to wait for the model, and of the others alone.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import serving
from databases import DURABLE, PostgresServer
from serving import RunningServer
from trimtab.v1 import parameters_pb2, study_pb2, trial_pb2, tuning_service_pb2

WORKERS = 8
WIDTH = 6
HISTORIES = (100, 10_000)
TRIAL_SECONDS = 2.0  # on average: an evaluation that a model is worth waiting for
CYCLES = 25  # of each worker
WARMING = 3  # of them, which aren't counted: processes start, and the demand is learned
GOAL_P50, GOAL_P99 = 5.0, 25.0  # milliseconds


def figures() -> list[dict[str, Any]]:
    """Percentiles on both engines, with each length of the history, and where the answers came from."""
    rows = []
    for engine in (sqlite, postgres):
        with engine() as database, RunningServer(database, "--workers=2") as server:
            for count in HISTORIES:
                study = f"n{count}"
                serving.create(server, spec(), study)
                bring(server, study, count)
                answers = driven(server, study)
                queued = [latency for latency, source in answers if source == "SOURCE_QUEUE"]
                about = f"{engine.__name__}, n = {count:,}, {WORKERS} workers"
                for which, latencies in (("Suggest", [latency for latency, _ in answers]), ("from the queue", queued)):
                    cuts = statistics.quantiles(latencies, n=100)
                    rows.append(_row(f"{about}: {which}, p50", cuts[49], GOAL_P50))
                    rows.append(_row(f"{about}: {which}, p99", cuts[98], GOAL_P99))
                rows.append(_share(f"{about}: answers from the queue", len(queued) / len(answers)))
    return rows


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a file."""
    with tempfile.TemporaryDirectory() as folder:
        yield serving.sqlite_in(Path(folder))


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server with the settings of production."""
    with PostgresServer(DURABLE) as server:
        yield server.url


def spec() -> study_pb2.StudySpec:
    """Six numbers, one metric, the Gaussian process."""
    of = serving.float_spec("gp")
    names = [f"x{index}" for index in range(WIDTH)]
    of.search_space.CopyFrom(
        parameters_pb2.SearchSpace(
            parameters=[
                parameters_pb2.ParameterSpec(name=name, float_range=parameters_pb2.FloatRange(min=0.0, max=1.0))
                for name in names
            ]
        )
    )
    return of


def value(point: dict[str, Any], luck: Random) -> float:
    """A noisy bowl with ripples."""
    distance = sum((float(each) - 0.3) ** 2 for each in point.values())
    return distance + 0.02 * luck.gauss(0.0, 1.0)


def bring(server: RunningServer, study: str, count: int) -> None:
    """So many trials that were made elsewhere, a thousand a call."""
    luck = Random(1)
    for begin in range(0, count, 1_000):
        request = tuning_service_pb2.ImportTrialsRequest(study=serving.named(study))
        for _ in range(min(1_000, count - begin)):
            point = {f"x{index}": luck.random() for index in range(WIDTH)}
            trial = request.trials.add(parameters=serving.parameters(**point))
            trial.measurements["y"].CopyFrom(trial_pb2.Measurement(mean=value(point, luck)))
        server.tuning.ImportTrials(request, timeout=60)


def driven(server: RunningServer, study: str) -> list[tuple[float, str]]:
    """Milliseconds of every counted Suggest, and the source of its answer."""
    answers: list[tuple[float, str]] = []

    def worker(index: int) -> None:
        luck = Random(index)
        time.sleep(luck.random() * TRIAL_SECONDS)
        for cycle in range(WARMING + CYCLES):
            begun = time.perf_counter()
            (suggestion,) = serving.suggest(server, study)
            if cycle >= WARMING:
                milliseconds = 1e3 * (time.perf_counter() - begun)
                answers.append((milliseconds, trial_pb2.Source.Name(suggestion.source)))
            time.sleep(TRIAL_SECONDS * luck.uniform(0.5, 1.5))
            point = serving.plain(suggestion.parameters)
            serving.observe(server, serving.measured(suggestion.id, mean=value(point, luck)), study=study)

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(worker, range(WORKERS)))
    return answers


def _row(figure: str, milliseconds: float, most: float) -> dict[str, Any]:
    return {
        "figure": figure,
        "value": milliseconds,
        "unit": "ms",
        "goal": f"<= {most:g}",
        "holds": milliseconds <= most,
    }


def _share(figure: str, share: float) -> dict[str, Any]:
    return {"figure": figure, "value": share, "unit": "share", "goal": None, "holds": None}

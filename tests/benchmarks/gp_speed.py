"""Seconds of one fresh suggestion of the Gaussian process, on one thread, as the history grows, against peers.

Six floats, Hartmann's function, random points measured already, the same for everybody. Each suggestion is
asked for after one more measurement, as a service meets it. A peer may remember what it likes from one to the
next, and is not timed the first time; ours keeps nothing between calls, so that a first call costs as much as
any other. All play in turns, so that a busy machine is busy for all. A suggestion from the queue costs none of this.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from threadpoolctl import threadpool_limits

import peers_env
from contract.optimizers.problems import SIX, Problem, history_of, trial, tried
from functions import HARTMANN
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Float
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.gp import GaussianProcess

FOLDER = Path(__file__).parent
RUNS = 9
OURS, OPTUNA, AX = "ours", "Optuna", "Ax"
PEERS = {OPTUNA: ("optuna", (30, 100, 300, 1_000)), AX: ("ax", (30, 100, 300))}
GOALS = {OPTUNA: {30: 0.5, 100: 0.5, 300: 0.4, 1_000: 0.25}, AX: {30: 0.1, 100: 0.1, 300: 0.1}}
SIZES = (30, 100, 300, 1_000, 20_000)
LONG, LONGER, GOAL_GROWTH = 1_000, 20_000, 1.5
WIDE, WIDE_SIZE = (100, 200), 200
BATCH, BATCH_SIZE = 64, 100


@dataclass(frozen=True, slots=True)
class Seconds:
    """Of one suggestion: on the clock, and of the processor, which other programs disturb less."""

    clock: float
    processor: float


Times = dict[tuple[str, int], list[Seconds]]


def figures() -> list[dict[str, Any]]:
    """Medians, their ratios to the peers', and how the slowest calls grow with a long history."""
    with one_thread():
        times = in_turns()
        wide = {width: [fresh(_floats(width), WIDE_SIZE, seed).clock for seed in range(3)] for width in WIDE}
        batch = [fresh(HARTMANN.problem, BATCH_SIZE, seed, BATCH).clock for seed in range(3)]
    rows = [
        row(f"fresh suggestion, n = {size:,}, {name}", _median(found) * 1e3, "ms")
        for (name, size), found in times.items()
    ]
    for name, (_, sizes) in PEERS.items():
        for size in sizes:
            ours, theirs = times[OURS, size], times[name, size]
            goal = GOALS[name][size]
            rows.append(row(f"n = {size:,}: ours / {name}", _median(ours) / _median(theirs), "x", goal))
            share = _median(ours, "processor") / _median(theirs, "processor")
            rows.append(row(f"n = {size:,}: ours / {name}, time of the processor", share, "x"))
    growth = max(one.clock for one in times[OURS, LONGER]) / max(one.clock for one in times[OURS, LONG])
    rows.append(row(f"slowest at n = {LONGER:,} / at {LONG:,}", growth, "x", GOAL_GROWTH))
    rows += [
        row(f"fresh suggestion, {width} parameters, n = {WIDE_SIZE}", statistics.median(found) * 1e3, "ms")
        for width, found in wide.items()
    ]
    rows.append(row(f"{BATCH} suggestions at once, n = {BATCH_SIZE}", statistics.median(batch) * 1e3, "ms"))
    return rows


def row(figure: str, value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    """One line of the table; ``most``: the goal."""
    goal = None if most is None else f"<= {most}"
    return {
        "figure": figure,
        "value": value,
        "unit": unit,
        "goal": goal,
        "holds": None if most is None else value <= most,
    }


def in_turns() -> Times:
    """Of each player at each size: one after the other, again and again."""
    data = {size: measured(HARTMANN.problem, size + RUNS, size) for size in SIZES}
    times: Times = {}
    with ExitStack() as open_peers:
        peers = {name: open_peers.enter_context(Peer(library)) for name, (library, _) in PEERS.items()}
        for name, (_, sizes) in PEERS.items():
            for size in sizes:
                # The first suggestion, which nobody times, is the one after ``size`` - 1 measurements.
                peers[name].start(size, *_plain(data[size], 0, size - 1))
                peers[name].ask(size, *_plain(data[size], size - 1, size))
        fresh(HARTMANN.problem, SIZES[0], 0)  # brings torch
        for run in range(RUNS):
            for size in SIZES:
                study = HARTMANN.problem.study("gp", run)
                times.setdefault((OURS, size), []).append(timed(study, _first(data[size], size + 1 + run)))
                for name, (_, sizes) in PEERS.items():
                    if size in sizes:
                        told = _plain(data[size], size + run, size + 1 + run)
                        times.setdefault((name, size), []).append(peers[name].ask(size, *told))
    return times


class Peer:
    """A library's player in a process of its own; see ``speed_conversation``."""

    def __init__(self, library: str) -> None:
        command = [str(peers_env.python_of(library)), str(FOLDER / f"speed_{library}.py")]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=peers_env.one_thread()
        )

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def start(self, study: int, points: Sequence[Sequence[float]], values: Sequence[float]) -> None:
        """Opens a study with these measurements."""
        self._say({"study": study, "points": points, "values": values, "seed": study})

    def ask(self, study: int, points: Sequence[Sequence[float]], values: Sequence[float]) -> Seconds:
        """After one more measurement."""
        found = self._say({"study": study, "point": points[0], "value": values[0]})
        return Seconds(found["seconds"], found["processor"])

    def _say(self, line: dict[str, Any]) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


def fresh(problem: Problem, size: int, seed: int, count: int = 1) -> Seconds:
    """One call of ours for ``count`` suggestions after ``size`` measurements."""
    return timed(problem.study("gp", seed), measured(problem, size, seed), count)


def timed(study: Any, past: History, count: int = 1) -> Seconds:
    """One call of ours."""
    begun, worked = time.perf_counter(), time.process_time()
    GaussianProcess().suggest(study, past, {}, count, generator(study, past))
    return Seconds(time.perf_counter() - begun, time.process_time() - worked)


def measured(problem: Problem, size: int, seed: int) -> History:
    """``size`` random points, measured by Hartmann's function of the first six parameters."""
    return history_of(
        trial(1, point, TrialState.COMPLETED, Measurement(HARTMANN.value(point)))
        for point in tried(problem, size, seed)
    )


def _floats(width: int) -> Problem:
    return Problem(f"{width} floats", tuple(Float(f"x{index}", 0.0, 1.0) for index in range(width)))


def _first(past: History, count: int) -> History:
    """The history as it was after ``count`` trials."""
    return replace(past, trials=past.trials[:count], next_number=count + 1)


def _plain(past: History, begin: int, end: int) -> tuple[list[list[float]], list[float]]:
    """Points and values of some of the trials, for a peer."""
    trials = past.trials[begin:end]
    points = [[float(one.parameters[f"x{index}"]) for index in range(len(SIX))] for one in trials]
    return points, [HARTMANN.value(one.parameters) for one in trials]


def _median(times: Sequence[Seconds], which: str = "clock") -> float:
    return float(statistics.median(getattr(one, which) for one in times))


@contextmanager
def one_thread() -> Iterator[None]:
    """As in the service's worker processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(threads)

"""Seconds of one fresh suggestion of the Gaussian process, on one thread, as the history grows.

Six floats, Hartmann's function, random points measured already. Nothing is
kept between calls; a suggestion from the queue costs none of this.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from contract.optimizers.problems import history_of, trial, tried
from functions import HARTMANN
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.gp import GaussianProcess

SIZES = (30, 100, 300, 1_000, 20_000)
RUNS = 9
LONG, LONGER, GOAL_GROWTH = 1_000, 20_000, 1.5


def figures() -> list[dict[str, Any]]:
    """Medians over histories of their own, and how the slowest calls grow with a long history."""
    with one_thread():
        seconds = {size: [fresh_suggestion(size, seed) for seed in range(RUNS + 1)][1:] for size in SIZES}
    rows = [row(f"fresh suggestion, n = {size:,}", statistics.median(seconds[size]) * 1e3, "ms") for size in SIZES]
    growth = max(seconds[LONGER]) / max(seconds[LONG])
    return [*rows, row(f"slowest at n = {LONGER:,} / at {LONG:,}", growth, "x", GOAL_GROWTH)]


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


def fresh_suggestion(size: int, seed: int) -> float:
    """Seconds of one suggestion after ``size`` trials."""
    study, past = HARTMANN.problem.study("gp", seed), measured(size, seed)
    begun = time.perf_counter()
    GaussianProcess().suggest(study, past, {}, 1, generator(study, past))
    return time.perf_counter() - begun


def measured(size: int, seed: int) -> History:
    """``size`` random points, measured."""
    return history_of(
        trial(1, point, TrialState.COMPLETED, Measurement(HARTMANN.value(point)))
        for point in tried(HARTMANN.problem, size, seed)
    )


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

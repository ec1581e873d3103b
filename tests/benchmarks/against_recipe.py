"""Is ours as good as a short recipe? Paired over seeds, on exact, noisy, log-scaled and mixed problems.

The recipe is ``quality.recipe``. Both play the problems of the quality benchmark with the same noise, and their
runs are kept with the others' (``quality.results``). What counts is the regret that counts there: that of the
best point tried, and where measurements are noisy that of the point which a player recommends by its own model.
Each figure is a geometric mean of paired ratios; its interval is a bootstrap over the seeds of each problem.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quality import comparison, results
from quality.players import OURS, PLAYERS
from quality.suite import NAMED

PROBLEMS = ("branin", "hartmann6", "hartmann6-noise-0.5", "ackley5-log", "levy8", "ackley-mixed")
SEEDS = 10
RECIPE = "recipe"
GOAL = 1.0


def figures() -> list[dict[str, Any]]:
    """Median regrets of both, and the ratios; the goal is that of all problems together."""
    problems, entries = [NAMED[name] for name in PROBLEMS], [PLAYERS[OURS], PLAYERS[RECIPE]]
    for entry in entries:
        results.make(entry, problems, SEEDS)
    known = comparison.board(entries, problems, SEEDS)
    rows: list[dict[str, Any]] = []
    differences = []
    for problem in problems:
        played = known[problem.name]
        for entry in entries:
            median = statistics.median(played[entry.name].finals.tolist())
            rows.append(_row(f"{problem.title}: {entry.title}", median, "regret"))
        found = comparison.difference(problem, played[OURS], played[RECIPE], comparison.worst(played))
        rows += _ratios(problem.title, [found])
        differences.append(found)
    return rows + _ratios("all problems", differences, GOAL)


def _ratios(title: str, differences: Sequence[NDArray[np.float64]], goal: float | None = None) -> list[dict[str, Any]]:
    """Of log10 of ours less that of the recipe, [seeds] of each problem: the mean and the ends of its interval."""
    mean, low, high = (10.0**each for each in comparison.interval(differences))
    return [
        _row(f"{title}: ours / recipe", mean, "x", goal),
        _row(f"{title}: ours / recipe, 95 % from", low, "x"),
        _row(f"{title}: ours / recipe, 95 % to", high, "x"),
    ]


def _row(figure: str, value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    goal, holds = (None, None) if most is None else (f"<= {most}", value <= most)
    return {"figure": figure, "value": value, "unit": unit, "goal": goal, "holds": holds}

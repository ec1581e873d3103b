"""What does it cost that only some of a long history are learned from? Regret against the exact model of all of it.

Up to 500 trials every one is learned from, so that with the bound lifted suggestions and incumbents are the same:
that is counted. To see what it does beyond, two studies go on from the same 750 random points, of which the shipped
one learns from 500: each makes 30 trials more, asked for five at a time so that fewer models are fitted, one as
shipped and one with the bound lifted. Random points tell little, so that what counts is found in those thirty.
Regret is that of the best point tried, and where measurements are noisy of the incumbent, each by its own model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

from gp_speed import one_thread
from quality.baselines import Random
from quality.comparison import interval
from quality.ours import Trimtab
from quality.problem import Problem
from quality.scores import logarithm
from quality.suite import NAMED
from trimtab_service.optimizers import gp_suggest
from trimtab_service.optimizers import incumbent as incumbents
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.evidence import MOST_ROWS

PROBLEMS = ("hartmann6-noise-0.1", "levy8", "ackley5-log", "rosenbrock10")
SEEDS = range(8)
LONG, MORE, BATCH = 750, 30, 5
GOAL = 1.1


def figures() -> list[dict[str, Any]]:
    """How often the two differ at the bound, regrets beyond it, and their ratios."""
    rows, differences, differ = [], [], 0
    with one_thread():
        for problem in (NAMED[name] for name in PROBLEMS):
            differ += _differ(problem, begun(problem, 0, MOST_ROWS))
            shipped = [regret(problem, continued(problem, seed)) for seed in SEEDS]
            with lifted():
                exact = [regret(problem, continued(problem, seed)) for seed in SEEDS]
            before = [min(_true(problem, begun(problem, seed, LONG))) - problem.best for seed in SEEDS]
            differences.append(logarithm(problem, shipped, max(shipped)) - logarithm(problem, exact, max(exact)))
            after = f"{problem.title}, {LONG} random + {MORE}"
            rows += [
                _row(f"{problem.title}, best of {LONG} random", float(np.median(before)), "regret"),
                _row(f"{after}, {MOST_ROWS} learned from", float(np.median(shipped)), "regret"),
                _row(f"{after}, all learned from", float(np.median(exact)), "regret"),
                _row(f"{after}: {MOST_ROWS} / all", 10.0 ** float(differences[-1].mean()), "x", GOAL),
            ]
    mean, low, high = (10.0**each for each in interval(differences))
    return [
        _row(f"suggestions or incumbents after {MOST_ROWS} trials that differ", differ, f"of {len(PROBLEMS)}", 0),
        *rows,
        _row(f"all problems: {MOST_ROWS} / all", mean, "x", GOAL),
        _row(f"all problems: {MOST_ROWS} / all, 95 % from", low, "x"),
        _row(f"all problems: {MOST_ROWS} / all, 95 % to", high, "x"),
    ]


def begun(problem: Problem, seed: int, count: int) -> Trimtab:
    """A study with ``count`` trials at random points."""
    player, points = Trimtab(problem, seed, {}), Random(problem.spec(), seed)
    for _ in range(count):
        _try(problem, seed, player, points.suggest({}))
    return player


def continued(problem: Problem, seed: int) -> Trimtab:
    """The study with ``LONG`` trials, ``MORE`` later."""
    player = begun(problem, seed, LONG)
    for _ in range(MORE // BATCH):
        history = player.history()
        for one in player.optimizer.suggest(player.study, history, {}, BATCH, generator(player.study, history)):
            _try(problem, seed, player, one.parameters)
    return player


def _try(problem: Problem, seed: int, player: Trimtab, point: Any) -> None:
    number = len(player.trials) + 1
    told = problem.tell(problem.outcomes(point, problem.situation(seed, number)), seed, number)
    player.learn(point, {}, {name: told[name] for name in problem.objectives})


def _differ(problem: Problem, player: Trimtab) -> bool:
    bounded = player.suggest({}), player.recommend()
    with lifted():
        return bounded != (player.suggest({}), player.recommend())


def regret(problem: Problem, player: Trimtab) -> float:
    """Of the best point tried; where measurements are noisy of the incumbent."""
    if not problem.noisy:
        return min(_true(problem, player)) - problem.best
    situation = problem.situation(0, len(player.trials))
    return problem.outcomes(player.recommend(), situation)[problem.objectives[0]] - problem.best


def _true(problem: Problem, player: Trimtab) -> list[float]:
    situation = problem.situation(0, len(player.trials))
    return [problem.outcomes(one.parameters, situation)[problem.objectives[0]] for one in player.trials]


@contextmanager
def lifted() -> Iterator[None]:
    """Everything is learned from, however much it is."""
    with patch.object(gp_suggest, "MOST_ROWS", sys.maxsize), patch.object(incumbents, "MOST_ROWS", sys.maxsize):
        yield


def _row(figure: str, value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    goal, holds = (None, None) if most is None else (f"<= {most:g}", value <= most)
    return {"figure": figure, "value": value, "unit": unit, "goal": goal, "holds": holds}

"""What a run is worth: regret by trial, from the true outcomes of the points that were tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quality.hypervolume import hypervolume
from quality.problem import Problem

WINDOW = 10  # trials that the curves of online problems are averaged over


@dataclass(frozen=True, slots=True)
class Score:
    """One run.

    curve: [trials] the regret after each trial of the best point tried (of the trials themselves, where
        the problem is online); NaN before there was a feasible one.
    final: the regret that counts; of a noisy problem that of the point recommended at the end.
    tried: the regret of the best point tried. chosen: of the point with the best measurement.
    seconds: [trials] what the player took for each suggestion.
    """

    curve: NDArray[np.float64]
    final: float
    tried: float
    chosen: float
    seconds: NDArray[np.float64]


def score(problem: Problem, run: dict[str, Any]) -> Score:
    """Of a run as ``play`` keeps it."""
    true = {name: np.array([outcomes[name] for outcomes in run["true"]]) for name in run["true"][0]}
    seconds = np.array(run["seconds"])
    if problem.reference:
        curve = _front(problem, true)
        return Score(curve, float(curve[-1]), float(curve[-1]), float(curve[-1]), seconds)
    loss = true[problem.objectives[0]]
    feasible = np.all([true[name] <= 0.0 for name in problem.constraints], axis=0) | np.zeros(len(loss), dtype=bool)
    if problem.online:
        regret = loss - np.array([problem.least_at(problem.situation(run["seed"], n + 1)) for n in range(len(loss))])
        curve = np.array([regret[max(0, n - WINDOW + 1) : n + 1].mean() for n in range(len(regret))])
        final = float(regret[len(regret) // 2 :].mean())
        return Score(curve, final, final, final, seconds)
    curve = np.fmin.accumulate(np.where(feasible, loss - problem.best, np.nan))
    tried = float(curve[-1])
    measured = np.array([outcomes[problem.objectives[0]] for outcomes in run["measured"]])
    chosen = float(loss[np.argmin(np.where(feasible, measured, np.inf))] - problem.best)
    final = float(run["recommended"][-1][1]) - problem.best if problem.noisy else tried
    return Score(curve, final, tried, chosen, seconds)


def _front(problem: Problem, true: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """[trials] what the hypervolume lacks of the largest there is."""
    costs = np.stack([true[name] for name in problem.objectives], axis=1)
    return np.array([problem.best - hypervolume(costs[: n + 1], problem.reference) for n in range(len(costs))])


def logarithm(problem: Problem, regrets: Sequence[float] | NDArray[np.float64], worst: float) -> NDArray[np.float64]:
    """log10 of regrets, none below the problem's resolution; runs that found nothing feasible count as ``worst``."""
    known = np.where(np.isnan(regrets), worst, np.asarray(regrets, dtype=float))
    return np.log10(np.maximum(known, problem.resolution))

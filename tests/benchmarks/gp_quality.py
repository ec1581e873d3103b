"""How good the Gaussian process's best is against random search's, at equal trials; medians of seeds."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from contract.optimizers.problems import history_of, trial
from functions import BOOSTING, BRANIN, HARTMANN, MIXED, NOISY, Function
from gp_speed import one_thread
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer

SEEDS = range(5)
TRIALS = 30
FUNCTIONS = (BOOSTING, BRANIN, HARTMANN, NOISY, MIXED)


def figures() -> list[dict[str, Any]]:
    """The median true value of the best trial, of the one and of the other; for a known minimum, above it."""
    rows = []
    with one_thread():
        for function in FUNCTIONS:
            best = {
                name: statistics.median(best_of(function, name, seed) - function.least for seed in SEEDS)
                for name in ("random", "gp")
            }
            unit = "log loss" if function is BOOSTING else "regret"
            rows += [
                {
                    "figure": f"{function.problem.name}, best of {TRIALS} trials, {name}",
                    "value": value,
                    "unit": unit,
                    "goal": None if name == "random" else f"< {best['random']:.4g}",
                    "holds": None if name == "random" else value < best["random"],
                }
                for name, value in best.items()
            ]
    return rows


def best_of(function: Function, algorithm: str, seed: int) -> float:
    """The true value of the best of ``TRIALS`` trials."""
    study = function.problem.study(algorithm, seed)
    chosen = optimizer(study.algorithm)
    noise = np.random.default_rng((seed, 1))
    trials: list[Trial] = []
    values: list[float] = []
    for _ in range(TRIALS):
        past = history_of(trials)
        (suggested,) = chosen.suggest(study, past, {}, 1, generator(study, past))
        values.append(function.value(suggested.parameters))
        measured = Measurement(values[-1] + function.noise * float(noise.standard_normal()))
        trials.append(trial(1, suggested.parameters, TrialState.COMPLETED, measured))
    return min(values)

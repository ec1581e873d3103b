"""What related studies bring, and what they cost where they mislead: regret with them over that without, same seeds.

A related study is one of 30 trials that was tuned by itself: of the same function a little moved, or in another unit;
upside down; mirrored, so that the best point is elsewhere; of another function; of nothing but noise. The ratio is the
geometric mean over seeds and over all trials after the initial ones, of the best true value so far above the minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.optimizers.problems import history_of, trial
from functions import BRANIN, HARTMANN, Function
from gp_speed import one_thread
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Float, Parameters
from trimtab_service.domain.suggestion import Related, Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer

SEEDS = range(10)
TRIALS, INITIAL, TRIALS_OF_OTHERS = 25, 5, 30
MOVED = 0.04  # of each parameter's range
ELSEWHERE = 0.85  # where the other function has its minimum, in each parameter's range
LEAST = 1e-4  # what lies nearer to the minimum counts as this far
MOST_LOST = 1.3  # a bad study may cost; the ratio itself is good to a quarter


@dataclass(frozen=True, slots=True)
class Others:
    """Related studies, by what is measured in each, and what they may cost or have to bring."""

    label: str
    kinds: tuple[str, ...]
    most: float


OTHERS = (
    Others("moved a little", ("moved",), 1.0),
    Others("another unit", ("scaled",), 1.0),
    Others("upside down", ("negated",), MOST_LOST),
    Others("mirrored", ("mirrored",), MOST_LOST),
    Others("another function", ("bowl",), MOST_LOST),
    Others("noise", ("noise",), MOST_LOST),
    Others("three bad ones", ("negated", "mirrored", "noise"), MOST_LOST),
    Others("three bad ones and one moved", ("negated", "mirrored", "noise", "moved"), MOST_LOST),
)


def figures() -> list[dict[str, Any]]:
    """Median regrets at the end, and the ratios."""
    rows = []
    with one_thread():
        for function in (BRANIN, HARTMANN):
            name = function.problem.name
            alone = np.stack([_regrets(function, (), seed) for seed in SEEDS])
            rows.append(_row(f"{name}: alone, after {TRIALS} trials", _end(alone), "regret"))
            for others in OTHERS:
                found = np.stack([_regrets(function, others.kinds, seed) for seed in SEEDS])
                rows.append(_row(f"{name}: {others.label}, after {TRIALS} trials", _end(found), "regret"))
                logs = np.log(found / alone)[:, INITIAL:].mean(axis=1)
                error = float(logs.std(ddof=1)) / len(logs) ** 0.5
                ratio, unit = float(np.exp(logs.mean())), f"x ± {error:.0%}"
                rows.append(_row(f"{name}: {others.label} / alone", ratio, unit, others.most))
    return rows


def _row(figure: str, value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    holds = None if most is None else value <= most
    return {
        "figure": figure,
        "value": value,
        "unit": unit,
        "goal": None if most is None else f"<= {most}",
        "holds": holds,
    }


def _end(regrets: NDArray[np.float64]) -> float:
    return float(np.median(regrets[:, -1]))


def _regrets(function: Function, kinds: tuple[str, ...], seed: int) -> NDArray[np.float64]:
    """[TRIALS] how far the best true value so far is above the minimum, with these related studies."""
    related = tuple(_related(function.problem.name, kind, seed) for kind in kinds)
    trials = _tuned(function, function.value, seed, TRIALS, related)
    values = [function.value(one.parameters) - function.least for one in trials]
    return np.maximum(np.minimum.accumulate(values), LEAST)


@cache
def _related(name: str, kind: str, seed: int) -> Related:
    function = next(one for one in (BRANIN, HARTMANN) if one.problem.name == name)
    trials = _tuned(function, _measured(function, kind, seed), seed + len(SEEDS), TRIALS_OF_OTHERS)
    return Related(function.problem.study("gp", seed + len(SEEDS)), history_of(trials))


def _tuned(
    function: Function,
    measure: Callable[[Parameters], float],
    seed: int,
    count: int,
    related: tuple[Related, ...] = (),
) -> list[Trial]:
    study = function.problem.study("gp", seed, initial_trials=INITIAL)
    chosen = optimizer(study.algorithm)
    trials: list[Trial] = []
    for _ in range(count):
        past = replace(history_of(trials), related=related)
        (one,) = chosen.suggest(study, past, {}, 1, generator(study, past))
        trials.append(trial(1, one.parameters, TrialState.COMPLETED, Measurement(measure(one.parameters))))
    return trials


def _measured(function: Function, kind: str, seed: int) -> Callable[[Parameters], float]:
    """What a related study measures."""
    ranges = {one.name: (one.min, one.max) for one in function.problem.parameters if isinstance(one, Float)}
    rng = np.random.default_rng((seed, 2))

    def moved(point: Parameters) -> Parameters:
        return {
            name: float(point[name]) + (MOVED if index % 2 else -MOVED) * (high - low)
            for index, (name, (low, high)) in enumerate(ranges.items())
        }

    def mirrored(point: Parameters) -> Parameters:
        return {name: low + high - float(point[name]) for name, (low, high) in ranges.items()}

    def bowl(point: Parameters) -> float:
        return sum(((float(point[name]) - low) / (high - low) - ELSEWHERE) ** 2 for name, (low, high) in ranges.items())

    return {
        "moved": lambda point: function.value(moved(point)),
        "scaled": lambda point: 100.0 * function.value(point) + 7.0,
        "negated": lambda point: -function.value(point),
        "mirrored": lambda point: function.value(mirrored(point)),
        "bowl": bowl,
        "noise": lambda _: float(rng.standard_normal()),
    }[kind]

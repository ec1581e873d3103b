"""Is GetIncumbent's answer better than the luckiest measurement? True values, noisy problems; medians of 20 seeds.

Each problem is measured with gaussian noise of 5 % of its range, and again
with 5 % outliers on top: a measurement that is off by half to all of the
range, either way. The range is that of 1,000 random points. Where a median of 20 is luck, the ratio over all
problems says more: a geometric mean of paired ratios, with a bootstrap over the seeds of each problem.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract.optimizers.problems import Problem, history_of, trial
from functions import BRANIN, HARTMANN, MIXED, Function
from gp_speed import one_thread
from quality.comparison import interval
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Float, Parameters, Scale
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.encoding import Encoding
from trimtab_service.optimizers.incumbent import incumbent

SEEDS = range(20)
TRIALS = 40
NOISE = 0.05  # of the range
OUTLIERS = 0.05  # of the measurements
LEVY_DIMENSIONS, ACKLEY_DIMENSIONS = 4, 5
LEAST = 1e-6  # regret below it is no difference to anybody
LEVY_SHIFT = 2.1  # so that the best point isn't the middle of the space


def _levy(point: Parameters) -> float:
    w = np.array([1.0 + (float(value) - LEVY_SHIFT - 1.0) / 4.0 for value in point.values()])
    middle = np.square(w[:-1] - 1.0) @ (1.0 + 10.0 * np.square(np.sin(math.pi * w[:-1] + 1.0)))
    last = (w[-1] - 1.0) ** 2 * (1.0 + math.sin(2.0 * math.pi * w[-1]) ** 2)
    return float(math.sin(math.pi * w[0]) ** 2 + middle + last)


def _ackley(point: Parameters) -> float:
    z = np.array([math.log10(float(value)) + 0.7 * (index % 3 - 1) + 0.3 for index, value in enumerate(point.values())])
    smooth, waves = math.sqrt(float(np.square(4.0 * z).mean())), float(np.cos(8.0 * math.pi * z).mean())
    return 20.0 + math.e - 20.0 * math.exp(-0.2 * smooth) - math.exp(waves)


LEVY = Function(Problem("Levy4", tuple(Float(f"x{i}", -10.0, 10.0) for i in range(LEVY_DIMENSIONS))), _levy)
ACKLEY = Function(
    Problem("Ackley5, log", tuple(Float(f"x{i}", 1e-4, 1e2, Scale.LOG) for i in range(ACKLEY_DIMENSIONS))), _ackley
)
FUNCTIONS = (BRANIN, HARTMANN, LEVY, ACKLEY, MIXED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """True values, above the minimum: of the incumbent, and of the point that measured best."""

    incumbent: float
    luckiest: float

    @property
    def difference(self) -> float:
        """Of their logarithms to base 10: below 0 if the incumbent is better."""
        return math.log10(max(self.incumbent, LEAST)) - math.log10(max(self.luckiest, LEAST))


def figures() -> list[dict[str, Any]]:
    """Median true values above the minimum; the goal is that of the luckiest measurement. Then their ratio over all."""
    rows, differences = [], []
    with one_thread():
        for function in FUNCTIONS:
            for share in (0.0, OUTLIERS):
                found = [play(function, share, seed) for seed in SEEDS]
                known = statistics.median(one.incumbent for one in found)
                lucky = statistics.median(one.luckiest for one in found)
                differences.append(np.array([one.difference for one in found]))
                name = f"{function.problem.name}, noise {NOISE:.0%}" + (f", outliers {share:.0%}" if share else "")
                rows += [
                    _row(f"{name}: luckiest measurement of {TRIALS}", lucky, None, None),
                    _row(f"{name}: incumbent", known, f"< {lucky:.4g}", known < lucky),
                ]
    mean, low, high = (10.0**each for each in interval(differences))
    return [
        *rows,
        _row("all problems: incumbent / luckiest", mean, None, None, "x"),
        _row("all problems: incumbent / luckiest, 95 % from", low, None, None, "x"),
        _row("all problems: incumbent / luckiest, 95 % to", high, "< 1", high < 1.0, "x"),
    ]


def _row(figure: str, value: float, goal: str | None, holds: bool | None, unit: str = "regret") -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "goal": goal, "holds": holds}


def play(function: Function, outliers: float, seed: int) -> Outcome:
    """One study of ``TRIALS`` trials."""
    study = function.problem.study("gp", seed)
    chosen = optimizer(study.algorithm)
    measure = _measuring(function, outliers, np.random.default_rng((seed, 1)))
    trials: list[Trial] = []
    for _ in range(TRIALS):
        past = history_of(trials)
        (suggested,) = chosen.suggest(study, past, {}, 1, generator(study, past))
        trials.append(trial(1, suggested.parameters, TrialState.COMPLETED, measure(suggested.parameters)))
    best = incumbent(study, history_of(trials), {})
    lucky = min(trials, key=lambda one: one.observation.measurements["loss"].mean if one.observation else math.inf)
    return Outcome(*(function.value(one.parameters) - function.least for one in (best, lucky)))


def _measuring(function: Function, outliers: float, rng: np.random.Generator) -> Callable[[Parameters], Measurement]:
    """What measures a point: the draws depend on the seed and the number of the trial alone."""
    spread = _range_of(function)

    def measure(point: Parameters) -> Measurement:
        noise, chance, side, size = rng.standard_normal(), rng.random(), rng.random(), rng.random()
        off = NOISE * noise
        if chance < outliers:
            off = math.copysign(0.5 + 0.5 * size, side - 0.5)
        return Measurement(function.value(point) + float(off) * spread)

    return measure


def _range_of(function: Function) -> float:
    encoding = Encoding(function.problem.parameters)
    points = encoding.decode(encoding.draw_each(np.random.default_rng(0).random((1_000, encoding.width))))
    values = [function.value(point) for point in points]
    return max(values) - min(values)

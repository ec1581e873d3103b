"""What is found for how much: the front of result and cost, by the kinds of search that take a cost into account.

A training run in miniature: the loss falls with the steps and with the width
of a network by power laws, the best learning rate depends on the width, and a
run costs steps times width^1.2. Both are measured with an error. A front is as
good as the volume between the true results of all trials and a reference
point, in the loss and the decimal logarithm of the cost; medians of ten seeds.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from contract.optimizers.problems import Problem, history_of, trial
from gp_speed import one_thread
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Float, Integer, Parameters, Scale
from trimtab_service.domain.study import ChosenAlgorithm, Study
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.hypervolume import hypervolumes

SEEDS = range(10)
TRIALS = 40
NOISES = (0.02, 0.2)  # of the loss, which is 2.4 to 9; and of the logarithm of the cost
WORST = np.array([8.0, 5.0])  # the reference point

TRAINING = Problem(
    "training",
    (
        Integer("steps", 100, 100_000, Scale.LOG),
        Integer("width", 16, 1_024, Scale.LOG),
        Float("rate", 1e-5, 1.0, Scale.LOG),
        Float("dropout", 0.0, 0.9),
    ),
)


@dataclass(frozen=True, slots=True)
class Search:
    """One way to take a cost into account."""

    name: str
    algorithm: str
    options: Parameters
    priced: bool
    """Whether it is the study's cost metric; else it is another objective."""


SEARCHES = (
    Search("along_costs", "gp", {"along_costs": True}, priced=True),
    Search("gain per unit of cost", "gp", {}, priced=True),
    Search("the cost as a second objective", "gp", {}, priced=False),
    Search("random", "random", {}, priced=True),
)


def figures() -> list[dict[str, Any]]:
    """By noise and search: the volume, the least loss, and what all trials together cost."""
    rows = []
    with one_thread():
        for noise in NOISES:
            for search in SEARCHES:
                runs = [play(search, noise, seed) for seed in SEEDS]
                about = f"noise {noise:g}, {search.name}"
                volumes, losses, spent = zip(*map(summary, runs), strict=True)
                rows += [
                    _row(f"{about}: volume of the front", statistics.median(volumes), "volume"),
                    _row(f"{about}: least loss", statistics.median(losses), "loss"),
                    _row(f"{about}: cost of all trials", statistics.median(spent), "cost"),
                ]
    return rows


def _row(figure: str, value: float, unit: str) -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "goal": None, "holds": None}


def true(point: Parameters) -> tuple[float, float]:
    """The loss and the cost of a run."""
    steps, width, rate, dropout = (float(value) for value in point.values())
    much, wide = math.log10(steps / 100.0) / 3.0, math.log2(width / 16.0) / 6.0
    reached = 1.2 + 3.0 * (width / 16.0) ** -0.25 + 4.0 * (steps * math.sqrt(width) / 400.0) ** -0.35
    off = math.log10(rate) + 2.5 - 0.5 * wide
    left_out = dropout - 0.1 - 0.3 * wide * (1.0 - much)
    loss = reached + 0.6 * off**2 * (1.0 + wide) + 0.8 * left_out**2
    return loss, steps * width**1.2 / 1e4


def study_of(search: Search, seed: int) -> Study:
    """Of the losses and costs."""
    plain = TRAINING.study("gp", seed)
    names = ["loss"] if search.priced else ["loss", "cost"]
    spec = replace(
        plain.spec,
        metrics=(Metric("loss"), Metric("cost")),
        objectives=tuple(Objective(name, Goal.MINIMIZE) for name in names),
        cost_metric="cost" if search.priced else None,
    )
    chosen = ChosenAlgorithm(search.algorithm, search.options, "asked for", decisions=False)
    return replace(plain, spec=spec, algorithm=chosen)


def play(search: Search, noise: float, seed: int) -> list[tuple[float, float]]:
    """The true losses and costs of one study's trials."""
    study, rng = study_of(search, seed), np.random.default_rng((seed, 2))
    chosen = optimizer(study.algorithm)
    trials: list[Trial] = []
    found = []
    for _ in range(TRIALS):
        past = history_of(trials)
        (suggested,) = chosen.suggest(study, past, {}, 1, generator(study, past))
        loss, cost = true(suggested.parameters)
        luck = rng.normal(size=2)
        measured = {
            "loss": Measurement(loss + noise * float(luck[0])),
            "cost": Measurement(cost * math.exp(noise * float(luck[1]))),
        }
        tried = trial(1, suggested.parameters, TrialState.COMPLETED, measured["loss"])
        trials.append(replace(tried, observation=Observation(Outcome.COMPLETED, measured)))
        found.append((loss, cost))
    return found


def summary(run: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The volume of the front of one run, its least loss, and what it cost."""
    losses, costs = (np.array(each) for each in zip(*run, strict=True))
    volume = float(hypervolumes(np.stack([losses, np.log10(costs)], axis=1), WORST)[-1])
    return volume, float(losses.min()), float(costs.sum())

"""How good the point is that bandits of several parameters recommend, on tables of trained models.

The reward is WEIGHT accuracy - (1 - WEIGHT) time, of a model trained with a seed drawn at random; regret is
what the recommended point lacks, on average over the seeds, of the best point of all. Random search recommends
the best it measured; the regrets of the others are given over its regret after as many evaluations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.bandits.bandit_problems import NOW, chances, outcomes_of, study_of
from contract.bandits.joint_problems import FLOOR_TAG, lattice_of, lattice_study, tagged
from hpo_tables import TABLES, Table
from trimtab_service.bandits.base import Table as Law
from trimtab_service.bandits.hier_ucb import HierUcb
from trimtab_service.bandits.independent import Independent
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.domain.metric import Goal, Metric

WEIGHT = 0.9
EVALUATIONS = 1_000
SEEDS = range(4)
SEEDS_OF_RANDOM = range(50)
SUBSET = 200  # points drawn at random that Thompson sampling has for arms
BATCH = 10  # decisions made before the first of them is rewarded, where rewards are late
REWARD = Metric("reward", min=WEIGHT - 1, max=WEIGHT)


class Task:
    """A table as a bandit problem. costs: [N, s]; expected: [N]; sizes as in the table."""

    def __init__(self, table: Table) -> None:
        self.sizes = table.sizes
        self.costs = (1 - WEIGHT) * table.times - WEIGHT * table.accuracies
        self.expected = self.costs.mean(axis=1)

    def measured(self, arms: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
        """[n] the cost of each of ``arms`` [n], with one of the seeds."""
        return self.costs[arms, rng.integers(self.costs.shape[1], size=arms.size)]

    def regret(self, arm: int) -> float:
        """What the arm costs more than the best one."""
        return float(self.expected[arm] - self.expected.min())


def figures() -> list[dict[str, Any]]:
    """For every table the regret of random search, and what part of it the others have."""
    rows = []
    for name in TABLES:
        task = Task(Table.named(name))
        random = float(np.mean([task.regret(_random(task, seed)) for seed in SEEDS_OF_RANDOM]))
        rows.append(_row(f"{name}, random search", random, "reward", None))
        for bandit, recommended in RIVALS.items():
            share = float(np.mean([task.regret(recommended(task, seed)) for seed in SEEDS])) / random
            rows.append(_row(f"{name}, {bandit}", share, "of random's", 1.0 if bandit == "hier_ucb" else None))
    return rows


def _row(figure: str, value: float, unit: str, most: float | None) -> dict[str, Any]:
    goal, holds = (None, None) if most is None else (f"< {most:g}", value < most)
    return {"figure": figure, "value": value, "unit": unit, "goal": goal, "holds": holds}


def _random(task: Task, seed: int) -> int:
    """The point that was measured best."""
    rng = np.random.default_rng((seed, 0))
    arms = rng.integers(task.expected.size, size=EVALUATIONS)
    return int(arms[task.measured(arms, rng).argmin()])


def _joint(bandit: HierUcb | Independent, task: Task, batch: int, seed: int) -> int:
    """The point that the bandit takes for the best."""
    rng = np.random.default_rng((seed, 1))
    lattice = lattice_of(task.sizes)
    state: Any = bandit.initial(lattice_study(task.sizes, REWARD, Goal.MAXIMIZE), lattice)
    for step in range(0, EVALUATIONS, batch):
        policy = bandit.policy(state, NOW)
        draws = [policy.draw(luck) for luck in rng.random((batch, policy.draws))]
        uniform = rng.random(batch) < bandit.floor
        arms = np.where(uniform, rng.integers(lattice.count, size=batch), [draw.arm for draw in draws])
        tags = np.where(uniform, FLOOR_TAG, [draw.tag for draw in draws])
        state = bandit.fold(state, tagged(outcomes_of(arms, task.measured(arms, rng), steps=float(step)), tags))
    best = bandit.best(state)
    assert best is not None
    return best.arm


def _subset(task: Task, seed: int) -> int:
    """The point that Thompson sampling takes for the best of some."""
    rng = np.random.default_rng((seed, 2))
    bandit = Thompson()
    points = rng.choice(task.expected.size, SUBSET, replace=False)
    everyone = np.arange(SUBSET)
    state = bandit.initial(study_of(SUBSET, REWARD, Goal.MAXIMIZE), SUBSET)
    for _ in range(0, EVALUATIONS, BATCH):
        law = Law.of(everyone, chances(bandit, state, everyone), bandit.floor)
        arms, propensities = law.draw(rng.random(BATCH))
        state = bandit.fold(state, outcomes_of(arms, task.measured(points[arms], rng), propensities))
    best = bandit.best(state, everyone, None, NOW)
    assert best is not None
    return int(points[best.arm])


RIVALS: dict[str, Callable[[Task, int], int]] = {
    "hier_ucb": lambda task, seed: _joint(HierUcb(), task, 1, seed),
    f"hier_ucb, {BATCH} at a time": lambda task, seed: _joint(HierUcb(), task, BATCH, seed),
    f"independent, {BATCH} at a time": lambda task, seed: _joint(Independent(), task, BATCH, seed),
    f"thompson of {SUBSET} points, {BATCH} at a time": _subset,
}
"""Who recommends a point of a task, from a seed, after EVALUATIONS."""

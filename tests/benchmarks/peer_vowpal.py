"""Vowpal Wabbit as a player of the bandit problems; runs in an environment of its own, see ``bandit_peers``.

Used as its tutorials show: action-dependent features, the context as a shared namespace, each arm as a feature of
its own, both crossed; a cost is the reward with the other sign; one prediction and one update a step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from vowpalwabbit import Workspace  # type: ignore[import-not-found]

from bandit_suite import ARMS, Options, Player, Problem, main

ACTIONS = [f"|a arm{arm}" for arm in range(ARMS)]


class Vowpal:
    """An exploration algorithm of ``--cb_explore_adf``."""

    def __init__(self, flags: str, crossed: bool, top: float, seed: int) -> None:
        self.top = top
        interactions = "-q sa" if crossed else ""
        self.model = Workspace(f"--cb_explore_adf {flags} {interactions} --quiet --random_seed {seed + 1}")
        self.rng = np.random.default_rng((seed, 2))

    def choose(self, context: NDArray[np.float64]) -> int:
        """See Player."""
        shared = " ".join(f"x{index}:{value:.8g}" for index, value in enumerate(context) if value)
        self.lines = [f"shared |s {shared}", *ACTIONS]
        chances = np.array(self.model.predict(self.lines))
        self.arm = int(np.searchsorted(np.cumsum(chances / chances.sum())[:-1], self.rng.random(), side="right"))
        self.chance = float(chances[self.arm])
        return self.arm

    def learn(self, reward: float) -> None:
        """See Player."""
        self.lines[1 + self.arm] = f"0:{self.top - reward}:{self.chance} {ACTIONS[self.arm]}"
        self.model.learn(self.lines)


def player(problem: Problem, name: str, options: Options, seed: int) -> Player:
    """A new one. name: the flags that choose the exploration."""
    return Vowpal(name, bool(problem.ranges), float(options.get("top", 0.0)), seed)


if __name__ == "__main__":
    main(player)

"""MABWiser as a player of the bandit problems; runs in an environment of its own, see ``bandit_peers``.

Used as its documentation shows: ``fit`` with the first decisions, then ``predict`` and ``partial_fit``
in turns, one step at a time. The first decisions are each arm once for the policies without a context, which
is what UCB1 needs, and a single one for those with a context.
"""

from __future__ import annotations

import warnings

import numpy as np
from mabwiser.mab import MAB, LearningPolicy  # type: ignore[import-not-found]
from numpy.typing import NDArray

from bandit_suite import ARMS, Options, Player, Problem, main

LINEAR = ("LinUCB", "LinTS", "LinGreedy")


class Mabwiser:
    """One of its learning policies.

    Options are the policy's own, and two of ours. above: rewards are a success for Thompson sampling
    if they are larger. constant: 1 adds a context value that is always 1.
    """

    def __init__(self, name: str, options: Options, seed: int) -> None:
        given = dict(options)
        self.constant = [1.0] * bool(given.pop("constant", 0))
        if "above" in given:
            above = float(given.pop("above"))
            given["binarizer"] = lambda _, reward: reward > above  # type: ignore[assignment]
        self.contextual = name in LINEAR
        self.model = MAB(list(range(ARMS)), getattr(LearningPolicy, name)(**given), seed=seed)
        self.first = 1 if self.contextual else ARMS
        self.arms: list[int] = []
        self.rewards: list[float] = []
        self.context: list[list[float]] | None = None

    def choose(self, context: NDArray[np.float64]) -> int:
        """See Player."""
        self.context = [[*context, *self.constant]] if self.contextual else None
        self.arm = len(self.arms) if len(self.arms) < self.first else int(self.model.predict(self.context))
        return self.arm

    def learn(self, reward: float) -> None:
        """See Player."""
        if len(self.arms) >= self.first:
            self.model.partial_fit([self.arm], [reward], self.context)
            return
        self.arms.append(self.arm)
        self.rewards.append(reward)
        if len(self.arms) == self.first:
            self.model.fit(self.arms, self.rewards, self.context)


def player(problem: Problem, name: str, options: Options, seed: int) -> Player:
    """A new one."""
    return Mabwiser(name, options, seed)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(player)

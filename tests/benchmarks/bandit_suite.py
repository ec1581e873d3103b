"""What bandits are measured on: problems, and the loop that plays them.

NumPy alone, so that it runs in the environment of any library; neither ours nor a
peer may enter it. A player sees the context and the reward of the arm that it chose, and nothing
else; what it lost is reckoned here.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

STEPS = 10_000
ARMS = 10
MARKS = 100  # how often the regret is written down
DRIFT = 2_500  # steps after which the arms of the drifting problem change places
DIMENSIONS = 10
NOISE = 0.1  # standard deviation, of the linear problem
SPREAD = 0.5  # standard deviation of the arms' means, of the gaussian problem
# Pixels of scikit-learn's digits: those that vary most. A study takes 50 context values at most.
PIXELS = 50
BRIGHTEST = 16.0


@dataclass(frozen=True, slots=True)
class Instance:
    """One seed of a problem: all that can happen.

    contexts: [T, c]; rewards: [T, K] what each arm would give; means: [T, K] what it gives on average.
    """

    contexts: NDArray[np.float64]
    rewards: NDArray[np.float64]
    means: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Problem:
    """What everyone is told of a problem, and its instances.

    binary: whether every reward is 0 or 1. ranges: of each context value.
    """

    name: str
    binary: bool
    ranges: tuple[tuple[float, float], ...]
    instance: Callable[[np.random.Generator], Instance]


class Player(Protocol):
    """Chooses, then learns what that was worth, in turns."""

    def choose(self, context: NDArray[np.float64]) -> int:
        """The arm to play; context: [c]."""
        ...

    def learn(self, reward: float) -> None:
        """What the arm that was chosen last gave: more is better."""
        ...


def _coins(means: NDArray[np.float64], rng: np.random.Generator) -> Instance:
    return Instance(np.zeros((STEPS, 0)), (rng.random((STEPS, ARMS)) < means).astype(float), means)


def _bernoulli(rng: np.random.Generator) -> Instance:
    """Means 0.27 to 0.73, evenly spaced."""
    return _coins(np.tile(rng.permutation(np.linspace(0.27, 0.73, ARMS)), (STEPS, 1)), rng)


def _drifting(rng: np.random.Generator) -> Instance:
    """As bernoulli, the arms in another order every 2,500 steps."""
    orders = [rng.permutation(np.linspace(0.27, 0.73, ARMS)) for _ in range(STEPS // DRIFT)]
    return _coins(np.repeat(orders, DRIFT, axis=0), rng)


def _gaussian(rng: np.random.Generator) -> Instance:
    """Means N(0, 0.5^2), noise N(0, 1)."""
    means = np.tile(SPREAD * rng.standard_normal(ARMS), (STEPS, 1))
    return Instance(np.zeros((STEPS, 0)), means + rng.standard_normal((STEPS, ARMS)), means)


def _linear(rng: np.random.Generator) -> Instance:
    """Contexts and each arm's coefficients uniform on the unit sphere in 10 dimensions, noise N(0, 0.1^2)."""
    contexts, coefficients = _on_sphere(STEPS, rng), _on_sphere(ARMS, rng)
    means = contexts @ coefficients.T
    return Instance(contexts, means + NOISE * rng.standard_normal((STEPS, ARMS)), means)


def _on_sphere(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    points = rng.standard_normal((count, DIMENSIONS))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def _digits(path: Path, rng: np.random.Generator) -> Instance:
    """A written digit, drawn with replacement, is shown; naming it gives 1, anything else 0."""
    table = np.loadtxt(path, delimiter=",")
    pixels, digits = table[:, :-1], table[:, -1].astype(int)
    kept = np.sort(np.argsort(-pixels.var(axis=0), kind="stable")[:PIXELS])
    rows = rng.integers(len(table), size=STEPS)
    right = np.eye(ARMS)[digits[rows]]
    return Instance(pixels[rows][:, kept] / BRIGHTEST, right, right)


def problems(digits: Path) -> dict[str, Problem]:
    """Every problem by its name. digits: scikit-learn's ``digits.csv.gz``."""
    listed = (
        Problem("bernoulli", True, (), _bernoulli),
        Problem("gaussian", False, (), _gaussian),
        Problem("drifting", True, (), _drifting),
        Problem("linear", False, ((-1.0, 1.0),) * DIMENSIONS, _linear),
        Problem("digits", True, ((0.0, 1.0),) * PIXELS, lambda rng: _digits(digits, rng)),
    )
    return {problem.name: problem for problem in listed}


def regrets(instance: Instance, player: Player) -> NDArray[np.float64]:
    """[T] the sum, so far, of what the arms played give less on average than the best one of their step."""
    arms = np.zeros(STEPS, dtype=int)
    for step, (context, rewards) in enumerate(zip(instance.contexts, instance.rewards, strict=True)):
        arms[step] = player.choose(context)
        player.learn(float(rewards[arms[step]]))
    lost = instance.means.max(axis=1) - instance.means[np.arange(STEPS), arms]
    return np.cumsum(lost)


Options = Mapping[str, float | str]
MakePlayer = Callable[[Problem, str, Options, int], Player]
"""A new player of a problem: name and options of its algorithm, seed of its luck."""


def main(make: MakePlayer) -> None:
    """Plays what the command line names; prints one line of JSON a seed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--digits", type=Path, required=True)
    parser.add_argument("--problem", required=True)
    parser.add_argument("--algorithm", required=True)
    parser.add_argument("--options", type=json.loads, default={}, help="a JSON object")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    chosen = parser.parse_args()
    problem = problems(chosen.digits)[chosen.problem]
    for seed in chosen.seeds:
        # Everyone meets the same instance; luck is the player's own.
        instance = problem.instance(np.random.default_rng((seed, 1)))
        player = make(problem, chosen.algorithm, chosen.options, seed)
        begun = time.perf_counter()
        lost = regrets(instance, player)
        microseconds = (time.perf_counter() - begun) / STEPS * 1e6
        marks = [round(float(lost[mark]), 2) for mark in range(STEPS // MARKS - 1, STEPS, STEPS // MARKS)]
        print(json.dumps({"seed": seed, "microseconds": round(microseconds), "regret": marks}))
        sys.stdout.flush()

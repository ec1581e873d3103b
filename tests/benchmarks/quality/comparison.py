"""Who is better, and how sure that is: paired over the seeds, on logarithms of regret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quality import results
from quality.players import Entry
from quality.problem import Problem
from quality.scores import Score, logarithm, score

RESAMPLES = 4_000
INTERVAL = (2.5, 97.5)  # per cent


@dataclass(frozen=True, slots=True)
class Played:
    """The runs of one player on one problem, by seed; ``reason``: why there are none."""

    scores: Mapping[int, Score]
    reason: str = ""

    @property
    def finals(self) -> NDArray[np.float64]:
        """[n] the regrets that count."""
        return np.array([one.final for one in self.scores.values()])

    @property
    def seconds(self) -> float:
        """Of a suggestion, the median of all."""
        return float(np.median(np.concatenate([one.seconds for one in self.scores.values()])))


Board = Mapping[str, Mapping[str, Played]]
"""Problem, then player."""


def board(entries: Sequence[Entry], problems: Sequence[Problem], seeds: int) -> Board:
    """What is kept of these players, of the first so many seeds."""
    return {
        problem.name: {
            entry.name: Played(
                {
                    seed: score(problem, run)
                    for seed, run in sorted(results.runs(entry, problem).items())
                    if seed < seeds
                },
                results.reason(entry, problem),
            )
            for entry in entries
        }
        for problem in problems
    }


def worst(played: Mapping[str, Played]) -> float:
    """The largest regret of all runs, which runs that found nothing feasible count as."""
    finals = np.concatenate([one.finals for one in played.values()])
    return float(np.nanmax(finals)) if np.isfinite(finals).any() else 1.0


def ranks(problem: Problem, played: Mapping[str, Played]) -> dict[str, float]:
    """The expected rank of each player, 1 the best: 1 and how likely each other one is better, on the seeds of both."""
    present = {name: one for name, one in played.items() if one.scores}
    most = worst(present) if present else 1.0
    return {
        name: 1.0
        + sum(_behind(difference(problem, one, other, most)) for rival, other in present.items() if rival != name)
        for name, one in present.items()
    }


def _behind(differences: NDArray[np.float64]) -> float:
    """The share of differences above 0, ties half; 0 of none."""
    return float((0.5 + 0.5 * np.sign(differences)).mean()) if len(differences) else 0.0


def difference(problem: Problem, one: Played, other: Played, most: float) -> NDArray[np.float64]:
    """[n] log10 of the regret of ``one`` less that of ``other``, on the seeds that both played."""
    shared = sorted(set(one.scores) & set(other.scores))
    first, second = (
        logarithm(problem, [played.scores[seed].final for seed in shared], most) for played in (one, other)
    )
    return first - second


def interval(differences: Sequence[NDArray[np.float64]]) -> tuple[float, float, float]:
    """The mean over problems of the mean over seeds, and its interval: bootstrap over the seeds of each problem."""
    rng = np.random.default_rng(0)
    means = np.zeros(RESAMPLES)
    for one in differences:
        means += one[rng.integers(len(one), size=(RESAMPLES, len(one)))].mean(axis=1) / len(differences)
    low, high = np.percentile(means, INTERVAL)
    return float(np.mean([one.mean() for one in differences])), float(low), float(high)


def interval_over_problems(differences: Sequence[NDArray[np.float64]]) -> tuple[float, float, float]:
    """The same mean, and its interval: bootstrap over the problems, for what may be expected of other ones.

    It takes many problems, and of each one seed will do.
    """
    return interval([np.array([one.mean() for one in differences])])

"""One run: a player, a problem, a seed. The same noise and the same contexts for every player."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from quality.conversation import Player
from quality.problem import Outcomes, Problem

EVERY = 10  # trials, a recommendation is asked for where measurements are noisy


class Seated(Protocol):
    """A player that says how long it took."""

    def suggest(self, context: Mapping[str, float]) -> tuple[Mapping[str, Any], float]:
        """A point, and seconds."""
        ...

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> float:
        """Seconds."""
        ...

    def recommend(self) -> Mapping[str, Any] | None:
        """See ``Player``."""
        ...


class Inside:
    """A player in this process."""

    def __init__(self, player: Player) -> None:
        self.player = player

    def suggest(self, context: Mapping[str, float]) -> tuple[Mapping[str, Any], float]:
        """See ``Seated``."""
        begun = time.perf_counter()
        return self.player.suggest(context), time.perf_counter() - begun

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> float:
        """See ``Seated``."""
        begun = time.perf_counter()
        self.player.learn(point, context, outcomes)
        return time.perf_counter() - begun

    def recommend(self) -> Mapping[str, Any] | None:
        """See ``Seated``."""
        return self.player.recommend()


def play(problem: Problem, player: Seated, seed: int) -> dict[str, Any]:
    """The whole run as JSON.

    points, true, measured, seconds: one a trial; the seconds of learning from a trial count to the next.
    recommended: pairs of a number of trials and the true objective of the point recommended then.
    """
    run: dict[str, Any] = {"problem": problem.key, "seed": seed, "points": [], "true": [], "measured": []}
    run |= {"seconds": [], "recommended": []}
    learning = 0.0
    for number in range(1, problem.trials + 1):
        situation = problem.situation(seed, number)
        point, seconds = player.suggest({name: float(value) for name, value in situation.context.items()})
        true = problem.outcomes(point, situation)
        told = problem.tell(true, seed, number)
        kept = {name: told[name] for name in (*problem.objectives, *problem.constraints)}
        run["points"].append(dict(point))
        run["true"].append({name: true[name] for name in kept})
        run["measured"].append(kept)
        run["seconds"].append(seconds + learning)
        learning = player.learn(point, {name: float(value) for name, value in situation.context.items()}, kept)
        if problem.noisy and (number % EVERY == 0 or number == problem.trials):
            best = player.recommend() or _luckiest(problem, run["points"], run["measured"])
            run["recommended"].append([number, problem.outcomes(best, situation)[problem.objectives[0]]])
    return run


def _luckiest(problem: Problem, points: list[Mapping[str, Any]], measured: list[Outcomes]) -> Mapping[str, Any]:
    """The point with the best measurement."""
    losses = [outcomes[problem.objectives[0]] for outcomes in measured]
    return points[losses.index(min(losses))]

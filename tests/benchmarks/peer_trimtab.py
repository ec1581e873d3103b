"""Our own bandits as players of the bandit problems: the library's part of the decision path, without the service.

Each step makes the policy of the state, lays the floor under it, draws, and folds what came of it, as the
service does for a study whose observations come at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bandit_suite import ARMS, Options, Player, Problem, main
from trimtab_service.algorithms import choose
from trimtab_service.bandits import catalog
from trimtab_service.bandits.base import Bandit, Outcomes, Table
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective
from trimtab_service.domain.space import Categorical, Float, SearchSpace
from trimtab_service.domain.study import AlgorithmRequest, Study, StudyName, StudySpec

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = 1.0  # from one step to the next


def study(problem: Problem, name: str, options: Options, seed: int = 0) -> Study:
    """What a user would declare: arms without an order, a metric to maximize, the range of each context value."""
    spec = StudySpec(
        space=SearchSpace((Categorical("arm", tuple(f"arm{arm}" for arm in range(ARMS))),)),
        metrics=(Metric("reward", MetricKind.BINARY if problem.binary else MetricKind.REAL),),
        objectives=(Objective("reward", Goal.MAXIMIZE),),
        context=tuple(Float(f"x{index}", low, high) for index, (low, high) in enumerate(problem.ranges)),
        algorithm=AlgorithmRequest(name, dict(options)),
        seed=seed,
    )
    return Study(StudyName("bench", "regret"), f"{seed:032x}", spec, choose(spec), BEGIN, BEGIN)


class Trimtab:
    """A bandit of the catalogue, or ``auto``."""

    def __init__(self, problem: Problem, name: str, options: Options, seed: int) -> None:
        played = study(problem, name, options, seed)
        self.bandit = cast(Bandit, catalog.bandit(played.algorithm))
        self.state: Any = self.bandit.initial(played, ARMS)
        self.arms = np.arange(ARMS)
        self.rng = np.random.default_rng((seed, 2))
        self.steps = 0

    @property
    def now(self) -> float:
        """Of this step, in seconds since 1970."""
        return BEGIN.timestamp() + SECONDS * self.steps

    def choose(self, context: NDArray[np.float64]) -> int:
        """See Player."""
        chances = self.bandit.policy(self.state, self.now).chances(self.arms, context)
        arms, propensities = Table.of(self.arms, chances, self.bandit.floor).draw(self.rng.random(1))
        self.context, self.arm, self.propensity = context, int(arms[0]), float(propensities[0])
        return self.arm

    def learn(self, reward: float) -> None:
        """See Player."""
        outcome = Outcomes(
            arms=np.array([self.arm]),
            propensities=np.array([self.propensity]),
            costs=np.array([-reward]),
            counts=np.ones(1),
            variances=np.full(1, np.nan),
            contexts=self.context[None, :],
            times=np.array([self.now]),
            steps=np.array([float(self.steps)]),
            tags=np.zeros(1, dtype=np.intp),
        )
        self.state = self.bandit.fold(self.state, outcome)
        self.steps += 1


def player(problem: Problem, name: str, options: Options, seed: int) -> Player:
    """A new one."""
    return Trimtab(problem, name, options, seed)


if __name__ == "__main__":
    main(player)

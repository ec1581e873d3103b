"""Bandit problems of known regret, and rivals to compare with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from contract.bandits.bandit_problems import outcomes_of, table
from trimtab_service.bandits.base import Bandit
from trimtab_service.domain.study import Study

MEANS = np.linspace(0.27, 0.73, 10)
"""Chances of a win; playing at random loses 2,300 wins in 10,000 rounds."""

ROUNDS = 10_000
BATCH = 10  # rounds played by one policy, as with delayed rewards
_GAPS = MEANS.max() - MEANS
RANDOM_REGRET = float(ROUNDS * _GAPS.mean())


def regret(bandit: Bandit, study: Study, seed: int, batch: int = BATCH) -> float:
    """The wins expected to be lost to the best arm over ROUNDS."""
    rng = np.random.default_rng(seed)
    state = bandit.initial(study, MEANS.size)
    lost = 0.0
    for played in range(0, ROUNDS, batch):
        arms, propensities = table(bandit, state, MEANS.size).draw(rng.random(batch))
        costs = -(rng.random(batch) < MEANS[arms]).astype(float)
        state = bandit.fold(state, outcomes_of(arms, costs, propensities, steps=played))
        lost += float(_GAPS[arms].sum())
    return lost


def ucb1_regret(seed: int) -> float:
    """The same for UCB1 (Auer, Cesa-Bianchi, Fischer 2002), which learns after every round."""
    rng = np.random.default_rng(seed)
    plays, wins = np.ones(MEANS.size), (rng.random(MEANS.size) < MEANS).astype(float)
    lost = float(_GAPS.sum())
    for round_number in range(MEANS.size, ROUNDS):
        arm = int(np.argmax(wins / plays + np.sqrt(2 * np.log(round_number) / plays)))
        wins[arm] += rng.random() < MEANS[arm]
        plays[arm] += 1
        lost += float(_GAPS[arm])
    return lost


def draws_of_least(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often each column of ``draws`` [n, K] holds the least value."""
    return np.bincount(draws.argmin(axis=1), minlength=draws.shape[1]) / len(draws)

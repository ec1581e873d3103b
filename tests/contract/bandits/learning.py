"""A bandit problem of known regret, and a rival to compare with."""

from __future__ import annotations

import numpy as np

from contract.bandits.bandit_problems import outcomes_of
from trimtab_service.bandits.base import Bandit
from trimtab_service.domain.study import Study

MEANS = np.linspace(0.27, 0.73, 10)
"""Chances of a win; playing at random loses 2,300 wins in 10,000 rounds."""

ROUNDS = 10_000
BATCH = 10  # rounds played by one policy, as with delayed rewards
_GAPS = MEANS.max() - MEANS
RANDOM_REGRET = float(ROUNDS * _GAPS.mean())


def regret(bandit: Bandit, study: Study, seed: int) -> float:
    """The wins expected to be lost to the best arm over ROUNDS."""
    rng = np.random.default_rng(seed)
    state = bandit.initial(study)
    lost = 0.0
    for _ in range(ROUNDS // BATCH):
        choices = bandit.policy(state).choose(BATCH, rng)
        costs = -(rng.random(BATCH) < MEANS[choices.arms]).astype(float)
        state = bandit.fold(state, outcomes_of(choices.arms, costs, choices.propensities))
        lost += float(_GAPS[choices.arms].sum())
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

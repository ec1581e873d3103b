"""Adaptive Thompson sampling: sharpness, forgetting, learning."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, NOW, REAL, chances, outcomes_of, start, study_of, table
from contract.bandits.learning import MEANS, regret
from trimtab_service.bandits.adaptive_thompson import AdaptiveThompson
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal, Metric
from trimtab_service.domain.options import from_options

ROUNDS = 5_000
BATCH = 40


def jumping_regret(bandit: AdaptiveThompson, order: list[int], seed: int) -> float:
    """Wins expected to be lost over ROUNDS when halfway the arms take each other's means in this order."""
    rng = np.random.default_rng(seed)
    state = start(bandit, MEANS.size, BINARY, Goal.MAXIMIZE)
    lost = 0.0
    for played in range(0, ROUNDS, BATCH):
        means = MEANS if played < ROUNDS // 2 else MEANS[order]
        arms, propensities = table(bandit, state, MEANS.size).draw(rng.random(BATCH))
        costs = -(rng.random(BATCH) < means[arms]).astype(float)
        state = bandit.fold(state, outcomes_of(arms, costs, propensities, steps=played))
        lost += float((means.max() - means[arms]).sum())
    return lost


@pytest.mark.parametrize("metric", [REAL, BINARY])
def test_chances_are_powers_of_those_of_thompson_sampling(metric: Metric) -> None:
    """While nothing has changed, up to a constant that makes them add up to 1."""
    rng = np.random.default_rng(1)
    arms = rng.integers(0, 4, 60)
    outcomes = outcomes_of(arms, (rng.random(60) < 0.3 + 0.1 * arms).astype(float))
    plain, sharp = (
        chances(bandit, bandit.fold(start(bandit, 4, metric), outcomes), np.arange(4))
        for bandit in (Thompson(), AdaptiveThompson(sharpness=2.0))
    )

    np.testing.assert_allclose(sharp, plain**2 / (plain**2).sum(), rtol=1e-9)


@pytest.mark.parametrize("metric", [REAL, BINARY])
def test_after_a_jump_the_best_is_another(metric: Metric) -> None:
    """A long past counts no more once the present contradicts it; without a hazard it does."""
    rng = np.random.default_rng(2)
    steps = np.arange(2_100.0)
    arms = np.tile([0, 1], 1_050)
    chance = np.where(steps < 2_000, [0.2, 0.8] * 1_050, [0.8, 0.2] * 1_050)
    outcomes = outcomes_of(arms, (rng.random(2_100) < chance).astype(float), steps=steps)
    forgetful, stubborn = (
        (bandit, bandit.fold(start(bandit, 2, metric), outcomes))
        for bandit in (AdaptiveThompson(), AdaptiveThompson(hazard=0.0))
    )
    best = forgetful[0].best(forgetful[1], np.arange(2), None, NOW)

    assert chances(*forgetful, [0, 1])[1] > 0.99
    assert chances(*stubborn, [0, 1])[0] > 0.99
    assert best is not None
    assert best.arm == 1
    assert best.cost == pytest.approx(0.2, abs=0.1)


def test_learning() -> None:
    """At rest it loses no more than about what Thompson sampling does, 120, though it watches for changes."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)
    regrets = [regret(AdaptiveThompson(), study, seed, batch=50) for seed in range(3)]

    assert np.mean(regrets) < 155


def test_learning_again() -> None:
    """When best and worst trade places halfway, it loses about twice what it does at rest, not thousands."""
    lost = jumping_regret(AdaptiveThompson(), list(range(MEANS.size))[::-1], 3)

    assert lost < 400
    assert jumping_regret(AdaptiveThompson(hazard=0.0), list(range(MEANS.size))[::-1], 3) > 2 * lost


@pytest.mark.parametrize(
    ("option", "value"), [("hazard", -0.1), ("hazard", 0.6), ("sharpness", 0.5), ("sharpness", 11.0), ("floor", 2.0)]
)
def test_options_out_of_range(option: str, value: float) -> None:
    """They are refused by name."""
    with pytest.raises(InvalidArgument, match=option):
        from_options(AdaptiveThompson, {option: value})

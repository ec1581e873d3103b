"""Reduced-variance Tsallis-INF: the estimate, its variance, learning."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import chances, outcomes_of, start, table
from trimtab_service.bandits.reduced_variance import ReducedVariance
from trimtab_service.bandits.tsallis_inf import TsallisInf, tsallis_weights
from trimtab_service.domain.metric import Metric

THREE = np.arange(3)
RANGE = Metric("cost", min=0.0)


def test_early_losses_are_not_centred() -> None:
    """While a propensity stands for fewer than 16 plays it is Tsallis-INF with twice the eta."""
    bandit = ReducedVariance()
    propensities, steps = np.array([0.5, 0.25, 0.1, 0.3]), np.array([30, 62, 158, 10])
    outcomes = outcomes_of([0, 1, 1, 2], [4.0, 2.0, 7.0, 3.0], propensities, steps=steps)
    state = bandit.fold(start(bandit, 3, RANGE), outcomes)
    losses = np.array([4 / 0.5, 2 / 0.25 + 7 / 0.1, 3 / 0.3]) / 4

    np.testing.assert_allclose(chances(bandit, state, THREE), tsallis_weights(losses, 4 / 5**0.5), rtol=1e-9)


def test_an_arm_that_is_played_often_is_centred() -> None:
    """Its plays count for loss - 1/2 over the propensity, and every round for 1/2, played or not."""
    bandit = ReducedVariance()
    outcomes = outcomes_of([0, 1, 1, 2], [4.0, 2.0, 7.0, 3.0], [0.5, 0.25, 0.1, 0.3], steps=[31, 63, 159, 10])
    state = bandit.fold(start(bandit, 3, RANGE), outcomes)
    losses = np.array([(1 - 0.5) / 0.5 + 2, (0.5 - 0.5) / 0.25 + (1.75 - 0.5) / 0.1 + 2, 0.75 / 0.3])

    np.testing.assert_allclose(chances(bandit, state, THREE), tsallis_weights(losses, 4 / 5**0.5), rtol=1e-9)


def test_an_arm_that_changed_sides_was_centred_in_a_part_of_the_rounds() -> None:
    """That part is what its plays say: of weights 4 and 12, here, it was centred in three quarters of 16 rounds."""
    bandit = ReducedVariance()
    outcomes = outcomes_of([0, 0, 1], [1.0, 1.0, 1.0], [0.25, 1 / 12, 0.5], [1, 1, 14], steps=[0, 1e3, 0])
    state = bandit.fold(start(bandit, 2, RANGE), outcomes)
    losses = np.array([4 * 1 + 12 * 0.5 + 0.5 * 12, 14 / 0.5])

    np.testing.assert_allclose(chances(bandit, state, [0, 1]), tsallis_weights(losses, 4 / 17**0.5), rtol=1e-9)


def spread(bandit: ReducedVariance | TsallisInf, eta: float) -> float:
    """How much the difference of two arms' estimated losses varies among 60 logs of one fixed policy."""
    differences = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        probabilities = np.array([0.5, 0.5])
        arms = rng.choice(2, 400, p=probabilities)
        costs = 0.4 + 0.2 * rng.random(400)
        state = bandit.fold(start(bandit, 2, RANGE), outcomes_of(arms, costs, 0.5, steps=np.arange(400.0)))
        law = chances(bandit, state, [0, 1])
        # The law is 4 / (eta (L - x))^2.
        differences.append(2 / eta * (law[0] ** -0.5 - law[1] ** -0.5))
    return float(np.std(differences))


def test_the_estimates_vary_less() -> None:
    """Of arms that cost about as much, the estimated difference varies by half."""
    plain, ours = spread(TsallisInf(), 2 / 401**0.5), spread(ReducedVariance(), 4 / 401**0.5)

    assert ours == pytest.approx(plain / 2, rel=0.15)


def iterations_lost(bandit: ReducedVariance | TsallisInf, seed: int) -> float:
    """To the best of 20 settings of a solver, by 1,500 solves whose difficulty varies a little."""
    rng = np.random.default_rng(seed)
    settings = np.linspace(0, 1, 20)
    means = 20 + 150 * (settings - 0.7) ** 2
    state, lost = start(bandit, 20, RANGE), 0.0
    for solved in range(0, 1_500, 5):
        arms, propensities = table(bandit, state, 20).draw(rng.random(5))
        costs = means[arms] * rng.uniform(0.6, 1.4, 5)
        state = bandit.fold(state, outcomes_of(arms, costs, propensities, steps=solved))
        lost += float((means[arms] - means.min()).sum())
    return lost


def test_learning() -> None:
    """On costs that lie close together it loses less than plain Tsallis-INF, on average of four seeds."""
    ours, plain = (
        np.mean([iterations_lost(bandit, seed) for seed in range(4)])
        for bandit in (ReducedVariance(floor=0.0), TsallisInf(floor=0.0))
    )

    assert ours < 0.9 * plain


def test_swapped_arms_are_noticed() -> None:
    """When the best arm becomes the worst, play follows."""
    bandit = ReducedVariance(floor=0.0)
    rng = np.random.default_rng(8)
    state = start(bandit, 4)
    means = np.array([0.0, 1.0, 1.0, 1.0])
    for played in range(0, 4_000, 8):
        if played == 1_000:
            means = np.array([1.0, 1.0, 1.0, 0.0])
        arms, propensities = table(bandit, state, 4).draw(rng.random(8))
        costs = means[arms] + 0.3 * rng.normal(size=8)
        state = bandit.fold(state, outcomes_of(arms, costs, propensities, steps=played))

    assert chances(bandit, state, np.arange(4)).argmax() == 3

"""Tsallis-INF: the root, the estimates, learning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize

from contract.bandits.bandit_problems import BINARY, outcomes_of, study_of
from contract.bandits.learning import MEANS, RANDOM_REGRET, regret
from trimtab_service.bandits.tsallis_inf import TsallisInf, tsallis_weights
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Goal, Metric


@given(
    losses=arrays(float, st.integers(1, 50), elements=st.floats(-1e12, 1e12)),
    eta=st.floats(1e-4, 2.0),
)
def test_weights_add_up_to_one(losses: np.ndarray, eta: float) -> None:
    """The normalization is found whatever the losses, and every weight is positive."""
    weights = tsallis_weights(losses, eta)

    assert pytest.approx(weights.sum(), abs=1e-12) == 1.0
    assert (weights > 0).all()


def test_weights_against_a_bracketing_solver() -> None:
    """x is where a bracketing root finder finds it, below the least loss."""
    losses, eta = np.random.default_rng(1).exponential(30, 20), 0.1

    def excess(x: float) -> float:
        return float((4 / (eta * (losses - x)) ** 2).sum() - 1)

    low, high = losses.min() - 2 * 20**0.5 / eta, losses.min() - 2 / eta
    x = optimize.brentq(excess, low, high, xtol=1e-13)

    np.testing.assert_allclose(tsallis_weights(losses, eta), 4 / (eta * (losses - x)) ** 2, rtol=1e-9)
    assert x < losses.min()


def test_a_hundred_thousand_rounds() -> None:
    """The probabilities add up to 1 before normalization at every round of a long run with clearly different arms."""
    rng = np.random.default_rng(2)
    costs = np.linspace(1e9, 4e9, 20)
    losses = np.zeros(20)
    total = 0.0
    worst = 0.0
    for round_number in range(1, 100_001):
        weights = tsallis_weights(losses / (total / (round_number - 1)) if total else losses, 2 / round_number**0.5)
        worst = max(worst, abs(float(weights.sum()) - 1))
        arm = min(int(np.searchsorted(np.cumsum(weights), rng.random())), 19)
        cost = costs[arm] * rng.random()
        losses[arm] += cost / weights[arm]
        total += cost

    assert worst < 1e-9


def test_the_policy_is_the_formula() -> None:
    """The estimates are sums of (cost - shift) / propensity over the mean of cost - shift."""
    bandit = TsallisInf()
    outcomes = outcomes_of([0, 1, 1, 2], [5.0, 3.0, 8.0, 4.0], [0.5, 0.25, 0.1, 0.3])
    state = bandit.fold(bandit.initial(study_of(3, Metric("cost", min=1.0))), outcomes)
    losses = np.array([4 / 0.5, 2 / 0.25 + 7 / 0.1, 3 / 0.3]) / 4.0

    np.testing.assert_allclose(bandit.policy(state).probabilities, tsallis_weights(losses, 2 / 5**0.5), rtol=1e-9)


def test_without_a_bound_the_least_cost_is_the_shift() -> None:
    """The least cost seen so far serves as the zero of all costs, also of earlier ones."""
    bandit = TsallisInf()
    outcomes = outcomes_of([0, 1, 1, 2], [5.0, 3.0, 8.0, 4.0], [0.5, 0.25, 0.1, 0.3])
    state = bandit.fold(bandit.initial(study_of(3)), outcomes)
    losses = np.array([2 / 0.5, 0 / 0.25 + 5 / 0.1, 1 / 0.3]) / 2.0

    np.testing.assert_allclose(bandit.policy(state).probabilities, tsallis_weights(losses, 2 / 5**0.5), rtol=1e-9)


def test_a_failure_is_weighted_too() -> None:
    """A failure counts as the largest possible cost over its propensity."""
    bandit = TsallisInf()
    outcomes = outcomes_of([0, 1, 2], [0.0, 1.0, np.nan], [0.5, 0.25, 0.1])
    state = bandit.fold(bandit.initial(study_of(3, BINARY)), outcomes)
    losses = np.array([0.0, 1 / 0.25, 1 / 0.1]) / (2 / 3)

    np.testing.assert_allclose(bandit.policy(state).probabilities, tsallis_weights(losses, 2 / 4**0.5), rtol=1e-9)


def test_the_floor_is_shared() -> None:
    """With a floor no arm is played less than floor / K."""
    bandit = TsallisInf(floor=0.4)
    state = bandit.fold(bandit.initial(study_of(4)), outcomes_of([0, 1, 2, 3], [0.0, 1e9, 1e9, 1e9], 1e-9))

    np.testing.assert_allclose(bandit.policy(state).probabilities, [0.7, 0.1, 0.1, 0.1], atol=1e-6)


def test_a_floor_above_one_is_refused() -> None:
    """A floor is a probability."""
    with pytest.raises(InvalidArgument, match="floor"):
        TsallisInf(floor=1.1)


def test_learning() -> None:
    """On ten Bernoulli arms its regret is a small part of random play's, on average of three seeds."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)

    assert np.mean([regret(TsallisInf(), study, seed) for seed in range(3)]) < 0.2 * RANDOM_REGRET


def test_swapped_arms_are_noticed() -> None:
    """When the best arm becomes the worst half way, play follows; that is what this bandit is for."""
    bandit = TsallisInf()
    rng = np.random.default_rng(8)
    state = bandit.initial(study_of(4))
    means = np.array([0.0, 1.0, 1.0, 1.0])
    for round_number in range(4_000):
        if round_number == 1_000:
            means = np.array([1.0, 1.0, 1.0, 0.0])
        choices = bandit.policy(state).choose(1, rng)
        state = bandit.fold(
            state, outcomes_of(choices.arms, means[choices.arms] + 0.3 * rng.normal(size=1), choices.propensities)
        )

    assert bandit.policy(state).probabilities.argmax() == 3

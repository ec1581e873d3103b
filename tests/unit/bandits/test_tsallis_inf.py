"""Tsallis-INF: the root, the estimates, learning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize

from contract.bandits.bandit_problems import BINARY, chances, outcomes_of, start, study_of, table
from contract.bandits.learning import MEANS, RANDOM_REGRET, regret
from trimtab_service.bandits.tsallis_inf import TsallisInf, tsallis_weights
from trimtab_service.domain.metric import Goal, Metric

THREE = np.arange(3)


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


def fault(weights: np.ndarray) -> float:
    """How far the weights are from adding up to 1; infinite unless x is finite and lies below the least loss."""
    # The largest weight is 4 / (eta (min - x))^2, and at most 1.
    return abs(float(weights.sum()) - 1) if 0 < weights.max() <= 1 else np.inf


def test_a_hundred_thousand_rounds() -> None:
    """The probabilities add up to 1 before normalization at every round of a long run with clearly different arms."""
    rng = np.random.default_rng(2)
    costs = np.linspace(1e9, 4e9, 20)
    rounds = 100_000
    luck, sizes = rng.random(rounds).tolist(), rng.random(rounds).tolist()
    losses, total, worst = np.zeros(20), 0.0, 0.0
    for number in range(rounds):
        scaled = losses * (number / total) if total else losses
        weights = tsallis_weights(scaled, 2 / (number + 1) ** 0.5)
        worst = max(worst, fault(weights))
        arm = min(int(weights.cumsum().searchsorted(luck[number])), 19)
        cost = costs[arm] * sizes[number]
        losses[arm] += cost / weights[arm]
        total += cost

    assert worst < 1e-9


@pytest.mark.parametrize("arms", [1, 2, 20, 1_000])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e3, 1e9, 1e15])
def test_a_million_rounds_of_any_size(arms: int, scale: float) -> None:
    """So they do up to a million rounds, whatever the size and the spread of losses; 100 policies stand for all."""
    rng = np.random.default_rng(arms)
    costs = scale * 10 ** rng.uniform(-3, 3, arms)
    losses, worst = np.zeros(arms), 0.0
    moments_of_play = np.unique(np.geomspace(1, 1e6, 100).astype(int))
    for number, rounds in zip(moments_of_play.tolist(), np.diff(moments_of_play, append=2e6).tolist(), strict=True):
        weights = tsallis_weights(losses, 2 / number**0.5)
        worst = max(worst, fault(weights))
        # What that many rounds of this policy add to the losses.
        plays = rng.poisson(np.minimum(rounds * weights, 1e15))
        losses += plays * costs * rng.random(arms) / weights

    assert np.isfinite(losses).all()
    assert worst < 1e-9


def test_the_policy_is_the_formula() -> None:
    """The estimates are sums of (cost - shift) / propensity over the mean of cost - shift."""
    bandit = TsallisInf()
    outcomes = outcomes_of([0, 1, 1, 2], [5.0, 3.0, 8.0, 4.0], [0.5, 0.25, 0.1, 0.3])
    state = bandit.fold(start(bandit, 3, Metric("cost", min=1.0)), outcomes)
    losses = np.array([4 / 0.5, 2 / 0.25 + 7 / 0.1, 3 / 0.3]) / 4.0

    np.testing.assert_allclose(chances(bandit, state, THREE), tsallis_weights(losses, 2 / 5**0.5), rtol=1e-9)


def test_without_a_bound_the_least_cost_is_the_shift() -> None:
    """The least cost seen so far serves as the zero of all costs, also of earlier ones."""
    bandit = TsallisInf()
    outcomes = outcomes_of([0, 1, 1, 2], [5.0, 3.0, 8.0, 4.0], [0.5, 0.25, 0.1, 0.3])
    state = bandit.fold(start(bandit, 3), outcomes)
    losses = np.array([2 / 0.5, 0 / 0.25 + 5 / 0.1, 1 / 0.3]) / 2.0

    np.testing.assert_allclose(chances(bandit, state, THREE), tsallis_weights(losses, 2 / 5**0.5), rtol=1e-9)


def test_a_failure_is_weighted_too() -> None:
    """A failure counts as the largest possible cost over its propensity."""
    bandit = TsallisInf()
    outcomes = outcomes_of([0, 1, 2], [0.0, 1.0, np.nan], [0.5, 0.25, 0.1])
    state = bandit.fold(start(bandit, 3, BINARY), outcomes)
    losses = np.array([0.0, 1 / 0.25, 1 / 0.1]) / (2 / 3)

    np.testing.assert_allclose(chances(bandit, state, THREE), tsallis_weights(losses, 2 / 4**0.5), rtol=1e-9)


def test_learning() -> None:
    """On ten Bernoulli arms its regret is a small part of random play's, on average of three seeds."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)

    assert np.mean([regret(TsallisInf(), study, seed, batch=25) for seed in range(3)]) < 0.2 * RANDOM_REGRET


def test_among_some_arms_it_is_the_minimizer_there() -> None:
    """The normalization is found anew for the arms that may be played."""
    bandit = TsallisInf()
    outcomes = outcomes_of([0, 1, 1, 2], [5.0, 3.0, 8.0, 4.0], [0.5, 0.25, 0.1, 0.3])
    state = bandit.fold(start(bandit, 3, Metric("cost", min=1.0)), outcomes)
    losses = np.array([4 / 0.5, 3 / 0.3]) / 4.0

    np.testing.assert_allclose(chances(bandit, state, [0, 2]), tsallis_weights(losses, 2 / 5**0.5), rtol=1e-9)


def test_swapped_arms_are_noticed() -> None:
    """When the best arm becomes the worst half way, play follows; that is what this bandit is for."""
    bandit = TsallisInf(floor=0.0)
    rng = np.random.default_rng(8)
    state = start(bandit, 4)
    means = np.array([0.0, 1.0, 1.0, 1.0])
    for round_number in range(4_000):
        if round_number == 1_000:
            means = np.array([1.0, 1.0, 1.0, 0.0])
        arms, propensities = table(bandit, state, 4).draw(rng.random(1))
        state = bandit.fold(state, outcomes_of(arms, means[arms] + 0.3 * rng.normal(size=1), propensities))

    assert chances(bandit, state, np.arange(4)).argmax() == 3

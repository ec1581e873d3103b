"""KL-UCB: the bound, its unit, learning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, special

from contract.bandits.bandit_problems import BINARY, BOUNDED, outcomes_of, start, study_of
from contract.bandits.learning import MEANS, regret, ucb1_regret
from trimtab_service.bandits.kl_ucb import KlUcb, least_plausible
from trimtab_service.domain.metric import Goal, Metric


def divergence(p: float, q: float) -> float:
    """Of a Bernoulli distribution with chance p from one with chance q."""
    return float(special.rel_entr(p, q) + special.rel_entr(1 - p, 1 - q))


def bound(p: float, level: float) -> float:
    """The bound of one arm."""
    return float(least_plausible(np.array([p]), np.array([level]))[0])


@pytest.mark.parametrize("p", [1e-3, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("level", [1e-6, 1e-3, 0.1, 0.5])
def test_the_bound_against_a_bracketing_solver(p: float, level: float) -> None:
    """It is where a bracketing root finder, on the logarithm of q, finds the level."""
    expected = np.exp(optimize.brentq(lambda log: divergence(p, np.exp(log)) - level, -700, np.log(p), xtol=1e-14))

    assert expected == pytest.approx(bound(p, level), rel=1e-6)


@given(
    p=st.floats(0, 1),
    level=st.floats(0, 1e3),
)
def test_the_bound_is_a_share_below(p: float, level: float) -> None:
    """Whatever the mean and the level: at least 0, at most the mean, and no less plausible than the level says."""
    q = bound(p, level)

    assert 0 <= q <= p
    assert q == 0 or divergence(p, q) <= level + 1e-9 * (1 + level)


@pytest.mark.parametrize(("p", "level", "expected"), [(0.0, 2.0, 0.0), (1.0, 2.0, np.exp(-2)), (0.3, 0.0, 0.3)])
def test_the_ends(p: float, level: float, expected: float) -> None:
    """An arm that never lost may never lose; one that always did has a closed form; no doubt means the mean."""
    assert expected == pytest.approx(bound(p, level))


@pytest.mark.parametrize("metric", [BINARY, BOUNDED])
def test_the_range_is_what_counts(metric: Metric) -> None:
    """On a metric with a range the index is the bound of the mean's share of it, at ln t / n."""
    bandit = KlUcb()
    low, high = metric.min, metric.max
    assert low is not None
    assert high is not None
    costs = np.array([low, high, high, low])
    state = bandit.fold(start(bandit, 3, metric), outcomes_of([0, 0, 0, 1], costs))
    expected: NDArray[np.float64] = least_plausible(np.array([2 / 3, 0.0]), np.log(4) / np.array([3, 1]))

    np.testing.assert_allclose(bandit.indices(state), [*expected, -np.inf])


def test_without_a_range_costs_are_normal() -> None:
    """Mean minus sqrt(2 variance ln t / n), with the variance that all arms show."""
    rng = np.random.default_rng(1)
    bandit = KlUcb()
    arms = np.repeat([0, 1], 20_000)
    state = bandit.fold(start(bandit, 2), outcomes_of(arms, 3.0 * rng.standard_normal(40_000) + arms))
    bonuses = state.moments.means - bandit.indices(state)

    np.testing.assert_allclose(bonuses, 3 * np.sqrt(2 * np.log(40_000) / 20_000), rtol=0.02)


def test_learning() -> None:
    """On ten Bernoulli arms its regret is less than half of UCB1's, on average of two seeds."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)
    regrets = [regret(KlUcb(floor=0.0), study, seed, batch=8) for seed in range(2)]

    assert np.mean(regrets) < 0.5 * np.mean([ucb1_regret(seed) for seed in range(2)])

"""Posteriors of expected costs: against sampling, and which arm they call best."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import outcomes_of
from contract.bandits.learning import draws_of_least
from trimtab_service.bandits.moments import Moments
from trimtab_service.bandits.posteriors import BetaPosterior, StudentPosterior, likely_best, pooled_variance

TRIED = np.array([True, True, True])
THREE = np.arange(3)


def moments_of(arms: list[int], costs: list[float], number: int = 3) -> Moments:
    """Of single measurements."""
    return Moments.of(outcomes_of(arms, costs), np.ones(len(arms)), number)


def test_a_beta_posterior_has_the_unit_of_the_costs() -> None:
    """Mean, standard deviation and order are those of samples, stretched over the range."""
    posterior = BetaPosterior(np.array([3.0, 2.0, 8.0]), np.array([4.0, 5.0, 2.0]), -1.0, 4.0)
    draws = -1 + 4 * np.random.default_rng(1).beta(posterior.losses, posterior.wins, (1_000_000, 3))

    np.testing.assert_allclose(posterior.means, draws.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(posterior.errors, draws.std(axis=0), atol=0.01)
    np.testing.assert_allclose(posterior.probabilities(THREE), draws_of_least(draws), atol=2e-3)


def test_a_student_posterior_is_one_of_student() -> None:
    """The probabilities are the frequencies of samples with its location, scale and degrees of freedom."""
    posterior = StudentPosterior(np.array([0.0, 0.5, 0.2]), np.array([1.0, 0.2, 3.0]), np.array([3.0, 30.0, 1e5]))
    rng = np.random.default_rng(1)
    draws = posterior.means + posterior.scales * rng.standard_t(posterior.degrees, (1_000_000, 3))

    np.testing.assert_allclose(posterior.probabilities(THREE), draws_of_least(draws), atol=2e-3)
    np.testing.assert_allclose(posterior.probabilities(THREE[1:]), draws_of_least(draws[:, 1:]), atol=2e-3)


def test_an_arm_is_drawn_to_the_others_by_as_much_as_they_agree() -> None:
    """Where arms are known to be alike, a few measurements of one say little of it; where they differ, a lot."""
    rng = np.random.default_rng(2)
    arms = np.repeat(np.arange(20), 200)
    alike, apart = (
        StudentPosterior.of(
            Moments.of(
                outcomes_of([*arms, 20], [*(rng.normal(size=4_000) + spread * (arms - 9.5)), -3.0]),
                np.ones(4_001),
                21,
            ),
            10.0,
        )
        for spread in (0.0, 1.0)
    )

    assert alike is not None
    assert apart is not None
    assert -2 < alike.means[20] < -1
    assert apart.means[20] < -2.7


def test_the_pooled_variance_is_that_within_arms() -> None:
    """However far apart the arms are."""
    rng = np.random.default_rng(3)
    arms = rng.integers(0, 3, 30_000)

    assert pooled_variance(moments_of(arms.tolist(), (4 * rng.normal(size=30_000) + arms).tolist())) == pytest.approx(
        16, rel=0.03
    )


@pytest.mark.parametrize(
    ("costs", "expected"), [([], 0.0), ([0.0, 0.0], 0.0), ([1.0, 3.0], 1.0), ([1e6, 1e6], 1e-12), ([2.0], 4e-24)]
)
def test_the_pooled_variance_of_little(costs: list[float], expected: float) -> None:
    """One measurement of each arm tells what the arms' spread tells; the same one everywhere, what rounding does."""
    assert expected == pytest.approx(pooled_variance(moments_of(list(range(len(costs))), costs)))


def test_nothing_tells_arms_apart_that_cost_nothing() -> None:
    """Where all costs were 0 there is no unit, and no posterior."""
    assert StudentPosterior.of(moments_of([0, 1], [0.0, 0.0]), 10.0) is None


def test_the_best_is_reliably_good() -> None:
    """A standard deviation counts against an arm, an untried one is never best, and others are not looked at."""
    posterior = StudentPosterior(np.array([0.0, 0.1, -5.0]), np.array([1.0, 0.1, 1.0]), np.full(3, 1e6))
    best = likely_best(posterior, np.array([True, True, False]), THREE)

    assert best is not None
    assert (best.arm, best.cost, best.standard_error) == (1, 0.1, 0.1)
    assert best.probability == pytest.approx(posterior.probabilities(THREE)[1])
    other = likely_best(posterior, TRIED, np.array([0, 2]))
    assert other is not None
    assert other.arm == 2
    assert likely_best(posterior, np.array([True, True, False]), np.array([2])) is None

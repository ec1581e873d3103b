"""The probability that nothing has changed, against sums over every way to divide the past."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from trimtab_service.bandits.changes import LEAST_WEIGHT, beta_evidence, normal_evidence, still_holds
from trimtab_service.bandits.moments import Moments

STARTS = np.array([0.0, 16.0, 24.0, 28.0, 32.0])
LATEST = 35.0


def one_by_one(evidence: NDArray[np.float64], hazard: float) -> NDArray[np.float64]:
    """[B] the probability of no change since each block began, over all divisions of the blocks; evidence: [B, B]."""
    blocks = len(evidence)
    ends = np.append(STARTS[1:], LATEST + 1)
    odds = np.minimum(hazard * (ends[1:] - STARTS[:-1]) / 2, 0.5)
    since = np.zeros(blocks)
    for changes in itertools.product([False, True], repeat=blocks - 1):
        cuts = [0, *(block + 1 for block, change in enumerate(changes) if change), blocks]
        logs = sum(evidence[first, last - 1] for first, last in itertools.pairwise(cuts))
        prior = np.prod(np.where(changes, odds, 1 - odds))
        since[cuts[-2] :] += prior * np.exp(logs)
    weights: NDArray[np.float64] = since / since[-1]
    return weights


@pytest.mark.parametrize("hazard", [1e-4, 0.01, 0.3])
def test_every_division_is_weighed(hazard: float) -> None:
    """The recursion gives what adding up all divisions gives, for each arm by itself and for all together."""
    rng = np.random.default_rng(4)
    evidence = rng.normal(0, 2, (5, 5, 3))
    together = one_by_one(evidence.sum(axis=2), hazard)
    expected = np.stack([together * one_by_one(evidence[:, :, arm], hazard / 3) for arm in range(3)], axis=1)

    np.testing.assert_allclose(still_holds(evidence, STARTS, LATEST, hazard), expected, rtol=1e-9)


def test_wins_and_losses_are_a_beta_integral() -> None:
    """The evidence of counts is log B(losses + 1, wins + 1), to a few hundredths; none for nothing."""
    counts = np.array([[0.0, 1.0], [3.0, 0.0], [50.0, 7.5], [2e6, 1e9]])
    losses = np.array([[0.0, 1.0], [0.0, 0.0], [20.0, 2.5], [1e6, 3.0]])
    evidence = beta_evidence(counts, losses)

    for first, last in itertools.combinations_with_replacement(range(4), 2):
        lost, number = losses[first : last + 1].sum(axis=0), counts[first : last + 1].sum(axis=0)
        expected = special.betaln(lost + 1, number - lost + 1)
        np.testing.assert_allclose(evidence[first, last], expected, atol=0.06, rtol=1e-12)
    assert evidence[0, 0, 0] == pytest.approx(0.0, abs=1e-12)


def test_costs_are_a_normal_integral() -> None:
    """Differences of the evidence between divisions are those of exact marginal densities."""
    rng = np.random.default_rng(6)
    costs = rng.standard_normal((4, 2, 3)) + np.array([0.0, 3.0])[None, :, None]
    means = costs.mean(axis=2)
    squares = ((costs - means[:, :, None]) ** 2).sum(axis=2)
    three = np.full((4, 2), 3.0)
    evidence = normal_evidence(Moments(three, means, squares, three))
    center, spread = means.mean(), float(np.var(means.mean(axis=0)))
    noise = (squares.sum() + spread) / (8 * 2 + 1)

    def exact(first: int, last: int, arm: int) -> float:
        values = costs[first : last + 1, arm].ravel()
        spread_again = spread + 1e-3 * noise
        covariance = noise * np.eye(values.size) + spread_again
        return float(stats.multivariate_normal(np.full(values.size, center), covariance).logpdf(values))

    for arm in range(2):
        expected = exact(0, 1, arm) + exact(2, 3, arm) - exact(0, 3, arm)
        actual = evidence[0, 1, arm] + evidence[2, 3, arm] - evidence[0, 3, arm]
        assert actual == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_what_jumped_holds_no_more() -> None:
    """After a jump of one arm its past hardly counts, and that of the other mostly does; at rest everything counts."""
    counts = np.tile([[40.0, 40.0]], (5, 1))
    steady = beta_evidence(counts, 0.5 * counts)
    jumped = beta_evidence(counts, np.array([[4.0, 20.0], [4.0, 20.0], [4.0, 20.0], [36.0, 20.0], [36.0, 20.0]]))

    assert still_holds(steady, STARTS, LATEST, 1e-4).min() > 0.99
    weights = still_holds(jumped, STARTS, LATEST, 1e-4)
    assert weights[:3, 0].max() == pytest.approx(LEAST_WEIGHT, abs=1e-6)
    assert weights[3:].min() > 0.9


def test_costs_that_never_differ_show_no_change() -> None:
    """Nor do those of arms that nobody has tried."""
    nothing = np.zeros((3, 2))
    ones = np.ones((3, 2))

    assert not normal_evidence(Moments(nothing, nothing, nothing, nothing)).any()
    assert not normal_evidence(Moments(ones, nothing, nothing, ones)).any()
    assert still_holds(normal_evidence(Moments(ones, ones, nothing, ones)), STARTS[:3], 27.0, 1e-4).min() > 0.99

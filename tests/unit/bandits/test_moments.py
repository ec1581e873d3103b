"""The sums that bandits keep."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import outcomes_of, taken_back
from trimtab_service.bandits.moments import Moments, per_arm


def test_moments_are_those_of_the_measurements() -> None:
    """Count, mean and sum of squared deviations are what NumPy says of the raw numbers."""
    rng = np.random.default_rng(1)
    arms, costs = rng.integers(0, 3, 60), rng.normal(7, 2, 60)
    first, second = (
        Moments.of(outcomes_of(arms[part], costs[part]), np.ones(30), 4) for part in (slice(30), slice(30, 60))
    )
    actual = first.plus(second)

    for arm in range(3):
        own = costs[arms == arm]
        assert own.size == actual.counts[arm] == actual.groups[arm]
        assert own.mean() == pytest.approx(actual.means[arm])
        assert own.var() * own.size == pytest.approx(actual.squares[arm])
    assert [actual.counts[3], actual.means[3], actual.squares[3], actual.groups[3]] == [0, 0, 0, 0]
    assert actual.seen.tolist() == [True, True, True, False]
    assert costs.mean() == pytest.approx(actual.mean)


def test_small_differences_of_large_numbers_survive() -> None:
    """Costs around 1e12 that differ by 1 keep their variance, a hundred thousand of them as well."""
    rng = np.random.default_rng(2)
    costs = 1e12 + rng.standard_normal(100_000)
    moments = Moments.nothing(1)
    for part in np.split(costs, 1_000):
        moments = moments.plus(Moments.of(outcomes_of([0] * 100, part), np.ones(100), 1))

    assert np.var(costs - 1e12) == pytest.approx(moments.squares[0] / 100_000, rel=1e-3)


def test_an_aggregate_of_unknown_variance_is_one_deviation() -> None:
    """Means of 25 measurements without variance estimate the variance of single ones, 24 times fewer degrees."""
    rng = np.random.default_rng(3)
    means = rng.normal(0, 3, (2_000, 25)).mean(axis=1)
    moments = Moments.of(outcomes_of([0] * 2_000, means, counts=25), np.full(2_000, 25.0), 1)

    assert moments.counts[0] == 50_000
    assert moments.groups[0] == 2_000
    assert pytest.approx(moments.squares[0] / (moments.groups[0] - 1), rel=0.1) == 9.0


def test_there_are_no_more_arms_than_there_are() -> None:
    """A longer result could be taken for one of other arms."""
    assert per_arm(np.array([0, 1]), np.ones(2), 2).tolist() == [1.0, 1.0]
    with pytest.raises(IndexError, match="arm 2 of 2"):
        per_arm(np.array([0, 2]), np.ones(2), 2)


def test_repeated_measurements() -> None:
    """The same cost over and over has no scatter."""
    actual = Moments.repeated(np.array([0.0, 3.0]), 2.5)

    assert actual.means.tolist() == [0.0, 2.5]
    assert actual.groups.tolist() == [0.0, 3.0]
    assert actual.squares.sum() == 0.0


def test_the_mean_of_nothing() -> None:
    """Nothing measured has mean 0 rather than NaN."""
    assert Moments.nothing(3).mean == 0.0


def moments_of(arms: list[int], costs: list[float], sign: float = 1.0) -> Moments:
    """Of single measurements of two arms, or, with -1, of taking them back."""
    outcomes = outcomes_of(arms, costs)
    return Moments.of(outcomes if sign > 0 else taken_back(outcomes), np.full(len(arms), sign), 2)


def test_what_is_taken_back_is_gone() -> None:
    """Count, mean and scatter are those of what is left; where nothing is left, all are exactly 0."""
    rng = np.random.default_rng(4)
    kept, more = rng.normal(3, 1, 20).tolist(), rng.normal(-5, 2, 30).tolist()
    everything = moments_of([0] * 50 + [1] * 7, [*kept, *more, *[0.1] * 7])

    left = everything.plus(moments_of([0] * 30 + [1] * 7, [*more, *[0.1] * 7], -1.0))

    assert left.counts.tolist() == [20.0, 0.0]
    assert left.groups.tolist() == [20.0, 0.0]
    assert np.mean(kept) == pytest.approx(left.means[0])
    assert np.var(kept) * 20 == pytest.approx(left.squares[0])
    assert [left.means[1], left.squares[1]] == [0.0, 0.0]


def test_scatter_is_never_negative() -> None:
    """What rounding leaves of the squares when a far outlier is taken back is cut off at 0."""
    moments = moments_of([0, 0, 0], [0.1, 0.1, 0.1])
    for outlier in (1e9, -3.7e11, 1e15):
        far = moments.plus(moments_of([0], [outlier]))
        assert far.plus(moments_of([0], [outlier], -1.0)).squares[0] >= 0


def test_weights_taken_back_leave_nothing_of_rounding() -> None:
    """Weights that don't add up exactly are gone all the same when the last measurement is."""
    outcomes = outcomes_of([0] * 3, [1.0, 2.0, 3.0])
    weights = np.array([1 / 0.3, 1 / 0.7, 1 / 1.1e-3])
    moments = Moments.of(outcomes, weights, 1)
    for place in (1, 2, 0):
        one = outcomes_of([0], outcomes.costs[[place]], counts=-1.0)
        moments = moments.plus(Moments.of(one, -weights[[place]], 1))

    assert [moments.counts[0], moments.means[0], moments.squares[0], moments.groups[0]] == [0.0, 0.0, 0.0, 0.0]

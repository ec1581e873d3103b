"""Ledgers whose outcomes fade: clocks, order, taking back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bandits.bandit_problems import BINARY, NOW, REAL, numbers, outcomes_of, same, start, taken, taken_back
from trimtab_service.bandits.discounted_thompson import DiscountedThompson
from trimtab_service.domain.errors import InvalidArgument

BY_STEPS = DiscountedThompson(half_life_observations=100.0)
BY_SECONDS = DiscountedThompson(half_life_seconds=60.0)


def test_half_after_a_half_life_of_observations() -> None:
    """What was decided that many observations earlier counts half."""
    state = BY_STEPS.fold(start(BY_STEPS, 2), outcomes_of([0, 0, 1], [1.0, 4.0, 2.0], steps=[0, 100, 100]))
    moments = BY_STEPS.aged(state, NOW).moments

    np.testing.assert_allclose(moments.counts, [1.5, 1.0])
    np.testing.assert_allclose(moments.means, [3.0, 2.0])


def test_half_after_a_half_life_of_seconds() -> None:
    """Time goes on without observations: counts and failures fade until now; the notion of noise stays."""
    outcomes = outcomes_of([0, 0, 1, 1], [1.0, 2.0, 3.0, np.nan])
    state = BY_SECONDS.fold(start(BY_SECONDS, 2), replace(outcomes, times=NOW - np.array([60.0, 0.0, 0.0, 120.0])))
    at_once, later = (BY_SECONDS.aged(state, NOW + delay) for delay in (0.0, 180.0))

    np.testing.assert_allclose(at_once.moments.counts, [1.5, 1.25])
    np.testing.assert_allclose(later.moments.counts, [1.5 / 8, 1.25 / 8])
    np.testing.assert_allclose(later.costs.moments.squares, at_once.costs.moments.squares)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 40), latest=st.sampled_from([0, 50, 5_000, 10**9]))
def test_order_does_not_matter(seed: int, cut: int, latest: int) -> None:
    """Old outcomes may come after new ones, however long the time between."""
    rng = np.random.default_rng(seed)
    outcomes = outcomes_of(
        rng.integers(0, 3, 40), rng.standard_normal(40), steps=rng.integers(0, latest + 1, 40).astype(float)
    )
    order = rng.permutation(40)
    expected = BY_STEPS.fold(start(BY_STEPS, 3), outcomes)

    actual = start(BY_STEPS, 3)
    for part in (order[:cut], order[cut:]):
        actual = BY_STEPS.fold(actual, taken(outcomes, part))

    assert same(expected, actual)


def test_taken_back_after_fading() -> None:
    """What has faded since is taken back as faded; of an arm without any outcome nothing stays."""
    early = outcomes_of([0, 1], [1.0, 7.0], counts=[3, 9], steps=[0, 0])
    late = outcomes_of([0], [2.0], steps=[333])
    both = BY_STEPS.fold(BY_STEPS.fold(start(BY_STEPS, 2), early), late)
    # The latest times seen are kept.
    nothing = BY_STEPS.fold(BY_STEPS.fold(start(BY_STEPS, 2), early), taken_back(early))
    expected = BY_STEPS.fold(nothing, late)

    actual = BY_STEPS.fold(both, taken_back(early))

    for left, right in zip(numbers(expected), numbers(actual), strict=True):
        if left.ndim:
            np.testing.assert_allclose(right, left, atol=1e-12)
    assert actual.ledger.costs.moments.counts[1] == 0


@pytest.mark.parametrize("metric", [REAL, BINARY])
def test_long_after_everything_is_open_again(metric: object) -> None:
    """A hundred half-lives later no arm is preferred any more, and nothing overflows on the way."""
    costs = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    state = BY_SECONDS.fold(start(BY_SECONDS, 2, metric), outcomes_of([0, 1] * 3, costs))  # type: ignore[arg-type]
    policies = [BY_SECONDS.policy(state, NOW + delay) for delay in (0.0, 6_000.0, 1e15)]
    early, late, last = (policy.chances(np.arange(2), np.zeros(0)) for policy in policies)

    assert early[0] > 0.6
    np.testing.assert_allclose(late, 0.5, atol=0.02)
    np.testing.assert_allclose(last, 0.5, atol=0.02)


def test_one_clock_at_most() -> None:
    """Two half-lives are refused, and so is one that can't be; without any it is one of observations."""
    with pytest.raises(InvalidArgument, match="half_life_observations"):
        DiscountedThompson(half_life_seconds=1.0, half_life_observations=1.0)
    with pytest.raises(InvalidArgument, match="half_life_seconds"):
        DiscountedThompson(half_life_seconds=-1.0)
    assert DiscountedThompson().half_life == DiscountedThompson(half_life_observations=700.0).half_life

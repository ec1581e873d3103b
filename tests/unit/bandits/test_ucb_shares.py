"""How UCB divides its next choices: against UCB itself, and where rounding bites."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trimtab_service.bandits.ucb_shares import ucb_shares

ONE_GROUP = np.zeros(1, dtype=np.intp)


def shares_of(
    means: NDArray[np.float64], counts: NDArray[np.float64], bonus: float, ahead: float
) -> NDArray[np.float64]:
    """Of a single group."""
    return ucb_shares(means, counts, np.array([bonus]), np.array([ahead]), ONE_GROUP)


@pytest.mark.parametrize("ahead", [1, 8, 100])
@pytest.mark.parametrize("bonus", [0.1, 1.0, 30.0])
def test_shares_are_those_of_the_next_choices(ahead: int, bonus: float) -> None:
    """Choosing the lowest index again and again, a hundredth of a measurement at a time, comes to the same."""
    rng = np.random.default_rng(ahead)
    means, counts = rng.standard_normal(7), rng.integers(1, 20, 7).astype(float)
    played = counts.copy()
    for _ in range(100 * ahead):
        played[np.argmin(means - bonus / np.sqrt(played))] += 0.01

    np.testing.assert_allclose(shares_of(means, counts, bonus, ahead), (played - counts) / ahead, atol=0.02 / ahead)


@given(
    seed=st.integers(0, 2**32),
    scale=st.sampled_from([1e-120, 1.0, 1e120]),
    bonus=st.sampled_from([0.0, 1e-200, 1.0, 1e200]),
    magnitude=st.integers(0, 18),
    ahead=st.sampled_from([1e-3, 1.0, 32.0, 1e6]),
)
def test_shares_add_up_to_one(seed: int, scale: float, bonus: float, magnitude: int, ahead: float) -> None:
    """Whatever was measured, of one group and of several."""
    rng = np.random.default_rng(seed)
    means, counts = scale * rng.standard_normal(9), np.floor(10**magnitude * rng.random(9))
    starts = np.array([0, 1, 5])
    shares = ucb_shares(means, counts, np.full(3, bonus), np.full(3, ahead), starts)

    assert (shares >= 0).all()
    np.testing.assert_allclose(np.add.reduceat(shares, starts), 1.0, rtol=1e-12)


def test_groups_do_not_touch() -> None:
    """Of several groups at once each gets what it gets alone."""
    rng = np.random.default_rng(3)
    means, counts = rng.standard_normal(9), rng.integers(0, 3, 9).astype(float)
    bonus, ahead = np.array([0.5, 1.0, 2.0]), np.array([3.0, 1.0, 40.0])
    together = ucb_shares(means, counts, bonus, ahead, np.array([0, 2, 6]))
    alone = [
        shares_of(means[place], counts[place], bonus[group], ahead[group])
        for group, place in enumerate((slice(0, 2), slice(2, 6), slice(6, 9)))
    ]

    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-9)


def test_the_untried_come_first() -> None:
    """Arms without measurements share everything equally."""
    shares = shares_of(np.array([-5.0, 0.0, 0.0]), np.array([9.0, 0.0, 0.0]), 1.0, 10.0)

    assert shares.tolist() == [0.0, 0.5, 0.5]


def test_equals_share_equally() -> None:
    """Arms that nothing tells apart get the same."""
    np.testing.assert_allclose(shares_of(np.full(4, 0.3), np.full(4, 7.0), 1.0, 1.0), 0.25)


def test_without_a_bonus_the_cheapest_is_chosen() -> None:
    """No exploration is greed; among equals those come first that were measured least."""
    means, counts = np.array([0.2, 0.1, 0.1]), np.array([1.0, 8.0, 4.0])

    np.testing.assert_allclose(shares_of(means, counts, 0.0, 2.0), [0.0, 0.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(shares_of(means, counts, 0.0, 8.0), [0.0, 0.25, 0.75], atol=1e-12)


def test_few_choices_ahead_are_ucb() -> None:
    """The next choice, and a small part of one, is the arm of the lowest index."""
    means, counts = np.array([0.0, 0.5, 1.0]), np.array([100.0, 10.0, 1.0])
    lowest = int(np.argmin(means - 2 / np.sqrt(counts)))

    assert lowest == 2
    assert shares_of(means, counts, 2.0, 0.01)[lowest] == 1.0

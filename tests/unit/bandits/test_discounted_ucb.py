"""Discounted UCB: the index, and that it follows a drift."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BOUNDED, NOW, chances, outcomes_of, start
from trimtab_service.bandits.discounted_ucb import DiscountedUcb
from trimtab_service.bandits.index import IndexPolicy
from trimtab_service.domain.errors import InvalidArgument


def test_the_index_is_the_formula() -> None:
    """Mean minus exploration times range times sqrt(2 ln t / n), in weighted means and counts."""
    bandit = DiscountedUcb(exploration=0.5, half_life_observations=10.0)
    outcomes = outcomes_of([0, 0, 1], [1.0, 2.0, -2.0], counts=[4, 3, 6], steps=[0, 10, 10])
    policy = bandit.policy(bandit.fold(start(bandit, 3, BOUNDED), outcomes), NOW)
    bonus = 0.5 * 8 * np.sqrt(2 * np.log(11) / np.array([5.0, 6.0]))

    assert isinstance(policy, IndexPolicy)
    np.testing.assert_allclose(policy.indices[:2], np.array([8 / 5, -2.0]) - bonus)
    assert policy.indices[2] == -np.inf


def test_it_follows() -> None:
    """An arm that was good is left when it isn't any more, and one left alone is tried again."""
    rng = np.random.default_rng(9)
    bandit = DiscountedUcb(half_life_observations=100.0)
    state = start(bandit, 2, BOUNDED)
    played = []
    for step in range(0, 3_000, 5):
        arm = int(chances(bandit, state, [0, 1]).argmax())
        cost = float(arm == (0 if step >= 2_000 else 1)) + 0.1 * float(rng.standard_normal())
        state = bandit.fold(state, outcomes_of([arm], [cost], counts=5, steps=step))
        played.append(arm)

    assert np.mean(played[:400]) < 0.5
    assert np.mean(played[500:]) > 0.5
    assert 1 in played[300:400]


@pytest.mark.parametrize("exploration", [-0.1, 1e7])
def test_exploration_out_of_range(exploration: float) -> None:
    """A negative factor would avoid what is uncertain."""
    with pytest.raises(InvalidArgument, match="exploration"):
        DiscountedUcb(exploration=exploration)

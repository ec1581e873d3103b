"""Discounted Thompson sampling: what it is made of, and that it follows a drift."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, REAL, chances, outcomes_of, start
from trimtab_service.bandits.discounted_thompson import DiscountedThompson
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.domain.metric import Metric


@pytest.mark.parametrize("metric", [REAL, BINARY])
def test_without_age_it_is_thompson_sampling(metric: Metric) -> None:
    """The probabilities are the same while nothing has had time to fade."""
    outcomes = outcomes_of([0, 0, 1, 2, 2, 2], [0.0, 1.0, 1.0, 0.0, 0.0, np.nan])
    plain, discounted = (
        chances(bandit, bandit.fold(start(bandit, 3, metric), outcomes), np.arange(3))
        for bandit in (Thompson(), DiscountedThompson())
    )

    np.testing.assert_allclose(discounted, plain, rtol=1e-9)


@pytest.mark.parametrize("metric", [REAL, BINARY])
def test_it_follows(metric: Metric) -> None:
    """Five half-lives after two arms traded places the better one is played, which plain sampling doesn't yet."""
    rng = np.random.default_rng(8)
    steps = np.arange(3_000.0)
    chance = np.where((steps < 2_500) == (steps % 2 == 0), 0.3, 0.7)
    outcomes = outcomes_of(np.tile([0, 1], 1_500), (rng.random(3_000) < chance).astype(float), steps=steps)
    plain, discounted = (
        chances(bandit, bandit.fold(start(bandit, 2, metric), outcomes), np.arange(2))
        for bandit in (Thompson(), DiscountedThompson(half_life_observations=100.0))
    )

    assert discounted[1] > 0.95
    assert plain[0] > 0.95


def test_an_arm_left_alone_comes_back() -> None:
    """Once what is known of it has faded it is tried again."""
    bandit = DiscountedThompson(half_life_observations=50.0)
    first = outcomes_of([0] * 30 + [1] * 30, [1.0] * 30 + [0.0] * 30, steps=0)
    state = bandit.fold(start(bandit, 2, BINARY), first)
    later = bandit.fold(state, outcomes_of([1] * 400, [0.0, 1.0] * 200, steps=np.arange(400.0)))

    assert chances(bandit, state, [0, 1])[0] < 1e-6
    assert chances(bandit, later, [0, 1])[0] > 0.2

"""Sequential halving: rounds, budget, and who wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from contract.bandits.bandit_problems import NOW, chances, outcomes_of, start, table
from trimtab_service.bandits.sequential_halving import SequentialHalving
from trimtab_service.domain.errors import InvalidArgument

EIGHT = np.arange(8)


def measured(bandit: SequentialHalving, means: Sequence[float], counts: Sequence[float]) -> Any:
    """The state in which each arm has that mean of so many measurements."""
    tried = [arm for arm, count in enumerate(counts) if count]
    outcomes = outcomes_of(tried, [means[arm] for arm in tried], counts=[counts[arm] for arm in tried])
    return bandit.fold(start(bandit, len(means)), outcomes)


COSTS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
# 240 measurements of 8 arms in 3 rounds: 10 of each, then 20 more of 4, then 40 more of 2.
ROUNDS = [
    ([0] * 8, [1 / 8] * 8),
    ([10, 5, 10, 10, 10, 10, 10, 0], [0, 1 / 3, 0, 0, 0, 0, 0, 2 / 3]),
    ([10] * 8, [1 / 4] * 4 + [0] * 4),
    ([30, 30, 20, 30] + [10] * 4, [0, 0, 1, 0, 0, 0, 0, 0]),
    ([30] * 4 + [10] * 4, [1 / 2] * 2 + [0] * 6),
    ([70, 60, 30, 30] + [10] * 4, [0, 1, 0, 0, 0, 0, 0, 0]),
    ([70] * 2 + [30] * 2 + [10] * 4, [1, 0, 0, 0, 0, 0, 0, 0]),
    ([1000] * 8, [1, 0, 0, 0, 0, 0, 0, 0]),
]


@pytest.mark.parametrize(("counts", "expected"), ROUNDS)
def test_each_round_halves_the_arms(counts: Sequence[float], expected: Sequence[float]) -> None:
    """An arm that is left is played in proportion to what it lacks of its round's measurements."""
    bandit = SequentialHalving(budget=240)

    np.testing.assert_allclose(chances(bandit, measured(bandit, COSTS, counts), EIGHT), expected)


def test_what_came_late_counts() -> None:
    """An arm that was dropped comes back when measurements under way show that it was better than one that was kept."""
    bandit = SequentialHalving(budget=240)
    state = measured(bandit, COSTS, [30] * 4 + [10] * 4)

    late = bandit.fold(state, outcomes_of([4], [0.0], counts=10))

    assert chances(bandit, state, EIGHT)[4] == 0
    assert chances(bandit, late, EIGHT).tolist() == [0, 0, 0, 0, 1, 0, 0, 0]


def test_the_budget_ends_it() -> None:
    """Once it is spent, on whatever, the lowest mean among the arms that are left is played."""
    bandit = SequentialHalving(budget=240)
    state = measured(bandit, COSTS, [12, 12, 12, 12, 10, 10, 10, 170])

    np.testing.assert_allclose(chances(bandit, state, EIGHT), [1, 0, 0, 0, 0, 0, 0, 0])


def test_a_new_arm_after_the_budget_is_not_tried() -> None:
    """The winner is one of those that were measured; where none of them may be played, nothing is known."""
    bandit = SequentialHalving(budget=240)
    state = measured(bandit, COSTS, [0, 40, 40, 40, 40, 40, 40, 0])

    np.testing.assert_allclose(chances(bandit, state, EIGHT), [0, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(chances(bandit, state, [0, 7]), [0.5, 0.5])


def test_the_tournament_is_among_the_arms_that_may_be_played() -> None:
    """With two arms there is one round, and half of the budget for each."""
    bandit = SequentialHalving(budget=240)
    state = measured(bandit, COSTS, [10] * 8)

    np.testing.assert_allclose(chances(bandit, state, [6, 7]), [0.5, 0.5])
    np.testing.assert_allclose(chances(bandit, state, [7]), [1.0])


def test_equal_arms_are_dropped_together_or_not_at_all() -> None:
    """Which one of them survives must not depend on their numbers."""
    bandit = SequentialHalving(budget=240)
    state = measured(bandit, [0.1, *[0.5] * 7], [10] * 8)

    np.testing.assert_allclose(chances(bandit, state, EIGHT), 1 / 8, atol=0.02)


@pytest.mark.parametrize("budget", [0, 10**13])
def test_a_budget_out_of_range(budget: int) -> None:
    """There is something to spend, and it can be counted exactly."""
    with pytest.raises(InvalidArgument, match="budget"):
        SequentialHalving(budget=budget)


def test_learning() -> None:
    """It finds the best of 20 arms far more often than measuring all of them equally often would."""
    means = np.linspace(0, 1.5, 20)
    bandit = SequentialHalving(budget=500, floor=0.0)
    found = equally = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        state = start(bandit, 20)
        for _ in range(50):
            arms, propensities = table(bandit, state, 20).draw(rng.random(10))
            state = bandit.fold(state, outcomes_of(arms, means[arms] + rng.standard_normal(10), propensities))
        found += int(chances(bandit, state, np.arange(20)).argmax() == 0)
        equally += int((means + rng.standard_normal(20) / 25**0.5).argmin() == 0)

    assert found > equally + 4
    assert bandit.best(state, np.arange(20), None, NOW) is not None

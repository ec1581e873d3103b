"""Index policies: who is played, and what ties and untried arms get."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import NO_CONTEXT
from trimtab_service.bandits.index import UNTRIED, IndexPolicy

EVERYONE = np.arange(4)


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        ([3.0, 1.0, 2.0, 4.0], [0.0, 1.0, 0.0, 0.0]),
        ([1.0, 1.0, 2.0, 1.0], [1 / 3, 1 / 3, 0.0, 1 / 3]),
        ([-5.0, UNTRIED, 2.0, UNTRIED], [0.0, 0.5, 0.0, 0.5]),
        ([0.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]),
        ([1e9 + 1e-4, 1e9, 2e9, 1e9 + 1], [0.5, 0.5, 0.0, 0.0]),
    ],
)
def test_the_lowest_index_is_played(indices: list[float], expected: list[float]) -> None:
    """Arms without data come before all others; indices that only rounding tells apart share equally."""
    assert expected == IndexPolicy(np.array(indices), 0.0).chances(EVERYONE, NO_CONTEXT).tolist()


def test_only_arms_that_may_be_played_are_compared() -> None:
    """The lowest of them is played, untried arms elsewhere notwithstanding."""
    policy = IndexPolicy(np.array([UNTRIED, 5.0, 3.0, 4.0]), 0.0)

    assert policy.chances(np.array([1, 3]), NO_CONTEXT).tolist() == [0.0, 1.0]


def test_exploration_is_for_everyone() -> None:
    """The share that is explored is spread over all arms that may be played, the best one among them."""
    policy = IndexPolicy(np.array([1.0, 2.0, 3.0, 0.0]), 0.3)

    np.testing.assert_allclose(policy.chances(EVERYONE, NO_CONTEXT), [0.075, 0.075, 0.075, 0.775])
    np.testing.assert_allclose(policy.chances(np.array([0, 1]), NO_CONTEXT), [0.85, 0.15])

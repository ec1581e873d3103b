"""LinUCB: optimism in units of the noise."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, REAL
from contract.bandits.contextual_problems import ONE, begin, chances_at, drawn_contexts, observed
from trimtab_service.bandits.lin_ucb import LinUcb
from trimtab_service.domain.errors import InvalidArgument


def test_an_arm_that_nobody_knows_is_tried() -> None:
    """Unless optimism is off and another arm does better than average."""
    contexts = drawn_contexts(ONE, 40, np.random.default_rng(1))
    costs = np.where(np.arange(40) % 2 == 0, 0.0, 1.0) + 0.01 * np.random.default_rng(2).standard_normal(40)
    state = LinUcb().fold(begin(LinUcb(), ONE, 3), observed(contexts, np.arange(40) % 2, costs))

    assert chances_at(LinUcb(alpha=3.0), state, [0, 1, 2], contexts[0]).tolist() == [0, 0, 1]
    assert chances_at(LinUcb(alpha=0.0), state, [0, 1, 2], contexts[0]).tolist() == [1, 0, 0]


def test_unknown_arms_tie() -> None:
    """Arms of which the same is known are played alike."""
    contexts = drawn_contexts(ONE, 5, np.random.default_rng(1))
    state = LinUcb().fold(begin(LinUcb(), ONE, 4), observed(contexts, [0] * 5, [3.0, 2.0, 3.0, 4.0, 2.5]))

    assert chances_at(LinUcb(), state, [1, 2, 3], contexts[0]).tolist() == [1 / 3] * 3


@pytest.mark.parametrize(("losses", "played"), [(0, [1, 0, 0]), (30, [0, 0, 1])], ids=["perfect", "not"])
def test_no_arm_is_better_than_perfect(losses: int, played: list[int]) -> None:
    """Of arms that may cost nothing at all the likeliest is played; one that surely costs something is left."""
    contexts = drawn_contexts(ONE, 120, np.random.default_rng(1))
    arms = np.arange(120) % 2
    costs = (arms == 1).astype(float)
    costs[np.flatnonzero(arms == 0)[:losses]] = 1.0
    costs[np.flatnonzero(arms == 1)[:5]] = 0.0
    bandit, outcomes = LinUcb(alpha=3.0), observed(contexts, arms, costs)
    chances = {
        metric: chances_at(bandit, bandit.fold(begin(bandit, ONE, 3, metric), outcomes), [0, 1, 2], contexts[0])
        for metric in (BINARY, REAL)
    }

    assert chances[BINARY].tolist() == played
    assert chances[REAL].tolist() == [0, 0, 1]


@pytest.mark.parametrize("alpha", [-0.1, 1e7])
def test_alpha_has_bounds(alpha: float) -> None:
    """The error names the option."""
    with pytest.raises(InvalidArgument, match="alpha"):
        LinUcb(alpha=alpha)

"""Epsilon-greedy: what is explored, and how that decays."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, chances, outcomes_of, start, study_of
from contract.bandits.learning import MEANS, RANDOM_REGRET, regret
from trimtab_service.bandits.epsilon_greedy import EpsilonGreedy
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal

FOUR = np.arange(4)
TRIED = outcomes_of([0, 1, 2, 3, 3], [1.0, 0.5, 2.0, np.nan, 0.0], counts=[1, 7, 1, 1, 1])


def test_the_lowest_mean_is_played() -> None:
    """But for epsilon, of which every arm has its share."""
    bandit = EpsilonGreedy(epsilon=0.2)
    state = bandit.fold(start(bandit, 4), TRIED)

    np.testing.assert_allclose(chances(bandit, state, FOUR), [0.05, 0.85, 0.05, 0.05])
    np.testing.assert_allclose(chances(bandit, state, [0, 2]), [0.9, 0.1])


def test_untried_arms_come_first() -> None:
    """They share what isn't explored."""
    bandit = EpsilonGreedy(epsilon=0.2)
    state = bandit.fold(start(bandit, 4), outcomes_of([1, 2], [-5.0, 0.0]))

    np.testing.assert_allclose(chances(bandit, state, FOUR), [0.45, 0.05, 0.05, 0.45])


@pytest.mark.parametrize(
    ("epsilon", "decay", "expected"),
    [
        (0.1, 0.0, 0.1),
        (0.1, 1.0, 0.1 * 4 / 11),
        (0.5, 0.5, 0.5 * (4 / 11) ** 0.5),
        (20.0, 1.0, 1.0),
        (2.0, 1.0, 8 / 11),
    ],
)
def test_decay(epsilon: float, decay: float, expected: float) -> None:
    """The share is epsilon (K / t)^decay, and 1 at most; failures and aggregates count in t."""
    bandit = EpsilonGreedy(epsilon=epsilon, decay=decay)

    assert expected == pytest.approx(bandit.explored(bandit.fold(start(bandit, 4), TRIED)))


def test_before_every_arm_had_its_turn_nothing_decays() -> None:
    """Epsilon is what it is at the start."""
    bandit = EpsilonGreedy(epsilon=0.3, decay=1.0)

    assert bandit.explored(start(bandit, 4)) == 0.3


@pytest.mark.parametrize(("option", "value"), [("epsilon", -0.1), ("epsilon", 1e10), ("decay", -1.0), ("decay", 1.5)])
def test_options_that_make_no_sense(option: str, value: float) -> None:
    """An option out of its range is refused by name."""
    with pytest.raises(InvalidArgument) as caught:
        EpsilonGreedy(**{option: value})  # type: ignore[arg-type]

    assert option == caught.value.violations[0].field


def test_learning() -> None:
    """On ten Bernoulli arms its regret is a small part of random play's, and smaller still when it decays."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)
    steady, decaying = (
        np.mean([regret(bandit, study, seed, batch=20) for seed in range(4)])
        for bandit in (EpsilonGreedy(), EpsilonGreedy(epsilon=10.0, decay=1.0))
    )

    assert steady < 0.35 * RANDOM_REGRET
    assert decaying < steady

"""UCB1: the index, its unit, learning."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, BOUNDED, outcomes_of, start, study_of
from contract.bandits.learning import MEANS, regret, ucb1_regret
from trimtab_service.bandits.ucb1 import Ucb1
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal


def test_the_index_is_the_formula() -> None:
    """Mean minus exploration times range times sqrt(2 ln t / n), from aggregates too."""
    bandit = Ucb1(exploration=0.5)
    state = bandit.fold(start(bandit, 3, BOUNDED), outcomes_of([0, 0, 1], [1.0, 2.0, -2.0], counts=[1, 3, 6]))
    expected = np.array([1.75, -2.0]) - 0.5 * 8 * np.sqrt(2 * np.log(10) / np.array([4, 6]))
    indices = bandit.indices(state)

    np.testing.assert_allclose(indices[:2], expected)
    assert indices[2] == -np.inf


def test_without_a_range_the_scatter_is_the_unit() -> None:
    """Two pooled standard deviations stand for the range."""
    rng = np.random.default_rng(1)
    bandit = Ucb1()
    arms = np.repeat([0, 1], 20_000)
    state = bandit.fold(start(bandit, 2), outcomes_of(arms, 3.0 * rng.standard_normal(40_000) + arms))
    bonuses = state.moments.means - bandit.indices(state)

    np.testing.assert_allclose(bonuses, 6 * np.sqrt(2 * np.log(40_000) / 20_000), rtol=0.02)


def test_a_failure_is_the_worst_cost() -> None:
    """On a metric with a range it pulls the mean as a cost at its upper end would."""
    bandit = Ucb1()
    failed, worst = (
        bandit.indices(bandit.fold(start(bandit, 2, BINARY), outcomes_of([0, 0, 1], [0.0, cost, 0.0])))
        for cost in (np.nan, 1.0)
    )

    assert worst.tolist() == failed.tolist()


@pytest.mark.parametrize("exploration", [-0.1, 1e7])
def test_exploration_out_of_range(exploration: float) -> None:
    """A negative factor would avoid what is uncertain."""
    with pytest.raises(InvalidArgument, match="exploration"):
        Ucb1(exploration=exploration)


def test_learning() -> None:
    """Its regret is that of the textbook's loop, when it learns after every few rounds."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)
    regrets = [regret(Ucb1(floor=0.0), study, seed, batch=4) for seed in range(2)]

    assert np.mean([ucb1_regret(seed) for seed in range(2)]) == pytest.approx(np.mean(regrets), rel=0.2)

"""Binned bandits: a learner for each part of the range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contract.bandits.bandit_problems import NOW, chances, outcomes_of, start
from contract.bandits.contextual_problems import ONE, begin, chances_at, observed
from trimtab_service.bandits.binned import LEARNERS, Binned, Chain
from trimtab_service.bandits.tsallis_inf import TsallisInf
from trimtab_service.domain.errors import InvalidArgument


def test_bins_are_equal_on_the_scale() -> None:
    """A range of six decades in three bins: two decades each, the last end included."""
    state = begin(Binned(bins=3), ONE, 2)

    assert state.places(np.array([[1.0], [99.0], [101.0], [9_900.0], [10_100.0], [1e6]])).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("learner", LEARNERS)
def test_each_bin_is_its_learner(learner: str) -> None:
    """A bin plays what its learner would, had it seen the outcomes of the bin alone."""
    rng = np.random.default_rng(3)
    sizes, arms = 10 ** rng.uniform(0, 6, 80), rng.integers(0, 3, 80)
    costs = rng.standard_normal(80) + arms
    bandit = Binned(bins=2, learner=learner)
    alone: Any = LEARNERS[learner]()
    state = bandit.fold(begin(bandit, ONE, 3), observed(sizes[:, None], arms, costs))
    below = sizes < 1_000
    expected = alone.fold(start(alone, 3), outcomes_of(arms[below], costs[below]))

    actual = chances_at(bandit, state, [0, 2], np.array([10.0]))

    np.testing.assert_allclose(actual, chances(alone, expected, [0, 2]), atol=1e-12)


def test_learners_do_not_age() -> None:
    """A binned policy has no clock, so none of its learners may need one or a context."""
    assert not any(record.ages or record.contextual for record in LEARNERS.values())


def test_the_best_on_average() -> None:
    """By how often each bin was met: an arm that is best in most contexts, and an untried one never."""
    sizes = np.repeat([10.0, 10.0, 10.0, 1e5], 100)[:, None]
    arms = np.arange(400) % 2
    costs = np.where(sizes[:, 0] < 1_000, arms, 2.0 - 2 * arms)
    costs = costs + 0.1 * np.random.default_rng(1).standard_normal(400)
    bandit = Binned(bins=2)
    state = bandit.fold(begin(bandit, ONE, 3), observed(sizes, arms, costs))
    average = bandit.best(state, np.arange(3), None, NOW)
    large = bandit.best(state, np.arange(3), np.array([1e5]), NOW)

    assert average is not None
    assert large is not None
    assert average.arm == 0
    assert large.arm == 1
    assert average.cost == pytest.approx(0.5, abs=0.05)


def test_a_memo_changes_nothing() -> None:
    """Asked again, a policy says the same; asked for other arms it doesn't mix them up."""
    bandit = Binned(bins=2)
    state = bandit.fold(begin(bandit, ONE, 3), observed(np.full((6, 1), 5.0), [0, 1, 2] * 2, [1.0, 2, 3, 2, 3, 4]))
    policy = bandit.policy(state, NOW)
    context = np.array([5.0])
    first = policy.chances(np.arange(3), context)
    pair = policy.chances(np.array([1, 2]), context)

    np.testing.assert_array_equal(policy.chances(np.arange(3), context), first)
    assert pair.shape == (2,)
    np.testing.assert_allclose(policy.chances(np.arange(3), np.array([1e5])), 1 / 3)


def test_a_chain_keeps_its_order() -> None:
    """And needs at least one state."""
    assert list(Chain.of([1, 2, 3])) == [1, 2, 3]
    with pytest.raises(ValueError, match="at least one"):
        Chain.of([])


@pytest.mark.parametrize("options", [{"bins": 0}, {"bins": 101}, {"learner": "lin_ucb"}])
def test_options_have_bounds(options: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(InvalidArgument, match=next(iter(options))):
        Binned(**options)


def test_tsallis_is_a_learner() -> None:
    """The one that the papers on solvers use."""
    assert LEARNERS["tsallis_inf"] is TsallisInf

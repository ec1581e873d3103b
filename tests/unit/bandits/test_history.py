"""Blocks of steps, and the sums over them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bandits.bandit_problems import BINARY, REAL, outcomes_of, same, study_of, taken
from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.history import FINEST, MOST_DIVIDED, RESOLUTION, History, block_starts
from trimtab_service.bandits.ledger import Ledger


def some_outcomes(number: int, arms: int, seed: int, latest: int) -> Outcomes:
    """Costs far from zero, at random steps."""
    rng = np.random.default_rng(seed)
    costs = np.where(rng.random(number) < 0.1, np.nan, 30 + rng.standard_normal(number))
    steps = rng.integers(0, latest, number, endpoint=True).astype(float)
    return outcomes_of(rng.integers(0, arms, number), costs, steps=steps)


@pytest.mark.parametrize("latest", [0, 3, 4, 100, 4_095, 4_096, 1_000_003])
def test_blocks_are_fine_for_the_latest_and_coarse_for_the_oldest(latest: int) -> None:
    """They cover every step; the longest a block can be is a fixed part of its age."""
    starts = block_starts(float(latest))
    ends = np.append(starts[1:], starts[-1] + FINEST)
    lengths = ends - starts

    assert starts[0] == 0
    assert starts[-1] <= latest < ends[-1]
    assert ((lengths == FINEST) | (lengths * RESOLUTION <= latest - ends + 1)).all()
    assert (starts % lengths == 0).all()
    assert len(starts) <= 2 * RESOLUTION * (1 + np.log2(1 + latest / FINEST))


def test_blocks_are_only_ever_joined() -> None:
    """Every boundary of a longer history was one of the shorter, as far as that went."""
    divisions = [set(block_starts(float(latest))) for latest in range(600)]

    for latest, (before, after) in enumerate(itertools.pairwise(divisions)):
        assert {start for start in after if start <= latest} <= before


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), latest=st.integers(0, 5_000), cut=st.integers(0, 60))
def test_order_does_not_matter(seed: int, latest: int, cut: int) -> None:
    """However outcomes of different steps are cut into batches, the sums are the same."""
    outcomes = some_outcomes(60, 3, seed, latest)
    order = np.random.default_rng(seed + 1).permutation(60)
    expected = History.of(study_of(3), 3).plus(outcomes)

    actual = History.of(study_of(3), 3)
    for part in (order[:cut], order[cut:]):
        actual = actual.plus(taken(outcomes, part))

    assert same(expected, actual)


def test_with_full_weights_it_is_a_ledger() -> None:
    """Nothing but the time of what was measured is told apart by the blocks."""
    outcomes = some_outcomes(400, 4, 2, 3_000)
    history = History.of(study_of(4), 4).plus(outcomes)
    expected = Ledger.of(study_of(4), 4).plus(outcomes).moments

    actual = history.weighted(np.ones_like(history.blocks.counts)).moments

    for field in ("counts", "means", "squares", "groups"):
        np.testing.assert_allclose(getattr(actual, field), getattr(expected, field), rtol=1e-9)


def test_a_block_without_weight_says_how_much_costs_scatter() -> None:
    """The mean is that of what counts; the variance of single measurements comes from within all blocks."""
    rng = np.random.default_rng(3)
    costs = np.concatenate([50 + rng.standard_normal(2_000), 2 + rng.standard_normal(200)])
    history = History.of(study_of(1), 1).plus(outcomes_of([0] * 2_200, costs, steps=np.arange(2_200.0)))
    weights = np.where(history.starts[:, None] < 2_048, 1e-9, 1.0)
    moments = history.weighted(weights).moments

    assert moments.means[0] == pytest.approx(costs[2_048:].mean(), abs=1e-3)
    assert moments.counts[0] == pytest.approx(2_200 - 2_048, abs=1e-3)
    within = moments.squares[0] / (moments.groups[0] - 1)
    # One block is half before the jump and half after it.
    mixed = (costs[:2_000].size - 1_984) * 48.0**2 / moments.groups[0]
    assert within == pytest.approx(1.0 + mixed, rel=0.5)


def test_many_arms_are_not_divided() -> None:
    """Of more arms than that one block holds everything, also where there were fewer once."""
    arms = MOST_DIVIDED + 1
    history = History.of(study_of(arms), arms).plus(some_outcomes(100, arms, 1, 900))

    assert history.blocks.counts.shape == (1, arms)


def test_only_what_is_binary_is_bernoulli() -> None:
    """As every ledger."""
    assert History.of(study_of(2, BINARY), 2).ledger.bernoulli
    assert not History.of(study_of(2, REAL), 2).ledger.bernoulli

"""What every contextual bandit promises to play; a new one is held to it by its line in the catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contract.bandits.bandit_problems import NOW
from contract.bandits.contextual_problems import (
    ARMS,
    ONE,
    Context,
    begin,
    chances_at,
    contextual_histories,
    drawn_contexts,
    every_contextual,
    every_linear,
    learned,
    observed,
    study_with,
    table_at,
)
from trimtab_service.domain.metric import Metric
from trimtab_service.domain.space import Float

DRAWS = 1_000_000
LEVEL = 1e-3  # how often each check of so many draws would fail by chance; there are dozens
TARGET = np.array([0.05, 0.4, 0.15, 0.1, 0.3])
"""A fixed policy whose value is estimated from what another one played."""


@every_contextual
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_probabilities_are_probabilities(bandit: Any, context: Context, data: st.DataObject) -> None:
    """Among any arms they are at least 0 and add up to 1, whatever was observed, in any context."""
    arms, outcomes = data.draw(contextual_histories(context, magnitudes=9))
    allowed = sorted(data.draw(st.sets(st.integers(0, arms - 1), min_size=1)))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    state = bandit.fold(begin(bandit, context, arms), outcomes)
    chances = chances_at(bandit, state, allowed, drawn_contexts(context, 1, rng)[0])

    assert (len(allowed),) == chances.shape
    assert (chances >= 0).all()
    assert chances.sum() == pytest.approx(1.0, abs=1e-9)


@every_contextual
@pytest.mark.parametrize("floor", [0.01, 0.1])
def test_propensities_are_frequencies(bandit: Any, context: Context, floor: float) -> None:
    """Of a million draws each arm gets the share that is logged, and the log says what another policy is worth."""
    rng = np.random.default_rng(7)
    means = np.arange(ARMS) / 4
    bandit = replace(bandit, floor=floor)
    state, place = learned(bandit, context, rounds=25)
    drawn = table_at(bandit, state, ARMS, place)
    arms, propensities = drawn.draw(rng.random(DRAWS))

    np.testing.assert_array_equal(propensities, drawn.probabilities[arms])
    assert drawn.probabilities.min() >= floor / ARMS * (1 - 1e-9)
    frequencies = np.bincount(arms, minlength=ARMS)
    assert stats.chisquare(frequencies, DRAWS * drawn.probabilities / drawn.probabilities.sum()).pvalue > LEVEL
    weighted = TARGET[arms] / propensities * (means[arms] + rng.standard_normal(DRAWS))
    error = stats.norm.isf(LEVEL / 2) * weighted.std() / DRAWS**0.5
    assert pytest.approx(weighted.mean(), abs=error) == TARGET @ means


@every_contextual
@pytest.mark.parametrize("factor", [1e-12, 0.5, 1e12])
@pytest.mark.parametrize("offset", [0.0, -3.0, 1e4])
def test_units_do_not_matter(bandit: Any, context: Context, factor: float, offset: float) -> None:
    """Costs in another unit, from another zero, give the same policy."""
    rng = np.random.default_rng(17)
    contexts, arms = drawn_contexts(context, 40, rng), rng.integers(0, ARMS, 40)
    costs = rng.standard_normal(40) + arms / 4
    everyone, initial = np.arange(ARMS), begin(bandit, context, ARMS)
    expected = bandit.fold(initial, observed(contexts, arms, costs))
    actual = bandit.fold(initial, observed(contexts, arms, factor * (costs + offset)))

    for place in contexts[:10]:
        np.testing.assert_allclose(
            chances_at(bandit, actual, everyone, place), chances_at(bandit, expected, everyone, place), atol=1e-6
        )


@every_contextual
def test_failures_are_avoided(bandit: Any, context: Context) -> None:
    """An arm that fails is played less than those that work, even if all that work cost the same."""
    rng = np.random.default_rng(2)
    contexts = drawn_contexts(context, 90, rng)
    arms = np.arange(90) % 3
    for costs in (np.ones(90), 1 + 0.1 * rng.standard_normal(90)):
        costs[arms == 1] = np.nan
        state = bandit.fold(begin(bandit, context, 3), observed(contexts, arms, costs, propensities=1 / 3))
        chances = np.mean([chances_at(bandit, state, np.arange(3), place) for place in contexts], axis=0)
        assert chances[1] < min(chances[0], chances[2])
        best = bandit.best(state, np.arange(3), None, NOW)
        assert best is not None
        assert best.arm != 1


@every_contextual
def test_arms_have_no_rank(bandit: Any, context: Context) -> None:
    """Numbering the arms differently permutes the probabilities and does nothing else."""
    rng = np.random.default_rng(11)
    contexts, arms = drawn_contexts(context, 50, rng), rng.integers(0, ARMS, 50)
    costs, order = rng.standard_normal(50) + arms, rng.permutation(ARMS)
    everyone, initial = np.arange(ARMS), begin(bandit, context, ARMS)
    plain = bandit.fold(initial, observed(contexts, arms, costs))
    permuted = bandit.fold(initial, observed(contexts, order[arms], costs))

    for place in contexts[:10]:
        expected = chances_at(bandit, plain, everyone, place)
        np.testing.assert_allclose(chances_at(bandit, permuted, everyone, place)[order], expected, atol=1e-9)


@every_contextual
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_extreme_costs(bandit: Any, context: Context, scale: float) -> None:
    """However large or small costs, variances and counts are, no answer is NaN."""
    contexts = drawn_contexts(context, 6, np.random.default_rng(1))
    state = bandit.fold(
        begin(bandit, context, 4),
        observed(
            contexts,
            [0, 1, 2, 0, 1, 2],
            [scale, -scale, np.nan, scale / 3, 1.7e308, -1.7e308],
            propensities=[1e-12, 1, 1, 1e-3, 1, 0.5],
            counts=[1e18, 1, 1, 5, 1e9, 2],
            variances=[np.nan, np.nan, np.nan, 1.7e308, scale, 0.0],
        ),
    )
    for place in (None, contexts[0]):
        best = bandit.best(state, np.arange(4), place, NOW)
        assert best is not None
        assert np.isfinite([best.cost, best.standard_error]).all()
    for place in contexts:
        chances = chances_at(bandit, state, np.arange(4), place)
        assert np.isfinite(chances).all()
        assert chances.sum() == pytest.approx(1.0, abs=1e-9)


@every_contextual
@pytest.mark.parametrize("cost", [0.0, 0.1, -7.3e11])
def test_constant_costs(bandit: Any, context: Context, cost: float) -> None:
    """Arms that always cost the same in any context are all alike, and the first tried is as good as any."""
    contexts = drawn_contexts(context, 60, np.random.default_rng(4))
    state = bandit.fold(
        begin(bandit, context, 4), observed(contexts, np.arange(60) % 4, np.full(60, cost), propensities=0.25)
    )
    best = bandit.best(state, np.arange(4), None, NOW)

    assert best is not None
    assert best.cost == pytest.approx(cost)
    assert chances_at(bandit, state, np.arange(4), contexts[0]).min() > 0.05


@every_contextual
def test_knowing_nothing_is_fair(bandit: Any, context: Context) -> None:
    """Without any outcome all arms are equally likely and none is best."""
    state = begin(bandit, context, 7)
    place = drawn_contexts(context, 1, np.random.default_rng(1))[0]

    np.testing.assert_allclose(chances_at(bandit, state, [0, 2, 3, 6], place), 1 / 4, rtol=1e-9)
    assert bandit.best(state, np.arange(7), place, NOW) is None


@every_contextual
def test_the_context_decides(bandit: Any, context: Context) -> None:
    """Where the first number is low one arm costs less, where it is high the other: each is played in its place."""
    rng = np.random.default_rng(9)
    contexts, arms = drawn_contexts(context, 600, rng), np.arange(600) % 2
    places = np.log(contexts[:, 0]) / np.log(1e6) if context is ONE else contexts[:, 0] / 100
    costs = np.where(arms == 0, places, 1 - places) + 0.1 * rng.standard_normal(600)
    state = bandit.fold(begin(bandit, context, 2), observed(contexts, arms, costs))
    low, high = contexts[places.argmin()], contexts[places.argmax()]

    for arm, place in enumerate((low, high)):
        assert chances_at(bandit, state, [0, 1], place)[arm] > 0.8
        best = bandit.best(state, np.arange(2), place, NOW)
        assert best is not None
        assert best.arm == arm


@every_contextual
def test_a_declared_range_prices_failures(bandit: Any, context: Context) -> None:
    """What fails counts as the most that the metric allows, not as the most seen."""
    contexts = drawn_contexts(context, 60, np.random.default_rng(6))
    costs = np.where(np.arange(60) % 2, np.nan, 1.0)
    outcomes = observed(contexts, np.arange(60) % 2, costs)
    state = bandit.fold(begin(bandit, context, 2, Metric("cost", min=0.0, max=100.0)), outcomes)
    best = bandit.best(state, np.array([1]), None, NOW)

    assert best is not None
    assert best.cost == pytest.approx(100, rel=0.1)


@every_linear
def test_linear_costs_are_learned(bandit: Any) -> None:
    """Where costs are linear in the context, little is lost to whoever knows them, delayed by 20 decisions or not."""
    rng = np.random.default_rng(12)
    arms, numbers, rounds, batch = 6, 4, 1_200, 20
    slopes = rng.standard_normal((arms, numbers))
    study = study_with(tuple(Float(f"x{column}", -1.0, 1.0) for column in range(numbers)), arms)
    state, lost, random = bandit.initial(study, arms), 0.0, 0.0
    for _ in range(rounds // batch):
        contexts = rng.uniform(-1, 1, (batch, numbers))
        policy, expected = bandit.policy(state, NOW), contexts @ slopes.T
        chances = np.stack([policy.chances(np.arange(arms), context) for context in contexts])
        gaps = expected - expected.min(axis=1, keepdims=True)
        lost, random = lost + float((chances * gaps).sum()), random + float(gaps.mean(axis=1).sum())
        played = (chances.cumsum(axis=1) > rng.random((batch, 1))).argmax(axis=1)
        costs = expected[np.arange(batch), played] + 0.3 * rng.standard_normal(batch)
        state = bandit.fold(state, observed(contexts, played, costs))

    assert lost < 0.15 * random

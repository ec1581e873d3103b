"""What every contextual bandit promises; a new one is held to it by its line in ``contextual_problems``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contract.bandits.bandit_problems import NOW, numbers, same, taken, taken_back
from contract.bandits.contextual_problems import (
    ONE,
    Context,
    begin,
    chances_at,
    contextual_histories,
    drawn_contexts,
    every_contextual,
    observed,
    table_at,
)
from trimtab_service.bandits import states
from trimtab_service.domain.metric import Metric

ARMS = 5
DRAWS = 1_000_000
TARGET = np.array([0.05, 0.4, 0.15, 0.1, 0.3])
"""A fixed policy whose value is estimated from what another one played."""


def learned(bandit: Any, context: Context, rounds: int = 60, seed: int = 3) -> tuple[Any, np.ndarray[Any, Any]]:
    """A state that has seen something of ARMS arms, and a context like those that it saw."""
    rng = np.random.default_rng(seed)
    contexts = drawn_contexts(context, rounds, rng)
    arms = rng.integers(0, ARMS, rounds)
    costs = arms / 4 + np.log1p(contexts[:, 0]) * (arms - 2) / 8 + rng.standard_normal(rounds)
    return bandit.fold(begin(bandit, context, ARMS), observed(contexts, arms, costs)), contexts[0]


@every_contextual
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_order_and_batches_do_not_matter(bandit: Any, context: Context, data: st.DataObject) -> None:
    """Folding outcomes in another order and in other batches gives the same state up to rounding."""
    arms, outcomes = data.draw(contextual_histories(context))
    number = outcomes.arms.size
    order = np.asarray(data.draw(st.permutations(range(number))), dtype=np.intp)
    cuts = sorted(data.draw(st.lists(st.integers(0, number), max_size=4)))
    expected = bandit.fold(begin(bandit, context, arms), outcomes)

    actual = begin(bandit, context, arms)
    for batch in np.split(order, cuts):
        actual = bandit.fold(actual, taken(outcomes, batch))

    assert same(expected, actual, weight=_sizes(expected, outcomes))


def _sizes(state: Any, outcomes: Any) -> Any:
    """A state whose numbers are as large as what they are made of: sums that cancel are measured by their terms."""
    costs = np.abs(np.where(np.isnan(outcomes.costs), 0.0, outcomes.costs))
    terms = float((np.abs(outcomes.counts) * costs).sum())

    def grow(part: Any) -> Any:
        if hasattr(part, "products"):
            return replace(part, products=np.full_like(part.products, terms))
        return part

    return replace(state, regression=grow(state.regression)) if hasattr(state, "regression") else state


@every_contextual
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_what_is_taken_back_was_never_there(bandit: Any, context: Context, data: st.DataObject) -> None:
    """Folding more in and taking it back leaves the state as it was up to rounding, but for the extremes seen."""
    arms, outcomes = data.draw(contextual_histories(context, magnitudes=2))
    kept = data.draw(st.integers(0, outcomes.arms.size))
    expected = bandit.fold(begin(bandit, context, arms), taken(outcomes, slice(kept)))
    with_more = bandit.fold(expected, taken(outcomes, slice(kept, None)))

    actual = bandit.fold(with_more, taken_back(taken(outcomes, slice(kept, None))))

    sizes = _sizes(with_more, outcomes)
    for left, right, size in zip(*map(numbers, (expected, actual, sizes)), strict=True):
        if left.ndim:
            np.testing.assert_allclose(right, left, rtol=1e-7, atol=1e-7 * np.abs(size).max(initial=0.0))


@every_contextual
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_taking_everything_back_leaves_nothing(bandit: Any, context: Context, data: st.DataObject) -> None:
    """The policy is the one that knows nothing, whatever the counts were, and no arm is best."""
    arms, outcomes = data.draw(contextual_histories(context, magnitudes=9))
    state = bandit.fold(begin(bandit, context, arms), outcomes)
    for part in (slice(1, None, 2), slice(0, None, 2)):
        state = bandit.fold(state, taken_back(taken(outcomes, part)))
    place = drawn_contexts(context, 1, np.random.default_rng(1))[0]

    np.testing.assert_allclose(chances_at(bandit, state, np.arange(arms), place), 1 / arms, rtol=1e-9)
    assert bandit.best(state, np.arange(arms), None, NOW) is None


@every_contextual
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_aggregates_count_as_their_parts(bandit: Any, context: Context, data: st.DataObject) -> None:
    """The mean, count and variance of measurements in one context teach the same as the measurements."""
    groups = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    expected = actual = begin(bandit, context, 4)
    for arm, count in groups:
        place = drawn_contexts(context, 1, rng)[0]
        parts = rng.standard_normal(count)
        variance = float(np.var(parts, ddof=1)) if count > 1 else np.nan
        several = observed(place, [arm] * count, parts, propensities=0.25)
        aggregate = observed(place, [arm], [parts.mean()], propensities=0.25, counts=count, variances=variance)
        expected = bandit.fold(expected, several)
        actual = bandit.fold(actual, aggregate)

    # The extremes seen are the only thing that an aggregate can't tell, and a bin counts decisions.
    for left, right in zip(numbers(expected), numbers(actual), strict=True):
        if left.ndim and not (hasattr(expected, "bins") and left is expected.counts):
            np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9)


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
    assert stats.chisquare(frequencies, DRAWS * drawn.probabilities / drawn.probabilities.sum()).pvalue > 1e-3
    weighted = TARGET[arms] / propensities * (means[arms] + rng.standard_normal(DRAWS))
    error = stats.norm.ppf(0.995) * weighted.std() / DRAWS**0.5
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
def test_states_survive_on_paper(bandit: Any, context: Context) -> None:
    """A state that was written down and read back gives the same probabilities to the last bit."""
    state, place = learned(bandit, context)
    read = states.unpacked(begin(bandit, context, ARMS), states.packed(state))

    everyone = np.arange(ARMS)
    assert chances_at(bandit, state, everyone, place).tobytes() == chances_at(bandit, read, everyone, place).tobytes()


@every_contextual
def test_new_arms_are_as_if_they_had_been_there(bandit: Any, context: Context) -> None:
    """A state that is given more arms is the one that had them from the start."""
    rng = np.random.default_rng(8)
    outcomes = observed(drawn_contexts(context, 30, rng), rng.integers(0, 3, 30), rng.standard_normal(30))
    expected = bandit.fold(begin(bandit, context, 5), outcomes)

    extended = states.extended(bandit.fold(begin(bandit, context, 3), outcomes), begin(bandit, context, 5))

    assert same(expected, extended)


@every_contextual
def test_arguments_stay_as_they_are(bandit: Any, context: Context) -> None:
    """Neither fold nor policy changes a state, whose arrays can't be changed at all."""
    state, place = learned(bandit, context)
    before = [array.copy() for array in numbers(state)]
    bandit.fold(state, observed(place, [0, 1], [1.0, np.nan]))
    chances_at(bandit, state, [0, 2], place)
    bandit.best(state, np.arange(ARMS), place, NOW)

    for left, right in zip(before, numbers(state), strict=True):
        np.testing.assert_array_equal(right, left)
    assert not any(leaf.flags.writeable for leaf in states.leaves(state) if isinstance(leaf, np.ndarray))


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

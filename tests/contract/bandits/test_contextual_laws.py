"""What the state of every contextual bandit promises; a new one is held to it by its line in the catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bandits.bandit_problems import NOW, numbers, same, taken, taken_back
from contract.bandits.contextual_problems import (
    ARMS,
    Context,
    begin,
    chances_at,
    contextual_histories,
    drawn_contexts,
    every_contextual,
    learned,
    observed,
)
from trimtab_service.bandits import states


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

    # The extremes seen are the only thing that an aggregate can't tell.
    for left, right in zip(numbers(expected), numbers(actual), strict=True):
        if left.ndim:
            np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9)


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


def _sizes(state: Any, outcomes: Any) -> Any:
    """A state whose numbers are as large as what they are made of: sums that cancel are measured by their terms."""
    costs = np.abs(np.where(np.isnan(outcomes.costs), 0.0, outcomes.costs))
    terms = float((np.abs(outcomes.counts) * costs).sum())

    def grow(part: Any) -> Any:
        if hasattr(part, "products"):
            return replace(part, products=np.full_like(part.products, terms))
        return part

    return replace(state, regression=grow(state.regression)) if hasattr(state, "regression") else state


@pytest.mark.parametrize("cost", [1.0, np.nan])
@every_contextual
def test_an_arm_that_is_not_there_is_refused(bandit: Any, context: Context, cost: float) -> None:
    """An observation of it must not count for another arm, nor for every one where there is only one."""
    for arms in (1, ARMS):
        place = drawn_contexts(context, 1, np.random.default_rng(1))
        state = bandit.fold(begin(bandit, context, arms), observed(place, [0], [1.0]))
        with pytest.raises(IndexError):
            bandit.fold(state, observed(place, [arms], [cost]))

"""How every bandit of several parameters learns; a new one is held to it by its line in the catalogue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bandits.bandit_problems import numbers, outcomes_of, same, taken, taken_back
from contract.bandits.joint_problems import (
    FLOOR_TAG,
    JOINT,
    SIZES,
    arrays_of,
    begin,
    drawn,
    every_bandit,
    every_metric,
    joint_histories,
    law,
    learned,
    tagged,
    trials,
)
from trimtab_service.bandits import states
from trimtab_service.bandits.base import JointBandit
from trimtab_service.domain.metric import Metric


def test_there_are_some() -> None:
    """The laws below are about somebody."""
    assert JOINT


@every_bandit
@every_metric
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_order_and_batches_do_not_matter(bandit: JointBandit, metric: Metric, data: st.DataObject) -> None:
    """Folding outcomes in another order and in other batches gives the same state up to rounding."""
    sizes, outcomes = data.draw(joint_histories(metric))
    number = outcomes.arms.size
    order = np.asarray(data.draw(st.permutations(range(number))), dtype=np.intp)
    cuts = sorted(data.draw(st.lists(st.integers(0, number), max_size=4)))
    expected = learned(bandit, sizes, outcomes, metric)

    actual = begin(bandit, sizes, metric)
    for batch in np.split(order, cuts):
        actual = bandit.fold(actual, taken(outcomes, batch))

    assert same(expected, actual)


@every_bandit
@every_metric
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_is_taken_back_is_forgotten(bandit: JointBandit, metric: Metric, data: st.DataObject) -> None:
    """Taking back some of the outcomes leaves the state of the others, extremes apart, and a policy."""
    sizes, outcomes = data.draw(joint_histories(metric, magnitudes=2))
    number = outcomes.arms.size
    gone = np.asarray(data.draw(st.lists(st.booleans(), min_size=number, max_size=number)), dtype=np.bool_)
    expected = learned(bandit, sizes, taken(outcomes, np.flatnonzero(~gone)), metric)
    everything = learned(bandit, sizes, outcomes, metric)

    actual = bandit.fold(everything, taken_back(taken(outcomes, np.flatnonzero(gone))))

    for left, right, sized in zip(numbers(expected), numbers(actual), numbers(everything), strict=True):
        if left.ndim:
            np.testing.assert_allclose(right, left, rtol=1e-7, atol=1e-7 * np.abs(sized).max(initial=0.0))
    assert law(bandit, actual, sizes).sum() == pytest.approx(1.0, abs=1e-9)


@every_bandit
@every_metric
def test_everything_taken_back_is_nothing_known(bandit: JointBandit, metric: Metric) -> None:
    """Taking back all there was leaves what plays as the beginning does, and knows no best."""
    outcomes = tagged(outcomes_of([0, 5, 7, 3], [0.1, 1.0, np.nan, 0.7], steps=[0, 3, 4, 5]), [1, 2, FLOOR_TAG, 3])
    state = bandit.fold(learned(bandit, SIZES, outcomes, metric), taken_back(outcomes))

    np.testing.assert_allclose(law(bandit, state, SIZES), law(bandit, begin(bandit, SIZES, metric), SIZES))
    assert bandit.best(state) is None


@every_bandit
@every_metric
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_aggregates_count_as_their_parts(bandit: JointBandit, metric: Metric, data: st.DataObject) -> None:
    """The mean, count and variance of several measurements teach the same as the measurements."""
    low, high = (metric.min, metric.max) if metric.min is not None and metric.max is not None else (-2.0, 9.0)
    groups = data.draw(st.lists(st.tuples(st.integers(0, 11), st.integers(1, 6)), min_size=1, max_size=8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    expected = actual = begin(bandit, SIZES, metric)
    for step, (arm, count) in enumerate(groups):
        parts = low + (high - low) * rng.random(count)
        variance = float(np.var(parts, ddof=1)) if count > 1 else np.nan
        tag = 1 + arm % 3
        expected = bandit.fold(expected, tagged(outcomes_of([arm] * count, parts, steps=step), tag))
        actual = bandit.fold(actual, tagged(outcomes_of([arm], [parts.mean()], 0.5, count, variance, step), tag))

    # The extremes seen are the only thing that an aggregate can't tell.
    for left, right in zip(numbers(expected), numbers(actual), strict=True):
        if left.ndim:
            np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9)


@every_bandit
@every_metric
def test_folding_nothing_changes_nothing(bandit: JointBandit, metric: Metric) -> None:
    """An empty batch gives the same state."""
    state = learned(bandit, SIZES, tagged(outcomes_of([0, 2], [0.0, 1.0]), [1, 2]), metric)

    assert same(state, bandit.fold(state, outcomes_of([], [])))


@every_bandit
def test_arguments_stay_as_they_are(bandit: JointBandit) -> None:
    """Neither fold nor policy changes a state or the outcomes, and a state's arrays can't be changed at all."""
    outcomes = trials(np.random.default_rng(8), 9)
    state = learned(bandit, SIZES, outcomes)
    before = [array.copy() for array in numbers(state)]
    costs = outcomes.costs.copy()
    bandit.fold(state, outcomes)
    drawn(bandit, state, 5, np.random.default_rng(1))
    bandit.best(state)

    for left, right in zip(before, numbers(state), strict=True):
        np.testing.assert_array_equal(right, left)
    np.testing.assert_array_equal(outcomes.costs, costs)
    assert not any(array.flags.writeable for array in arrays_of(state))


@every_bandit
def test_a_state_can_be_written_down(bandit: JointBandit) -> None:
    """What is read back is the same to the bit, and plays the same."""
    state = learned(bandit, SIZES, trials(np.random.default_rng(10), 30))
    back = states.unpacked(begin(bandit, SIZES), states.packed(state))

    for left, right in zip(numbers(state), numbers(back), strict=True):
        np.testing.assert_array_equal(right, left)
    np.testing.assert_array_equal(law(bandit, back, SIZES), law(bandit, state, SIZES))


@every_bandit
def test_a_point_that_is_not_there_is_refused(bandit: JointBandit) -> None:
    """Its number would be taken for that of another point."""
    state = learned(bandit, SIZES, trials(np.random.default_rng(1), 20))
    with pytest.raises(IndexError):
        bandit.fold(state, tagged(outcomes_of([int(np.prod(SIZES))], [1.0]), 1))

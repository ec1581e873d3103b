"""What the state of every K-armed bandit promises; a new one is held to it by its line in the catalogue."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bandits.bandit_problems import (
    NOW,
    chances,
    numbers,
    outcomes_of,
    same,
    start,
    table,
    taken,
    taken_back,
)
from contract.bandits.hosted import every_bandit, every_metric, histories
from trimtab_service.bandits import states
from trimtab_service.bandits.base import Bandit
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Metric


@every_bandit
@every_metric
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_order_and_batches_do_not_matter(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """Folding outcomes in another order and in other batches gives the same state up to rounding."""
    arms, outcomes = data.draw(histories(metric))
    number = outcomes.arms.size
    order = np.asarray(data.draw(st.permutations(range(number))), dtype=np.intp)
    cuts = sorted(data.draw(st.lists(st.integers(0, number), max_size=4)))
    expected = bandit.fold(start(bandit, arms, metric), outcomes)

    actual = start(bandit, arms, metric)
    for batch in np.split(order, cuts):
        actual = bandit.fold(actual, taken(outcomes, batch))

    assert same(expected, actual)


@every_bandit
@every_metric
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_is_taken_back_was_never_there(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """Folding more in and taking it back leaves the state as it was up to rounding, but for the extremes seen."""
    arms, outcomes = data.draw(histories(metric, magnitudes=2))
    kept = data.draw(st.integers(0, outcomes.arms.size))
    expected = bandit.fold(start(bandit, arms, metric), taken(outcomes, slice(kept)))
    with_more = bandit.fold(expected, taken(outcomes, slice(kept, None)))

    actual = bandit.fold(with_more, taken_back(taken(outcomes, slice(kept, None))))
    # Steps and times seen are extremes as well; with all of them in both, histories are divided alike.
    expected, actual, with_more = (bandit.fold(state, outcomes) for state in (expected, actual, with_more))

    for left, right, sizes in zip(*map(numbers, (expected, actual, with_more)), strict=True):
        if left.ndim:
            np.testing.assert_allclose(
                right, left, rtol=1e-7, atol=1e-7 * np.abs(sizes[np.isfinite(sizes)]).max(initial=0.0)
            )


@every_bandit
@every_metric
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_taking_everything_back_leaves_nothing(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """The policy is the one that knows nothing, whatever the counts were, and no arm is best."""
    arms, outcomes = data.draw(histories(metric))
    state = bandit.fold(start(bandit, arms, metric), outcomes)
    for part in (slice(1, None, 2), slice(0, None, 2)):
        state = bandit.fold(state, taken_back(taken(outcomes, part)))
    everyone = np.arange(arms)

    np.testing.assert_allclose(chances(bandit, state, everyone), 1 / arms, rtol=1e-9)
    assert bandit.best(state, everyone, None, NOW) is None


@every_bandit
@every_metric
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_aggregates_count_as_their_parts(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """The mean, count and variance of several measurements teach the same as the measurements."""
    low, high = (metric.min, metric.max) if metric.min is not None and metric.max is not None else (-2.0, 9.0)
    groups = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    expected = actual = start(bandit, 4, metric)
    for arm, count in groups:
        parts = low + (high - low) * rng.random(count)
        variance = float(np.var(parts, ddof=1)) if count > 1 else np.nan
        expected = bandit.fold(expected, outcomes_of([arm] * count, parts, 0.25))
        actual = bandit.fold(actual, outcomes_of([arm], [parts.mean()], 0.25, count, variance))

    # The extremes seen are the only thing that an aggregate can't tell.
    for left, right in zip(numbers(expected), numbers(actual), strict=True):
        if left.ndim:
            np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9)


@every_bandit
@every_metric
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_states_survive_on_paper(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """A state that was written down and read back gives the same probabilities to the last bit."""
    arms, outcomes = data.draw(histories(metric))
    state = bandit.fold(start(bandit, arms, metric), outcomes)

    read = states.unpacked(start(bandit, arms, metric), states.packed(state))

    assert chances(bandit, state, np.arange(arms)).tobytes() == chances(bandit, read, np.arange(arms)).tobytes()


@every_bandit
@every_metric
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_new_arms_are_as_if_they_had_been_there(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """A state that is given more arms is the one that had them from the start."""
    arms, outcomes = data.draw(histories(metric))
    expected = bandit.fold(start(bandit, arms + 2, metric), outcomes)

    extended = states.extended(bandit.fold(start(bandit, arms, metric), outcomes), start(bandit, arms + 2, metric))

    assert same(expected, extended)


@every_bandit
@every_metric
def test_arguments_stay_as_they_are(bandit: Bandit, metric: Metric) -> None:
    """Neither fold nor policy changes a state or the outcomes, and a state's arrays can't be changed at all."""
    outcomes = outcomes_of([0, 1, 1], [0.0, 1.0, np.nan], 0.3)
    state = bandit.fold(start(bandit, 3, metric), outcomes)
    before = [array.copy() for array in numbers(state)]
    bandit.fold(state, outcomes)
    chances(bandit, state, [0, 2])
    bandit.best(state, np.arange(3), None, NOW)

    for left, right in zip(before, numbers(state), strict=True):
        np.testing.assert_array_equal(right, left)
    np.testing.assert_array_equal(outcomes.costs, [0.0, 1.0, np.nan])
    assert not any(array.flags.writeable for array in numbers(state) if array.ndim)


@every_bandit
@every_metric
def test_folding_nothing_changes_nothing(bandit: Bandit, metric: Metric) -> None:
    """An empty batch gives the same state."""
    state = bandit.fold(start(bandit, 3, metric), outcomes_of([0, 2], [0.0, 1.0]))

    assert same(state, bandit.fold(state, outcomes_of([], [])))


@every_bandit
@pytest.mark.parametrize("arms", [1, 3])
@pytest.mark.parametrize("cost", [1.0, np.nan])
def test_an_arm_that_is_not_there_is_refused(bandit: Bandit, arms: int, cost: float) -> None:
    """Whatever was known, and whenever it was played: an observation of it must not count for another arm."""
    known = outcomes_of([0] * 40, [0.0, 1.0] * 20, steps=np.arange(40.0))
    state = bandit.fold(start(bandit, arms), known)
    for unknown in (arms, arms + 1):
        for step in (0.0, 39.0):
            with pytest.raises(IndexError):
                bandit.fold(state, outcomes_of([0, unknown], [0.0, cost], steps=step))


@every_bandit
def test_global_random_state_is_left_alone(bandit: Bandit) -> None:
    """Nothing draws from the process-wide generators."""
    legacy = np.random.get_state(legacy=False)["state"]["key"].copy()
    plain = random.getstate()
    state = bandit.fold(start(bandit, 3), outcomes_of([0, 1], [1.0, 2.0]))
    table(bandit, state, 3).draw(np.full(10, 0.5))
    bandit.best(state, np.arange(3), None, NOW)

    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], legacy)
    assert plain == random.getstate()


def test_the_catalogue_needs_numpy_alone() -> None:
    """Importing every bandit loads neither SciPy nor torch, as the serving process does it."""
    program = (
        "import sys, trimtab_service.bandits.catalog;"
        "print([name for name in ('scipy', 'torch', 'sklearn', 'grpc', 'sqlalchemy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("floor", [-0.1, 1.1])
@every_bandit
def test_a_floor_is_a_probability(bandit: Bandit, floor: float) -> None:
    """Every bandit checks the options that it shares with the others."""
    with pytest.raises(InvalidArgument, match="floor"):
        type(bandit)(floor=floor)  # type: ignore[call-arg]

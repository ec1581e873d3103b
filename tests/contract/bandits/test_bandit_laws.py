"""What every bandit of the catalogue promises; a new one is held to it by its line there."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contract.bandits.bandit_problems import METRICS, REAL, numbers, outcomes_of, study_of, taken
from trimtab_service.bandits.base import Bandit, Outcomes
from trimtab_service.bandits.catalog import CATALOG
from trimtab_service.domain.study import Goal, Metric

BANDITS = [pytest.param(record(), id=name) for name, record in CATALOG.items()]
PROBLEMS = [pytest.param(metric, id=name) for name, metric in METRICS.items()]
every_bandit = pytest.mark.parametrize("bandit", BANDITS)
every_metric = pytest.mark.parametrize("metric", PROBLEMS)


@st.composite
def histories(draw: st.DrawFn, metric: Metric, most: int = 40) -> tuple[int, Outcomes]:
    """How many arms, and what happened to them."""
    arms = draw(st.integers(1, 12))
    number = draw(st.integers(0, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.sampled_from([-12, -3, 0, 6, 12]))
    counts = rng.integers(1, 10 ** draw(st.integers(0, 9)), number, endpoint=True).astype(float)
    if metric.min is None or metric.max is None:
        costs = scale * (draw(st.sampled_from([0.0, 1.0, -30.0])) + rng.standard_normal(number))
        spread = scale
    else:
        costs = metric.min + (metric.max - metric.min) * rng.integers(0, 3, number) / 2
        spread = metric.max - metric.min
    costs[rng.random(number) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = np.nan
    counts[np.isnan(costs)] = 1
    variances = np.where(rng.random(number) < 0.5, np.nan, spread**2 * rng.random(number))
    return arms, outcomes_of(rng.integers(0, arms, number), costs, rng.uniform(1e-3, 1, number), counts, variances)


def same(expected: Any, actual: Any) -> bool:
    """Whether two states agree up to rounding, each array measured by its own size."""
    for left, right in zip(numbers(expected), numbers(actual), strict=True):
        finite = left[np.isfinite(left)]
        scale = float(np.abs(finite).max(initial=0.0))
        np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9 * scale)
    return True


@every_bandit
@every_metric
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_order_and_batches_do_not_matter(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """Folding outcomes in another order and in other batches gives the same state up to rounding."""
    arms, outcomes = data.draw(histories(metric))
    number = outcomes.arms.size
    order = np.asarray(data.draw(st.permutations(range(number))), dtype=np.intp)
    cuts = sorted(data.draw(st.lists(st.integers(0, number), max_size=4)))
    expected = bandit.fold(bandit.initial(study_of(arms, metric)), outcomes)

    actual = bandit.initial(study_of(arms, metric))
    for batch in np.split(order, cuts):
        actual = bandit.fold(actual, taken(outcomes, batch))

    assert same(expected, actual)


@every_bandit
@every_metric
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_aggregates_count_as_their_parts(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """The mean, count and variance of several measurements teach the same as the measurements."""
    low, high = (metric.min, metric.max) if metric.min is not None and metric.max is not None else (-2.0, 9.0)
    groups = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), min_size=1, max_size=8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    expected = actual = bandit.initial(study_of(4, metric))
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
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_probabilities_are_probabilities(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """Every arm's probability is positive, and they add up to 1, whatever was observed."""
    arms, outcomes = data.draw(histories(metric))
    goal = data.draw(st.sampled_from(Goal))
    signed = outcomes_of(
        outcomes.arms,
        outcomes.costs * (1 if goal is Goal.MINIMIZE else -1),
        outcomes.propensities,
        outcomes.counts,
        outcomes.variances,
    )
    policy = bandit.policy(bandit.fold(bandit.initial(study_of(arms, metric, goal)), signed))

    assert (arms,) == policy.probabilities.shape
    assert (policy.probabilities > 0).all()
    assert pytest.approx(policy.probabilities.sum(), abs=1e-9) == 1.0
    assert policy.cumulative[-1] == 1.0


@every_bandit
@every_metric
def test_arguments_stay_as_they_are(bandit: Bandit, metric: Metric) -> None:
    """Neither fold nor policy changes a state or the outcomes, and a state's arrays can't be changed at all."""
    outcomes = outcomes_of([0, 1, 1], [0.0, 1.0, np.nan], 0.3)
    state = bandit.fold(bandit.initial(study_of(3, metric)), outcomes)
    before = [array.copy() for array in numbers(state)]
    bandit.fold(state, outcomes)
    bandit.policy(state)
    bandit.best(state)

    for left, right in zip(before, numbers(state), strict=True):
        np.testing.assert_array_equal(right, left)
    np.testing.assert_array_equal(outcomes.costs, [0.0, 1.0, np.nan])
    assert not any(array.flags.writeable for array in numbers(state) if array.ndim)


@every_bandit
def test_propensities_are_frequencies(bandit: Bandit) -> None:
    """Of many draws each arm gets the share that is logged as its propensity."""
    rng = np.random.default_rng(7)
    outcomes = outcomes_of(np.repeat(np.arange(6), 4), np.repeat(np.arange(6), 4) + 4 * rng.standard_normal(24))
    policy = bandit.policy(bandit.fold(bandit.initial(study_of(6)), outcomes))
    choices = policy.choose(200_000, rng)

    np.testing.assert_array_equal(choices.propensities, policy.probabilities[choices.arms])
    frequencies = np.bincount(choices.arms, minlength=6)
    assert stats.chisquare(frequencies, 200_000 * policy.probabilities).pvalue > 1e-3


@every_bandit
@every_metric
def test_knowing_nothing_is_fair(bandit: Bandit, metric: Metric) -> None:
    """Without any outcome all arms are equally likely and none is best."""
    state = bandit.initial(study_of(7, metric))

    np.testing.assert_allclose(bandit.policy(state).probabilities, 1 / 7, rtol=1e-9)
    assert bandit.best(state) is None


@every_bandit
@every_metric
def test_folding_nothing_changes_nothing(bandit: Bandit, metric: Metric) -> None:
    """An empty batch gives the same state."""
    state = bandit.fold(bandit.initial(study_of(3, metric)), outcomes_of([0, 2], [0.0, 1.0]))

    assert same(state, bandit.fold(state, outcomes_of([], [])))


@every_bandit
@every_metric
def test_one_arm(bandit: Bandit, metric: Metric) -> None:
    """The only arm is always played."""
    state = bandit.fold(bandit.initial(study_of(1, metric)), outcomes_of([0, 0, 0], [0.0, 1.0, np.nan], 1.0))
    best = bandit.best(state)

    assert bandit.policy(state).probabilities.tolist() == [1.0]
    assert best is not None
    assert best.arm == 0


@every_bandit
@every_metric
def test_a_thousand_arms(bandit: Bandit, metric: Metric) -> None:
    """The largest space works, and arms that did well are preferred to those that did badly."""
    rng = np.random.default_rng(3)
    arms = np.tile(np.arange(1_000), 30)
    costs = (rng.random(30_000) < np.where(arms < 10, 0.2, 0.8)).astype(float)
    policy = bandit.policy(bandit.fold(bandit.initial(study_of(1_000, metric)), outcomes_of(arms, costs, 1e-3)))

    assert pytest.approx(policy.probabilities.sum(), abs=1e-9) == 1.0
    assert policy.probabilities[:10].mean() > 3 * policy.probabilities[10:].mean()


@every_bandit
@every_metric
def test_only_failures(bandit: Bandit, metric: Metric) -> None:
    """Where nothing ever worked, what failed most is played least."""
    state = bandit.fold(bandit.initial(study_of(3, metric)), outcomes_of([0] * 9 + [1] * 3, [np.nan] * 12, 1 / 3))
    probabilities = bandit.policy(state).probabilities

    assert probabilities[0] < probabilities[2]
    assert bandit.best(state) is not None


@every_bandit
@every_metric
def test_failures_are_avoided(bandit: Bandit, metric: Metric) -> None:
    """An arm that fails is played less than those that work, even if all that work cost the same."""
    outcomes = outcomes_of([0] * 8 + [1] * 8 + [2] * 8, [1.0] * 8 + [np.nan] * 8 + [0.5, 1.0] * 4, 1 / 3)
    steady = taken(outcomes, slice(0, 16))
    initial = bandit.initial(study_of(3, metric))
    if metric is REAL or metric.min == -3:
        probabilities = bandit.policy(bandit.fold(initial, steady)).probabilities
        assert probabilities[1] < probabilities[0]
    probabilities = bandit.policy(bandit.fold(initial, outcomes)).probabilities

    assert probabilities[1] < probabilities[2]


@every_bandit
@pytest.mark.parametrize("cost", [0.0, 0.1, -7.3e11, 3e-13])
def test_constant_costs(bandit: Bandit, cost: float) -> None:
    """Arms that always cost the same are all played on."""
    state = bandit.initial(study_of(4))
    for _ in range(30):
        state = bandit.fold(state, outcomes_of([0, 1, 1, 2, 3], [cost] * 5, 0.25))

    assert bandit.policy(state).probabilities.min() > 0.05


@every_bandit
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-12, 1e12, 1e150, 1e300])
def test_extreme_costs(bandit: Bandit, scale: float) -> None:
    """However large or small costs, variances and counts are, no answer is NaN and no state is stuck."""
    state = bandit.fold(
        bandit.initial(study_of(4)),
        outcomes_of(
            [0, 1, 2, 0, 1, 2],
            [scale, -scale, np.nan, scale / 3, 1.7e308, -1.7e308],
            [1e-12, 1, 1, 1e-3, 1, 0.5],
            [1e18, 1, 1, 5, 1e9, 2],
            [np.nan, np.nan, np.nan, 1.7e308, scale, 0.0],
        ),
    )
    policy = bandit.policy(state)
    best = bandit.best(state)

    assert np.isfinite(policy.probabilities).all()
    assert (policy.probabilities > 0).all()
    assert best is not None
    assert np.isfinite([best.cost, best.standard_error]).all()


@every_bandit
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_units_do_not_matter(bandit: Bandit, data: st.DataObject) -> None:
    """Costs in another unit, from another zero, give the same policy, unless the range of the metric is declared."""
    arms, factor, offset = data.draw(
        st.tuples(st.integers(2, 6), st.sampled_from([1e-12, 0.5, 1e12]), st.sampled_from([0.0, -3.0, 1e4]))
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    played, costs = rng.integers(0, arms, 30), rng.standard_normal(30)
    initial = bandit.initial(study_of(arms))
    expected = bandit.policy(bandit.fold(initial, outcomes_of(played, costs))).probabilities
    actual = bandit.policy(bandit.fold(initial, outcomes_of(played, factor * (costs + offset)))).probabilities

    np.testing.assert_allclose(actual, expected, atol=1e-6)


@every_bandit
@every_metric
def test_arms_have_no_rank(bandit: Bandit, metric: Metric) -> None:
    """Numbering the arms differently permutes the probabilities and does nothing else."""
    rng = np.random.default_rng(11)
    played, costs = rng.integers(0, 5, 40), rng.integers(0, 2, 40).astype(float)
    order = rng.permutation(5)
    initial = bandit.initial(study_of(5, metric))
    expected = bandit.policy(bandit.fold(initial, outcomes_of(played, costs))).probabilities
    actual = bandit.policy(bandit.fold(initial, outcomes_of(order[played], costs))).probabilities

    np.testing.assert_allclose(actual[order], expected, atol=1e-12)


@every_bandit
@every_metric
def test_the_best_is_not_the_luckiest(bandit: Bandit, metric: Metric) -> None:
    """An arm that was lucky once is not preferred to one that is known to be good."""
    rng = np.random.default_rng(5)
    costs = np.concatenate([(rng.random(500) < 0.2).astype(float), (rng.random(500) < 0.7).astype(float), [0.0]])
    arms = np.repeat([0, 1, 2], [500, 500, 1])
    best = bandit.best(bandit.fold(bandit.initial(study_of(4, metric)), outcomes_of(arms, costs)))

    assert best is not None
    assert best.arm == 0
    assert best.cost == pytest.approx(costs[:500].mean(), abs=0.02)
    assert best.standard_error == pytest.approx(costs[:500].std() / 500**0.5, rel=0.15)


@every_bandit
def test_global_random_state_is_left_alone(bandit: Bandit) -> None:
    """Nothing draws from the process-wide generators."""
    legacy = np.random.get_state(legacy=False)["state"]["key"].copy()
    plain = random.getstate()
    state = bandit.fold(bandit.initial(study_of(3)), outcomes_of([0, 1], [1.0, 2.0]))
    bandit.policy(state).choose(10, np.random.default_rng(1))
    bandit.best(state)

    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], legacy)
    assert plain == random.getstate()


@every_bandit
def test_the_answer_is_the_same_again(bandit: Bandit) -> None:
    """A policy is a pure function of the state."""
    outcomes = outcomes_of([0, 1, 2, 1], [1.0, 2.0, 0.5, np.nan])
    first, second = (bandit.policy(bandit.fold(bandit.initial(study_of(3)), outcomes)) for _ in range(2))

    assert first.probabilities.tobytes() == second.probabilities.tobytes()


def test_the_catalogue_needs_numpy_alone() -> None:
    """Importing every bandit loads neither SciPy nor torch, as the serving process does it."""
    program = (
        "import sys, trimtab_service.bandits.catalog;"
        "print([name for name in ('scipy', 'torch', 'sklearn', 'grpc', 'sqlalchemy') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"

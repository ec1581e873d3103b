"""What the policy of every K-armed bandit promises; a new one is held to it by its line in the catalogue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bandits.bandit_problems import NOW, chances, outcomes_of, start, table
from contract.bandits.hosted import every_bandit, every_metric, histories
from trimtab_service.bandits.base import Bandit
from trimtab_service.domain.metric import Goal, Metric


@every_bandit
@every_metric
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_probabilities_are_probabilities(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """Whatever was observed, those of any arms are at least 0 and add up to 1; with the floor all are above 0."""
    arms, outcomes = data.draw(histories(metric))
    goal = data.draw(st.sampled_from(Goal))
    costs = outcomes.costs * (1 if goal is Goal.MINIMIZE else -1)
    signed = outcomes_of(outcomes.arms, costs, outcomes.propensities, outcomes.counts, outcomes.variances)
    state = bandit.fold(start(bandit, arms, metric, goal), signed)
    some = sorted(data.draw(st.sets(st.integers(0, arms - 1), min_size=1)))
    probabilities = chances(bandit, state, some)

    assert (len(some),) == probabilities.shape
    assert (probabilities >= 0).all()
    assert pytest.approx(probabilities.sum(), abs=1e-9) == 1.0
    drawn = table(bandit, state, arms)
    assert (drawn.probabilities >= bandit.floor / arms * (1 - 1e-9)).all()
    assert pytest.approx(drawn.probabilities.sum(), abs=1e-9) == 1.0
    assert drawn.cumulative[-1] == 1.0


@every_bandit
@every_metric
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_best_is_one_of_those_asked_for(bandit: Bandit, metric: Metric, data: st.DataObject) -> None:
    """It is one of the arms that was tried; how likely it is the best of them is a probability."""
    arms, outcomes = data.draw(histories(metric))
    state = bandit.fold(start(bandit, arms, metric), outcomes)
    some = sorted(data.draw(st.sets(st.integers(0, arms - 1), min_size=1)))
    best = bandit.best(state, np.array(some), None, NOW)

    if best is None:
        assert not set(some) & set(outcomes.arms.tolist())
    else:
        assert best.arm in set(some) & set(outcomes.arms.tolist())
        assert np.isfinite([best.cost, best.standard_error]).all()
        assert best.probability is None or 0 <= best.probability <= 1


@every_bandit
@every_metric
def test_knowing_nothing_is_fair(bandit: Bandit, metric: Metric) -> None:
    """Without any outcome all arms are equally likely and none is best."""
    state = start(bandit, 7, metric)

    np.testing.assert_allclose(chances(bandit, state, np.arange(7)), 1 / 7, rtol=1e-9)
    np.testing.assert_allclose(chances(bandit, state, [1, 2, 5]), 1 / 3, rtol=1e-9)
    assert bandit.best(state, np.arange(7), None, NOW) is None


@every_bandit
@every_metric
def test_one_arm(bandit: Bandit, metric: Metric) -> None:
    """The only arm is always played, and surely the best."""
    state = bandit.fold(start(bandit, 1, metric), outcomes_of([0, 0, 0], [0.0, 1.0, np.nan], 1.0))
    best = bandit.best(state, np.arange(1), None, NOW)

    assert chances(bandit, state, [0]).tolist() == [1.0]
    assert best is not None
    assert best.arm == 0
    assert best.probability == pytest.approx(1.0)


@every_bandit
@every_metric
def test_the_only_arm_allowed_is_played(bandit: Bandit, metric: Metric) -> None:
    """However bad it is, tried or not."""
    state = bandit.fold(start(bandit, 3, metric), outcomes_of([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]))

    assert [chances(bandit, state, [arm]).tolist() for arm in range(3)] == [[1.0]] * 3


@every_bandit
@every_metric
def test_a_thousand_arms(bandit: Bandit, metric: Metric) -> None:
    """The largest space works, and arms that did well are preferred to those that did badly."""
    rng = np.random.default_rng(3)
    arms = np.tile(np.arange(1_000), 30)
    costs = (rng.random(30_000) < np.where(arms < 10, 0.2, 0.8)).astype(float)
    state = bandit.fold(start(bandit, 1_000, metric), outcomes_of(arms, costs, 1e-3))
    probabilities = chances(bandit, state, np.arange(1_000))

    assert pytest.approx(probabilities.sum(), abs=1e-9) == 1.0
    assert probabilities[:10].mean() > 3 * probabilities[10:].mean()


@every_bandit
@every_metric
def test_only_failures(bandit: Bandit, metric: Metric) -> None:
    """Where nothing ever worked, what failed most is played less than what was never tried."""
    state = bandit.fold(start(bandit, 3, metric), outcomes_of([0] * 9 + [1] * 3, [np.nan] * 12, 1 / 3))
    probabilities = chances(bandit, state, np.arange(3))

    assert probabilities[0] < probabilities[2]
    assert bandit.best(state, np.arange(3), None, NOW) is not None


@every_bandit
@every_metric
def test_failures_are_avoided(bandit: Bandit, metric: Metric) -> None:
    """An arm that always failed is played less than those that work, even if all that work cost the same."""
    often = 5_000
    arms = np.repeat([0, 1, 2], often)
    steady, varied = (
        np.concatenate([np.full(often, 0.5), np.full(often, np.nan), np.tile(costs, often // 2)])
        for costs in ([0.5, 0.5], [0.0, 0.5])
    )
    for costs in (steady, varied):
        state = bandit.fold(start(bandit, 3, metric), outcomes_of(arms, costs, 1 / 3))
        probabilities = chances(bandit, state, np.arange(3))
        assert probabilities[1] < probabilities[2]


@every_bandit
@pytest.mark.parametrize("cost", [0.0, 0.1, -7.3e11, 3e-13])
def test_constant_costs(bandit: Bandit, cost: float) -> None:
    """Arms that always cost the same are all played on."""
    state = start(bandit, 4)
    for _ in range(30):
        state = bandit.fold(state, outcomes_of([0, 1, 1, 2, 3], [cost] * 5, 0.25))

    assert chances(bandit, state, np.arange(4)).min() > 0.05


@every_bandit
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-12, 1e12, 1e150, 1e300])
def test_extreme_costs(bandit: Bandit, scale: float) -> None:
    """However large or small costs, variances and counts are, no answer is NaN and no state is stuck."""
    outcomes = outcomes_of(
        [0, 1, 2, 0, 1, 2],
        [scale, -scale, np.nan, scale / 3, 1.7e308, -1.7e308],
        [1e-12, 1, 1, 1e-3, 1, 0.5],
        [1e18, 1, 1, 5, 1e9, 2],
        [np.nan, np.nan, np.nan, 1.7e308, scale, 0.0],
    )
    state = bandit.fold(start(bandit, 4), outcomes)
    best = bandit.best(state, np.arange(4), None, NOW)

    assert pytest.approx(chances(bandit, state, np.arange(4)).sum(), abs=1e-9) == 1.0
    assert (table(bandit, state, 4).probabilities > 0).all()
    assert best is not None
    assert np.isfinite([best.cost, best.standard_error, best.probability or 0.0]).all()


@every_bandit
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_units_do_not_matter(bandit: Bandit, data: st.DataObject) -> None:
    """Costs in another unit, from another zero, give the same policy, unless the range of the metric is declared."""
    arms, factor, offset = data.draw(
        st.tuples(st.integers(2, 6), st.sampled_from([1e-12, 0.5, 1e12]), st.sampled_from([0.0, -3.0, 1e4]))
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    played, costs = rng.integers(0, arms, 30), rng.standard_normal(30)
    expected, actual = (
        chances(bandit, bandit.fold(start(bandit, arms), outcomes_of(played, measured)), np.arange(arms))
        for measured in (costs, factor * (costs + offset))
    )

    np.testing.assert_allclose(actual, expected, atol=1e-6)


@every_bandit
@every_metric
def test_arms_have_no_rank(bandit: Bandit, metric: Metric) -> None:
    """Numbering the arms differently permutes the probabilities and does nothing else."""
    rng = np.random.default_rng(11)
    played, costs = rng.integers(0, 5, 40), rng.integers(0, 2, 40).astype(float)
    order = rng.permutation(5)
    expected, actual = (
        chances(bandit, bandit.fold(start(bandit, 5, metric), outcomes_of(arms, costs)), np.arange(5))
        for arms in (played, order[played])
    )

    np.testing.assert_allclose(actual[order], expected, atol=1e-12)


@every_bandit
@every_metric
def test_the_best_is_not_the_luckiest(bandit: Bandit, metric: Metric) -> None:
    """An arm that was lucky once is not preferred to one that is known to be good."""
    rng = np.random.default_rng(5)
    costs = np.concatenate([(rng.random(500) < 0.2).astype(float), (rng.random(500) < 0.7).astype(float), [0.0]])
    arms = np.repeat([0, 1, 2], [500, 500, 1])
    state = bandit.fold(start(bandit, 4, metric), outcomes_of(arms, costs))
    best, second = (bandit.best(state, np.arange(first, 2), None, NOW) for first in range(2))

    assert bandit.best(state, np.arange(4), None, NOW) is not None
    assert best is not None
    assert best.arm == 0
    assert best.cost == pytest.approx(costs[:500].mean(), abs=0.02)
    assert best.standard_error == pytest.approx(costs[:500].std() / 500**0.5, rel=0.15)
    assert best.probability == pytest.approx(1.0, abs=1e-4)
    assert second is not None
    assert second.arm == 1


@every_bandit
def test_the_answer_is_the_same_again(bandit: Bandit) -> None:
    """A policy is a pure function of the state."""
    outcomes = outcomes_of([0, 1, 2, 1], [1.0, 2.0, 0.5, np.nan])
    first, second = (chances(bandit, bandit.fold(start(bandit, 3), outcomes), np.arange(3)).tobytes() for _ in range(2))

    assert first == second

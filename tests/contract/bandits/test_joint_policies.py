"""How every bandit of several parameters plays; a new one is held to it by its line in the catalogue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contract.bandits.bandit_problems import NOW, outcomes_of
from contract.bandits.joint_problems import (
    FLOOR_TAG,
    SIZES,
    begin,
    drawn,
    every_bandit,
    every_metric,
    joint_histories,
    lattice_of,
    lattice_study,
    law,
    learned,
    played,
    tagged,
    trials,
)
from trimtab_service.bandits.base import JointBandit
from trimtab_service.domain.metric import Goal, Metric


@every_bandit
@every_metric
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_probabilities_add_up_to_one(bandit: JointBandit, metric: Metric, data: st.DataObject) -> None:
    """Over all points of the lattice, whatever was observed; and what is drawn can be drawn."""
    sizes, outcomes = data.draw(joint_histories(metric))
    state = learned(bandit, sizes, outcomes, metric)
    probabilities = law(bandit, state, sizes)
    arms, _ = drawn(bandit, state, 20, np.random.default_rng(3))

    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-9)
    assert (probabilities[arms] > 0).all()


@every_bandit
@pytest.mark.parametrize(("number", "draws"), [(0, 20_000), (5, 20_000), (40, 200_000)])
def test_the_law_of_draw_is_the_one_it_states(bandit: JointBandit, number: int, draws: int) -> None:
    """Of many draws each point gets the share that is logged as its propensity."""
    rng = np.random.default_rng(number)
    state = learned(bandit, SIZES, trials(rng, number))
    arms, _ = drawn(bandit, state, draws, rng)
    frequencies = np.bincount(arms, minlength=12)
    expected = draws * law(bandit, state, SIZES)
    usual = expected > 5

    assert frequencies[~usual].sum() <= stats.poisson.ppf(1 - 1e-6, expected[~usual].sum())
    if usual.sum() > 1:
        shares = expected[usual] * frequencies[usual].sum() / expected[usual].sum()
        assert stats.chisquare(frequencies[usual], shares).pvalue > 1e-3


@every_bandit
@pytest.mark.parametrize("luck", [0.0, np.nextafter(1.0, 0.0)])
def test_extreme_luck_is_a_legal_draw(bandit: JointBandit, luck: float) -> None:
    """Zero and the number before one give points of positive probability, with many parameters too."""
    sizes = (2, 1, 3) * 17
    rng = np.random.default_rng(1)
    arms = rng.integers(0, lattice_of(sizes).count, 60)
    outcomes = tagged(
        outcomes_of(arms, rng.random(60), steps=np.arange(60, dtype=float)), 1 + np.arange(60) % len(sizes)
    )
    for state in (begin(bandit, sizes), learned(bandit, sizes, outcomes)):
        policy = bandit.policy(state, NOW)
        draw = policy.draw(np.full(policy.draws, luck))

        assert 0 <= draw.arm < lattice_of(sizes).count
        assert policy.probability(draw.arm) > 0


@every_bandit
@every_metric
def test_knowing_nothing_is_fair(bandit: JointBandit, metric: Metric) -> None:
    """Without any outcome all points are equally likely and none is best."""
    state = begin(bandit, SIZES, metric)

    np.testing.assert_allclose(law(bandit, state, SIZES), 1 / 12, rtol=1e-9)
    assert bandit.best(state) is None


@every_bandit
@every_metric
@pytest.mark.parametrize("sizes", [(1,), (1, 1, 1)])
def test_one_point(bandit: JointBandit, metric: Metric, sizes: tuple[int, ...]) -> None:
    """The only point is always played."""
    outcomes = tagged(outcomes_of([0, 0, 0], [0.0, 1.0, np.nan], 1.0), [0, 1, FLOOR_TAG])
    for state in (begin(bandit, sizes, metric), learned(bandit, sizes, outcomes, metric)):
        assert law(bandit, state, sizes).tolist() == [1.0]
        assert drawn(bandit, state, 3, np.random.default_rng(1))[0].tolist() == [0, 0, 0]
    best = bandit.best(learned(bandit, sizes, outcomes, metric))
    assert best is not None
    assert best.arm == 0


@every_bandit
def test_parameters_of_one_value_do_no_harm(bandit: JointBandit) -> None:
    """Beside others they change neither what is learned nor what is played."""
    rng = np.random.default_rng(9)
    arms, costs = rng.integers(0, 6, 30), rng.random(30)
    tags = 1 + rng.integers(0, 2, 30)
    plain = learned(bandit, (2, 3), tagged(outcomes_of(arms, costs, steps=np.arange(30, dtype=float)), tags))
    # The same two parameters are number 2 and 4 of five now.
    mixed = learned(
        bandit, (1, 2, 1, 3, 1), tagged(outcomes_of(arms, costs, steps=np.arange(30, dtype=float)), 2 * tags)
    )

    np.testing.assert_allclose(law(bandit, mixed, (1, 2, 1, 3, 1)), law(bandit, plain, (2, 3)), atol=1e-9)


@every_bandit
def test_one_parameter_is_learned(bandit: JointBandit) -> None:
    """With a single parameter it is a bandit like another: the cheap value is played most."""
    _, arms = played(bandit, (5,), lambda indices: 0.0 if indices[0] == 3 else 1.0, 100, 4, seed=1)

    assert np.bincount(arms[-100:], minlength=5).argmax() == 3


@every_bandit
def test_parameters_that_add_up_are_learned(bandit: JointBandit) -> None:
    """Where each parameter has its own best value, play finds them all, and best names them."""

    def mean(indices: tuple[int, ...]) -> float:
        return sum(value != 1 for value in indices) / len(indices)

    sizes = (3, 4, 2, 3)
    state, arms = played(bandit, sizes, mean, 150, 4, seed=2)
    costs = [mean(lattice_of(sizes).indices(int(arm))) for arm in arms]
    best = bandit.best(state)

    assert np.mean(costs[-100:]) < 0.5 * np.mean(costs[:40])
    assert best is not None
    assert lattice_of(sizes).indices(best.arm) == (1, 1, 1, 1)


@every_bandit
def test_failures_are_avoided(bandit: JointBandit) -> None:
    """A value that fails is played less than those that work, even if all that work cost the same."""
    arms = np.tile(np.arange(12), 6)
    fails = arms // 2 % 3 == 1
    costs = np.where(fails, np.nan, 1.0)
    outcomes = tagged(outcomes_of(arms, costs, steps=np.arange(72, dtype=float)), 1 + np.arange(72) // 12 % 3)
    state = learned(bandit, SIZES, outcomes)
    probabilities = law(bandit, state, SIZES)
    best = bandit.best(state)

    assert probabilities[fails[:12]].sum() < 0.2
    assert best is not None
    assert not fails[best.arm]


@every_bandit
@every_metric
def test_only_failures(bandit: JointBandit, metric: Metric) -> None:
    """Where nothing ever worked there is still a policy, and a best point with finite numbers."""
    outcomes = tagged(outcomes_of([0] * 9 + [7] * 3, [np.nan] * 12), [1, 2, 3] * 4)
    state = learned(bandit, SIZES, outcomes, metric)
    best = bandit.best(state)

    assert law(bandit, state, SIZES).sum() == pytest.approx(1.0, abs=1e-9)
    assert best is not None
    assert np.isfinite([best.cost, best.standard_error]).all()


@every_bandit
@pytest.mark.parametrize("cost", [0.0, 0.1, -7.3e11, 3e-13])
def test_constant_costs(bandit: JointBandit, cost: float) -> None:
    """Values that always cost the same are all played on."""
    state = begin(bandit, SIZES)
    for step in range(20):
        arms = np.arange(12)
        state = bandit.fold(state, tagged(outcomes_of(arms, [cost] * 12, steps=12.0 * step), 1 + arms % 3))
    values = np.array([lattice_of(SIZES).indices(arm) for arm in range(12)])
    probabilities = law(bandit, state, SIZES)

    for parameter, size in enumerate(SIZES):
        assert np.bincount(values[:, parameter], probabilities, size).min() > 0.05


@every_bandit
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e-12, 1e12, 1e150, 1e300])
def test_extreme_costs(bandit: JointBandit, scale: float) -> None:
    """However large or small costs, variances, counts and steps are, no answer is NaN and no state is stuck."""
    outcomes = outcomes_of(
        [0, 4, 11, 0, 4, 11],
        [scale, -scale, np.nan, scale / 3, 1.7e308, -1.7e308],
        [1e-12, 1, 1, 1e-3, 1, 0.5],
        [1e18, 1, 1, 5, 1e9, 2],
        [np.nan, np.nan, np.nan, 1.7e308, scale, 0.0],
        [0, 1e15, 3, 1e9, 0, 1e6],
    )
    state = learned(bandit, SIZES, tagged(outcomes, [1, 2, 3, 1, 2, 3]))
    probabilities = law(bandit, state, SIZES)
    best = bandit.best(state)

    assert (probabilities >= 0).all()
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-9)
    assert best is not None
    assert np.isfinite([best.cost, best.standard_error]).all()


@every_bandit
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_units_do_not_matter(bandit: JointBandit, data: st.DataObject) -> None:
    """Costs in another unit, from another zero, give the same policy, unless the range of the metric is declared."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    factor, offset = data.draw(st.sampled_from([(1e-9, 0.0), (1e9, 0.0), (1.0, 30.0), (1e3, -2.0)]))
    outcomes = trials(rng, 60)
    scaled = replace(outcomes, costs=factor * (outcomes.costs + offset))
    expected = law(bandit, learned(bandit, SIZES, outcomes), SIZES)
    actual = law(bandit, learned(bandit, SIZES, scaled), SIZES)

    np.testing.assert_allclose(actual, expected, atol=1e-6)


@every_bandit
def test_values_have_no_rank(bandit: JointBandit) -> None:
    """Numbering a parameter's values differently permutes the probabilities and does nothing else."""
    outcomes = trials(np.random.default_rng(4), 50, (4, 3))
    order = np.array([2, 0, 3, 1])
    turned = replace(outcomes, arms=order[outcomes.arms // 3] * 3 + outcomes.arms % 3)
    expected = law(bandit, learned(bandit, (4, 3), outcomes), (4, 3)).reshape(4, 3)
    actual = law(bandit, learned(bandit, (4, 3), turned), (4, 3)).reshape(4, 3)

    np.testing.assert_allclose(actual[order], expected, atol=1e-9)


@every_bandit
def test_the_best_is_not_the_luckiest(bandit: JointBandit) -> None:
    """A value that was lucky once is not preferred to one that is known to be good."""
    rng = np.random.default_rng(5)
    values = np.repeat([0, 1, 2], [500, 500, 1])
    costs = np.concatenate([(rng.random(500) < 0.2).astype(float), (rng.random(500) < 0.7).astype(float), [0.0]])
    best = bandit.best(learned(bandit, (4, 1), tagged(outcomes_of(values, costs, steps=250.0), 1)))

    assert best is not None
    assert best.arm == 0
    assert best.cost == pytest.approx(0.2, abs=0.05)
    assert 0 < best.standard_error < 0.05


@every_bandit
def test_what_the_floor_drew_is_enough_to_name_a_best(bandit: JointBandit) -> None:
    """A study that is all floor, random play, still ends with a recommendation."""
    rng = np.random.default_rng(6)
    arms = rng.integers(0, 12, 300)
    costs = np.array([sum(lattice_of(SIZES).indices(int(arm))) for arm in arms]) + 0.1 * rng.standard_normal(300)
    best = bandit.best(learned(bandit, SIZES, tagged(outcomes_of(arms, costs), FLOOR_TAG)))

    assert best is not None
    assert best.arm == 0


@every_bandit
def test_the_largest_lattice(bandit: JointBandit) -> None:
    """200 parameters and 2^53 points: numbers are exact, and what is drawn has its own probability."""
    sizes = (2,) * 53 + (1,) * 147
    rng = np.random.default_rng(7)
    arms = rng.integers(0, 2**53, 200)
    outcomes = tagged(outcomes_of(arms, rng.random(200), steps=np.arange(200, dtype=float)), 1 + np.arange(200) % 53)
    state = learned(bandit, sizes, outcomes)
    policy = bandit.policy(state, NOW)
    draws = [policy.draw(luck) for luck in rng.random((20, policy.draws))]

    assert all(0 <= draw.arm < 2**53 for draw in draws)
    assert all(0 < policy.probability(draw.arm) <= 1 for draw in draws)
    assert len({draw.arm for draw in draws}) > 1


@every_bandit
@every_metric
def test_goals_are_mirrored(bandit: JointBandit, metric: Metric) -> None:
    """To maximize works as to minimize the negative, by the sign that costs come with."""
    study = lattice_study(SIZES, metric, Goal.MAXIMIZE)
    arms = np.repeat(np.arange(12), 9)
    shares = [np.mean(np.equal(lattice_of(SIZES).indices(int(arm)), (1, 0, 1))) for arm in arms]
    outcomes = tagged(outcomes_of(arms, -np.array(shares), steps=50.0), 1 + np.arange(108) % 3)
    state = bandit.fold(bandit.initial(study, lattice_of(SIZES)), outcomes)
    best = bandit.best(state)

    assert best is not None
    assert best.arm == 7

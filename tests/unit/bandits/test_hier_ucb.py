"""Hier-UCB: which parameter changes, what the others keep, what counts how much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.bandits.bandit_problems import BOUNDED, NOW, outcomes_of
from contract.bandits.joint_problems import FLOOR_TAG, begin, drawn, lattice_of, lattice_study, law, played, tagged
from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.hier_ucb import HierUcb
from trimtab_service.bandits.ucb_shares import ucb_shares
from trimtab_service.domain.arms import Lattice
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Float, SearchSpace

SIZES = (2, 3)


def test_a_choice_changes_one_parameter() -> None:
    """The tag names the parameter that was changed; the others have their best value."""
    bandit = HierUcb()
    # Value 1 of the first parameter and value 2 of the second were cheap.
    arms = np.tile(np.arange(6), 8)
    costs = 2.0 - (arms // 3 == 1) - (arms % 3 == 2)
    state = bandit.fold(begin(bandit, SIZES), tagged(outcomes_of(arms, costs), 1 + np.arange(48) // 6 % 2))
    chosen, tags = drawn(bandit, state, 200, np.random.default_rng(1))

    assert set(tags) == {1, 2}
    assert set(chosen[tags == 1] % 3) == {2}
    assert set(chosen[tags == 2] // 3) == {1}


def test_the_law_is_the_formula() -> None:
    """Shares of the upper index times shares of the lower ones, on costs weighted by the square of their step."""
    bandit = HierUcb(alpha_upper=1.5, alpha_lower=0.5, ahead=8)
    arms, costs, steps = [0, 3, 0, 1, 2, 2], [1.0, 2.0, 4.0, -1.0, 0.0, 3.0], [0, 1, 2, 3, 4, 5]
    state = bandit.fold(
        begin(bandit, SIZES, BOUNDED), tagged(outcomes_of(arms, costs, steps=steps), [1, 1, 2, 2, 2, 2])
    )
    weights = (1 + np.array(steps, dtype=float)) ** 2
    values = [np.average(np.array(costs)[one], weights=weights[one]) for one in ([0], [1], [2], [3], [4, 5])]
    parameters = [np.average(np.array(costs)[one], weights=weights[one]) for one in ([0, 1], [2, 3, 4, 5])]
    upper = ucb_shares(
        np.array(parameters),
        np.array([2.0, 4.0]),
        np.array([1.5 * 8 * np.log(7) ** 0.5]),
        np.array([8.0]),
        np.zeros(1, dtype=np.intp),
    )
    lower = ucb_shares(
        np.array(values),
        np.array([1.0, 1.0, 1.0, 1.0, 2.0]),
        0.5 * 8 * np.log([3, 5]) ** 0.5,
        np.maximum(8 * upper, 1.0),
        np.array([0, 2]),
    )
    # Kept are value 0 of the first parameter and value 1 of the second.
    expected = np.zeros((2, 3))
    expected[:, 1] += upper[0] * lower[:2]
    expected[0] += upper[1] * lower[2:]

    np.testing.assert_allclose(law(bandit, state, SIZES), expected.ravel(), rtol=1e-9)


def test_a_failure_weighs_as_its_step_does() -> None:
    """It is a measurement of the largest cost, later ones counting more."""
    failed, dear = (
        bandit_law(outcomes_of([0, 3, 3, 1], [1.0, 2.0, last, 0.0], steps=[0, 1, 9, 3])) for last in (np.nan, 5.0)
    )

    np.testing.assert_allclose(failed, dear, rtol=1e-9)


def bandit_law(outcomes: Outcomes) -> NDArray[np.float64]:
    """Of four outcomes of a metric between -3 and 5."""
    bandit = HierUcb()
    return law(bandit, bandit.fold(begin(bandit, SIZES, BOUNDED), tagged(outcomes, [1, 1, 1, 2])), SIZES)


def test_the_baseline_is_kept_at_first() -> None:
    """Before a parameter was ever changed it has the baseline's value: the first choices differ from it in one."""
    bandit = HierUcb()
    sizes = (3, 3, 3)
    state = begin(bandit, sizes, baseline={"p0": 1, "p1": 2, "p2": 0})
    chosen, _ = drawn(bandit, state, 300, np.random.default_rng(2))
    points = np.array([lattice_of(sizes).indices(int(arm)) for arm in chosen])

    assert (points != [1, 2, 0]).sum(axis=1).max() == 1
    assert law(bandit, state, sizes).sum() == pytest.approx(1.0)


def test_a_baseline_between_the_steps_is_left_out() -> None:
    """Where the values are cut so that the baseline's isn't among them, any is kept."""
    study = lattice_study((2,))
    space = SearchSpace((Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)))
    study = replace(study, spec=replace(study.spec, space=space, baseline={"x": 0.3, "y": 0.5}))
    bandit = HierUcb(steps=3)
    state = bandit.initial(study, Lattice.of(space, 3))

    assert state.home.tolist() == [-1, 1]


def test_draws_of_the_floor_teach_nothing_about_changes() -> None:
    """A point drawn for the floor says little of any of its values: the policy stays as it is."""
    bandit = HierUcb()
    state = bandit.fold(begin(bandit, SIZES), tagged(outcomes_of([0, 4, 5], [0.0, 1.0, 2.0]), [1, 2, 1]))
    more = bandit.fold(state, tagged(outcomes_of([3, 3, 1], [9.0, np.nan, -9.0]), [FLOOR_TAG, FLOOR_TAG, 0]))

    np.testing.assert_array_equal(law(bandit, more, SIZES), law(bandit, state, SIZES))
    assert bandit.best(more) == bandit.best(state)


def test_rewards_on_their_way_do_not_repeat_a_choice() -> None:
    """A hundred choices of one policy are spread over several points, where UCB itself would make one."""
    bandit = HierUcb()
    state, _ = played(bandit, (4, 4), lambda indices: float(sum(indices)), 20, 1, seed=3)
    chosen, _ = drawn(bandit, state, 100, np.random.default_rng(4))

    assert len(set(chosen)) >= 4


def test_late_rewards_are_learned_from() -> None:
    """With 50 decisions under way at any time, play still ends where all parameters are at their best."""
    sizes = (4, 4, 4)
    state, arms = played(HierUcb(), sizes, lambda indices: float(sum(indices)), 20, 50, seed=5)
    costs = [sum(lattice_of(sizes).indices(int(arm))) for arm in arms]
    best = HierUcb().best(state)

    assert np.mean(costs[-200:]) < 0.5 * np.mean(costs[:200])
    assert best is not None
    assert best.arm == 0


def test_what_was_measured_beside_worse_values_counts_less() -> None:
    """Values tried while another parameter was bad are not held to be worse than a later, middling one."""
    bandit = HierUcb()
    # Early, beside a bad first parameter: value 0 costs 10 and value 1 costs 11. Later, beside a good one: 0 and 1.
    arms = [0, 1] * 5 + [3, 4] * 5
    costs = [10.0, 11.0] * 5 + [0.0, 1.0] * 4 + [0.0] + [1.0]
    state = bandit.fold(begin(bandit, SIZES), tagged(outcomes_of(arms, costs, steps=np.arange(20, dtype=float)), 2))
    plain = HierUcb(recency=0.0)
    unweighted = plain.fold(begin(plain, SIZES), tagged(outcomes_of(arms, costs, steps=np.arange(20, dtype=float)), 2))
    best, old = bandit.best(state), plain.best(unweighted)

    assert best is not None
    assert old is not None
    assert best.cost < 2.0 < 4.0 < old.cost


def test_a_hill_that_needs_four_changes_is_not_climbed() -> None:
    """The known weakness: from a point that only four changes at once improve, it seldom gets away."""

    def mean(indices: tuple[int, ...]) -> float:
        return {0: 0.5, 4: 0.0}.get(sum(indices), 1.0)

    bests = []
    for seed in range(4):
        home = {f"p{index}": 0 for index in range(4)}
        state, _ = played(HierUcb(), (2, 2, 2, 2), mean, 100, 1, seed=seed, noise=0.0, baseline=home)
        best = HierUcb().best(state)
        assert best is not None
        bests.append(best.arm)

    assert bests.count(0) >= 3


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("alpha_upper", -1.0),
        ("alpha_lower", 1e7),
        ("recency", -0.5),
        ("recency", 3.5),
        ("ahead", 0),
        ("ahead", 10**7),
        ("floor", 2.0),
    ],
)
def test_options_that_make_no_sense(option: str, value: float) -> None:
    """An option out of its range is refused by name."""
    with pytest.raises(InvalidArgument) as caught:
        HierUcb(**{option: value})  # type: ignore[arg-type]

    assert option == caught.value.violations[0].field


def test_a_draw_takes_one_number_more_than_there_are_parameters() -> None:
    """One for the change, one for each value that is kept."""
    assert HierUcb().policy(begin(HierUcb(), SIZES), NOW).draws == 3

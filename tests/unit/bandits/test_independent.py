"""Independent bandits: each parameter's is the bandit that it is elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contract.bandits.bandit_problems import BINARY, METRICS, NO_CONTEXT, NOW, outcomes_of, start
from contract.bandits.joint_problems import FLOOR_TAG, begin, lattice_of, law, played, tagged
from trimtab_service.bandits.independent import LEARNERS, Independent
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Metric

SIZES = (2, 3)
every_learner = pytest.mark.parametrize("learner", LEARNERS)


@every_learner
@pytest.mark.parametrize("metric", [pytest.param(metric, id=name) for name, metric in METRICS.items()])
def test_each_parameter_has_the_law_of_its_learner(learner: str, metric: Metric) -> None:
    """A point's probability is the product of those that the learner gives its values, as if they were arms."""
    rng = np.random.default_rng(1)
    arms, costs = rng.integers(0, 6, 60), rng.integers(0, 2, 60).astype(float)
    costs[::9] = np.nan
    bandit = Independent(learner=learner)
    state = bandit.fold(begin(bandit, SIZES, metric), outcomes_of(arms, costs))
    single: Any = LEARNERS[learner]()
    laws = [
        single.policy(single.fold(start(single, size, metric), outcomes_of(values, costs)), NOW).chances(
            np.arange(size), NO_CONTEXT
        )
        for size, values in zip(SIZES, (arms // 3, arms % 3), strict=True)
    ]

    np.testing.assert_allclose(law(bandit, state, SIZES), np.outer(*laws).ravel(), rtol=1e-9)


@every_learner
def test_every_learner_learns(learner: str) -> None:
    """Where parameters add up, the last choices are clearly better than the first ones."""
    sizes = (3, 3)
    _, arms = played(Independent(learner=learner), sizes, lambda indices: float(sum(indices)), 100, 2, seed=2)
    costs = [sum(lattice_of(sizes).indices(int(arm))) for arm in arms]

    assert np.mean(costs[-50:]) < 0.75 * 2.0


def test_every_draw_counts() -> None:
    """Points drawn for the floor are as good as others: a marginal average asks for no tag."""
    bandit = Independent()
    outcomes = outcomes_of([0, 4, 5, 2], [0.0, 1.0, 2.0, 0.5])
    expected = law(bandit, bandit.fold(begin(bandit, SIZES), outcomes), SIZES)
    actual = law(bandit, bandit.fold(begin(bandit, SIZES), tagged(outcomes, FLOOR_TAG)), SIZES)

    np.testing.assert_array_equal(actual, expected)


def test_propensities_do_not_matter() -> None:
    """What is logged is the probability of a point, which says nothing of its values: nobody looks at it."""
    bandit = Independent()
    low, high = (
        law(bandit, bandit.fold(begin(bandit, SIZES), outcomes_of([0, 4, 5], [0.0, 1.0, 2.0], one)), SIZES)
        for one in (1e-9, 1.0)
    )

    np.testing.assert_array_equal(high, low)


@pytest.mark.parametrize("learner", ["tsallis_inf", "hier_ucb", ""])
def test_other_learners_are_refused(learner: str) -> None:
    """Those that need each value's own propensity can't be asked for."""
    with pytest.raises(InvalidArgument, match="learner"):
        Independent(learner=learner)


def test_binary_metrics_have_beta_posteriors() -> None:
    """The learner sees what the metric is."""
    assert begin(Independent(), SIZES, BINARY).ledger.bernoulli


def test_the_estimate_is_of_the_chosen_values() -> None:
    """Its cost lies between what the best values cost on average and the best point, in the unit of the metric."""
    arms = np.tile(np.arange(6), 50)
    costs = arms // 3 + arms % 3 + 0.01 * np.random.default_rng(3).standard_normal(300)
    bandit = Independent()
    best = bandit.best(bandit.fold(begin(bandit, SIZES), outcomes_of(arms, costs)))

    assert best is not None
    assert best.arm == 0
    # The first parameter's value costs 1 on average, the second one's 0.5.
    assert best.cost == pytest.approx(0.75, abs=0.05)
    assert best.standard_error > 0

"""Thompson sampling: posteriors, options, learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from contract.bandits.bandit_problems import BINARY, BOUNDED, REAL, outcomes_of, study_of
from contract.bandits.learning import MEANS, regret, ucb1_regret
from trimtab_service.bandits.thompson import BernoulliState, GaussianState, Thompson
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Goal, Metric


def frequencies_of_least(draws: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How often each column of ``draws`` [n, K] holds the least value."""
    return np.bincount(draws.argmin(axis=1), minlength=draws.shape[1]) / len(draws)


@pytest.mark.parametrize(
    ("losses", "counts"),
    [
        ([0, 0, 1], [0, 1, 1]),
        ([3, 1, 40], [9, 9, 100]),
        ([999_000, 998_000, 0], [1_000_000, 1_000_000, 0]),
        ([500_000_000, 500_010_000, 1], [1_000_000_000, 1_000_000_000, 5]),
        ([1, 2, 0], [1_000_000_000, 1_000_000_000, 100_000]),
    ],
)
def test_beta_posteriors(losses: list[float], counts: list[float]) -> None:
    """The probabilities are those of a million samples of the Beta posteriors, to counts of 1e9."""
    bandit = Thompson(floor=1e-9)
    arms = [arm for arm in range(3) if counts[arm]]
    means = [losses[arm] / counts[arm] for arm in arms]
    state = bandit.fold(
        bandit.initial(study_of(3, BINARY)), outcomes_of(arms, means, counts=[counts[arm] for arm in arms])
    )
    rng = np.random.default_rng(1)
    lost, all_of = np.array(losses), np.array(counts)
    expected = frequencies_of_least(rng.beta(1 + lost, 1 + all_of - lost, (1_000_000, 3)))

    np.testing.assert_allclose(bandit.policy(state).probabilities, expected, atol=2e-3)


def test_a_two_armed_beta_contest_exactly() -> None:
    """P(Beta(2, 3) < Beta(4, 2)) as an integral of known functions."""
    bandit = Thompson(floor=1e-9)
    state = bandit.fold(bandit.initial(study_of(2, BINARY)), outcomes_of([0, 0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 1, 1, 0]))
    grid = np.linspace(0, 1, 100_001)
    expected = np.trapezoid(stats.beta.pdf(grid, 2, 3) * stats.beta.sf(grid, 4, 2), grid)

    assert expected == pytest.approx(bandit.policy(state).probabilities[0], abs=1e-4)


def test_a_weak_prior_is_taken() -> None:
    """Priors far below one measurement are still integrated right."""
    bandit = Thompson(floor=1e-9, prior_wins=0.05, prior_losses=0.05)
    state = bandit.fold(bandit.initial(study_of(2, BINARY)), outcomes_of([0, 0, 0], [1, 0, 0]))
    expected = frequencies_of_least(np.random.default_rng(1).beta([1.05, 0.05], [2.05, 0.05], (1_000_000, 2)))

    np.testing.assert_allclose(bandit.policy(state).probabilities, expected, atol=2e-3)


def test_well_known_costs_approach_the_central_limit() -> None:
    """With many measurements an arm's mean is normal with the usual standard error."""
    rng = np.random.default_rng(4)
    costs = np.concatenate([rng.normal(0, 1, 4_000), rng.normal(0.05, 3, 4_000)])
    bandit = Thompson(floor=1e-9)
    state = bandit.fold(bandit.initial(study_of(2)), outcomes_of(np.repeat([0, 1], 4_000), costs))
    gap = costs[4_000:].mean() - costs[:4_000].mean()
    expected = stats.norm.cdf(gap / np.hypot(costs[:4_000].std(), costs[4_000:].std()) * 4_000**0.5)

    assert expected == pytest.approx(bandit.policy(state).probabilities[0], abs=0.005)


def test_untried_arms_are_as_uncertain_as_arms_differ() -> None:
    """An arm without data gets a fair chance: neither all of the play nor next to none."""
    rng = np.random.default_rng(5)
    bandit = Thompson()
    state = bandit.initial(study_of(6))
    state = bandit.fold(
        state, outcomes_of(np.repeat(np.arange(5), 20), np.repeat(np.arange(5.0), 20) + rng.normal(size=100))
    )
    untried = bandit.policy(state).probabilities[5]

    assert 0.02 < untried < 0.5


def test_the_floor_is_shared() -> None:
    """No arm is played less than floor / K, and one that is surely worse exactly that often."""
    bandit = Thompson(floor=0.2)
    state = bandit.fold(bandit.initial(study_of(4, BINARY)), outcomes_of([0, 1, 2, 3], [0, 1, 1, 1], counts=1e6))

    np.testing.assert_allclose(bandit.policy(state).probabilities, [0.85, 0.05, 0.05, 0.05], atol=1e-9)


@pytest.mark.parametrize(
    ("metric", "reward", "kind"),
    [
        (BINARY, "auto", BernoulliState),
        (REAL, "auto", GaussianState),
        (BOUNDED, "auto", GaussianState),
        (BINARY, "gaussian", GaussianState),
        (BOUNDED, "bernoulli", BernoulliState),
    ],
)
def test_auto_looks_at_the_metric(metric: Metric, reward: str, kind: type) -> None:
    """Binary metrics get Beta posteriors, real ones Normal-inverse-gamma, unless asked otherwise."""
    assert isinstance(Thompson(reward=reward).initial(study_of(2, metric)), kind)


def test_bernoulli_needs_bounds() -> None:
    """A metric of unknown range can't be made of wins and losses."""
    with pytest.raises(InvalidArgument) as caught:
        Thompson(reward="bernoulli").initial(study_of(2))

    assert caught.value.violations[0].field == 'options["reward"]'


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("reward", "poisson"),
        ("floor", 0.0),
        ("floor", 1.5),
        ("prior_wins", 0.0),
        ("prior_losses", -1.0),
        ("prior_degrees", 0.5),
    ],
)
def test_options_that_make_no_sense(option: str, value: float | str) -> None:
    """An option out of its range is refused by name."""
    with pytest.raises(InvalidArgument) as caught:
        Thompson(**{option: value})  # type: ignore[arg-type]

    assert option == caught.value.violations[0].field


def test_estimates_are_in_the_unit_of_the_metric() -> None:
    """Partial losses come back as costs: a metric from -3 to 5 has its mean, not a share."""
    bandit = Thompson(reward="bernoulli")
    state = bandit.fold(bandit.initial(study_of(2, BOUNDED)), outcomes_of([0, 1], [1.5, 4.0], counts=1e6))
    best = bandit.best(state)

    assert best is not None
    assert best.arm == 0
    assert best.cost == pytest.approx(1.5, abs=1e-3)
    assert pytest.approx(best.standard_error, rel=1e-3) == 8 * (0.5625 * 0.4375 / 1e6) ** 0.5


@pytest.mark.parametrize("reward", ["bernoulli", "gaussian"])
def test_learning(reward: str) -> None:
    """On ten Bernoulli arms its regret is less than half of UCB1's, on average of three seeds."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)
    regrets = [regret(Thompson(reward=reward), study, seed) for seed in range(3)]

    assert np.mean(regrets) < 0.5 * np.mean([ucb1_regret(seed) for seed in range(3)])

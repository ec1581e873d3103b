"""Thompson sampling: posteriors, options, learning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from contract.bandits.bandit_problems import BINARY, BOUNDED, NOW, REAL, chances, outcomes_of, start, study_of
from contract.bandits.learning import MEANS, draws_of_least, regret, ucb1_regret
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal, Metric

TWO, THREE = np.arange(2), np.arange(3)


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
    bandit = Thompson()
    arms = [arm for arm in range(3) if counts[arm]]
    means = [losses[arm] / counts[arm] for arm in arms]
    state = bandit.fold(start(bandit, 3, BINARY), outcomes_of(arms, means, counts=[counts[arm] for arm in arms]))
    rng = np.random.default_rng(1)
    lost, all_of = np.array(losses), np.array(counts)
    expected = draws_of_least(rng.beta(1 + lost, 1 + all_of - lost, (1_000_000, 3)))

    np.testing.assert_allclose(chances(bandit, state, THREE), expected, atol=2e-3)


def test_a_two_armed_beta_contest_exactly() -> None:
    """P(Beta(2, 3) < Beta(4, 2)) as an integral of known functions."""
    bandit = Thompson()
    state = bandit.fold(start(bandit, 2, BINARY), outcomes_of([0, 0, 0, 1, 1, 1, 1], [1, 0, 0, 1, 1, 1, 0]))
    grid = np.linspace(0, 1, 100_001)
    expected = np.trapezoid(stats.beta.pdf(grid, 2, 3) * stats.beta.sf(grid, 4, 2), grid)

    assert expected == pytest.approx(chances(bandit, state, TWO)[0], abs=1e-4)


def test_a_weak_prior_is_taken() -> None:
    """Priors far below one measurement are still integrated right."""
    bandit = Thompson(prior_wins=0.05, prior_losses=0.05)
    state = bandit.fold(start(bandit, 2, BINARY), outcomes_of([0, 0, 0], [1, 0, 0]))
    expected = draws_of_least(np.random.default_rng(1).beta([1.05, 0.05], [2.05, 0.05], (1_000_000, 2)))

    np.testing.assert_allclose(chances(bandit, state, TWO), expected, atol=2e-3)


def test_well_known_costs_approach_the_central_limit() -> None:
    """With many measurements an arm's mean is normal with the usual standard error."""
    rng = np.random.default_rng(4)
    costs = np.concatenate([rng.normal(0, 1, 4_000), rng.normal(0.05, 3, 4_000)])
    bandit = Thompson()
    state = bandit.fold(start(bandit, 2), outcomes_of(np.repeat([0, 1], 4_000), costs))
    gap = costs[4_000:].mean() - costs[:4_000].mean()
    expected = stats.norm.cdf(gap / np.hypot(costs[:4_000].std(), costs[4_000:].std()) * 4_000**0.5)

    assert expected == pytest.approx(chances(bandit, state, TWO)[0], abs=0.005)


def test_untried_arms_are_as_uncertain_as_arms_differ() -> None:
    """An arm without data gets a fair chance: neither all of the play nor next to none."""
    rng = np.random.default_rng(5)
    bandit = Thompson()
    state = start(bandit, 6)
    state = bandit.fold(
        state, outcomes_of(np.repeat(np.arange(5), 20), np.repeat(np.arange(5.0), 20) + rng.normal(size=100))
    )
    untried = chances(bandit, state, np.arange(6))[5]

    assert 0.02 < untried < 0.5


@pytest.mark.parametrize(
    ("metric", "reward", "bernoulli"),
    [
        (BINARY, "auto", True),
        (REAL, "auto", False),
        (BOUNDED, "auto", False),
        (BINARY, "gaussian", False),
        (BOUNDED, "bernoulli", True),
    ],
)
def test_auto_looks_at_the_metric(metric: Metric, reward: str, bernoulli: bool) -> None:
    """Binary metrics get Beta posteriors, real ones Normal-inverse-gamma, unless asked otherwise."""
    assert bernoulli == start(Thompson(reward=reward), 2, metric).bernoulli


def test_bernoulli_needs_bounds() -> None:
    """A metric of unknown range can't be made of wins and losses."""
    with pytest.raises(InvalidArgument) as caught:
        start(Thompson(reward="bernoulli"), 2)

    assert caught.value.violations[0].field == 'options["reward"]'


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("reward", "poisson"),
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
    state = bandit.fold(start(bandit, 2, BOUNDED), outcomes_of([0, 1], [1.5, 4.0], counts=1e6))
    best = bandit.best(state, TWO, None, NOW)

    assert best is not None
    assert best.arm == 0
    assert best.cost == pytest.approx(1.5, abs=1e-3)
    assert pytest.approx(best.standard_error, rel=1e-3) == 8 * (0.5625 * 0.4375 / 1e6) ** 0.5


@pytest.mark.parametrize("reward", ["bernoulli", "gaussian"])
def test_learning(reward: str) -> None:
    """On ten Bernoulli arms its regret is less than half of UCB1's, on average of three seeds."""
    study = study_of(len(MEANS), BINARY, Goal.MAXIMIZE)
    regrets = [regret(Thompson(reward=reward), study, seed, batch=25) for seed in range(3)]

    assert np.mean(regrets) < 0.5 * np.mean([ucb1_regret(seed) for seed in range(3)])


def test_arms_that_may_not_be_played_are_no_rivals() -> None:
    """The probabilities among some arms are those of being the best of them, not a share of the law of all."""
    bandit = Thompson()
    losses, wins = np.array([3, 12, 6, 20]), np.array([2, 20, 4, 30])
    state = bandit.fold(
        start(bandit, 4, BINARY), outcomes_of(np.arange(4), losses / (losses + wins), counts=losses + wins)
    )
    draws = np.random.default_rng(6).beta(1 + losses, 1 + wins, (1_000_000, 4))
    everyone, some = chances(bandit, state, np.arange(4)), chances(bandit, state, THREE)

    np.testing.assert_allclose(some, draws_of_least(draws[:, :3]), atol=2e-3)
    assert np.abs(some - everyone[:3] / everyone[:3].sum()).max() > 0.01


def test_the_best_of_some_arms_is_as_likely_as_it_is_played() -> None:
    """What Thompson sampling plays an arm with is the probability that it is the best of those asked for."""
    rng = np.random.default_rng(7)
    bandit = Thompson()
    played = np.repeat(np.arange(4), 20)
    state = bandit.fold(start(bandit, 4), outcomes_of(played, played / 10 + rng.standard_normal(80)))
    some = np.array([1, 2, 3])
    best = bandit.best(state, some, None, NOW)

    assert best is not None
    assert best.probability == pytest.approx(chances(bandit, state, some)[best.arm - 1])

"""What linear bandits believe: against the posterior written out, and the truth."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import BOUNDED, NOW, REAL, outcomes_of, study_of
from contract.bandits.contextual_problems import observed, study_with
from trimtab_service.bandits.features import LEAST_SHARE, Features
from trimtab_service.bandits.gram import Regression
from trimtab_service.bandits.lin_ucb import LinUcb
from trimtab_service.bandits.linear import Belief
from trimtab_service.domain.space import Categorical, Float

ROUNDS = 400
NOISE = 0.2
CONTEXT = (Float("x", 0.0, 10.0), Float("y", -5.0, 5.0))
SLOPES = np.array([[0.5, 1.0, 0.0], [-0.5, 0.0, 1.0]])
"""[K, d] of costs in the fixed coordinates."""


def belief_after(rounds: int) -> tuple[Belief, Features]:
    """What is believed after so many rounds with two arms."""
    rng = np.random.default_rng(5)
    contexts = np.column_stack([rng.uniform(2, 4, rounds), rng.uniform(-5, 5, rounds)])
    features = Features.of(CONTEXT)
    rows, arms = features(contexts), np.arange(rounds) % 2
    costs = 100 + (rows * SLOPES[arms]).sum(axis=1) + NOISE * rng.standard_normal(rounds)
    nothing = Regression.nothing(study_of(2), 2, features.count)
    belief = Belief.of(nothing.plus(outcomes_of(arms, costs), rows), features)
    assert belief is not None
    return belief, features


def test_the_truth_is_found() -> None:
    """Predictions, the noise, and how far off the predictions are."""
    belief, features = belief_after(ROUNDS)
    errors = []
    for context in ([2.5, -4.0], [3.9, 4.0], [3.0, 0.0]):
        row = features(np.array([context]))[0]
        posterior = belief.posterior(row, np.arange(2))
        predicted = belief.center + belief.unit * posterior.means
        errors.append((predicted - 100 - SLOPES @ row) / (belief.unit * posterior.errors))

    assert np.abs(errors).max() < 3.5
    assert belief.unit * belief.noise == pytest.approx(NOISE, rel=0.1)


def test_the_posterior_is_the_one_of_standardized_features() -> None:
    """The mean solves (Z'Z + penalties) c = Z'y + penalties m for features Z that were standardized one by one.

    m is 0 for slopes, and for the constant the same of both arms.
    """
    belief, features = belief_after(60)
    rng = np.random.default_rng(5)
    rows = features(np.column_stack([rng.uniform(2, 4, 60), rng.uniform(-5, 5, 60)]))
    deviations = rows[:, 1:].std(axis=0)
    factors = np.maximum(1 / np.sqrt((deviations**2).mean()), LEAST_SHARE / deviations)
    scaled = factors * (rows[:, 1:] - rows[:, 1:].mean(axis=0))
    standardized = np.column_stack([np.ones(60), scaled])
    np.testing.assert_allclose(rows @ belief.standardize.T, standardized, atol=1e-10)

    arms = np.arange(60) % 2
    costs = 100 + (rows * SLOPES[arms]).sum(axis=1) + NOISE * rng.standard_normal(60)
    targets = (costs - belief.center) / belief.unit
    means = []
    for arm in range(2):
        own = standardized[arms == arm]
        penalties = np.linalg.inv(belief.covariances[arm]) * belief.noise**2 - own.T @ own
        # What is left are penalties: one of the constant, one of all slopes.
        np.testing.assert_allclose(penalties - np.diag(np.diag(penalties)), 0, atol=1e-6)
        assert penalties[1, 1] == pytest.approx(penalties[2, 2], rel=1e-6)
        pulls = (own.T @ own + penalties) @ belief.coefficients[arm] - own.T @ targets[arms == arm]
        np.testing.assert_allclose(pulls[1:], 0, atol=1e-6)
        means.append(pulls[0] / penalties[0, 0])
    assert means[0] == pytest.approx(means[1], abs=1e-6)


def test_no_cost_is_below_the_least_that_the_metric_allows() -> None:
    """The least cost is known in units from the center where it is declared."""
    features = Features.of(CONTEXT)
    rows = features(np.random.default_rng(3).uniform([0, -5], [10, 5], (40, 2)))
    costs = np.random.default_rng(4).uniform(-3, 5, 40)
    outcomes = outcomes_of(np.arange(40) % 2, costs)
    least = {}
    for metric in (BOUNDED, REAL):
        belief = Belief.of(Regression.nothing(study_of(2, metric), 2, features.count).plus(outcomes, rows), features)
        assert belief is not None
        least[metric] = belief.center + belief.unit * belief.least

    assert least[BOUNDED] == pytest.approx(-3.0)
    assert least[REAL] == -np.inf


def test_a_policy_made_in_between_changes_nothing() -> None:
    """Standardizing is done anew for each policy: contexts that come later mean what they always meant."""
    rng = np.random.default_rng(2)
    bandit, study = LinUcb(interactions=True), study_with(CONTEXT, 2)
    contexts = np.concatenate([rng.uniform(0, 1, (50, 2)), rng.uniform([5, -5], [10, 0], (50, 2))])
    costs = contexts @ [1.0, -1.0] + rng.standard_normal(100)
    outcomes = [observed(contexts[part], np.arange(50) % 2, costs[part]) for part in (slice(50), slice(50, None))]
    plain = bandit.fold(bandit.fold(bandit.initial(study, 2), outcomes[0]), outcomes[1])
    asked = bandit.fold(bandit.initial(study, 2), outcomes[0])
    bandit.policy(asked, NOW).chances(np.arange(2), contexts[0])
    asked = bandit.fold(asked, outcomes[1])

    np.testing.assert_array_equal(asked.regression.grams, plain.regression.grams)
    np.testing.assert_array_equal(asked.regression.products, plain.regression.products)


def test_the_best_on_average() -> None:
    """Without a context arms are judged at the average of those seen; an arm nobody tried is not recommended."""
    bandit = LinUcb()
    context = (Categorical("kind", ("a", "b")),)
    # The first arm is better by 1 in kind a, worse by 2 in kind b; three quarters of the contexts are of kind a.
    kinds = np.tile([0.0, 0, 0, 1], 200)[:, None]
    arms = np.repeat(np.arange(2), 400)
    costs = np.where(arms == 0, 2 * kinds[:, 0], 1 - kinds[:, 0])
    costs = costs + 0.1 * np.random.default_rng(1).standard_normal(800)
    state = bandit.fold(bandit.initial(study_with(context, 3), 3), observed(kinds, arms, costs))
    chosen = {
        place: bandit.best(state, np.arange(3), place if place is None else np.array([place]), NOW)
        for place in (None, 0.0, 1.0)
    }

    assert {place: best.arm for place, best in chosen.items() if best} == {None: 0, 0.0: 0, 1.0: 1}
    average = chosen[None]
    assert average is not None
    assert average.cost == pytest.approx(0.5, abs=0.05)


def test_arms_that_look_alike_do_not_settle_the_rest() -> None:
    """Two arms with nothing but noise don't make a third one, never tried, certain to be like them."""
    rng = np.random.default_rng(3)
    features = Features.of(CONTEXT)
    rows = features(np.column_stack([rng.uniform(0, 10, 200), rng.uniform(-5, 5, 200)]))
    nothing = Regression.nothing(study_of(3), 3, features.count)
    outcomes = outcomes_of(np.arange(200) % 2, rng.standard_normal(200))
    belief = Belief.of(nothing.plus(outcomes, rows), features)

    assert belief is not None
    errors = belief.posterior(rows[0], np.arange(3)).errors
    assert errors[:2].max() < 0.3
    assert errors[2] > 0.5  # of the costs' standard deviation: what one more arm that differs would leave

"""When a point is worth measuring again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trimtab_service.optimizers.evidence import Evidence
from trimtab_service.optimizers.gp_posterior import Kernel, Posterior
from trimtab_service.optimizers.repeats import doubtful_best, knowledge_gains, worth_repeating
from trimtab_service.optimizers.targets import Role, Target, Vector

NUMBERS = np.zeros(2, dtype=bool)
HERE = np.array([[0.5]])
ROWS = np.array([[0.1, 0.5], [0.3, 0.5], [0.6, 0.5], [0.9, 0.5]])
COSTS = np.array([0.5, 0.0, -4.0, 1.0])


def posterior(rows: Vector, costs: Vector, noise: Vector) -> Posterior:
    """Of a parameter and a context."""
    return Posterior.of(Kernel(np.array([0.3, 1.0]), 1.0, NUMBERS), 0.0, rows, noise, costs)


def doubted() -> tuple[Evidence, Posterior]:
    """Four trials, the best one taken for an outlier."""
    added = np.array([0.0, 0.0, 50.0, 0.0])
    target = Target("loss", Role.OBJECTIVE, 1.0, COSTS, None, 0.0, 1.0, added=added)
    evidence = Evidence(ROWS, (target,), np.ones(4, dtype=bool), np.arange(1, 5), ROWS[:0])
    return evidence, posterior(ROWS, COSTS, 0.01 + added)


def test_a_doubtful_best_one_is_looked_at_again() -> None:
    """Once, in its own context."""
    assert doubtful_best(*doubted(), HERE, lambda: ROWS).tolist() == [[0.6, 0.5]]
    assert len(doubtful_best(*doubted(), HERE + 0.1, lambda: ROWS)) == 0
    assert len(doubtful_best(*doubted(), HERE, lambda: ROWS[[0, 1, 2, 2, 3]])) == 0


def test_a_doubtful_bad_one_is_of_no_interest() -> None:
    """Nor is anything where there are no outliers."""
    evidence, model = doubted()
    (target,) = evidence.targets
    bad = replace(evidence, targets=(replace(target, costs=-COSTS),))
    none = replace(evidence, targets=(replace(target, added=None),))
    assert len(doubtful_best(bad, model, HERE, lambda: ROWS)) == 0
    assert len(doubtful_best(none, model, HERE, lambda: ROWS)) == 0


def test_the_gain_of_knowledge_is_the_expected_fall_of_the_least_mean() -> None:
    """Against a simulation of measurements and of the posteriors after them."""
    rng = np.random.default_rng(0)
    model = posterior(ROWS, COSTS * 0.2, np.full(4, 0.3))
    points = np.array([[0.3, 0.5], [0.6, 0.5], [0.75, 0.5]])
    gains = knowledge_gains(model, points, 0.3)
    local = model.at(points)
    for index, point in enumerate(points):
        least = []
        for outcome in rng.standard_normal(4_000):
            spread = np.sqrt(local.deviations[index] ** 2 + 0.3)
            measured = local.means[index, 0] + spread * outcome
            after = posterior(np.vstack([ROWS, point]), np.append(COSTS * 0.2, measured), np.full(5, 0.3))
            least.append(after.at(points).means[:, 0].min())
        expected = local.means[:, 0].min() - np.mean(least)
        assert gains[index] == pytest.approx(expected, abs=0.01)


def test_what_is_known_is_not_worth_repeating() -> None:
    """Without noise a measurement says all there is; the best one among unlike ones neither."""
    exact = posterior(ROWS, COSTS, np.full(4, 1e-6))
    assert len(worth_repeating(exact, np.array([[0.5, 0.5]]), ROWS, 1e-6)) == 0
    assert len(worth_repeating(exact, np.array([[0.5, 0.5]]), ROWS[:1], 0.05)) == 0


def test_two_rivals_that_noise_hides_are_worth_repeating() -> None:
    """More than a new point that is bad for sure."""
    costs = np.array([-1.0, 3.0, 3.0, -1.05])
    rows = np.array([[0.0, 0.5], [0.4, 0.5], [0.6, 0.5], [1.0, 0.5]])
    noisy = posterior(rows, costs, np.full(4, 0.5))
    assert worth_repeating(noisy, np.array([[0.5, 0.5]]), rows, 0.5).tolist() in ([0], [3])

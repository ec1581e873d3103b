"""The quick quadrature of normal beliefs: against closed forms and the exact one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from trimtab_service.bandits.best_arm import probabilities_of_least
from trimtab_service.bandits.normal_posterior import NormalPosterior, chances_of_least


@pytest.mark.parametrize("ratio", [1.0, 1e-1, 1e-3, 1e-9])
@pytest.mark.parametrize("distance", [0.0, 0.3, -1.0, 2.5])
def test_two_values(ratio: float, distance: float) -> None:
    """Of two normal values the lower one is known in closed form, however different their errors."""
    expected = stats.norm.cdf(distance / np.hypot(1.0, ratio))

    actual = chances_of_least(np.array([0.0, distance]), np.array([1.0, ratio]))

    assert expected == pytest.approx(actual[0], abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_many_values_against_the_exact_quadrature(seed: int) -> None:
    """Twenty values of errors up to 30 times apart."""
    rng = np.random.default_rng(seed)
    means, errors = rng.normal(size=20), 10 ** rng.uniform(-1.2, 0.3, 20)
    expected = probabilities_of_least(means, errors, lambda x: np.asarray(-((x / errors[:, None]) ** 2) / 2), 8.0)

    np.testing.assert_allclose(chances_of_least(means, errors), expected, atol=0.03)


@pytest.mark.parametrize("number", [1, 2, 20, 1_000])
def test_equal_values_share_equally(number: int) -> None:
    """Whatever their scale."""
    np.testing.assert_allclose(chances_of_least(np.full(number, -4e9), np.full(number, 7e8)), 1 / number, rtol=1e-9)


def test_a_value_that_is_surely_the_least() -> None:
    """It always is; and it is judged among the arms that may be played alone."""
    posterior = NormalPosterior(np.array([0.0, -1e6, 1.0, 1e9]), np.array([1.0, 1e-6, 1.0, 1.0]))

    assert posterior.probabilities(np.arange(4)).tolist() == [0, 1, 0, 0]
    expected = stats.norm.cdf(1 / 2**0.5)
    assert posterior.probabilities(np.array([0, 2, 3])) == pytest.approx([expected, 1 - expected, 0], abs=0.02)

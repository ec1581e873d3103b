"""How likely each arm is the best: against closed forms, other quadratures, and sampling."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from trimtab_service.bandits.best_arm import LogDensity, probabilities_of_least


def student(scales: NDArray[np.float64], degrees: NDArray[np.float64]) -> LogDensity:
    """The log density of Student's t distributions."""

    def log_density(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        ratios = np.log1p((deviations / scales[:, None]) ** 2 / degrees[:, None])
        return np.asarray(-(degrees[:, None] + 1) / 2 * ratios)

    return log_density


def normal(scales: NDArray[np.float64]) -> LogDensity:
    """The log density of normal distributions."""

    def log_density(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-((deviations / scales[:, None]) ** 2) / 2)

    return log_density


@pytest.mark.parametrize("ratio", [1.0, 1e-1, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("distance", [0.0, 0.3, -1.0, 2.5])
def test_two_normal_arms(ratio: float, distance: float) -> None:
    """Of two normal values the lower one is known in closed form, however different their scales."""
    scales = np.array([1.0, ratio])
    expected = stats.norm.cdf(distance / np.hypot(1.0, ratio))

    actual = probabilities_of_least(np.array([0.0, distance]), scales, normal(scales), 8.0)

    assert expected == pytest.approx(actual[0], abs=1e-4)


@pytest.mark.parametrize("arms", [1, 2, 20, 1_000])
def test_equal_arms_share_equally(arms: int) -> None:
    """Arms of which the same is believed are equally likely."""
    scales = np.full(arms, 0.7)

    actual = probabilities_of_least(np.full(arms, -4.0), scales, normal(scales), 8.0)

    np.testing.assert_allclose(actual, 1 / arms, rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_twenty_student_arms_against_sampling(seed: int) -> None:
    """Arms of different location, scale and tails: as often the least as among a million samples."""
    rng = np.random.default_rng(seed)
    centers, scales = rng.normal(size=20), 10 ** rng.uniform(-3, 0.3, 20)
    degrees = 10 ** rng.uniform(0.5, 5, 20)
    samples = 1_000_000
    winners = np.zeros(20)
    for _ in range(10):
        draws = centers + scales * rng.standard_t(degrees, (samples // 10, 20))
        winners += np.bincount(draws.argmin(axis=1), minlength=20)

    actual = probabilities_of_least(centers, scales, student(scales, degrees), 100.0)

    # The samples themselves are off, by four of their standard deviations at most.
    errors = np.sqrt((actual + 1e-6) * (1 - actual) / samples)
    assert (np.abs(actual - winners / samples) <= 4 * errors + 1e-4).all()


@pytest.mark.parametrize("seed", range(3))
def test_many_arms_against_another_quadrature(seed: int) -> None:
    """Two hundred overlapping arms agree with the plain integral of density times survival functions."""
    rng = np.random.default_rng(seed)
    centers, scales = rng.normal(size=200), rng.uniform(0.5, 2, 200)
    grid = np.linspace(-14, 6, 4_001)[:, None]
    survival = stats.norm.logsf(grid, centers, scales)
    density = stats.norm.logpdf(grid, centers, scales)
    expected = np.trapezoid(np.exp(density + survival.sum(axis=1, keepdims=True) - survival), grid, axis=0)

    actual = probabilities_of_least(centers, scales, normal(scales), 8.0)

    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_a_narrow_arm_among_wide_ones() -> None:
    """A well-known arm among unknown ones wins as often as they all miss its value."""
    scales = np.array([1e-8, 1.0, 1.0, 3.0])
    expected = stats.norm.sf(-1.0) ** 2 * stats.norm.sf(-1.0, scale=3.0)

    actual = probabilities_of_least(np.array([-1.0, 0.0, 0.0, 0.0]), scales, normal(scales), 8.0)

    assert expected == pytest.approx(actual[0], abs=1e-4)


def test_hopeless_arms_get_nothing() -> None:
    """Arms that are surely worse don't keep the others from adding up to 1."""
    centers = np.concatenate([np.zeros(2), np.full(998, 1e6)])
    scales = np.ones(1_000)

    actual = probabilities_of_least(centers, scales, normal(scales), 8.0)

    np.testing.assert_allclose(actual[:2], 0.5, rtol=1e-9)
    assert actual[2:].sum() == 0

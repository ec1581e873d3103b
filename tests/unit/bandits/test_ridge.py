"""Ridge regression of many arms: what is fitted, against the truth and against generalized least squares."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from trimtab_service.bandits.ridge import Ridge

ARMS, EACH, FEATURES = 80, 25, 6
CONSTANT, SPREAD, SLOPE, NOISE = -1.5, 0.4, 0.3, 0.5
"""The mean and the deviation of the constants, the deviation of the slopes, that of the noise."""


def drawn(each: int = EACH) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Features [K, n, d] and measurements [K, n] of mean 0 and variance 1, and their unit; arms as above."""
    rng = np.random.default_rng(8)
    rows = rng.standard_normal((ARMS, each, FEATURES))
    rows[..., 0] = 1
    coefficients = SLOPE * rng.standard_normal((ARMS, FEATURES))
    coefficients[:, 0] = CONSTANT + SPREAD * rng.standard_normal(ARMS)
    costs = (rows @ coefficients[..., None])[..., 0] + NOISE * rng.standard_normal((ARMS, each))
    unit = float(costs.std())
    return rows, (costs - costs.mean()) / unit, unit


def fitted(rows: NDArray[np.float64], targets: NDArray[np.float64]) -> Ridge:
    """From the sums."""
    return Ridge.fitted(rows.swapaxes(1, 2) @ rows, (targets[:, None] @ rows)[:, 0], targets.size)


def test_noise_and_variances_are_found() -> None:
    """The noise, and how far constants and slopes scatter."""
    rows, targets, unit = drawn()
    ridge = fitted(rows, targets)
    deviations = unit * np.sqrt(ridge.noise / ridge.penalties)

    assert unit * ridge.noise**0.5 == pytest.approx(NOISE, rel=0.05)
    assert deviations[0] == pytest.approx(SPREAD, rel=0.25)
    assert deviations[1] == pytest.approx(SLOPE, rel=0.1)
    assert len(set(deviations[1:])) == 1


def test_an_arm_that_nobody_knows_is_like_the_arms_not_like_the_plays() -> None:
    """Nine arms cost about 1, the one that is played most costs 0: the eleventh is believed to cost about 1."""
    counts = np.array([2000.0, *[20.0] * 9, 0.0])
    costs = np.array([0.0, *np.linspace(0.8, 1.2, 9), 0.0])
    center = counts @ costs / counts.sum()
    unit = (counts @ (costs - center) ** 2 / counts.sum() + NOISE**2) ** 0.5
    products = np.column_stack([counts * (costs - center) / unit, np.zeros(11)])
    ridge = Ridge.fitted(counts[:, None, None] * np.eye(2), products, counts.sum())

    assert center < 0.1
    assert center + unit * ridge.coefficients[-1, 0] == pytest.approx(0.9, abs=0.15)


def test_the_mean_of_the_constants() -> None:
    """It is that of generalized least squares, where one more constant is known to be 0."""
    rows, targets, _ = drawn(each=4)
    targets = targets + np.linspace(0, 1, 4)
    ridge = fitted(rows, targets)
    upper, lower = 0.0, ridge.penalties[0]
    for own, measured in zip(rows, targets, strict=True):
        covariance = np.eye(4) + own / ridge.penalties @ own.T
        weights = np.linalg.solve(covariance, own[:, 0])
        upper, lower = upper + weights @ measured, lower + weights @ own[:, 0]

    assert ridge.constant == pytest.approx(upper / lower, rel=1e-6)


def test_little_is_decided_by_little() -> None:
    """One measurement of one arm leaves all others as uncertain as constants and slopes are."""
    rows = np.zeros((3, 1, 2))
    rows[0] = [1.0, 0.5]
    ridge = fitted(rows, np.array([[1.0], [0.0], [0.0]]))

    np.testing.assert_allclose(ridge.inverses[1:], np.diag(1 / ridge.penalties)[None].repeat(2, axis=0), rtol=1e-6)
    assert (ridge.noise / ridge.penalties).min() > 0.3
    np.testing.assert_allclose(ridge.coefficients[1:, 1], 0, atol=1e-12)

"""Tells measurements that went wrong from those that are news."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Float
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Evidence, gather
from trimtab_service.optimizers.gp_fit import Loss, search
from trimtab_service.optimizers.outliers import LEAST_ROWS, MOST_SHARE, left_out, robust
from trimtab_service.optimizers.targets import Vector

SQUARE = Problem("square", (Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)))


def surface(rows: Rows) -> Vector:
    """A smooth one, about 2 deep."""
    return np.asarray(np.sin(5.0 * rows[:, 0]) + np.square(rows[:, 1] - 0.4))


def evidence(rows: Rows, values: Vector) -> Evidence:
    """Of measurements in the square."""
    trials = [
        trial(1, {"x": x, "y": y}, TrialState.COMPLETED, Measurement(value))
        for (x, y), value in zip(rows.tolist(), values.tolist(), strict=True)
    ]
    return gather(SQUARE.study("gp"), history_of(trials), 500)


def outliers(found: Evidence) -> list[int]:
    """The rows that were given a variance of their own."""
    added = found.targets[0].added
    return [] if added is None else np.flatnonzero(added).tolist()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_what_went_wrong_is_found_on_both_sides(noise: float, seed: int) -> None:
    """Three of 40, far too good and far too bad, and none of the others; the level of noise is that of the others."""
    rng = np.random.default_rng(seed)
    rows = rng.random((40, 2))
    values = surface(rows) + noise * rng.standard_normal(40)
    clean = robust(evidence(rows, values), ())[1]
    values[[3, 17, 30]] += (2.5, -2.5, -3.0)
    treated, found = robust(evidence(rows, values), ())
    assert set(outliers(treated)) >= {17, 30}
    assert set(outliers(treated)) <= {3, 17, 30}
    assert found.noise is not None
    assert clean.noise is not None
    assert found.noise < clean.noise + 0.03


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
def test_what_is_only_noisy_is_left_as_it_is(noise: float, seed: int) -> None:
    """Whatever the level."""
    rng = np.random.default_rng(seed)
    rows = rng.random((40, 2))
    assert outliers(robust(evidence(rows, surface(rows) + noise * rng.standard_normal(40)), ())[0]) == []


@pytest.mark.parametrize("seed", range(6))
def test_a_sharp_optimum_is_no_outlier(seed: int) -> None:
    """A narrow well that a search has begun to descend into, in a function without noise."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.random((25, 2)), 0.5 + 0.04 * rng.standard_normal((8, 2))])
    values = surface(rows) - 3.0 * np.exp(-np.square((rows - 0.5) / 0.1).sum(axis=1))
    treated, _ = robust(evidence(rows, values), ())
    best = int(np.argmin(values))
    assert best not in outliers(treated)


def test_an_outlier_does_not_win() -> None:
    """The treated model expects about what the surface has there, and not what was measured."""
    rng = np.random.default_rng(1)
    rows = rng.random((40, 2))
    values = surface(rows) + 0.02 * rng.standard_normal(40)
    values[7] = values.min() - 3.0
    treated, found = robust(evidence(rows, values), ())
    loss = Loss.of(treated, ())
    residuals, variances = left_out(loss, np.log([*found.lengthscales, found.scale, found.noise or 1.0]))
    assert outliers(treated) == [7]
    assert variances[7] > np.square(residuals[7]) / 2.0


def test_few_rows_cannot_outvote_one_of_them() -> None:
    """Below a number nothing is called an outlier."""
    rows = np.random.default_rng(0).random((LEAST_ROWS - 1, 2))
    values = np.zeros(LEAST_ROWS - 1)
    values[3] = -50.0
    assert outliers(robust(evidence(rows, values), ())[0]) == []


def test_no_more_than_a_share_is_taken_out() -> None:
    """Half of the measurements going wrong is no matter of outliers."""
    rng = np.random.default_rng(5)
    rows = rng.random((40, 2))
    values = surface(rows) + np.where(np.arange(40) % 2 == 0, rng.choice([-5.0, 5.0], 40), 0.0)
    assert len(outliers(robust(evidence(rows, values), ())[0])) <= MOST_SHARE * 40


def test_each_row_is_predicted_from_the_others() -> None:
    """In closed form as by solving without the row, the constant mean included."""
    rng = np.random.default_rng(2)
    rows = rng.random((12, 2))
    loss = Loss.of(evidence(rows, surface(rows) + 0.1 * rng.standard_normal(12)), ())
    _, theta = search(loss)
    residuals, variances = left_out(loss, theta)
    covariance = np.linalg.inv(loss.inverse(theta))
    for index in range(12):
        rest = np.delete(np.arange(12), index)
        within, across = covariance[np.ix_(rest, rest)], covariance[index, rest]
        ones = np.ones(11)
        mean = float(ones @ solve(within, loss.costs[rest]) / (ones @ solve(within, ones)))
        expected = loss.costs[index] - mean - across @ solve(within, loss.costs[rest] - mean)
        lost = 1.0 - across @ solve(within, ones)
        spread = covariance[index, index] - across @ solve(within, across) + lost**2 / (ones @ solve(within, ones))
        assert residuals[index] == pytest.approx(expected, abs=1e-6)
        assert variances[index] == pytest.approx(spread, rel=1e-5)


def test_what_is_known_of_one_theta_is_not_said_of_another() -> None:
    """The inverse and the mean are those of the theta asked for, wherever the loss was evaluated last."""
    rng = np.random.default_rng(3)
    rows = rng.random((9, 2))
    loss = Loss.of(evidence(rows, surface(rows)), ())
    first, second = loss.means + 0.3, loss.means - 0.4
    expected = [
        (Loss.inverse(loss.at(np.arange(9)), theta), loss.at(np.arange(9)).mean(theta)) for theta in (first, second)
    ]
    for theta, (inverse, mean) in ((first, expected[0]), (second, expected[1]), (first, expected[0])):
        loss(second)
        np.testing.assert_allclose(loss.inverse(theta), inverse, rtol=1e-9, atol=1e-9)
        assert loss.mean(theta) == pytest.approx(mean, rel=1e-9)
        np.testing.assert_allclose(loss.inverse(theta), inverse, rtol=1e-9, atol=1e-9)

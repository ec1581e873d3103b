"""Where trials fail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_ndtr
from scipy.stats import norm

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.failures import LEAST_OF_BOTH, MOST_ROWS, SCALE, SuccessModel

NUMBERS = np.zeros(3, dtype=bool)


def model(rows: Rows, fails_above: float = 0.6, is_name: Rows | None = None) -> SuccessModel:
    """Of trials that fail where the first column is large."""
    names = NUMBERS if is_name is None else is_name.astype(bool)
    found = SuccessModel.of(rows, rows[:, 0] < fails_above, names[: rows.shape[1]])
    assert found is not None
    return found


def test_a_region_that_fails_is_told_from_one_that_works() -> None:
    """From 30 trials in three columns, one of which matters; unsure where nothing was tried near the border."""
    rng = np.random.default_rng(0)
    found = model(rng.random((30, 3)))
    chances = np.exp(found.log_probability(np.array([[0.1, 0.5, 0.5], [0.95, 0.5, 0.5], [0.6, 0.5, 0.5]])))
    assert chances[0] > 0.9
    assert chances[1] < 0.1
    assert 0.2 < chances[2] < 0.8


def test_columns_that_do_not_matter_are_left_aside() -> None:
    """Their lengthscales are the longer ones."""
    rows = np.random.default_rng(1).random((60, 3))
    lengths = model(rows).latent.kernel.lengthscales
    assert lengths[0] < min(lengths[1:])


def test_names_can_fail() -> None:
    """A choice that always fails is known after a few trials, whatever its place in the list."""
    rng = np.random.default_rng(2)
    rows = np.column_stack([rng.integers(0, 3, 30).astype(float), rng.random(30)])
    found = model(rows, fails_above=1.5, is_name=np.array([1, 0]))
    chances = np.exp(found.log_probability(np.array([[0.0, 0.5], [1.0, 0.5], [2.0, 0.5]])))
    assert min(chances[:2]) > 0.8
    assert chances[2] < 0.2


def test_at_one_point_the_chance_is_close_to_the_exact_posterior() -> None:
    """Against the integral over the one latent value there is; also where nearly all failed."""
    for successes, failures in ((5, 2), (2, 24)):
        assert_close_to_exact(successes, failures)


def assert_close_to_exact(successes: int, failures: int) -> None:
    """The chance of one more trial to work."""
    worked = np.array([True] * successes + [False] * failures)
    found = SuccessModel.of(np.full((len(worked), 1), 0.5), worked, NUMBERS[:1])
    assert found is not None

    def weight(latent: float) -> float:
        prior = norm.pdf(latent, found.latent.mean, np.sqrt(SCALE))
        return float(prior * norm.cdf(latent) ** successes * norm.cdf(-latent) ** failures)

    total = quad(weight, -10, 10)[0]
    expected = quad(lambda latent: weight(latent) * norm.cdf(latent), -10, 10)[0] / total
    chance = np.exp(found.log_probability(np.array([[0.5]])))[0]
    assert chance == pytest.approx(expected, rel=0.1)


def test_a_place_that_always_fails_is_believed_to_fail() -> None:
    """As the exact posterior has it, by importance sampling; far from it, trials work."""
    rng = np.random.default_rng(6)
    failed = np.array([0.0, 0.47]) + 0.01 * rng.random((24, 2))
    rows = np.concatenate([failed, [0.4, 0.0] + [0.6, 1.0] * rng.random((12, 2))])
    worked = rows[:, 0] >= 0.3
    found = SuccessModel.of(rows, worked, NUMBERS[:2])
    assert found is not None
    places = np.concatenate([rows, [[0.0, 0.47], [0.7, 0.5]]])
    kernel = found.latent.kernel.parts(places, places)[0]
    root = np.linalg.cholesky(kernel + 1e-8 * np.eye(len(places)))
    latent = found.latent.mean + root @ rng.standard_normal((len(places), 100_000))
    weights = np.exp(log_ndtr(np.where(worked, 1.0, -1.0)[:, None] * latent[:-2]).sum(axis=0))
    exact = (weights * norm.cdf(latent[-2:])).sum(axis=1) / weights.sum()
    chances = np.exp(found.log_probability(places[-2:]))
    assert chances[0] < 0.05
    np.testing.assert_allclose(chances, exact, atol=0.02)


def test_the_slope_is_the_slope_of_the_values() -> None:
    """By finite differences."""
    rng = np.random.default_rng(3)
    found = model(rng.random((20, 3)))
    rows = rng.random((6, 3))
    logs, slopes = found.log_probability_and_slope(rows)
    np.testing.assert_array_equal(found.log_probability(rows), logs)
    for column in range(3):
        step = 1e-6 * np.eye(3)[column]
        difference = (found.log_probability(rows + step) - found.log_probability(rows - step)) / 2e-6
        np.testing.assert_allclose(slopes[:, column], difference, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("worked", [[True] * 9, [False] * 9, [True] * 8 + [False] * (LEAST_OF_BOTH - 1)])
def test_with_too_little_of_either_there_is_nothing_to_learn(worked: list[bool]) -> None:
    """One failure may be anybody's fault."""
    rows = np.random.default_rng(4).random((len(worked), 3))
    assert SuccessModel.of(rows, np.array(worked), NUMBERS) is None


@pytest.mark.parametrize("fails_above", [0.02, 0.5, 0.98])
def test_the_cost_is_bounded(fails_above: float) -> None:
    """However many trials there are, and whatever most of them did, both kinds stay in."""
    rows = np.random.default_rng(5).random((1_000, 3))
    found = model(rows, fails_above=fails_above)
    kept = found.latent.rows[:, 0]
    assert len(kept) == MOST_ROWS
    assert min((kept < fails_above).sum(), (kept >= fails_above).sum()) >= LEAST_OF_BOTH


def test_equal_points_that_disagree_are_survived() -> None:
    """A trial that sometimes fails."""
    rows = np.full((20, 3), 0.5)
    found = SuccessModel.of(rows, np.arange(20) % 2 == 0, NUMBERS)
    assert found is not None
    assert np.exp(found.log_probability(rows[:1]))[0] == pytest.approx(0.5, abs=0.05)

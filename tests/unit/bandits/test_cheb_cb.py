"""ChebCB: polynomials inside the box, and the steepness of their law."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from contract.bandits.bandit_problems import NOW, REAL
from contract.bandits.contextual_problems import begin, observed
from trimtab_service.bandits.cheb_cb import ChebCb, Fit, Scaling, chebyshev
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Metric
from trimtab_service.domain.space import Float

CONTEXT = (Float("shift", -0.15, 0.65),)


def test_polynomials() -> None:
    """The first three, and no more than 1 even where rounding leaves the interval."""
    places = np.array([-1.0, -0.3, 0.0, 0.7, 1.0 + 1e-12])
    expected = np.column_stack([np.ones(5), places, 2 * places**2 - 1, 4 * places**3 - 3 * places])

    np.testing.assert_allclose(chebyshev(places, 4), expected, atol=1e-9)


def iterations(
    arms: int, rounds: int, noise: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Contexts, arms and costs like those of a solver."""
    rng = np.random.default_rng(4)
    contexts, played = rng.uniform(-0.15, 0.65, (rounds, 1)), rng.integers(0, arms, rounds)
    costs = 40 + 60 * np.abs(contexts[:, 0] - played / arms / 2) + noise * rng.standard_normal(rounds)
    return contexts, played, costs


@pytest.mark.parametrize(("metric", "shift", "largest"), [(REAL, None, None), (Metric("cost", min=1, max=201), 1, 200)])
def test_scaling(metric: Metric, shift: float | None, largest: float | None) -> None:
    """K, L and N come from what was seen, or from the declared range of the metric."""
    contexts, arms, costs = iterations(4, 100)
    state = ChebCb().fold(begin(ChebCb(), CONTEXT, 4, metric), observed(contexts, arms, costs))
    scaling = Scaling.of(state.regression, 6)
    assert scaling is not None
    seen = costs.max() - costs.min()
    expected = seen if largest is None else largest

    assert scaling.shift == pytest.approx(costs.min() if shift is None else shift)
    assert scaling.largest == pytest.approx(expected)
    assert scaling.slope == pytest.approx(seen / expected)
    assert scaling.damping == pytest.approx(2 + 4 * seen / expected * (1 + np.log(6)))


def test_the_fit_stays_in_the_box() -> None:
    """An arm inside has its least-squares fit; one outside has the best that there is inside."""
    contexts, arms, costs = iterations(3, 300)
    costs[arms == 2] = np.where(contexts[arms == 2, 0] > 0.25, 90, 45)  # a step is no Lipschitz cost
    state = ChebCb().fold(begin(ChebCb(), CONTEXT, 3), observed(contexts, arms, costs))
    scaling = Scaling.of(state.regression, 6)
    assert scaling is not None
    fit, box = Fit.of(state.regression, scaling), scaling.box(6)
    rows = chebyshev((contexts[:, 0] + 0.15) / 0.4 - 1, 6)
    losses = (costs - scaling.shift) / scaling.unit

    assert (np.abs(fit.coefficients) <= box * (1 + 1e-12)).all()
    for arm in (0, 1, 2):
        own = arms == arm
        plain = np.linalg.lstsq(rows[own], losses[own], rcond=None)[0]
        if (np.abs(plain) <= box).all():
            np.testing.assert_allclose(fit.coefficients[arm], plain, atol=1e-8)
        slopes = rows[own].T @ (losses[own] - rows[own] @ fit.coefficients[arm])
        inside = np.abs(fit.coefficients[arm]) < box * (1 - 1e-9)
        assert np.abs(slopes[inside]).max() < 1e-3 * np.abs(rows[own].T @ losses[own]).max()


def test_the_steepness() -> None:
    """eta_t = 2 t sqrt(K t / (excess + 2 alpha^2 t))."""
    contexts, arms, costs = iterations(4, 200)
    state = ChebCb().fold(begin(ChebCb(), CONTEXT, 4), observed(contexts, arms, costs))
    scaling = Scaling.of(state.regression, 6)
    assert scaling is not None
    fit = Fit.of(state.regression, scaling)
    information = sum(np.linalg.slogdet(np.eye(6) + gram)[1] for gram in state.regression.grams)
    alpha = (np.pi + 2 / np.pi * np.log(13)) * scaling.slope / (2 * scaling.damping * 7)
    eta = 2 * 200 * (4 * 200 / (fit.variance * information + 2 * alpha**2 * 200)) ** 0.5
    gaps = fit.coefficients @ chebyshev(np.array([0.0]), 6)[0]
    gaps -= gaps.min()

    actual = ChebCb().policy(state, NOW).chances(np.arange(4), np.array([0.25]))

    worst = int(gaps.argmax())
    assert actual[worst] == pytest.approx(1 / (4 + eta * gaps[worst]))


def test_the_excess_is_what_noise_costs_who_predicts_one_by_one() -> None:
    """Variance times log determinant: the loss of predicting measurements one by one, less that of the final fit."""
    rng = np.random.default_rng(8)
    ratios = []
    for _ in range(20):
        rows, losses = chebyshev(rng.uniform(-1, 1, 300), 6), 0.3 * rng.standard_normal(300)
        gram, products, lost = np.eye(6), np.zeros(6), 0.0
        for row, loss in zip(rows, losses, strict=True):
            lost += (loss - row @ np.linalg.solve(gram, products)) ** 2
            gram, products = gram + np.outer(row, row), products + loss * row
        residual = ((losses - rows @ np.linalg.lstsq(rows, losses, rcond=None)[0]) ** 2).sum()
        ratios.append((lost - residual) / (0.09 * np.linalg.slogdet(gram)[1]))

    assert np.mean(ratios) == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize("features", [0, 51])
def test_features_have_bounds(features: int) -> None:
    """The error names the option."""
    with pytest.raises(InvalidArgument, match="features"):
        ChebCb(features=features)

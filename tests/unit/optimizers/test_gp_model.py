"""What is written out for speed is what BoTorch and GPyTorch compute."""

from __future__ import annotations

import math
from dataclasses import replace

import gpytorch
import numpy as np
import pytest
import torch
from botorch.acquisition import LogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.objective import ScalarizedPosteriorTransform
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.priors import LogNormalPrior, NormalPrior
from scipy.optimize import check_grad

from trimtab_service.optimizers import gp_fit
from trimtab_service.optimizers.evidence import LEAST_VARIANCE, Evidence, Vector
from trimtab_service.optimizers.gp_acquisition import ExpectedGain, LogNoisyExpectedImprovement, posterior_of, promising
from trimtab_service.optimizers.gp_fit import Hyperparameters, Loss, fit
from trimtab_service.optimizers.gp_model import predict, surrogate
from trimtab_service.optimizers.gp_posterior import Kernel, Posterior, log_expected_excess

NOWHERE = np.empty((1, 0))
NAMES = (2,)


def evidence(count: int = 15, *, variances: bool = False, seed: int = 0) -> Evidence:
    """Rows of two numbers and a name, with a cost that depends on all of them."""
    rng = np.random.default_rng(seed)
    rows = rng.random((count, 3))
    rows[:, 2] = rng.integers(0, 3, count)
    costs = np.sin(5.0 * rows[:, 0]) + rows[:, 1] ** 2 + (rows[:, 2] == 1)
    costs = (costs - costs.mean()) / costs.std()
    return Evidence(
        rows=rows,
        costs=costs,
        variances=rng.uniform(0.01, 0.1, count) if variances else None,
        measured=np.ones(count, dtype=bool),
        numbers=np.arange(1, count + 1),
        pending=rows[:0],
        location=0.0,
        spread=1.0,
    )


def hyperparameters(noise: float | None) -> Hyperparameters:
    """Plausible ones."""
    return Hyperparameters(np.array([0.3, 0.8, 1.5]), 1.7, noise, 0.25)


@pytest.mark.parametrize("known", [False, True])
def test_the_loss_is_gpytorchs_marginal_likelihood(known: bool) -> None:
    """Up to a constant, at two places, with the priors of the recipe; and the slope is its slope."""
    data = evidence(variances=known)
    loss = Loss.of(data, NAMES)
    width = 3

    def by_gpytorch(theta: Vector) -> float:
        noise = None if known else math.exp(theta[-1])
        found = Hyperparameters(np.exp(theta[:width]), math.exp(theta[width]), noise, loss.mean(theta))
        model = surrogate(data, found, NAMES).train()
        likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
        value = float(likelihood(model(*model.train_inputs), model.train_targets)) * len(data.costs)
        for index, length in enumerate(found.lengthscales):
            mean = gp_fit.LOG_LENGTH_MEAN + 0.5 * math.log(width) + (gp_fit.LOG_NAME_LENGTH if index in NAMES else 0.0)
            # A log-normal density in l has its mode where the normal penalty on log l has its own, a variance lower.
            prior = LogNormalPrior(mean + gp_fit.LOG_LENGTH_SD**2, gp_fit.LOG_LENGTH_SD)
            value += float(prior.log_prob(torch.tensor(length)))
        value += float(NormalPrior(gp_fit.LOG_SCALE_MEAN, gp_fit.LOG_SCALE_SD).log_prob(torch.tensor(theta[width])))
        if not known:
            value += float(NormalPrior(gp_fit.LOG_NOISE_MEAN, gp_fit.LOG_NOISE_SD).log_prob(torch.tensor(theta[-1])))
        return -value

    first = np.array([-1.0, -0.3, 0.4, 0.2, -3.0])[: 4 if known else 5]
    second = np.array([0.2, -1.3, 0.1, -0.5, -1.0])[: 4 if known else 5]
    expected = by_gpytorch(first) - by_gpytorch(second)
    assert loss(first)[0] - loss(second)[0] == pytest.approx(expected, rel=1e-6)
    assert check_grad(lambda theta: loss(theta)[0], lambda theta: loss(theta)[1], first) < 1e-4


def test_the_fit_is_a_minimum_of_the_loss() -> None:
    """No step in any direction is better, and the data's own scale is found."""
    data = evidence(40)
    found = fit(data, NAMES)
    loss = Loss.of(data, NAMES)
    assert found.noise is not None
    theta = np.log([*found.lengthscales, found.scale, found.noise])
    value, _ = loss(theta)
    for index in range(len(theta)):
        for step in (-0.1, 0.1):
            assert loss(theta + step * np.eye(len(theta))[index])[0] > value - 1e-4
    assert found.lengthscales[0] < found.lengthscales[1]
    assert found.noise < 0.01


def test_one_start_is_enough_where_there_is_much_data() -> None:
    """Beyond the limit one search is made; it finds what the others would."""
    data = evidence(gp_fit.ONE_START)
    found, again = fit(data, NAMES), fit(data, NAMES)
    np.testing.assert_array_equal(found.lengthscales, again.lengthscales)
    loss = Loss.of(data, NAMES)
    assert found.noise is not None
    theta = np.log([*found.lengthscales, found.scale, found.noise])
    far = theta + 1.25
    assert loss(theta)[0] < loss(far)[0]


def test_a_covariance_that_is_not_positive_costs_infinitely_much() -> None:
    """The search turns back; nothing is raised."""
    data = evidence(5)
    broken = replace(data, rows=data.rows * 0.0, variances=np.full(5, -1.0))
    value, slope = Loss.of(broken, NAMES)(np.zeros(4))
    assert value == math.inf
    assert slope.tolist() == [0.0] * 4


@pytest.mark.parametrize("known", [False, True])
def test_the_posterior_is_botorchs(known: bool) -> None:
    """Means and deviations in closed form, and by the model itself."""
    model = surrogate(evidence(variances=known), hyperparameters(None if known else 0.02), NAMES)
    rows = evidence(20, seed=5).rows
    local = posterior_of(model).at(rows)
    means, deviations = predict(model, rows)
    np.testing.assert_allclose(local.means[:, 0], means, atol=1e-10)
    np.testing.assert_allclose(local.deviations, deviations, atol=1e-8)


def test_conditioning_on_draws_is_being_told_them() -> None:
    """Given true costs at some points, the posterior is that of a BoTorch model with these among its data."""
    data, points = evidence(), evidence(3, seed=1).rows
    given = posterior_of(surrogate(data, hyperparameters(0.02), NAMES)).given(points, np.array([[0.5], [-1.0], [0.1]]))
    told = replace(
        data,
        rows=np.concatenate([data.rows, points]),
        costs=np.concatenate([data.costs, given.drawn(3)[:, 0]]),
        variances=np.concatenate([np.full(15, 0.02), np.full(3, LEAST_VARIANCE)]),
    )
    rows = evidence(10, seed=2).rows
    means, deviations = predict(surrogate(told, hyperparameters(None), NAMES), rows)
    local = given.at(rows)
    np.testing.assert_allclose(local.means[:, 0], means, atol=1e-4)
    np.testing.assert_allclose(local.deviations, deviations, atol=1e-4)


def test_without_noise_the_acquisition_is_botorchs_log_expected_improvement() -> None:
    """The average over what noise hides is then one value."""
    data = evidence(variances=True)
    exact = replace(data, variances=np.full(15, LEAST_VARIANCE))
    model = surrogate(exact, hyperparameters(None), NAMES)
    best = torch.tensor(exact.costs.min())
    rows = torch.from_numpy(evidence(30, seed=3).rows).unsqueeze(-2)
    expected = LogExpectedImprovement(model, best, maximize=False)(rows)
    ours = LogNoisyExpectedImprovement(model, posterior_of(model), NOWHERE, exact.rows, exact.rows[:0], seed=1)
    np.testing.assert_allclose(ours(rows).numpy(), expected.numpy(), rtol=1e-3, atol=1e-2)


def test_with_noise_and_pending_points_the_acquisition_is_botorchs() -> None:
    """To the precision of its own draws, where improvement isn't too rare for them."""
    model = surrogate(evidence(), hyperparameters(0.1), NAMES)
    data, pending = evidence().rows, evidence(3, seed=9).rows
    rows = torch.from_numpy(evidence(100, seed=3).rows).unsqueeze(-2)
    expected = qLogNoisyExpectedImprovement(
        model,
        torch.from_numpy(data),
        sampler=SobolQMCNormalSampler(torch.Size([2048]), seed=1),
        posterior_transform=ScalarizedPosteriorTransform(torch.tensor([-1.0], dtype=torch.double)),
        X_pending=torch.from_numpy(pending),
        prune_baseline=False,
    )(rows).numpy()
    rivals = np.concatenate([data, pending])
    ours = LogNoisyExpectedImprovement(model, posterior_of(model), NOWHERE, rivals, data[:0], seed=1)(rows).numpy()
    likely = expected > -5.0
    assert likely.sum() > 10
    np.testing.assert_allclose(ours[likely], expected[likely], atol=0.3)
    assert np.corrcoef(ours[likely], expected[likely])[0, 1] > 0.99


def test_slopes_are_the_slopes_of_the_values() -> None:
    """Of both acquisition functions, with a context behind the rows, by finite differences; none along names."""
    model = surrogate(evidence(), hyperparameters(0.05), NAMES)
    posterior = posterior_of(model)
    data = evidence().rows
    here = np.array([[1.0]])
    for function in (
        LogNoisyExpectedImprovement(model, posterior, here, data[:4], data[4:6], seed=2),
        ExpectedGain(model, posterior, here),
    ):
        rows = torch.rand((5, 1, 2), dtype=torch.double, generator=torch.Generator().manual_seed(1))
        assert torch.autograd.gradcheck(function, (rows.requires_grad_(),))
    full = ExpectedGain(model, posterior, NOWHERE)
    _, slopes = full.values_and_slopes(data)
    assert slopes[:, 2].tolist() == [0.0] * len(data)


def test_the_log_of_the_expected_excess() -> None:
    """Against high-precision values (mpmath, 50 digits), from certain to hopeless improvement."""
    u = np.array([[5.0, 0.0, -1.0, -5.0, -30.0, -999.0, -1e4]])
    expected = [
        1.60943792312643,
        -0.918938533204673,
        -2.48512102571264,
        -16.744301162661,
        -457.724653760598,
        -499015.232451097,
        -50000019.3396193,
    ]
    values, slopes = log_expected_excess(u)
    np.testing.assert_allclose(values[0], expected, rtol=1e-12)
    step = 1e-5 * np.maximum(1.0, np.abs(u))
    differences = (log_expected_excess(u + step)[0] - log_expected_excess(u - step)[0]) / (2.0 * step)
    np.testing.assert_allclose(slopes, differences, rtol=1e-5)


def test_promising_points_come_best_first_and_once() -> None:
    """Those that may be the best are told from those that can't."""
    model = surrogate(evidence(30), hyperparameters(0.001), NAMES)
    posterior = posterior_of(model)
    rows = np.concatenate([evidence(30).rows, evidence(30).rows])
    known, likely = promising(posterior, rows)
    means = posterior.at(known).means[:, 0]
    assert len(known) == 30
    assert np.all(np.diff(means) >= 0.0)
    assert 1 <= likely < 10


def test_rows_that_contradict_each_other_are_survived() -> None:
    """Where rounding makes a covariance singular, a little noise is added; where nothing helps, it is said."""
    rows = np.zeros((3, 1))
    kernel = Kernel(np.ones(1), 1.0, np.zeros(1, dtype=bool))
    found = Posterior.of(kernel, 0.0, rows, np.zeros(3), np.array([1.0, 2.0, 3.0])).at(rows[:1])
    assert found.means[0, 0] == pytest.approx(2.0, abs=1e-4)
    with pytest.raises(ValueError, match="positive definite"):
        Posterior.of(kernel, 0.0, rows, np.full(3, -10.0), np.zeros(3))

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
from trimtab_service.optimizers.gp_acquisition import (
    DRAWS,
    ExpectedGain,
    LogNoisyExpectedImprovement,
    normal_draws,
    promising,
)
from trimtab_service.optimizers.gp_fit import Hyperparameters, Loss, fit, search
from trimtab_service.optimizers.gp_posterior import JITTER, Kernel, Posterior, log_expected_excess, posterior_of
from trimtab_service.optimizers.targets import Role, Target
from unit.optimizers.botorch_model import predict, surrogate

NOWHERE = np.empty((1, 0))
NAMES = (2,)


def evidence(count: int = 15, *, variances: bool = False, seed: int = 0) -> Evidence:
    """Rows of two numbers and a name, with a cost that depends on all of them."""
    rng = np.random.default_rng(seed)
    rows = rng.random((count, 3))
    rows[:, 2] = rng.integers(0, 3, count)
    costs = np.sin(5.0 * rows[:, 0]) + rows[:, 1] ** 2 + (rows[:, 2] == 1)
    costs = (costs - costs.mean()) / costs.std()
    known = rng.uniform(0.01, 0.1, count) if variances else None
    return Evidence(
        rows=rows,
        targets=(Target("y", Role.OBJECTIVE, 1.0, costs, known, location=0.0, spread=1.0),),
        measured=np.ones(count, dtype=bool),
        numbers=np.arange(1, count + 1),
        pending=rows[:0],
    )


def told(data: Evidence, **change: Vector) -> Evidence:
    """The same with other costs or variances."""
    return replace(data, targets=(replace(data.targets[0], **change),))  # type: ignore[arg-type]


def hyperparameters(noise: float) -> Hyperparameters:
    """Plausible ones."""
    return Hyperparameters(np.array([0.3, 0.8, 1.5]), 1.7, noise, 0.25)


def slope_by_gpytorch(data: Evidence, loss: Loss, theta: Vector) -> Vector:
    """Of minus the log likelihood at theta, by autograd: the library's raw parameters are logarithms, but the noise."""
    noise = math.exp(theta[-1])
    found = Hyperparameters(np.exp(theta[:3]), math.exp(theta[3]), noise, loss.mean(theta))
    model = surrogate(data, found, NAMES).train().requires_grad_(requires_grad=True)
    likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
    value = likelihood(model(*model.train_inputs), model.train_targets) * -len(data.costs)
    kernel = model.covar_module
    level = model.likelihood.second_noise_covar if data.variances is not None else model.likelihood.noise_covar
    parameters = [kernel.base_kernel.raw_lengthscale, kernel.raw_outputscale, level.raw_noise]
    slopes = [slope.numpy().ravel() for slope in torch.autograd.grad(value, parameters)]
    slopes[-1] = slopes[-1] * noise
    return np.concatenate(slopes)


@pytest.mark.parametrize("known", [False, True])
def test_the_loss_is_gpytorchs_marginal_likelihood(known: bool) -> None:
    """Up to a constant, at two places, with the priors of the recipe; and the slope is its slope."""
    data = evidence(variances=known)
    loss = Loss.of(data, NAMES)
    width = 3

    def by_gpytorch(theta: Vector) -> float:
        found = Hyperparameters(np.exp(theta[:width]), math.exp(theta[width]), math.exp(theta[-1]), loss.mean(theta))
        model = surrogate(data, found, NAMES).train()
        likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
        value = float(likelihood(model(*model.train_inputs), model.train_targets)) * len(data.costs)
        for index, length in enumerate(found.lengthscales):
            mean = gp_fit.LOG_LENGTH_MEAN + 0.5 * math.log(width) + (gp_fit.LOG_NAME_LENGTH if index in NAMES else 0.0)
            # A log-normal density in l has its mode where the normal penalty on log l has its own, a variance lower.
            prior = LogNormalPrior(mean + gp_fit.LOG_LENGTH_SD**2, gp_fit.LOG_LENGTH_SD)
            value += float(prior.log_prob(torch.tensor(length)))
        value += float(NormalPrior(gp_fit.LOG_SCALE_MEAN, gp_fit.LOG_SCALE_SD).log_prob(torch.tensor(theta[width])))
        mean = gp_fit.LOG_REST_MEAN if known else gp_fit.LOG_NOISE_MEAN
        deviation = gp_fit.LOG_REST_SD if known else gp_fit.LOG_NOISE_SD
        value += float(NormalPrior(mean, deviation).log_prob(torch.tensor(theta[-1])))
        return -value

    first = np.array([-1.0, -0.3, 0.4, 0.2, -3.0])
    second = np.array([0.2, -1.3, 0.1, -0.5, -1.0])
    expected = by_gpytorch(first) - by_gpytorch(second)
    assert loss(first)[0] - loss(second)[0] == pytest.approx(expected, rel=1e-6)
    means, deviations = loss.prior()
    slope = loss(first)[1] - (first - means) / deviations**2
    np.testing.assert_allclose(slope, slope_by_gpytorch(data, loss, first), rtol=1e-6, atol=1e-6)
    assert check_grad(lambda theta: loss(theta)[0], lambda theta: loss(theta)[1], first) < 1e-4


@pytest.mark.parametrize("known", [False, True])
def test_rows_may_have_noise_of_their_own(known: bool) -> None:
    """Factors of the fitted level, and what outliers are given on top: loss, slope and posterior are GPyTorch's."""
    rng = np.random.default_rng(4)
    added = np.where(np.arange(15) % 5 == 0, 0.7, 0.0)
    data = told(evidence(variances=known), added=added, noise_factors=rng.uniform(0.2, 5.0, 15))
    loss = Loss.of(data, NAMES)
    width = 3

    def by_gpytorch(theta: Vector) -> float:
        found = Hyperparameters(np.exp(theta[:width]), math.exp(theta[width]), math.exp(theta[-1]), loss.mean(theta))
        model = surrogate(data, found, NAMES).train()
        likelihood = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
        value = float(likelihood(model(*model.train_inputs), model.train_targets)) * len(data.costs)
        return -value + 0.5 * float((((theta - loss.means) / loss.deviations) ** 2).sum())

    first = np.array([-1.0, -0.3, 0.4, 0.2, -3.0])
    second = np.array([0.2, -1.3, 0.1, -0.5, -1.0])
    assert loss(first)[0] - loss(second)[0] == pytest.approx(by_gpytorch(first) - by_gpytorch(second), rel=1e-6)
    assert check_grad(lambda theta: loss(theta)[0], lambda theta: loss(theta)[1], first) < 1e-4
    found = hyperparameters(0.02)
    local = posterior_of(data, found, NAMES).at(evidence(20, seed=5).rows)
    means, deviations = predict(surrogate(data, found, NAMES), evidence(20, seed=5).rows)
    np.testing.assert_allclose(local.means[:, 0], means, atol=1e-6)
    np.testing.assert_allclose(local.deviations, deviations, atol=1e-6)


def test_the_fit_is_a_minimum_of_the_loss() -> None:
    """No step in any direction is better, and the data's own scale is found."""
    data = evidence(40)
    found = fit(data, NAMES)
    loss = Loss.of(data, NAMES)
    theta = np.log([*found.lengthscales, found.scale, found.noise])
    value, _ = loss(theta)
    for index in range(len(theta)):
        for step in (-0.1, 0.1):
            assert loss(theta + step * np.eye(len(theta))[index])[0] > value - 1e-4
    assert found.lengthscales[0] < found.lengthscales[1]
    assert found.noise < 0.01


@pytest.mark.parametrize("known", [False, True])
def test_a_sample_says_where_the_minimum_lies(known: bool) -> None:
    """With many rows, a search that begins with some of them ends where one of all rows ends; again and again."""
    data = evidence(gp_fit.MANY + 40, variances=known)
    loss = Loss.of(data, NAMES)
    value, theta = search(loss)
    assert value <= gp_fit._descend(loss, loss.means)[0] + gp_fit.PRECISION
    assert search(loss, theta + 0.3)[0] == pytest.approx(value, abs=2 * gp_fit.PRECISION)
    np.testing.assert_array_equal(fit(data, NAMES).lengthscales, np.exp(theta[:3]))


def test_what_explains_nothing_is_noise() -> None:
    """Costs without any order: a second search, from where all is noise, finds what the first one doesn't."""
    gained = 0.0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        data = evidence(29, seed=seed)
        loss = Loss.of(told(data, costs=rng.standard_normal(29)), NAMES)
        gain = gp_fit._descend(loss, loss.means)[0] - search(loss)[0]
        assert gain >= 0.0
        gained = max(gained, gain)
    assert gained > 0.1


@pytest.mark.parametrize("count", [20, gp_fit.MANY])
def test_a_start_where_nothing_can_be_calculated_is_left(count: int) -> None:
    """Where the covariance isn't positive near by, the search begins anew."""
    rows = evidence(count).rows
    rows[:] = rows[0]
    loss = Loss.of(replace(evidence(count), rows=rows), NAMES)
    broken = replace(loss, added=np.full(count, -0.01))
    assert math.isfinite(search(broken, np.array([0.0, 0.0, 0.0, 0.0, -13.0]))[0])


def test_a_covariance_that_is_not_positive_costs_infinitely_much() -> None:
    """The search turns back; nothing is raised."""
    data = evidence(5)
    broken = told(replace(data, rows=data.rows * 0.0), variances=np.full(5, -1.0))
    value, slope = Loss.of(broken, NAMES)(np.full(5, -9.0))
    assert value == math.inf
    assert slope.tolist() == [0.0] * 5


@pytest.mark.parametrize("known", [False, True])
def test_the_posterior_is_botorchs(known: bool) -> None:
    """Means and deviations in closed form, and by the model itself."""
    data, found = evidence(variances=known), hyperparameters(0.02)
    rows = evidence(20, seed=5).rows
    local = posterior_of(data, found, NAMES).at(rows)
    means, deviations = predict(surrogate(data, found, NAMES), rows)
    np.testing.assert_allclose(local.means[:, 0], means, atol=1e-10)
    np.testing.assert_allclose(local.deviations, deviations, atol=1e-8)


def test_conditioning_on_draws_is_being_told_them() -> None:
    """Given true costs at some points, the posterior is that of a BoTorch model with these among its data."""
    data, points = evidence(), evidence(3, seed=1).rows
    given = posterior_of(data, hyperparameters(0.02), NAMES).given(points, np.array([[0.5], [-1.0], [0.1]]))
    more = told(
        replace(data, rows=np.concatenate([data.rows, points])),
        costs=np.concatenate([data.costs, given.drawn(3)[:, 0]]),
        variances=np.concatenate([np.full(15, 0.02), np.full(3, LEAST_VARIANCE)]),
    )
    rows = evidence(10, seed=2).rows
    means, deviations = predict(surrogate(more, hyperparameters(0.0), NAMES), rows)
    local = given.at(rows)
    np.testing.assert_allclose(local.means[:, 0], means, atol=1e-4)
    np.testing.assert_allclose(local.deviations, deviations, atol=1e-4)


def test_without_noise_the_acquisition_is_botorchs_log_expected_improvement() -> None:
    """The average over what noise hides is then one value."""
    data = evidence(variances=True)
    exact = told(data, variances=np.full(15, LEAST_VARIANCE))
    model = surrogate(exact, hyperparameters(0.0), NAMES)
    best = torch.tensor(exact.costs.min())
    rows = evidence(30, seed=3).rows
    expected = LogExpectedImprovement(model, best, maximize=False)(torch.from_numpy(rows).unsqueeze(-2))
    posterior = posterior_of(exact, hyperparameters(0.0), NAMES)
    ours = LogNoisyExpectedImprovement(posterior, NOWHERE, exact.rows, exact.rows[:0], seed=1)
    np.testing.assert_allclose(ours.values(rows), expected.numpy(), rtol=1e-3, atol=1e-2)


def test_the_acquisition_is_the_average_of_botorchs_over_the_draws() -> None:
    """Value and slope, where each draw is told to a model of BoTorch's as costs that are known."""
    data, points, level = evidence(), evidence(4, seed=1).rows, 0.1
    posterior = posterior_of(data, hyperparameters(level), NAMES)
    ours = LogNoisyExpectedImprovement(posterior, NOWHERE, points, points[:0], seed=3)
    rows = evidence(12, seed=3).rows
    X = torch.from_numpy(rows).unsqueeze(-2).requires_grad_()  # noqa: N806
    each = []
    for costs in ours.posterior.drawn(len(points)).T:
        more = told(
            replace(data, rows=np.concatenate([data.rows, points])),
            costs=np.concatenate([data.costs, costs]),
            variances=np.concatenate([np.full(15, level), np.full(len(points), JITTER)]),
        )
        with gpytorch.settings.min_fixed_noise(double_value=JITTER):
            model = surrogate(more, hyperparameters(0.0), NAMES)
            each.append(LogExpectedImprovement(model, torch.tensor(costs.min()), maximize=False)(X))
    expected = torch.logsumexp(torch.stack(each), dim=0) - math.log(DRAWS)
    (slopes,) = torch.autograd.grad(expected.sum(), X)
    found, steepness = ours.values_and_slopes(rows)
    np.testing.assert_allclose(ours.values(rows), expected.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(steepness[:, :2], slopes[:, 0, :2].numpy(), rtol=1e-6, atol=1e-6)


def test_with_noise_and_pending_points_the_acquisition_is_botorchs() -> None:
    """To the precision of its own draws, where improvement isn't too rare for them."""
    model = surrogate(evidence(), hyperparameters(0.1), NAMES)
    data, pending = evidence().rows, evidence(3, seed=9).rows
    rows = evidence(100, seed=3).rows
    expected = qLogNoisyExpectedImprovement(
        model,
        torch.from_numpy(data),
        sampler=SobolQMCNormalSampler(torch.Size([2048]), seed=1),
        posterior_transform=ScalarizedPosteriorTransform(torch.tensor([-1.0], dtype=torch.double)),
        X_pending=torch.from_numpy(pending),
        prune_baseline=False,
    )(torch.from_numpy(rows).unsqueeze(-2)).numpy()
    posterior = posterior_of(evidence(), hyperparameters(0.1), NAMES)
    rivals = np.concatenate([data, pending])
    ours = LogNoisyExpectedImprovement(posterior, NOWHERE, rivals, data[:0], seed=1).values(rows)
    likely = expected > -4.0
    assert likely.sum() > 10
    np.testing.assert_allclose(ours[likely], expected[likely], atol=0.3)
    assert np.corrcoef(ours[likely], expected[likely])[0, 1] > 0.99


def test_slopes_are_the_slopes_of_the_values() -> None:
    """Of both acquisition functions, with a context behind the rows, by finite differences; none along names."""
    posterior = posterior_of(evidence(), hyperparameters(0.05), NAMES)
    data = evidence().rows
    here = np.array([[1.0]])
    rows = np.random.default_rng(1).random((5, 2))
    for function in (
        LogNoisyExpectedImprovement(posterior, here, data[:4], data[4:6], seed=2),
        ExpectedGain(posterior, here),
    ):
        values, slopes = function.values_and_slopes(rows)
        np.testing.assert_allclose(values, function.values(rows), rtol=1e-12)
        for column, step in enumerate(1e-6 * np.eye(2)):
            differences = (function.values(rows + step) - function.values(rows - step)) / 2e-6
            np.testing.assert_allclose(slopes[:, column], differences, rtol=1e-5, atol=1e-6)
    full = ExpectedGain(posterior, NOWHERE)
    _, slopes = full.values_and_slopes(data)
    assert slopes[:, 2].tolist() == [0.0] * len(data)


def test_growing_a_posterior_is_making_it_anew() -> None:
    """Points given one after the other, or all together after each other's draws: one covariance, one posterior."""
    data, points = evidence(40), evidence(30, seed=1).rows
    normal = normal_draws(30, seed=0)
    posterior = posterior_of(data, hyperparameters(0.02), NAMES)
    step_by_step = posterior.given(points[:10], normal[:10])
    step_by_step = replace(step_by_step, whitened=step_by_step.whitened[:, :1]).given(points[10:], normal[10:])
    at_once = posterior.given(points, normal)
    rows = evidence(20, seed=5).rows
    np.testing.assert_allclose(step_by_step.at(rows).deviations, at_once.at(rows).deviations, atol=1e-7)
    size = len(at_once.rows)
    covariance = at_once.factor @ at_once.factor.T
    kernel = at_once.kernel.parts(at_once.rows, at_once.rows)[0] + np.diag(at_once.noise)
    np.testing.assert_allclose(covariance, kernel, atol=1e-12)
    np.testing.assert_allclose(at_once.inverse @ at_once.factor, np.eye(size), atol=1e-6)


def test_draws_are_normal_and_differ_by_seed() -> None:
    """Each point's draws spread as a normal variable's do; the same seed gives the same, also beyond the table."""
    draws = normal_draws(300, seed=5)
    assert draws.shape == (300, DRAWS)
    np.testing.assert_allclose(draws.mean(axis=1), 0.0, atol=0.25)
    np.testing.assert_allclose(draws.std(axis=1), 1.0, atol=0.3)
    correlations = np.corrcoef(draws) - np.eye(300)
    assert np.abs(correlations).mean() < 0.2
    assert not np.array_equal(draws, normal_draws(300, seed=6))
    np.testing.assert_array_equal(draws, normal_draws(300, seed=5))


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
    posterior = posterior_of(evidence(30), hyperparameters(0.001), NAMES)
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

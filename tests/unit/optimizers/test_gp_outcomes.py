"""Acquisition functions for constraints, several objectives and costs, held to BoTorch's values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from botorch.acquisition.analytic import LogConstrainedExpectedImprovement
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
from botorch.acquisition.objective import LinearMCObjective
from botorch.models import ModelListGP
from botorch.sampling import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
from scipy.stats import norm

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import LEAST_VARIANCE, Evidence
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_constrained import AcceptableGain, LogConstrainedImprovement, PerCost
from trimtab_service.optimizers.gp_feasibility import Bound, log_between, log_probability_feasible
from trimtab_service.optimizers.gp_fit import Hyperparameters
from trimtab_service.optimizers.gp_hypervolume import LogHypervolumeGain
from trimtab_service.optimizers.gp_posterior import Posterior, posterior_of
from trimtab_service.optimizers.targets import Role, Target
from unit.optimizers.botorch_model import surrogate

NAMES = (2,)
NOWHERE = np.empty((1, 0))
FOUND = Hyperparameters(np.array([0.3, 0.8, 1.5]), 1.7, 0.0, 0.25)
COUNT = 15


def rows(count: int, seed: int = 0) -> Rows:
    """Of two numbers and a name."""
    rng = np.random.default_rng(seed)
    found = rng.random((count, 3))
    found[:, 2] = rng.integers(0, 3, count)
    return found


TRIED = rows(COUNT)


def evidence(index: int, noise: float = LEAST_VARIANCE, sign: float = 1.0) -> Evidence:
    """Of one of several metrics, at the same places."""
    costs = np.sin(5.0 * TRIED[:, 0] + index) + np.cos(3.0 * index * TRIED[:, 1]) + (TRIED[:, 2] == index % 3)
    costs = sign * (costs - costs.mean()) / costs.std()
    target = Target("y", Role.OBJECTIVE, 1.0, costs, np.full(COUNT, noise), location=0.0, spread=1.0)
    return Evidence(TRIED, (target,), np.ones(COUNT, dtype=bool), np.arange(1, COUNT + 1), TRIED[:0])


def posterior(index: int, noise: float = LEAST_VARIANCE) -> Posterior:
    """Of that metric."""
    return posterior_of(evidence(index, noise), FOUND, NAMES)


def negated(index: int) -> object:
    """BoTorch's model of minus that metric."""
    found = Hyperparameters(FOUND.lengthscales, FOUND.scale, 0.0, -FOUND.mean)
    return surrogate(evidence(index, sign=-1.0), found, NAMES)


BOUNDS = (Bound(posterior(1), -np.inf, 0.2), Bound(posterior(2), -0.5, 1.0))


def test_without_noise_the_acquisition_is_botorchs_log_constrained_expected_improvement() -> None:
    """With one bound above, and one on either side."""
    costs = [evidence(index).costs for index in range(3)]
    best = costs[0][(costs[1] <= 0.2) & (costs[2] >= -0.5) & (costs[2] <= 1.0)].min()
    models = ModelListGP(*(surrogate(evidence(index), FOUND, NAMES) for index in range(3)))
    theirs = LogConstrainedExpectedImprovement(
        models, torch.tensor(best), 0, {1: (None, 0.2), 2: (-0.5, 1.0)}, maximize=False
    )
    places = rows(30, seed=3)
    expected = theirs(torch.from_numpy(places).unsqueeze(-2)).numpy()
    ours = LogConstrainedImprovement(posterior(0), BOUNDS, NOWHERE, TRIED, TRIED[:0], seed=1).values(places)
    np.testing.assert_allclose(ours, expected, rtol=1e-2, atol=2e-2)


def test_with_noise_the_acquisition_is_botorchs_with_constraints() -> None:
    """To the precision of its draws, where improvement isn't too rare for them."""
    noisy = [evidence(index, noise=0.1) for index in range(2)]
    models = ModelListGP(*(surrogate(each, FOUND, NAMES) for each in noisy))
    places = rows(60, seed=3)
    theirs = qLogNoisyExpectedImprovement(
        models,
        torch.from_numpy(TRIED),
        sampler=SobolQMCNormalSampler(torch.Size([1024]), seed=1),
        objective=LinearMCObjective(torch.tensor([-1.0, 0.0], dtype=torch.double)),
        constraints=[lambda samples: samples[..., 1] - 0.2],
        eta=1e-3,
        prune_baseline=False,
    )
    expected = theirs(torch.from_numpy(places).unsqueeze(-2)).detach().numpy()
    bounds = (Bound(posterior_of(noisy[1], FOUND, NAMES), -np.inf, 0.2),)
    ours = LogConstrainedImprovement(posterior_of(noisy[0], FOUND, NAMES), bounds, NOWHERE, TRIED, TRIED[:0], seed=1)
    likely = expected > -5.0
    assert likely.sum() > 10
    np.testing.assert_allclose(ours.values(places)[likely], expected[likely], atol=0.4)


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_without_noise_the_growth_of_the_hypervolume_is_botorchs(objectives: int) -> None:
    """The logarithm of the closed form, where that is large enough to have one."""
    reference = np.full(objectives, 0.8)
    measured = np.stack([evidence(index).costs for index in range(objectives)], axis=1)
    partitioning = FastNondominatedPartitioning(torch.from_numpy(-reference), torch.from_numpy(-measured))
    models = ModelListGP(*(negated(index) for index in range(objectives)))
    theirs = ExpectedHypervolumeImprovement(models, (-reference).tolist(), partitioning)
    places = rows(30, seed=3)
    expected = theirs(torch.from_numpy(places).unsqueeze(-2)).detach().numpy()
    posteriors = [posterior(index) for index in range(objectives)]
    ours = LogHypervolumeGain(posteriors, (), NOWHERE, TRIED, TRIED[:0], reference, seed=1).values(places)
    large = expected > 1e-6
    assert large.sum() > 15
    np.testing.assert_allclose(ours[large], np.log(expected[large]), atol=0.02)


def test_a_front_without_acceptable_points_is_empty() -> None:
    """Everything up to the reference point can be gained then, as likely as it is acceptable."""
    reference = np.full(2, 0.8)
    never = Bound(posterior(2), -np.inf, -50.0)
    ours = LogHypervolumeGain([posterior(0), posterior(1)], (never,), NOWHERE, TRIED, TRIED[:0], reference, seed=1)
    assert ours.cells.upper.shape[2] == 1
    empty = LogHypervolumeGain([posterior(0), posterior(1)], (), NOWHERE, TRIED, TRIED[:0], reference, seed=1)
    assert np.all(ours.values(rows(9, seed=4)) < empty.values(rows(9, seed=4)) - 100.0)


def functions() -> Sequence[ClosedForm]:
    """One of each kind, with noise, a context behind the rows and pending points elsewhere."""
    here, rivals, elsewhere = np.array([[1.0]]), TRIED[:4], TRIED[4:6]
    bounds = tuple(Bound(posterior(index, 0.05), -0.5, 1.0) for index in (1, 2))
    constrained = LogConstrainedImprovement(posterior(0, 0.05), bounds, here, rivals, elsewhere, seed=2)
    reference = np.full(3, 1.0)
    several = [posterior(index, 0.05) for index in (0, 2, 3)]
    return (
        constrained,
        AcceptableGain(posterior(0, 0.05), bounds, here),
        LogHypervolumeGain(several, bounds[:1], here, rivals, elsewhere, reference, seed=2),
        PerCost(constrained, posterior(3, 0.05), 1.5, 0.4, here),
    )


@pytest.mark.parametrize("function", functions(), ids=lambda each: type(each).__name__)
def test_slopes_are_the_slopes_of_the_values(function: ClosedForm) -> None:
    """By central differences, along each number."""
    places = rows(12, seed=6)[:, :2]
    values, slopes = function.values_and_slopes(places)
    np.testing.assert_allclose(values, function.values(places), rtol=1e-12)
    for column in range(2):
        step = 1e-6 * np.eye(2)[column]
        differences = (function.values(places + step) - function.values(places - step)) / 2e-6
        np.testing.assert_allclose(slopes[:, column], differences, rtol=1e-4, atol=1e-5)


def test_what_costs_twice_as_much_must_gain_twice_as_much() -> None:
    """With power 1 the difference of the values is that of the log costs; with power 0 there is none."""
    gain, cost, places = functions()[0], posterior(3, 0.05), rows(9, seed=7)[:, :2]
    here = np.array([[1.0]])
    means = cost.at(np.hstack([places, np.ones((9, 1))])).means[:, 0]
    by_power = {power: PerCost(gain, cost, 1.5, power, here).values(places) for power in (0.0, 1.0)}
    np.testing.assert_allclose(by_power[0.0], gain.values(places))
    np.testing.assert_allclose(by_power[0.0] - by_power[1.0], 1.5 * means)


def test_probabilities_multiply() -> None:
    """Of metrics that are independent."""
    places = rows(9, seed=8)
    locals_ = [bound.posterior.at(places) for bound in BOUNDS]
    expected = np.zeros(9)
    for bound, local in zip(BOUNDS, locals_, strict=True):
        ends = [(end - local.means[:, 0]) / local.deviations for end in (bound.low, bound.high)]
        expected += np.log(norm.cdf(ends[1]) - norm.cdf(ends[0]))
    sure = expected > -20.0
    np.testing.assert_allclose(log_probability_feasible(BOUNDS, places)[sure], expected[sure], rtol=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        # log(Phi(high) - Phi(low)) with 50 digits (mpmath).
        (-1.0, 1.0, -0.381715146302126),
        (-np.inf, -3.0, -6.60772622151035),
        (2.0, np.inf, -3.78318433368203),
        (30.0, 30.5, -454.321244221883),
        (-np.inf, -1e4, -50000010.1292789),
        (1e4, np.inf, -50000010.1292789),
        (-1e8, 1e8, 0.0),
    ],
)
def test_the_log_probability_of_an_interval(low: float, high: float, expected: float) -> None:
    """In the middle and far out, open and closed; and its slopes, by central differences."""
    ends = np.array([[low]]), np.array([[high]])
    value, by_low, by_high = log_between(*ends)
    assert value[0, 0] == pytest.approx(expected, rel=1e-12, abs=1e-300)
    for slope, along in ((by_low, (1.0, 0.0)), (by_high, (0.0, 1.0))):
        place = low if along[0] else high
        if np.isfinite(place):
            step = 1e-6 * max(1.0, abs(place))
            up, down = (
                log_between(ends[0] + way * step * along[0], ends[1] + way * step * along[1])[0][0, 0]
                for way in (1.0, -1.0)
            )
            assert slope[0, 0] == pytest.approx((up - down) / (2.0 * step), rel=1e-3, abs=1e-8)


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("deviation", [1e-3, 1e-8, 1e-10])
def test_an_interval_out_of_all_reach_has_slopes_to_go_by(side: float, deviation: float) -> None:
    """Those of a metric that hardly varies, 14 above or below what is allowed: finite, and towards it."""
    low, high = sorted((side * 14.0 / deviation, side * 16.0 / deviation))
    with np.errstate(all="raise", under="ignore"):
        value, by_low, by_high = log_between(np.array([[low]]), np.array([[high]]))
    near, far = (by_high, by_low) if side < 0.0 else (by_low, by_high)
    assert value[0, 0] < -1e6
    assert side * near[0, 0] < -1e3
    assert abs(far[0, 0]) < 1e-9 * abs(near[0, 0])

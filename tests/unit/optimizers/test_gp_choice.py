"""The acquisition functions that can be asked for are what BoTorch computes, and what the literature defines."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from botorch.acquisition import UpperConfidenceBound, qKnowledgeGradient
from botorch.acquisition.joint_entropy_search import qJointEntropySearch
from botorch.acquisition.max_value_entropy_search import qLowerBoundMaxValueEntropy
from botorch.models import SingleTaskGP
from botorch.sampling import SobolQMCNormalSampler
from scipy.stats import norm
from torch import Tensor

from trimtab_service.algorithms import choose
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.outcomes import OutcomeConstraint
from trimtab_service.domain.space import Categorical, Float, SearchSpace
from trimtab_service.domain.study import AlgorithmRequest, StudySpec
from trimtab_service.optimizers import gp_entropy
from trimtab_service.optimizers.acquisitions import ACQUISITIONS, DEFAULT, SCORES
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_confidence import ConfidenceBound
from trimtab_service.optimizers.gp_covariances import Covariances
from trimtab_service.optimizers.gp_entropy import JointEntropy, MaxValueEntropy
from trimtab_service.optimizers.gp_knowledge import LEAST_LOG, KnowledgeGradient, log_gain_of_lines
from trimtab_service.optimizers.gp_paths import DrawnGain, Paths, Places
from trimtab_service.optimizers.gp_posterior import Posterior, posterior_of
from trimtab_service.optimizers.region import Region
from unit.optimizers.botorch_model import surrogate
from unit.optimizers.test_closed_forms import NAMES, NOWHERE, evidence, hyperparameters, told

LEVEL = 0.05
NUMBERS = [0, 1]
LEVELS = {2: 4}


def believed(level: float = LEVEL) -> Posterior:
    """Of rows with two numbers and a name."""
    return posterior_of(evidence(), hyperparameters(level), NAMES)


def negated(known: float | None = None) -> SingleTaskGP:
    """BoTorch's model of the rewards, minus the costs, with noise that was fitted or is known."""
    data, found = evidence(), hyperparameters(LEVEL if known is None else 0.0)
    rewards = told(data, costs=-data.costs)
    if known is not None:
        rewards = told(rewards, variances=np.full(len(data.costs), known))
    return surrogate(rewards, replace(found, mean=-found.mean), NAMES)


def rows_of(count: int = 12) -> Rows:
    """Other rows than the data's."""
    return evidence(seed=3).rows[:count]


def by_botorch(function: Callable[[Tensor], Tensor], rows: Rows) -> tuple[Vector, Rows]:
    """Values [b] and slopes [b, d] of a function of one point at rows [b, d], by autograd."""
    X = torch.from_numpy(rows).unsqueeze(-2).requires_grad_()  # noqa: N806
    values = function(X)
    (slopes,) = torch.autograd.grad(values.sum(), X)
    return values.detach().numpy(), slopes[:, 0].numpy()


def compare(ours: ClosedForm, expected: tuple[Vector, Rows]) -> None:
    """Both functions give these values and these slopes along numbers."""
    values, slopes = ours.values_and_slopes(rows_of(len(expected[0])))
    np.testing.assert_allclose(values, expected[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.values(rows_of(len(expected[0]))), expected[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(slopes[:, NUMBERS], expected[1][:, NUMBERS], rtol=1e-5, atol=1e-6)


def test_the_confidence_bound_is_botorchs() -> None:
    """Value and slope."""
    theirs = UpperConfidenceBound(surrogate(evidence(), hyperparameters(LEVEL), NAMES), beta=3.0, maximize=False)
    compare(ConfidenceBound(believed(), NOWHERE, 3.0), by_botorch(theirs, rows_of()))


def test_max_value_entropy_search_is_botorchs() -> None:
    """The logarithm of its lower bound, with noise, for the same draws of the least cost."""
    least = np.array([-2.0, -1.6, -1.4, -2.5])
    theirs = qLowerBoundMaxValueEntropy(negated(), torch.from_numpy(evidence().rows), num_mv_samples=4)
    theirs.posterior_max_values = torch.from_numpy(-least).unsqueeze(-1)
    values, slopes = by_botorch(theirs, rows_of())
    assert values.min() > 1e-9
    compare(MaxValueEntropy(believed(), NOWHERE, least, LEVEL), (np.log(values), slopes / values[:, None]))


@pytest.mark.parametrize("exact", [True, False])
def test_joint_entropy_search_is_botorchs(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The logarithm of its lower bound, for the same draws of the best point and its cost, or noisy ones as well.

    Where the noise is known, BoTorch takes its mean over the data and the
    optimum for that of the next measurement, so there it is as small as an optimum's.
    """
    level = gp_entropy.OPTIMUM_VARIANCE if exact else LEVEL
    monkeypatch.setattr(gp_entropy, "OPTIMUM_VARIANCE", level)
    optima, least = evidence(4, seed=8).rows, np.array([-2.0, -1.6, -1.4, -2.5])
    drawn = (torch.from_numpy(optima), torch.from_numpy(-least).unsqueeze(-1))
    theirs = qJointEntropySearch(negated(level if exact else None), *drawn, condition_noiseless=exact)
    values, slopes = by_botorch(theirs, rows_of())
    assert values.min() > 1e-4
    ours = JointEntropy(believed(level), NOWHERE, optima, least, level)
    compare(ours, (np.log(values), slopes / values[:, None]))


def test_the_knowledge_gradient_is_botorchs() -> None:
    """For the same draws of the measurement, the best of the same points being recommended after each."""
    posterior, points, count = believed(), evidence(6, seed=8).rows, 16
    sampler = SobolQMCNormalSampler(torch.Size([count]), seed=5)
    theirs = qKnowledgeGradient(negated(), num_fantasies=count, sampler=sampler)
    local = posterior.at(rows_of())
    covariances, _ = Covariances.of(posterior, points).at(local)
    starts = posterior.at(points).means[:, 0]
    tilts = covariances / np.sqrt(local.deviations**2 + LEVEL)[:, None]
    theirs(torch.from_numpy(np.concatenate([rows_of(1), np.repeat(points[:1], count, axis=0)])).unsqueeze(0))
    normal = -sampler.base_samples.numpy().ravel()  # of rewards, whose sign is another
    lines = starts[None, None] + tilts[:, None] * normal[:, None]
    for row, line in zip(rows_of(), lines, strict=True):
        X = torch.from_numpy(np.concatenate([row[None], points[line.argmin(axis=1)]])).unsqueeze(0)  # noqa: N806
        np.testing.assert_allclose(-line.min(axis=1).mean(), theirs(X).item(), rtol=1e-6)


def test_the_knowledge_gradient_is_the_expectation_over_the_measurement() -> None:
    """By fine quadrature, of points and of the row itself."""
    posterior, points = believed(), evidence(6, seed=8).rows
    local = posterior.at(rows_of())
    spread = np.sqrt(local.deviations**2 + LEVEL)[:, None]
    covariances, _ = Covariances.of(posterior, points).at(local)
    starts = np.hstack([np.tile(posterior.at(points).means[:, 0], (12, 1)), local.means])
    tilts = np.hstack([covariances, local.deviations[:, None] ** 2]) / spread
    normal = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    after = (starts[:, :, None] + tilts[:, :, None] * normal).min(axis=1).mean(axis=1)
    found = KnowledgeGradient(posterior, NOWHERE, points, LEVEL).values(rows_of())
    assert (starts[:, -1] < starts[:, :-1].min(axis=1)).any()
    np.testing.assert_allclose(np.exp(found), starts[:, :-1].min(axis=1) - after, rtol=1e-2, atol=1e-5)


def test_the_gain_of_lines() -> None:
    """Two lines as the closed form has it, far apart too; one line twice, or parallel ones, gain nothing."""
    starts = np.array([[0.0, 1.0], [0.0, 30.0], [0.0, 0.0], [0.0, 1.0]])
    tilts = np.array([[0.5, 1.5], [0.0, 1.0], [1.0, 1.0], [2.0, 2.0]])
    values, _, _ = log_gain_of_lines(starts, tilts)
    assert values[0] == pytest.approx(math.log(norm.pdf(1.0) - norm.sf(1.0)), rel=1e-12)
    assert values[1] == pytest.approx(-457.724653760598, rel=1e-9)
    assert values[2:].tolist() == [LEAST_LOG, LEAST_LOG]


SPACE = SearchSpace((Float("x", 0.0, 1.0),))
METRICS = (Metric("y"), Metric("z"), Metric("seconds", min=0.0))


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_what_makes_no_sense_is_refused_at_creation(acquisition: str) -> None:
    """Anything but the default with several objectives or constraints; a cost where no gain is divided by it."""
    first, second = Objective("y", Goal.MINIMIZE), Objective("z", Goal.MINIMIZE)
    asked = AlgorithmRequest("gp", {"acquisition": acquisition})
    plain = StudySpec(space=SPACE, metrics=METRICS, objectives=(first,), algorithm=asked)
    several = replace(plain, objectives=(first, second))
    constrained = replace(plain, outcome_constraints=(OutcomeConstraint("z", max=1.0),))
    costly = replace(plain, cost_metric="seconds")
    assert choose(plain).options["acquisition"] == acquisition
    refused = []
    for spec in (several, constrained, costly):
        try:
            choose(spec)
        except InvalidArgument as error:
            refused.append([violation.field for violation in error.violations])
    unfit = 0 if acquisition == DEFAULT else 3 if acquisition in SCORES else 2
    assert refused == [['algorithm.options["acquisition"]']] * unfit


def functions() -> dict[str, ClosedForm]:
    """Each, in a context that is a name, with something pending."""
    posterior, optima = believed(), evidence(5, seed=8).rows
    here, least = np.array([[1.0]]), np.array([-2.0, -1.6, -1.4, -2.5, -1.8])
    pending = posterior.given(evidence(3, seed=4).rows, np.zeros((3, 1)))
    return {
        "ucb": ConfidenceBound(pending, here, 4.0),
        "mes": MaxValueEntropy(pending, here, least, LEVEL),
        "jes": JointEntropy(pending, here, optima, least, LEVEL),
        "kg": KnowledgeGradient(pending, here, optima, LEVEL),
        "thompson": DrawnGain(Paths.of(posterior, LEVELS, 1, np.random.default_rng(2)), here),
    }


@pytest.mark.parametrize("name", functions())
def test_slopes_are_the_slopes_of_the_values(name: str) -> None:
    """By finite differences, and the values are those that come alone."""
    function = functions()[name]
    rows = np.random.default_rng(1).random((6, 2))
    values, slopes = function.values_and_slopes(rows)
    np.testing.assert_allclose(values, function.values(rows), rtol=1e-12)
    for column, step in enumerate(1e-6 * np.eye(2)):
        differences = (function.values(rows + step) - function.values(rows - step)) / 2e-6
        np.testing.assert_allclose(slopes[:, column], differences, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["kg", "mes", "jes"])
def test_where_something_is_pending_there_is_less_to_learn(name: str) -> None:
    """A pending point, taken to come out as expected, is worth less than it was before."""
    posterior, optima, least = believed(), evidence(5, seed=8).rows, np.full(5, -2.0)
    point = rows_of(1)
    pending = posterior.given(point, np.zeros((1, 1)))
    make: dict[str, Callable[[Posterior], ClosedForm]] = {
        "kg": lambda one: KnowledgeGradient(one, NOWHERE, optima, LEVEL),
        "mes": lambda one: MaxValueEntropy(one, NOWHERE, least, LEVEL),
        "jes": lambda one: JointEntropy(one, NOWHERE, optima, least, LEVEL),
    }
    before, after = make[name](posterior).values(point), make[name](pending).values(point)
    assert after[0] < before[0] - 1.0


def test_paths_are_draws_of_the_posterior() -> None:
    """Mean, deviation and covariances over many draws, at numbers and names, beside and far from the data."""
    posterior, rows = believed(), np.concatenate([rows_of(8), evidence().rows[:2]])
    count = 300
    drawn = np.stack(
        [Paths.of(posterior, LEVELS, 10, np.random.default_rng(seed)).values(rows) for seed in range(count)], axis=1
    ).reshape(len(rows), -1)
    local = posterior.at(rows)
    prior, _ = posterior.kernel.parts(rows, rows)
    covariance = prior - local.weights @ local.weights.T
    np.testing.assert_allclose(drawn.mean(axis=1), local.means[:, 0], atol=0.1)
    np.testing.assert_allclose(np.cov(drawn), covariance, atol=0.08)


def test_the_mean_is_a_path() -> None:
    """The one before all draws, which stay what they are."""
    posterior = believed()
    paths = Paths.of(posterior, LEVELS, 3, np.random.default_rng(0))
    values = paths.beside_the_mean().values(rows_of())
    np.testing.assert_allclose(values[:, 0], posterior.at(rows_of()).means[:, 0], rtol=1e-9)
    np.testing.assert_allclose(values[:, 1:], paths.values(rows_of()), rtol=1e-12)


def test_the_best_points_of_paths_are_found() -> None:
    """No point of a fine grid is much lower, and each is a legal row in the context with its own cost."""
    space = SearchSpace((Float("x", 0.0, 1.0), Float("y", 0.0, 1.0), Categorical("z", ("a", "b", "c"))))
    posterior = believed()
    places = Places(Region(space), NOWHERE, None, evidence().rows[:3])
    rng = np.random.default_rng(0)
    paths = places.drawn(posterior, 8, rng)
    optima, least = places.minima(paths, rng)
    axis = np.linspace(0.0, 1.0, 51)
    grid = np.stack([one.ravel() for one in np.meshgrid(axis, axis, np.arange(3.0))], axis=1)
    assert np.all(least <= paths.values(grid).min(axis=0) + 0.1)
    np.testing.assert_allclose(paths.values(optima)[np.arange(8), np.arange(8)], least, rtol=1e-12)
    assert len(np.unique(optima, axis=0)) > 1

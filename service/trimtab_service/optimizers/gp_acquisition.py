"""What the next trial is chosen by. Imports torch; import it inside a call only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models import SingleTaskGP
from botorch.utils.sampling import draw_sobol_normal_samples
from torch import Tensor

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.gp_posterior import Kernel, Posterior, log_expected_excess

DRAWS = 32  # of what noise hides; a power of 2, as Sobol draws want
MOST_RIVALS = 30  # tried points that may be the best one
RIVAL_WIDTH = 2.0  # standard deviations by which a point may be better than it looks


class ClosedForm(AcquisitionFunction):  # type: ignore[misc]
    """An acquisition function of BoTorch's that knows its own slope.

    here: [1, c] the context, put behind every row.
    """

    def __init__(self, model: SingleTaskGP, posterior: Posterior, here: Rows) -> None:
        super().__init__(model)
        self.posterior, self.here = posterior, here

    def forward(self, X: Tensor) -> Tensor:  # noqa: N803
        """Values [b] at rows [b, 1, d], with their slope for autograd."""
        values: Tensor = _KnownSlope.apply(X, self)  # type: ignore[no-untyped-call]
        return values

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        raise NotImplementedError

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        raise NotImplementedError

    def _beside(self, rows: Rows) -> Rows:
        return np.hstack([rows, np.repeat(self.here, len(rows), axis=0)])


class _KnownSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, function: ClosedForm) -> Tensor:
        values, slopes = function.values_and_slopes(rows.detach().numpy()[:, 0])
        ctx.save_for_backward(torch.from_numpy(slopes).unsqueeze(-2))
        return torch.from_numpy(values)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return slope[:, None, None] * slopes, None


class LogNoisyExpectedImprovement(ClosedForm):
    """log of the expected improvement over the best true cost, averaged over what noise and pending trials hide.

    log E_s[ E[ max(best_s - f(x), 0) | data, f(B) = f_s(B) ] ], where B are
    the points that may be the best ones, and pending ones, f_s(B) are S
    quasi-random draws of their costs, and best_s is the least of them. The
    inner expectation is in closed form. Letham, Karrer, Ottoni, Bakshy 2019,
    "Constrained Bayesian Optimization with Noisy Experiments", for the average;
    Ament, Daulton, Eriksson, Balandat, Bakshy 2023, "Unexpected Improvements to
    Expected Improvement for Bayesian Optimization", for the log. BoTorch's own
    forms give the same number (a test holds that); this one shares one
    factorization among the draws, and takes any noise and pending points.
    """

    def __init__(
        self, model: SingleTaskGP, posterior: Posterior, here: Rows, rivals: Rows, elsewhere: Rows, seed: int
    ) -> None:
        """rivals [p, d]: to improve on, tried or pending, p >= 1. elsewhere [m, d]: pending in other contexts."""
        points = np.concatenate([elsewhere, rivals])
        normal = draw_sobol_normal_samples(d=len(points), n=DRAWS, seed=seed, dtype=torch.double).numpy().T
        given = posterior.given(points, normal)
        super().__init__(model, given, here)
        self.best = given.drawn(len(rivals)).min(axis=0)

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        local = self.posterior.at(self._beside(rows))
        each, _ = log_expected_excess((self.best - local.means) / local.deviations[:, None])
        return _log_mean(each) + np.log(local.deviations)

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        local = self.posterior.at(self._beside(rows))
        deviations = local.deviations[:, None]
        u = (self.best - local.means) / deviations
        each, each_slope = log_expected_excess(u)
        average = _log_mean(each)
        by_u = np.exp(each - average[:, None]) / DRAWS * each_slope
        by_deviations = (1.0 - (by_u * u).sum(axis=1)) / local.deviations
        slopes = self.posterior.slope(local, -by_u / deviations, by_deviations)
        return average + np.log(local.deviations), slopes[:, : rows.shape[1]]


class ExpectedGain(ClosedForm):
    """Minus the expected cost: exploitation alone."""

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        return -self.posterior.at(self._beside(rows)).means[:, 0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        local = self.posterior.at(self._beside(rows))
        slopes = self.posterior.slope(local, -np.ones_like(local.means), np.zeros(len(rows)))
        return -local.means[:, 0], slopes[:, : rows.shape[1]]


def posterior_of(model: SingleTaskGP) -> Posterior:
    """The closed form of what the model believes."""
    matern = model.covar_module.base_kernel
    (rows,) = model.train_inputs
    is_name = np.isin(np.arange(rows.shape[-1]), matern.categorical)
    kernel = Kernel(matern.lengthscale.squeeze(0).numpy(), float(model.covar_module.outputscale), is_name)
    noise = model.likelihood.noise.reshape(-1).expand(len(rows)).numpy()
    return Posterior.of(kernel, float(model.mean_module.constant), rows.numpy(), noise, model.train_targets.numpy())


def promising(posterior: Posterior, rows: Rows) -> tuple[Rows, int]:
    """The different ones of ``rows`` [n, d], of least expected cost first, and how many may have the least cost."""
    rows = np.unique(rows, axis=0)
    local = posterior.at(rows)
    means, reach = local.means[:, 0], RIVAL_WIDTH * local.deviations
    order = np.argsort(means, kind="stable")
    possible = np.flatnonzero((means - reach)[order] <= (means + reach).min())
    return rows[order], min(int(possible[-1]) + 1, MOST_RIVALS)


def _log_mean(each: Rows) -> Vector:
    """log of the mean of exp, [b] of [b, S]."""
    largest = each.max(axis=1)
    logs: Vector = largest + np.log(np.exp(each - largest[:, None]).sum(axis=1)) - math.log(each.shape[1])
    return logs

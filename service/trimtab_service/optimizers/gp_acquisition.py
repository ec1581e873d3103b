"""What the next trial is chosen by. Imports torch; import it inside a call only."""

from __future__ import annotations

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.analytic import _log_ei_helper
from botorch.models import SingleTaskGP
from botorch.utils.safe_math import logmeanexp
from botorch.utils.sampling import draw_sobol_normal_samples
from torch import Tensor

from trimtab_service.optimizers.gp_model import MixedMatern, matern

DRAWS = 32  # of what noise hides; a power of 2, as Sobol draws want
MOST_RIVALS = 30  # tried points that may be the best one
RIVAL_WIDTH = 2.0  # standard deviations by which a point may be better than it looks
JITTER = 1e-9
LEAST_SPREAD = 1e-10  # keeps the root's slope finite at points that are known


class _Conditioned(AcquisitionFunction):  # type: ignore[misc]
    """A function of the posterior of costs, given the data, and S draws of the true costs at p points more.

    With the data's rows X [n, d] and the points B [p, d] stacked, K their
    covariance, and K = L L', one matrix W = L^-1 k(., x) [n + p] gives all S
    posteriors at x: means mu + Z' W with Z [n + p, S], and the one variance
    k(x, x) - W'W. The upper n rows of Z are the data's, the lower p the draws.
    ``suffix`` [c] is put behind every row: the values of the context.
    """

    def __init__(self, model: SingleTaskGP, points: Tensor, draws: Tensor, suffix: Tensor) -> None:
        super().__init__(model)
        kernel: MixedMatern = model.covar_module.base_kernel
        (rows,), targets = model.train_inputs, model.train_targets
        self.categorical = kernel.categorical
        self.suffix, self.lengthscales = suffix, kernel.lengthscale.squeeze(0)
        self.scale, self.constant = model.covar_module.outputscale, model.mean_module.constant
        self.rows = torch.cat([rows, points])
        noise = model.likelihood.noise.reshape(-1).expand(len(rows))
        diagonal = torch.cat([noise, torch.full((len(points),), JITTER, dtype=rows.dtype)])
        covariance = self.scale * matern(self.rows, self.rows, self.lengthscales, self.categorical)
        factor = _cholesky(covariance + torch.diag(diagonal))
        self.inverse = torch.linalg.solve_triangular(
            factor, torch.eye(len(factor), dtype=rows.dtype), upper=False
        )
        data = (self.inverse[: len(rows), : len(rows)] @ (targets - self.constant)).unsqueeze(-1)
        self.whitened = torch.cat([data.expand(-1, draws.shape[-1]), draws])
        self.drawn = self.constant + factor[len(rows) :] @ self.whitened

    def posterior(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Means [b, S] and standard deviations [b, 1] at b rows [b, 1, d], the columns of the context left out."""
        full = torch.cat([X.squeeze(-2), self.suffix.expand(len(X), -1)], dim=-1)
        weights = self.scale * matern(full, self.rows, self.lengthscales, self.categorical) @ self.inverse.T
        variance = self.scale - weights.square().sum(-1, keepdim=True)
        return self.constant + weights @ self.whitened, variance.clamp_min(LEAST_SPREAD**2).sqrt()


class LogNoisyExpectedImprovement(_Conditioned):
    """log of the expected improvement over the best true cost, averaged over what noise and pending trials hide.

    log E_s[ E[ max(best_s - f(x), 0) | data, f(B) = f_s(B) ] ], where B are
    the points that may be the best ones, and pending ones, f_s(B) are S
    quasi-random draws of their costs, and best_s is the least of them. The
    inner expectation is in closed form. Letham, Karrer, Ottoni, Bakshy 2019,
    "Constrained Bayesian Optimization with Noisy Experiments", for the average;
    Ament, Daulton, Eriksson, Balandat, Bakshy 2023, "Unexpected Improvements to
    Expected Improvement for Bayesian Optimization", for the log. BoTorch's own
    two forms give the same number (a test holds that); this one shares a
    factorization among the draws, and costs a tenth.
    """

    def __init__(self, model: SingleTaskGP, rivals: Tensor, elsewhere: Tensor, suffix: Tensor, seed: int) -> None:
        """rivals [p, d]: points to improve on, tried or pending, p >= 1. elsewhere [m, d]: pending in other contexts."""
        points = torch.cat([rivals, elsewhere])
        draws = draw_sobol_normal_samples(d=len(points), n=DRAWS, seed=seed, dtype=points.dtype).T
        super().__init__(model, points, draws, suffix)
        self.best = self.drawn[: len(rivals)].min(dim=0).values

    def forward(self, X: Tensor) -> Tensor:
        """Values [b] at rows [b, 1, d]."""
        means, deviation = self.posterior(X)
        return logmeanexp(_log_ei_helper((self.best - means) / deviation), dim=-1) + deviation.squeeze(-1).log()


class ExpectedGain(_Conditioned):
    """Minus the posterior mean of the cost: exploitation alone."""

    def __init__(self, model: SingleTaskGP, suffix: Tensor) -> None:
        (rows,) = model.train_inputs
        super().__init__(model, rows[:0], rows.new_zeros((0, 1)), suffix)

    def forward(self, X: Tensor) -> Tensor:
        """Values [b] at rows [b, 1, d]."""
        means, _ = self.posterior(X)
        return -means.squeeze(-1)


def promising(model: SingleTaskGP, rows: Tensor) -> tuple[Tensor, int]:
    """The different ones of ``rows`` [n, d], of least expected cost first, and how many may have the least cost."""
    rows = torch.unique(rows, dim=0)
    with torch.no_grad():
        posterior = model.posterior(rows)
    means, reach = posterior.mean.squeeze(-1), RIVAL_WIDTH * posterior.variance.squeeze(-1).sqrt()
    order = torch.argsort(means, stable=True)
    possible = (means - reach)[order] <= (means + reach).min()
    # Whatever is behind the last possible one in this order can't be the best either.
    return rows[order], min(int(possible.nonzero().max()) + 1, MOST_RIVALS)


def _cholesky(covariance: Tensor) -> Tensor:
    """Lower factor, with as much added to the diagonal as rounding made necessary."""
    jitter = 0.0
    for _ in range(6):
        factor, failed = torch.linalg.cholesky_ex(covariance + jitter * torch.eye(len(covariance), dtype=covariance.dtype))
        if not failed:
            return factor
        jitter = max(10.0 * jitter, JITTER)
    raise ValueError("the covariance of the evidence isn't positive definite")

"""The surrogate: BoTorch's SingleTaskGP over the rows of an encoding. Imports torch; import it inside a call only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gpytorch
import numpy as np
import torch
from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan, Positive
from torch import Tensor

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import LEAST_VARIANCE, Evidence
from trimtab_service.optimizers.gp_fit import Hyperparameters
from trimtab_service.optimizers.noise import row_noise

SQRT5 = 5.0**0.5


def matern(first: Tensor, second: Tensor, lengthscales: Tensor, categorical: Sequence[int]) -> Tensor:
    """Matern-5/2 correlations [..., n, m] of rows [..., n, d] with rows [..., m, d].

    r^2 = sum over columns of ((x - x') / l)^2, where names count 1 if they
    differ; then (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r).
    """
    differences = first.unsqueeze(-2) - second.unsqueeze(-3)
    if categorical:
        columns = list(categorical)
        names = torch.zeros(first.shape[-1], dtype=torch.bool)
        names[columns] = True
        differences = torch.where(names, (differences != 0).to(differences), differences)
    squares = (differences / lengthscales).square().sum(-1)
    # The root has no slope at zero, where two rows are the same.
    distance = SQRT5 * squares.clamp_min(1e-30).sqrt()
    return (1.0 + distance + distance.square() / 3.0) * torch.exp(-distance)


class MixedMatern(gpytorch.kernels.Kernel):  # type: ignore[misc]
    """``matern`` as a kernel of GPyTorch: numbers by distance, names by whether they differ."""

    has_lengthscale = True

    def __init__(self, width: int, categorical: Sequence[int]) -> None:
        # Positive by an exponential, exact both ways; softplus would lose digits.
        super().__init__(
            ard_num_dims=width, lengthscale_constraint=Positive(transform=torch.exp, inv_transform=torch.log)
        )
        self.categorical = tuple(categorical)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        """Correlations [..., n, m], or [..., n] of the pairs alone."""
        if diag:
            return matern(x1.unsqueeze(-2), x2.unsqueeze(-2), self.lengthscale, self.categorical)[..., 0, 0]
        return matern(x1, x2, self.lengthscale, self.categorical)


def surrogate(evidence: Evidence, found: Hyperparameters, categorical: Sequence[int]) -> SingleTaskGP:
    """The model of standardized costs with the hyperparameters found, in double precision, ready to predict."""
    rows, costs = torch.from_numpy(evidence.rows), torch.from_numpy(evidence.costs).unsqueeze(-1)
    kernel = gpytorch.kernels.ScaleKernel(
        MixedMatern(rows.shape[-1], categorical),
        outputscale_constraint=Positive(transform=torch.exp, inv_transform=torch.log),
    )
    likelihood, variances = None, None
    target = evidence.targets[0]
    one_level = target.noise_factors is None and target.added is None
    on_top = one_level and target.variances is not None and found.noise > 0.0
    one_level = one_level and target.variances is None
    if one_level:
        likelihood = gpytorch.likelihoods.GaussianLikelihood(
            noise_constraint=GreaterThan(LEAST_VARIANCE / 2, transform=None)
        )
    elif on_top:
        likelihood = gpytorch.likelihoods.FixedNoiseGaussianLikelihood(
            torch.from_numpy(target.variances), learn_additional_noise=True, noise_constraint=Positive(transform=None)
        )
    else:
        variances = torch.from_numpy(row_noise(target, found.noise)).unsqueeze(-1)
    model = SingleTaskGP(rows, costs, variances, likelihood=likelihood, covar_module=kernel, outcome_transform=None)
    values = {
        "covar_module.base_kernel.lengthscale": torch.from_numpy(found.lengthscales),
        "covar_module.outputscale": torch.tensor(found.scale, dtype=torch.double),
        "mean_module.constant": torch.tensor(found.mean, dtype=torch.double),
    }
    if one_level:
        values["likelihood.noise"] = torch.tensor([found.noise], dtype=torch.double)
    if on_top:
        values["likelihood.second_noise"] = torch.tensor([found.noise], dtype=torch.double)
    model.initialize(**values)
    model.requires_grad_(requires_grad=False)
    return model.eval()


def predict(model: SingleTaskGP, rows: Rows) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Means and standard deviations [n] of the standardized cost at rows [n, d], without measurement noise."""
    with torch.no_grad():
        posterior = model.posterior(torch.from_numpy(rows))
        return posterior.mean.squeeze(-1).numpy(), posterior.variance.squeeze(-1).sqrt().numpy()

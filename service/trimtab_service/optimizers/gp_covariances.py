"""How the posterior costs at some points vary with those anywhere. NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_posterior import Local, Placed, Posterior


@dataclass(frozen=True, slots=True)
class Covariances:
    """Given the data of a posterior, of the true costs at p points with those at any rows, in closed form.

    points: [p, d]. weights: [p, n] what ``Posterior.at`` gives there.
    """

    posterior: Posterior
    points: Placed
    weights: Rows

    @classmethod
    def of(cls, posterior: Posterior, points: Rows) -> Covariances:
        """With the costs at points [p, d]."""
        return cls(posterior, posterior.kernel.placed(points), posterior.at(points).weights)

    def at(self, local: Local) -> tuple[Rows, Rows]:
        """The covariances [b, p], and what their slopes have in common."""
        prior, slope_part = self.posterior.kernel.between(local.rows, self.points)
        return prior - local.weights @ self.weights.T, slope_part

    def slope(self, local: Local, slope_part: Rows, by: Rows) -> Rows:
        """Slopes [b, d], by the chain rule, of what has slopes ``by`` [b, p]; 0 in columns of names."""
        posterior = self.posterior
        near = by * slope_part
        far = -((by @ self.weights) @ posterior.inverse) * local.slope_part
        total = near.sum(axis=1) + far.sum(axis=1)
        pull: Rows = near @ self.points.rows + far @ posterior.rows - total[:, None] * local.rows
        slopes: Rows = pull / np.square(posterior.kernel.lengthscales)
        slopes[:, posterior.kernel.is_name] = 0.0
        return slopes

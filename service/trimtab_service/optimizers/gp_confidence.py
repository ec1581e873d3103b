"""Optimism: what the cost may be at best. NumPy alone."""

from __future__ import annotations

import math

import numpy as np

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.targets import Vector


class ConfidenceBound(ClosedForm):
    """sqrt(beta) standard deviations, less the expected cost.

    Srinivas, Krause, Kakade, Seeger 2010, "Gaussian Process Optimization in
    the Bandit Setting" (UCB, of costs the lower bound). With a posterior that
    takes pending trials to come out as expected it is their GP-BUCB: Desautels,
    Krause, Burdick 2014, "Parallelizing Exploration-Exploitation Tradeoffs".
    """

    def __init__(self, posterior: Posterior, here: Rows, beta: float) -> None:
        super().__init__(posterior, here)
        self.reach = math.sqrt(beta)

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        local = self.posterior.at(self._beside(rows))
        return self.reach * local.deviations - local.means[:, 0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        local = self.posterior.at(self._beside(rows))
        slopes = self.posterior.slope(local, -np.ones_like(local.means), np.full(len(rows), self.reach))
        return self.reach * local.deviations - local.means[:, 0], slopes[:, : rows.shape[1]]

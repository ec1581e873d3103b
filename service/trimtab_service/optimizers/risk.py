"""What the costs in several conditions count as together, and what a posterior says of it. NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.study import Study
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector, encodings
from trimtab_service.optimizers.gp_posterior import Posterior

JITTER = 1e-8  # of the kernel's scale, so that conditions that look alike have a factor
MOST_AT_ONCE = 2_000  # rows that the posterior is asked for in one go


@dataclass(frozen=True, slots=True)
class Risk:
    """The mean over the worst share of some conditions: the conditional value at risk.

    conditions: [q, c] rows of the context. weights: [q], 1 together. share: over 0, up to 1.
    """

    conditions: Rows
    weights: Vector
    share: float

    @classmethod
    def of(cls, study: Study) -> Risk:
        """What a study with a robustness declares."""
        robustness = study.spec.robustness
        if robustness is None:
            raise ValueError(f"{study.name} has no robustness")
        _, context = encodings(study)
        weights = np.array(robustness.weights or [1.0] * len(robustness.conditions))
        weights = weights / weights.max()  # so that their sum is a number
        return cls(context.encode(robustness.conditions), weights / weights.sum(), robustness.worst_share)

    def __call__(self, costs: NDArray[np.float64]) -> NDArray[np.float64]:
        """[...] of costs [..., q]: the weighted mean of the largest ones, up to the share of all weights."""
        if self.share >= 1.0:
            mean: NDArray[np.float64] = costs @ self.weights
            return mean
        order = np.argsort(-costs, axis=-1, kind="stable")
        weights = self.weights[order]
        before = np.cumsum(weights, axis=-1) - weights
        counted = np.clip(self.share - before, 0.0, weights)
        together: NDArray[np.float64] = (counted * np.take_along_axis(costs, order, axis=-1)).sum(axis=-1) / self.share
        return together

    def drawn(self, posterior: Posterior, rows: Rows, normal: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Joint draws of the costs in all conditions [b, S, q] at rows [b, d], and of what they count as [b, S].

        normal: [S, q] standard normal numbers, the same for each of the rows, so that these can be compared.
        """
        count = len(self.conditions)
        size = max(1, MOST_AT_ONCE // count)
        parts = [self._drawn(posterior, rows[begin : begin + size], normal) for begin in range(0, len(rows), size)]
        costs = np.concatenate(parts)
        return costs, self(costs)

    def _drawn(self, posterior: Posterior, rows: Rows, normal: Rows) -> NDArray[np.float64]:
        width, count = len(rows), len(self.conditions)
        local = posterior.at(self.beside(rows))
        # At one point, the covariance between conditions is the same wherever the point lies.
        alike, _ = posterior.kernel.parts(self.beside(rows[:1]), self.beside(rows[:1]))
        known = local.weights.reshape(width, count, -1)
        covariances = alike - known @ known.transpose(0, 2, 1)
        values, vectors = np.linalg.eigh(covariances)
        roots = vectors * np.sqrt(np.maximum(values, JITTER * posterior.kernel.scale))[:, None, :]
        means = local.means[:, 0].reshape(width, 1, count)
        draws: NDArray[np.float64] = means + normal @ roots.transpose(0, 2, 1)
        return draws

    def beside(self, rows: Rows) -> Rows:
        """Rows [b * q, d + c]: each of rows [b, d] in each condition."""
        count = len(self.conditions)
        return np.hstack([np.repeat(rows, count, axis=0), np.tile(self.conditions, (len(rows), 1))])

    def telling(self, costs: NDArray[np.float64], counted: Vector, noise: float) -> NDArray[np.intp]:
        """Conditions [q], the one first whose measurement says most of what counts.

        By the part of the variance of ``counted`` [S] that a measurement, with
        variance ``noise``, of each condition's cost explains; costs: [S, q] draws.
        """
        off, together = costs - costs.mean(axis=0), counted - counted.mean()
        shares = np.square(together @ off / len(off)) / (np.square(off).mean(axis=0) + noise)
        return np.argsort(-shares, kind="stable")

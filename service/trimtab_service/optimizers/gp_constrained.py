"""What the next trial is chosen by where outcomes must be acceptable, or trials cost something. No torch."""

from __future__ import annotations

import math

import numpy as np

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_acquisition import ClosedForm, normal_draws
from trimtab_service.optimizers.gp_feasibility import Bound, log_probability_feasible
from trimtab_service.optimizers.gp_posterior import Posterior, log_expected_excess
from trimtab_service.optimizers.targets import Vector

# Where no point is acceptable in a draw, what is to be improved on lies this many
# deviations above the worst cost drawn: acceptable points count then, and good
# ones among them a little more.
NOTHING_FEASIBLE = 3.0


class LogConstrainedImprovement(ClosedForm):
    """log of the expected improvement over the best acceptable cost, times the probability of being acceptable.

    log E_s[ E[max(best_s - f(x), 0) | f_s(B)] prod_k P(c_k(x) acceptable | c_ks(B)) ],
    where B are the points that may be the best ones, tried or pending, f_s(B)
    and c_ks(B) are S quasi-random draws of their true values, and best_s is
    the least f_s among those that are acceptable in draw s. Letham, Karrer,
    Ottoni, Bakshy 2019, "Constrained Bayesian Optimization with Noisy
    Experiments", with the logarithm of Ament et al. 2023. Both inner
    expectations are in closed form.
    """

    def __init__(
        self, posterior: Posterior, bounds: tuple[Bound, ...], here: Rows, rivals: Rows, elsewhere: Rows, seed: int
    ) -> None:
        """rivals [p, d]: to improve on, tried or pending, p >= 1. elsewhere [m, d]: pending in other contexts."""
        points = np.concatenate([elsewhere, rivals])
        normal = normal_draws((1 + len(bounds)) * len(points), seed)
        first, *others = np.split(normal, 1 + len(bounds))
        super().__init__(posterior.given(points, first), here)
        self.bounds = tuple(bound.given(points, each) for bound, each in zip(bounds, others, strict=True))
        drawn = self.posterior.drawn(len(rivals))
        acceptable = np.ones(drawn.shape, dtype=bool)
        for bound in self.bounds:
            acceptable &= bound.holds(bound.posterior.drawn(len(rivals)))
        best = np.where(acceptable, drawn, math.inf).min(axis=0)
        self.best = np.where(np.isinf(best), drawn.max(axis=0) + NOTHING_FEASIBLE, best)

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        beside = self._beside(rows)
        local = self.posterior.at(beside)
        each, _ = log_expected_excess((self.best - local.means) / local.deviations[:, None])
        for bound in self.bounds:
            each = each + bound.log_probability(beside)
        return _log_mean(each)[0] + np.log(local.deviations)

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        beside = self._beside(rows)
        local = self.posterior.at(beside)
        deviations = local.deviations[:, None]
        u = (self.best - local.means) / deviations
        each, each_slope = log_expected_excess(u)
        around = [(bound.posterior, bound.posterior.at(beside)) for bound in self.bounds]
        parts = [bound.parts(near) for bound, (_, near) in zip(self.bounds, around, strict=True)]
        average, shares = _log_mean(sum((value for value, _, _ in parts), start=each))
        by_u = shares * each_slope
        by_deviations = (1.0 - (by_u * u).sum(axis=1)) / local.deviations
        slopes = self.posterior.slope(local, -by_u / deviations, by_deviations)
        for (posterior, near), (_, by_means, by_spread) in zip(around, parts, strict=True):
            slopes = slopes + posterior.slope(near, shares * by_means, (shares * by_spread).sum(axis=1))
        return average + np.log(local.deviations), slopes[:, : rows.shape[1]]


class AcceptableGain(ClosedForm):
    """Minus the expected cost, and the log of the probability of being acceptable: exploitation within bounds."""

    def __init__(self, posterior: Posterior, bounds: tuple[Bound, ...], here: Rows) -> None:
        super().__init__(posterior, here)
        self.bounds = bounds

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        beside = self._beside(rows)
        return log_probability_feasible(self.bounds, beside) - self.posterior.at(beside).means[:, 0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        beside = self._beside(rows)
        local = self.posterior.at(beside)
        values = -local.means[:, 0]
        slopes = self.posterior.slope(local, -np.ones_like(local.means), np.zeros(len(rows)))
        for bound in self.bounds:
            near = bound.posterior.at(beside)
            value, by_means, by_deviations = bound.parts(near)
            values = values + value[:, 0]
            slopes = slopes + bound.posterior.slope(near, by_means, by_deviations[:, 0])
        return values, slopes[:, : rows.shape[1]]


class PerCost(ClosedForm):
    """Another acquisition function, a logarithm, less the expected log of what a trial costs times a power.

    With power 1 it is the log of what is gained per unit of cost: Snoek,
    Larochelle, Adams 2012, "Practical Bayesian Optimization of Machine
    Learning Algorithms" (expected improvement per second).
    """

    def __init__(self, gain: ClosedForm, cost: Posterior, spread: float, power: float, here: Rows) -> None:
        """cost: of the standardized log cost, whose deviation is ``spread``."""
        super().__init__(cost, here)
        self.gain, self.weight = gain, power * spread

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        return self.gain.values(rows) - self.weight * self.posterior.at(self._beside(rows)).means[:, 0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        values, slopes = self.gain.values_and_slopes(rows)
        local = self.posterior.at(self._beside(rows))
        by_means = np.full_like(local.means, -self.weight)
        steep = self.posterior.slope(local, by_means, np.zeros(len(rows)))
        return values - self.weight * local.means[:, 0], slopes + steep[:, : rows.shape[1]]


def _log_mean(each: Rows) -> tuple[Vector, Rows]:
    """log of the mean of exp, [b] of [b, S], and the share [b, S] of each in it."""
    largest = each.max(axis=1)
    weights = np.exp(each - largest[:, None])
    total = weights.sum(axis=1)
    return largest + np.log(total) - math.log(each.shape[1]), weights / total[:, None]

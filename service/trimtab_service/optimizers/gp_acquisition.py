"""What the next trial is chosen by. NumPy and SciPy, no torch."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.special import ndtri

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.gp_posterior import Posterior, log_expected_excess

DRAWS = 32  # of what noise hides; a power of 2, as Sobol draws want
SEQUENCES = 128  # of Sobol draws that are made once and used by all calls, shifted
MOST_RIVALS = 30  # tried points that may be the best one
RIVAL_WIDTH = 2.0  # standard deviations by which a point may be better than it looks


class ClosedForm:
    """An acquisition function that knows its own slope.

    here: [1, c] the context, put behind every row.
    """

    def __init__(self, posterior: Posterior, here: Rows) -> None:
        self.posterior, self.here = posterior, here

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        raise NotImplementedError

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        raise NotImplementedError

    def _beside(self, rows: Rows) -> Rows:
        return np.hstack([rows, np.repeat(self.here, len(rows), axis=0)]) if self.here.size else rows


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

    def __init__(self, posterior: Posterior, here: Rows, rivals: Rows, elsewhere: Rows, seed: int) -> None:
        """rivals [p, d]: to improve on, tried or pending, p >= 1. elsewhere [m, d]: pending in other contexts."""
        points = np.concatenate([elsewhere, rivals])
        given = posterior.given(points, normal_draws(len(points), seed))
        super().__init__(given, here)
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


def normal_draws(count: int, seed: int) -> Rows:
    """Standard normal numbers [count, DRAWS], quasi-random.

    One scrambled Sobol sequence, shifted modulo 1 by the seed (Cranley,
    Patterson 1976): to scramble one anew takes longer than all that is done
    with it. Beyond SEQUENCES, the same again in another order.
    """
    rng = np.random.default_rng(seed)
    blocks = [_sobol()[:, rng.permutation(DRAWS)] for _ in range(0, count, SEQUENCES)]
    uniforms = (np.concatenate([np.empty((0, DRAWS)), *blocks])[:count] + rng.random((count, 1))) % 1.0
    least = float(np.finfo(float).eps)
    draws: Rows = ndtri(np.clip(uniforms, least, 1.0 - least))
    return draws


@cache
def _sobol() -> Rows:
    """[SEQUENCES, DRAWS], always the same."""
    from scipy.stats import qmc

    table: Rows = qmc.Sobol(SEQUENCES, scramble=True, rng=np.random.default_rng(0)).random(DRAWS).T
    table.flags.writeable = False
    return table


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

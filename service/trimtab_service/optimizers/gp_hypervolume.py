"""What the next trial is chosen by where there are several objectives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_acquisition import ClosedForm, normal_draws
from trimtab_service.optimizers.gp_feasibility import Bound
from trimtab_service.optimizers.gp_posterior import Local, Posterior, log_expected_excess
from trimtab_service.optimizers.hypervolume import boxes
from trimtab_service.optimizers.targets import Vector

DRAWS = {2: 16, 3: 16, 4: 8}  # of what noise hides, by objectives: a draw of four has hundreds of cells
LEAST_GAP = 1e-290  # keeps the logarithm of an empty side finite
MOST_ELEMENTS = 4_000_000  # of one array; more rows are looked at in parts


@dataclass(frozen=True, slots=True)
class Cells:
    """The part of the space of m costs that S draws of a Pareto front don't dominate, up to a reference point, cut
    into boxes.

    places: [m, S, C] where boxes begin and end along each objective, in
        increasing order; the first is minus infinity.
    lower, upper: [m, S, K] indices of places, the two ends of each box.
    log_there: [S, K] 0, or minus infinity for boxes that only fill up the array.
    """

    places: NDArray[np.float64]
    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    log_there: NDArray[np.float64]

    @classmethod
    def of(cls, fronts: Sequence[Rows], reference: Vector) -> Cells:
        """Of S fronts [p, m], each of any costs, and the reference point [m]."""
        cut = [boxes(front, reference) for front in fronts]
        objectives, most = len(reference), max(len(low) for low, _ in cut)
        log_there = np.full((len(cut), most), -math.inf)
        ends = np.zeros((2, objectives, len(cut), most))
        for draw, (low, high) in enumerate(cut):
            log_there[draw, : len(low)] = 0.0
            ends[0, :, draw, : len(low)], ends[1, :, draw, : len(low)] = low.T, high.T
            ends[:, :, draw, len(low) :] = reference[:, None]
        ends[0, :, log_there == -math.inf] = -math.inf
        distinct = [[np.unique(ends[:, one, draw]) for draw in range(len(cut))] for one in range(objectives)]
        width = 1 + max(len(places) for line in distinct for places in line)
        places = np.full((objectives, len(cut), width), math.inf)
        index = np.empty(ends.shape, dtype=np.intp)
        for one, line in enumerate(distinct):
            for draw, found in enumerate(line):
                finite = found[np.isfinite(found)]
                row = np.concatenate([[-math.inf], finite, np.repeat(finite[-1:], width - 1 - len(finite))])
                places[one, draw] = row
                index[:, one, draw] = np.searchsorted(row, ends[:, one, draw])
        return cls(places, index[0], index[1], log_there)


class LogHypervolumeGain(ClosedForm):
    """log of the expected growth of the hypervolume, times the probability of being acceptable.

    log E_s[ E[growth of front_s by f(x) | f_s(B)] prod_k P(c_k(x) acceptable | c_ks(B)) ],
    where B are the points that may be on the Pareto front, tried or pending,
    and front_s is that of S quasi-random draws of their true costs, of those
    that are acceptable in the draw. Given a draw, the objectives are
    independent, and the growth within one box of the part that isn't
    dominated is a product of one-dimensional improvements: Yang, Emmerich,
    Deutz, Baeck 2019, "Multi-Objective Bayesian Global Optimization using
    expected hypervolume improvement gradient". Daulton, Balandat, Bakshy 2021,
    "Parallel Bayesian Optimization of Multiple Noisy Objectives with Expected
    Hypervolume Improvement", for the average over draws; the logarithm as in
    Ament et al. 2023. BoTorch's forms give the same numbers (a test holds that).
    """

    def __init__(
        self,
        posteriors: Sequence[Posterior],
        bounds: Sequence[Bound],
        here: Rows,
        rivals: Rows,
        elsewhere: Rows,
        reference: Vector,
        seed: int,
    ) -> None:
        """rivals [p, d], elsewhere [m, d]: as of ``LogConstrainedImprovement``. reference: [objectives] worst costs."""
        count, draws = len(posteriors) + len(bounds), DRAWS[len(posteriors)]
        points = np.concatenate([elsewhere, rivals])
        normal = np.split(normal_draws(count * len(points), seed)[:, :draws], count)
        self.posteriors = tuple(one.given(points, each) for one, each in zip(posteriors, normal, strict=False))
        self.bounds = tuple(
            one.given(points, each) for one, each in zip(bounds, normal[len(posteriors) :], strict=True)
        )
        super().__init__(self.posteriors[0], here)
        drawn = np.stack([one.drawn(len(rivals)) for one in self.posteriors], axis=-1)
        acceptable = np.ones(drawn.shape[:2], dtype=bool)
        for bound in self.bounds:
            acceptable &= bound.holds(bound.posterior.drawn(len(rivals)))
        self.cells = Cells.of([drawn[acceptable[:, draw], draw] for draw in range(draws)], reference)

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        return np.concatenate([self._values(part) for part in self._parts(rows)])

    def _parts(self, rows: Rows) -> list[Rows]:
        most = max(1, MOST_ELEMENTS // self.cells.log_there.size)
        return np.split(rows, range(most, len(rows), most))

    def _values(self, rows: Rows) -> Vector:
        beside = self._beside(rows)
        total: Rows = self.cells.log_there
        for index, posterior in enumerate(self.posteriors):
            side = _Side.of(self.cells, index, posterior.at(beside))
            total = total + side.logs
        for bound in self.bounds:
            total = total + bound.log_probability(beside)[:, :, None]
        return _log_mean(total)[0]

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """Values [b] and slopes [b, d] at rows [b, d]."""
        beside = self._beside(rows)
        sides = [_Side.of(self.cells, index, one.at(beside)) for index, one in enumerate(self.posteriors)]
        around = [bound.posterior.at(beside) for bound in self.bounds]
        parts = [bound.parts(near) for bound, near in zip(self.bounds, around, strict=True)]
        total = sum((side.logs for side in sides), start=self.cells.log_there)
        total = sum((value[:, :, None] for value, _, _ in parts), start=total)
        values, shares = _log_mean(total)
        slopes = np.zeros(beside.shape)
        for posterior, side in zip(self.posteriors, sides, strict=True):
            slopes += posterior.slope(side.local, *side.slopes(shares))
        by_draw = shares.sum(axis=2)
        for bound, near, (_, by_means, by_spread) in zip(self.bounds, around, parts, strict=True):
            slopes += bound.posterior.slope(near, by_draw * by_means, (by_draw * by_spread).sum(axis=1))
        return values, slopes[:, : rows.shape[1]]


@dataclass(frozen=True, slots=True)
class _Side:
    """One objective at b rows: logs [b, S, K] of E[max(upper - max(f, lower), 0)] of each box, and what makes them."""

    local: Local
    u: Rows
    log_excess: Rows
    slope: Rows
    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    logs: Rows

    @classmethod
    def of(cls, cells: Cells, index: int, local: Local) -> _Side:
        places, lower, upper = cells.places[index], cells.lower[index], cells.upper[index]
        u = (places - local.means[:, :, None]) / local.deviations[:, None, None]
        # The first place is minus infinity, below which nothing is gained.
        excess, slope = log_expected_excess(np.where(np.isinf(u), 0.0, u))
        excess[..., 0], slope[..., 0], u[..., 0] = -math.inf, 0.0, 0.0
        top, bottom = _at(excess, upper), _at(excess, lower)
        rest = np.maximum(-np.expm1(bottom - top), LEAST_GAP)
        logs = top + np.log(rest) + np.log(local.deviations)[:, None, None]
        return cls(local, u, excess, slope, lower, upper, logs)

    def slopes(self, shares: Rows) -> tuple[Rows, Vector]:
        """By the means [b, S] and by the deviations [b], of what has slopes ``shares`` [b, S, K] by the logs."""
        base = self.logs - np.log(self.local.deviations)[:, None, None]
        by_means, by_deviations = np.zeros_like(self.local.means), shares.sum(axis=(1, 2))
        for ends, sign in ((self.upper, 1.0), (self.lower, -1.0)):
            by_u = sign * shares * _at(self.slope, ends) * np.exp(_at(self.log_excess, ends) - base)
            by_means -= by_u.sum(axis=2)
            by_deviations -= (by_u * _at(self.u, ends)).sum(axis=(1, 2))
        return by_means / self.local.deviations[:, None], by_deviations / self.local.deviations


def _at(values: Rows, index: NDArray[np.intp]) -> Rows:
    """[b, S, K] of values [b, S, C] at indices [S, K]."""
    return np.take_along_axis(values, index[None], axis=2)


def _log_mean(total: Rows) -> tuple[Vector, Rows]:
    """log of the mean over S of the sum over K of exp, [b] of [b, S, K], and the share [b, S, K] of each in it."""
    largest = total.max(axis=(1, 2))
    weights = np.exp(total - largest[:, None, None])
    summed = weights.sum(axis=(1, 2))
    return largest + np.log(summed) - math.log(total.shape[1]), weights / summed[:, None, None]

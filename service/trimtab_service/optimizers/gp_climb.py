"""Climbs an acquisition function where sums must come out right. SciPy; import it inside a call only."""

from __future__ import annotations

import contextlib
import itertools

import numpy as np
from scipy.optimize import minimize

from trimtab_service.optimizers.encoding import Column, Rows
from trimtab_service.optimizers.feasible import Feasible
from trimtab_service.optimizers.interior import Interior
from trimtab_service.optimizers.lifted import Acquisition
from trimtab_service.optimizers.sums import Sums

MOST_ITERATIONS = 40
MOST_EVALUATIONS = 60  # of one climb: where slopes mislead, each iteration takes ten
PRECISION = 1e-8
DIGITS = 9  # of a position


class _Enough(Exception):
    """A climb has had its evaluations."""


def climb_within(
    acquisition: Acquisition, feasible: Feasible, interior: Interior, movable: list[int], rows: Rows, scores: Column
) -> tuple[Rows, Column]:
    """Legal rows [r, d] moved uphill in the columns ``movable``, and their values [r].

    Sequential quadratic programming: Kraft 1988, "A Software Package for
    Sequential Quadratic Programming". A row that wouldn't rise, or is no
    longer legal once it is rounded to its grid, stays.
    """
    if not movable:
        return rows, scores
    ends = np.stack([_climbed(acquisition, interior.sums, movable, row) for row in rows])
    snapped = feasible.encoding.snap(ends)
    # What comes after these digits depends on the machine.
    rounded = feasible.encoding.snap(np.round(ends, DIGITS))
    rounded = interior.settled(rounded, interior.sums.units(rounded))
    snapped = np.where(feasible.legal(rounded)[:, None], rounded, snapped)
    illegal = ~feasible.legal(snapped)
    if illegal.any():
        # A hair outside, or rounded away: back along the way that it came.
        snapped[illegal] = interior.towards(rows[illegal], snapped[illegal])
    values = acquisition.values(snapped)
    higher = (values > scores) & feasible.legal(snapped)
    return np.where(higher[:, None], snapped, rows), np.where(higher, values, scores)


def _climbed(acquisition: Acquisition, sums: Sums, movable: list[int], row: Column) -> Column:
    here = row.copy()
    summed = [place for place, column in enumerate(sums.columns) if column in movable]
    targets = [movable.index(sums.columns[place]) for place in summed]
    bound = np.minimum(np.abs(sums.low), np.abs(sums.high))
    size = np.abs(sums.weights) @ np.abs(sums.values(row[None])[0]) + bound + np.finfo(float).tiny
    weights, low, high = sums.weights / size[:, None], sums.low / size, sums.high / size
    concerned = (weights[:, summed] != 0.0).any(axis=1)
    equal = concerned & sums.flat
    above, below = concerned & ~equal & np.isfinite(low), concerned & ~equal & np.isfinite(high)

    def put(x: Column) -> Column:
        here[movable] = x
        return here[None]

    evaluations = itertools.count(1)

    def downhill(x: Column) -> tuple[float, Column]:
        if next(evaluations) > MOST_EVALUATIONS:
            raise _Enough
        values, slopes = acquisition.values_and_slopes(put(x))
        return -float(values[0]), -slopes[0, movable]

    def totals(x: Column) -> Column:
        return np.asarray(weights @ sums.values(put(x))[0])

    def steepness(x: Column) -> Rows:
        found = np.zeros((len(weights), len(movable)))
        for place, target in zip(summed, targets, strict=True):
            found[:, target] = weights[:, place] * sums.axes[place].slopes(x[target : target + 1])[0]
        return found

    laws = []
    if equal.any():
        middle = (low + high)[equal] / 2.0
        laws.append({"type": "eq", "fun": lambda x: totals(x)[equal] - middle, "jac": lambda x: steepness(x)[equal]})
    if above.any():
        laws.append(
            {"type": "ineq", "fun": lambda x: totals(x)[above] - low[above], "jac": lambda x: steepness(x)[above]}
        )
    if below.any():
        laws.append(
            {"type": "ineq", "fun": lambda x: high[below] - totals(x)[below], "jac": lambda x: -steepness(x)[below]}
        )
    reached = row[movable]

    def keep(x: Column) -> None:
        reached[:] = x

    with contextlib.suppress(_Enough):
        reached = minimize(
            downhill,
            row[movable],
            jac=True,
            method="SLSQP",
            bounds=[(0.0, 1.0)] * len(movable),
            constraints=laws,
            callback=keep,
            options={"maxiter": MOST_ITERATIONS, "ftol": PRECISION},
        ).x
    there = row.copy()
    if np.isfinite(reached).all():
        there[movable] = np.clip(reached, 0.0, 1.0)
    return there

"""Points that have the right sums: found, drawn evenly, and brought back from outside.

NumPy alone, but for spaces so narrow, or of so many whole numbers, that only
an integer program finds a point: then SciPy, inside the call.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from trimtab_service.optimizers.activity import Mask
from trimtab_service.optimizers.encoding import Column, Encoding, Rows
from trimtab_service.optimizers.polytope import Polytope
from trimtab_service.optimizers.sums import Sums, Units

Seed: TypeAlias = tuple[int, ...]
"""Of one draw."""

WALKED, WALKED_EACH = 30, 6  # steps of a walk from the centre, and more for each dimension
LOOKS = 8  # at the walk, evenly over its second half: whole numbers may be illegal once they are rounded
MENDS = 60  # rounds of going to one side after the other
MOST_NODES = 2_000  # of an integer program
TRIES = 4  # of walks
STEPS, MOST_MOVES = 16, 5_000  # of a whole number at most, and of two of them together
AT_ONCE = 2_000_000  # sums that are looked at in one array


@dataclass(frozen=True, slots=True)
class Interior:
    """The units of legal points.

    body: with whole numbers taken for real ones; None where it has no inside.
    moves: [m, k] steps of one whole number, or of two at once, the shortest first.
    """

    encoding: Encoding
    sums: Sums
    body: Polytope | None = field(init=False, repr=False, compare=False)
    centre: Column | None = field(init=False, repr=False, compare=False)
    moves: Rows = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights, low, high = self.sums.in_units
        equal = self.sums.flat
        count = len(self.sums.columns)
        bounded = [(weights[~equal & np.isfinite(high)], high[~equal & np.isfinite(high)])]
        bounded += [(-weights[~equal & np.isfinite(low)], -low[~equal & np.isfinite(low)])]
        bounded += [(np.eye(count), np.ones(count)), (-np.eye(count), np.zeros(count))]
        sides, room = (np.concatenate(parts) for parts in zip(*bounded, strict=True))
        body = Polytope.of(sides, room, weights[equal], (low + high)[equal] / 2.0)
        object.__setattr__(self, "body", body)
        object.__setattr__(self, "centre", None if body is None else body.centre())
        object.__setattr__(self, "moves", _moves(tuple(axis.integer for axis in self.sums.axes)))

    def middle(self, rows: Rows) -> Rows:
        """Legal rows [n, d]: ``rows`` with the most central sums, or [0, d] where there are none."""
        if self.body is not None and self.centre is not None:
            units = np.repeat(self.body.place(self.centre[None]), len(rows), axis=0)
            found = self.settled(rows, units)
            if self.sums.legal(found).all():
                return found
        return self.nearest(rows)

    def drawn(self, rows: Rows, seeds: Sequence[Seed]) -> Rows:
        """Legal rows [n, d]: ``rows`` with sums drawn evenly, each by its own seed; [0, d] where there are none."""
        found, left = rows.copy(), list(range(len(rows)))
        for attempt in range(TRIES if self.centre is not None and self.centre.size else 0):
            generators = [np.random.default_rng([attempt, *seeds[index]]) for index in left]
            walked, legal = self._walked(found[left], generators)
            found[np.array(left)[legal]] = walked[legal]
            left = [index for index, good in zip(left, legal, strict=True) if not good]
            if not left:
                return found
            if attempt == 0 and legal.mean() == 0.0:
                break
        if left:
            generators = [np.random.default_rng([TRIES, *seeds[index]]) for index in left]
            units = np.stack([one.random(len(self.sums.columns)) for one in generators])
            near = self.nearest(self.settled(rows[left], units))
            if not len(near):
                return rows[:0]
            found[left] = near
        return found

    def _walked(self, rows: Rows, generators: Sequence[np.random.Generator]) -> tuple[Rows, Mask]:
        """Rows [n, d] after a walk from the centre, and which are legal [n].

        Hit and run: a random direction, then any point along it. Smith 1984,
        "Efficient Monte Carlo Procedures for Generating Points Uniformly
        Distributed over Bounded Regions". Where scales aren't linear, a step
        is taken as often as makes the draw even along them.
        """
        body, centre = self.body, self.centre
        if body is None or centre is None:
            raise ValueError("there is nowhere to walk")
        size = len(centre)
        steps = WALKED + WALKED_EACH * size
        directions = np.stack([one.standard_normal((steps, size)) for one in generators])
        chances = np.stack([one.random((steps, 2)) for one in generators])
        shape = body.shape(centre)
        inside = np.repeat(centre[None], len(rows), axis=0)
        density = self.sums.log_density(body.place(inside))
        found, legal = rows.copy(), np.zeros(len(rows), dtype=bool)
        looks = set(np.linspace(steps // 2, steps - 1, LOOKS).astype(int)) if self.sums.whole.any() else {steps - 1}
        for index in range(steps):
            step = directions[:, index] @ shape.T
            backwards, forwards = body.chord(inside, step)
            there = inside + (backwards + chances[:, index, :1].T[0] * (forwards - backwards))[:, None] * step
            new = self.sums.log_density(body.place(there))
            taken = np.log1p(-chances[:, index, 1]) <= new - density
            inside, density = np.where(taken[:, None], there, inside), np.where(taken, new, density)
            if index in looks:
                settled = self.settled(rows, np.clip(body.place(inside), 0.0, 1.0))
                good = self.sums.legal(settled)
                found[good], legal = settled[good], legal | good
        found[~legal] = self._stepped(settled[~legal])
        return found, legal | self.sums.legal(found)

    def settled(self, rows: Rows, units: Units) -> Rows:
        """``rows`` [n, d] with these units [n, k], whole numbers rounded and the others mended; maybe not legal."""
        found = self.encoding.snap(self.sums.put(rows, units))
        off = ~self.sums.legal(found)
        if off.any():
            mended = self._mended(self.sums.units(found[off]), ~self.sums.whole)
            found[off] = self.encoding.snap(self.sums.put(found[off], mended))
        return found

    def _stepped(self, rows: Rows) -> Rows:
        """Illegal rows [n, d], after a few steps of one whole number or two where that makes them legal.

        Rounding leaves a sum of whole numbers off by a little, which a neighbour of theirs makes up for.
        """
        if not len(rows) or not len(self.moves):
            return rows
        values = self.sums.told(rows)
        lows, widths = self.sums.box
        changes, tolerance = self.moves @ self.sums.weights.T, self.sums.tolerance
        for part in np.array_split(np.arange(len(rows)), len(rows) * changes.size // AT_ONCE + 1):
            sums = (values[part] @ self.sums.weights.T)[:, None] + changes
            right = (sums >= self.sums.low - tolerance) & (sums <= self.sums.high + tolerance)
            good: Mask = np.logical_and.reduce(right, axis=2)
            for place in np.flatnonzero(self.moves.any(axis=0)):
                moved = values[part, None, place] + self.moves[:, place]
                good &= (moved >= lows[place]) & (moved <= lows[place] + widths[place])
            found = good.argmax(axis=1)
            values[part] += good[np.arange(len(part)), found, None] * self.moves[found]
        units = (values - lows) / np.where(widths > 0.0, widths, 1.0)
        return self.encoding.snap(self.sums.put(rows, units))

    def towards(self, rows: Rows, targets: Rows) -> Rows:
        """Rows [n, d] on the way from legal ``rows`` to ``targets`` in the columns of sums, as far as it is legal.

        The other columns are those of the targets. Whole numbers aren't
        looked at: where they move, the row found may be illegal.
        """
        if self.body is None:
            return rows
        start = self.body.coordinates(self.sums.units(rows))
        step = self.body.coordinates(self.sums.units(targets)) - start
        _, forwards = self.body.chord(start, step)
        ahead = start + np.minimum(forwards, 1.0)[:, None] * step
        return self.settled(targets, np.clip(self.body.place(ahead), 0.0, 1.0))

    def _mended(self, units: Units, free: Mask) -> Units:
        """Units [n, k] moved, in the columns that are ``free`` [k], to where the sums are right, if they get there."""
        weights, low, high = self.sums.in_units
        lows, widths = self.sums.box
        moving = np.where(free, weights, 0.0)
        found = units.copy()
        for _ in range(MENDS if free.any() else 0):
            # Along their scales: what is small by far stays as exact as that.
            paces = np.square(self.sums.paces(found))
            sizes = paces @ np.square(moving).T
            for index in np.flatnonzero(sizes.max(axis=0, initial=0.0) > 0.0):
                sums = found @ weights[index]
                off = np.minimum(sums - low[index], 0.0) + np.maximum(sums - high[index], 0.0)
                share = off / np.where(sizes[:, index] > 0.0, sizes[:, index], 1.0)
                found = np.clip(found - share[:, None] * paces * moving[index], 0.0, 1.0)
            if self.sums.right(lows + found * widths).all():
                break
        return np.where(free, found, units)

    def nearest(self, rows: Rows) -> Rows:
        """Legal rows [n, d], those nearest to ``rows`` [n, d]; [0, d] where there are none, or none is found."""
        found = self.settled(rows, self._mended(self.sums.units(rows), np.ones(len(self.sums.columns), dtype=bool)))
        for index in np.flatnonzero(~self.sums.legal(found)):
            # Brings SciPy, which few spaces need.
            from trimtab_service.optimizers.integer_program import nearest_values

            values = nearest_values(self.sums, self.sums.told(rows[index : index + 1])[0], MOST_NODES)
            if values is None:
                return rows[:0]
            lows, widths = self.sums.box
            units = (values - lows) / np.where(widths > 0.0, widths, 1.0)
            found[index] = self.encoding.snap(self.sums.put(rows[index : index + 1], units[None]))[0]
        return found if self.sums.legal(found).all() else rows[:0]


@lru_cache
def _moves(integer: tuple[bool, ...]) -> Rows:
    """See ``Interior.moves``; [0, k] where there are no whole numbers."""
    places = np.flatnonzero(integer)
    pairs = [*itertools.combinations(places, 2)]
    most = min(STEPS, math.isqrt(MOST_MOVES // max(len(pairs), 1)) // 2)
    steps = np.arange(-most, most + 1)
    found = np.zeros((len(pairs) or len(places), len(steps), len(steps), len(integer)))
    for index, (one, other) in enumerate(pairs):
        found[index, :, :, one], found[index, :, :, other] = steps[:, None], steps
    if len(places) == 1:
        found[0, :, :, places[0]] = steps
    moves = np.unique(found.reshape(-1, len(integer)), axis=0)
    return moves[np.argsort(np.abs(moves).sum(axis=1), kind="stable")]

"""The legal rows of a space: drawn, listed, and found near others. NumPy alone, see ``interior``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trimtab_service.domain.space import Float, SearchSpace
from trimtab_service.optimizers.activity import Mask
from trimtab_service.optimizers.beliefs import Beliefs
from trimtab_service.optimizers.encoding import Column, Encoding, Rows, from_indices
from trimtab_service.optimizers.interior import Interior, Seed
from trimtab_service.optimizers.sums import Sums

ENUMERATED = 2_000  # points of a finite space up to which all of them are looked at
MOST_LISTED = 20_000  # of its points before those with wrong sums are taken out
REDRAWN = 32  # times that a point with wrong sums is drawn again before its sums are walked to
AT_ONCE = 2_000_000  # numbers that are drawn in one array
POOL = 8  # points of which one is taken where sums and beliefs meet


@dataclass(frozen=True, slots=True)
class Mixture:
    """The parts of a simplex: their columns, least values and widths [k], and what is left to be shared out."""

    columns: tuple[int, ...]
    lows: Column
    widths: Column
    rest: float

    @classmethod
    def all_of(cls, space: SearchSpace) -> tuple[Mixture, ...]:
        """Of each simplex."""
        columns = {parameter.name: column for column, parameter in enumerate(space.parameters)}
        found = []
        for simplex in space.simplexes:
            places = tuple(columns[name] for name in simplex.parameters)
            parts = [part for part in (space.parameters[place] for place in places) if isinstance(part, Float)]
            lows = np.array([part.min for part in parts])
            widths = np.array([part.max - part.min for part in parts])
            found.append(cls(places, lows, widths, max(simplex.total - float(lows.sum()), 0.0)))
        return tuple(found)

    def drawn(self, uniforms: Rows) -> Rows:
        """Positions [n, k] of mixtures spread over all, the greatest values left aside, as [n, k] over [0, 1)^k.

        Exponential numbers, divided by their sum: Devroye 1986, "Non-Uniform
        Random Variate Generation", V.2. Above 1: a part is beyond its greatest value.
        """
        sizes = -np.log1p(-np.clip(uniforms, 1e-300, 1.0 - 1e-16))
        return np.asarray(self.rest * sizes / sizes.sum(axis=1)[:, None] / self.widths)


@dataclass(frozen=True, slots=True)
class Feasible:
    """The legal rows of a space.

    interior: None where nothing is asked of parameters together.
    """

    space: SearchSpace
    encoding: Encoding = field(init=False, repr=False, compare=False)
    beliefs: Beliefs = field(init=False, repr=False, compare=False)
    interior: Interior | None = field(init=False, repr=False, compare=False)
    mixtures: tuple[Mixture, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        encoding = Encoding(self.space.parameters)
        interior = Interior(encoding, Sums.of(self.space)) if self.space.constrained else None
        object.__setattr__(self, "encoding", encoding)
        object.__setattr__(self, "beliefs", Beliefs.of(self.space.parameters))
        object.__setattr__(self, "interior", interior)
        object.__setattr__(self, "mixtures", Mixture.all_of(self.space))

    def legal(self, rows: Rows) -> Mask:
        """[n] which rows [n, d], each of a point without regard to sums, have the right ones."""
        return np.ones(len(rows), dtype=bool) if self.interior is None else self.interior.sums.legal(rows)

    def draw(self, uniforms: Rows, seeds: Sequence[Seed], sharpness: Column | None = None) -> Rows:
        """Legal rows [n, d] spread over the space as ``uniforms`` [n, d] over [0, 1)^d; [0, d] where there are none.

        A row whose sums come out wrong is drawn again, by its own seed.
        sharpness: [n] how much of what is believed beforehand counts, 1: all
        of it; None: nothing.
        """
        if self.interior is None or sharpness is None or not self._believes_in_sums:
            return self._drawn(self.beliefs.warped(uniforms, sharpness), seeds)
        # Among several draws, one by how much it is believed in.
        count = len(uniforms)
        extra = [np.random.default_rng([POOL, *seed]) for seed in seeds]
        more = np.concatenate([one.random((POOL - 1, uniforms.shape[1])) for one in extra]) if count else uniforms
        pool = np.concatenate([uniforms, more])
        owners = np.concatenate([np.arange(count), np.repeat(np.arange(count), POOL - 1)])
        tags = [(*seeds[owner], index) for index, owner in enumerate(owners)]
        rows = self._drawn(self.beliefs.warped(pool, sharpness[owners]), tags)
        if not len(rows):
            return rows
        columns = list(self.interior.sums.columns)
        weights = self.beliefs.log_density(rows, columns)[0] * sharpness[owners]
        luck = np.concatenate([[one.gumbel() for one in extra], *(one.gumbel(size=POOL - 1) for one in extra)])
        chosen = [np.flatnonzero(owners == owner) for owner in range(count)]
        return rows[[places[np.argmax((weights + luck)[places])] for places in chosen]]

    @property
    def _believes_in_sums(self) -> bool:
        return self.interior is not None and bool(self.beliefs.columns & set(self.interior.sums.columns))

    def _drawn(self, uniforms: Rows, seeds: Sequence[Seed]) -> Rows:
        rows, good = self._spread(uniforms)
        if self.interior is None or good.all():
            return rows
        bad = _where(~good)
        if (
            good.any()
            or self.legal(self._spread(np.random.default_rng(seeds[0]).random((REDRAWN, rows.shape[1])))[0]).any()
        ):
            chunk = max(AT_ONCE // (REDRAWN * rows.shape[1]), 1)
            for start in range(0, len(bad), chunk):
                some = bad[start : start + chunk]
                again = np.concatenate(
                    [np.random.default_rng(seeds[index]).random((REDRAWN, rows.shape[1])) for index in some]
                )
                found, right = self._spread(again)
                first = right.reshape(len(some), REDRAWN).argmax(axis=1) + REDRAWN * np.arange(len(some))
                placed = np.array(some)[right[first]]
                rows[placed], good[placed] = found[first[right[first]]], True
            bad = _where(~good)
        if len(bad):
            walked = self.interior.drawn(rows[bad], [seeds[index] for index in bad])
            if not len(walked):
                return rows[:0]
            rows[bad] = walked
        return rows

    def _spread(self, uniforms: Rows) -> tuple[Rows, Mask]:
        """Rows [n, d], and which have the right sums [n]."""
        rows = self.encoding.draw_each(uniforms)
        good = np.ones(len(rows), dtype=bool)
        for mixture in self.mixtures:
            parts = mixture.drawn(uniforms[:, list(mixture.columns)])
            good &= (parts <= 1.0).all(axis=1)
            rows[:, list(mixture.columns)] = np.minimum(parts, 1.0)
        rows = self.encoding.settled(rows)
        return rows, good & self.legal(rows)

    def snap(self, rows: Rows) -> Rows:
        """Legal rows [n, d] near ``rows`` [n, d], nearest where sums don't matter; [0, d] where there are none."""
        snapped = self.encoding.snap(rows)
        if self.interior is None or self.interior.sums.legal(snapped).all():
            return snapped
        return self.interior.nearest(snapped)

    def first(self) -> Rows:
        """The row [1, d] to begin with; [0, d] where there is no legal one.

        Where most is believed to be gained; without beliefs the middle of
        every scale and the first of categorical choices, or what is most
        central among the legal ones.
        """
        middle = self.encoding.centre()
        if self.beliefs.columns:
            return self.snap(self.beliefs.modes(middle))
        if self.interior is None or self.legal(middle).all():
            return middle
        return self.interior.middle(middle)

    def moved(self, rows: Rows, targets: Rows) -> Rows:
        """Legal rows [k, d], on the way from each of legal ``rows`` [n, d] to its target [n, d] as far as possible.

        Some are left out where whole numbers are in the way.
        """
        snapped = self.encoding.snap(targets)
        if self.interior is None:
            return snapped
        found = self.interior.towards(rows, snapped)
        return found[self.legal(found)]

    def every(self) -> Rows | None:
        """Rows [n, d] of a whole finite space of at most ``ENUMERATED`` points; None for others."""
        encoding = self.encoding
        rows = encoding.nowhere[None]
        for column in self.space.order:
            count = encoding.cardinalities[column]
            there = encoding.active(rows)[:, column]
            if count is None or len(rows) + int(there.sum()) * (count - 1) > MOST_LISTED:
                return None
            values = from_indices(encoding.parameters[column], np.arange(count, dtype=float))
            rows[~there, column] = encoding.nowhere[column]
            spread = np.repeat(rows[there], count, axis=0)
            spread[:, column] = np.tile(values, int(there.sum()))
            rows = np.concatenate([rows[~there], spread])
        rows = rows[self.legal(rows)]
        return rows[np.lexsort(rows.T[::-1])] if len(rows) <= ENUMERATED else None


def _where(mask: Mask) -> list[int]:
    found: list[int] = np.flatnonzero(mask).tolist()
    return found

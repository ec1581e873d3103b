"""A real thing to tune: the relaxation parameter of an SOR solver.

A sequence of related linear systems is solved one after the other, as a
simulation solves one each time step. How many iterations a system takes
depends on the relaxation parameter omega, and which omega is best depends on
the systems. Nothing about tuning is in this file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-8  # of the residual's 2-norm, relative to the right-hand side's
MOST_ITERATIONS = 100_000
SIDE = 10  # interior points along one side of the square
CHUNK = 256  # systems solved side by side: their arrays fit into the cache

# The grid is laid out row by row with one column of zeros after each row, so
# that rows are SIDE + 1 = 11 long. As 11 is odd, the color of a point on the
# checkerboard is the parity of its place, and the neighbours of even place 2k
# are the odd places 2k - 11, 2k - 1, 2k + 1, 2k + 11.
ROW = SIDE + 1
HALF = SIDE * ROW // 2  # places of one color, those of the zero column among them
MARGIN = (ROW + 1) // 2  # zeros before and after each color, for the rows above and below
_INSIDE = (np.arange(SIDE * ROW) % ROW < SIDE).reshape(HALF, 2)
RED, BLACK = _INSIDE[:, 0].astype(float), _INSIDE[:, 1].astype(float)

OMEGAS = tuple(round(1 + 0.05 * step, 2) for step in range(20))
"""The parameters to choose from: 1, 1.05, ... 1.95."""


class NotConverged(ArithmeticError):
    """A system was not solved within MOST_ITERATIONS."""


@dataclass(frozen=True, slots=True)
class Systems:
    """n linear systems (L + shift I) x = b, with L the five-point Laplacian of a 10 x 10 interior grid.

    shifts: [n]
    right_hand_sides: [n, 100]
    """

    shifts: NDArray[np.float64]
    right_hand_sides: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.shifts)

    def __getitem__(self, which: slice | NDArray[np.intp]) -> Systems:
        return Systems(self.shifts[which], self.right_hand_sides[which])


VARIANCES = {"low": (2.0, 6.0), "high": (0.5, 1.5)}
"""How much the systems differ: shift = -0.15 + 0.6 Beta(...), as in Khodak et al. 2024, Learning to Relax."""


def sequence(count: int, rng: np.random.Generator, variance: str = "low") -> Systems:
    """``count`` systems with random shifts and Gaussian right-hand sides."""
    shifts = -0.15 + 0.6 * rng.beta(*VARIANCES[variance], count)
    return Systems(shifts, rng.standard_normal((count, SIDE * SIDE)))


def iterations(systems: Systems, omegas: NDArray[np.float64]) -> NDArray[np.int64]:
    """[n] how many SOR iterations each system takes with its own omega [n].

    One iteration relaxes the red points of the checkerboard, then the black
    ones (red-black ordering), starting from zero, until the residual is
    TOLERANCE of the right-hand side. Arithmetic is elementwise, so that a
    system takes the same number whether it is solved alone or among others.
    Raises NotConverged.
    """
    taken = np.zeros(len(systems), dtype=np.int64)
    # Systems that take about as long are solved side by side.
    order = np.lexsort((systems.shifts, omegas))
    for first in range(0, len(systems), CHUNK):
        chunk = order[first : first + CHUNK]
        taken[chunk] = solve(systems[chunk], omegas[chunk])[1]
    return taken


def solve(systems: Systems, omegas: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The solutions [n, 100] and the iterations [n] they took; see ``iterations``."""
    relaxation = _Relaxation(systems, omegas)
    solutions = np.zeros((len(systems), SIDE * SIDE))
    taken = np.zeros(len(systems), dtype=np.int64)
    places = np.arange(len(systems))  # of the systems that are being relaxed
    for number in range(1, MOST_ITERATIONS + 1):
        solved = relaxation.step() & (taken[places] == 0)
        if not solved.any():
            continue
        taken[places[solved]] = number
        solutions[places[solved]] = relaxation.solutions()[solved]
        left = taken[places] == 0
        if not left.any():
            return solutions, taken
        # Solved ones are taken out several at a time, as that moves everything.
        if left.mean() < 0.8:
            relaxation.keep(left)
            places = places[left]
    raise NotConverged(f"{int((taken == 0).sum())} systems after {MOST_ITERATIONS} iterations")


class _Relaxation:
    """Systems that are being solved; a step is one SOR iteration of each.

    Arrays of one color are [HALF, n]. A change is omega / diagonal * residual,
    and 0 at places that are no points. The residual at a point that was just
    relaxed is 1 - omega times what it was before.
    """

    def __init__(self, systems: Systems, omegas: NDArray[np.float64]) -> None:
        count = len(systems)
        grid = np.zeros((SIDE, ROW, count))
        grid[:, :SIDE] = systems.right_hand_sides.T.reshape(SIDE, SIDE, count)
        colors = grid.reshape(HALF, 2, count)
        self.b_red, self.b_black = colors[:, 0].copy(), colors[:, 1].copy()
        self.x_red, self.x_black = np.zeros((2, HALF + 2 * MARGIN, count))
        self.diagonals = 4 + systems.shifts
        self.omegas = np.asarray(omegas, dtype=float)
        self.right_hand_sides = (systems.right_hand_sides**2).sum(axis=1)
        self._prepare()

    def _prepare(self) -> None:
        """All that follows from the systems and their solutions so far."""
        self.inner_red, self.inner_black = self.x_red[MARGIN:-MARGIN], self.x_black[MARGIN:-MARGIN]
        self.around_red = [self.x_black[MARGIN + n : MARGIN + n + HALF] for n in (-6, -1, 0, 5)]
        self.around_black = [self.x_red[MARGIN + n : MARGIN + n + HALF] for n in (-5, 0, 1, 6)]
        factors = self.omegas / self.diagonals
        self.factors_red, self.factors_black = RED[:, None] * factors, BLACK[:, None] * factors
        self.targets = TOLERANCE**2 * self.right_hand_sides * factors**2
        self.kept = (1 - self.omegas) ** 2
        self.change_red, self.change_black, self.room = np.empty((3, *self.b_red.shape))
        self._change(self.b_red, self.around_red, self.inner_red, self.factors_red, self.change_red)

    def _change(
        self,
        b: NDArray[np.float64],
        around: list[NDArray[np.float64]],
        inner: NDArray[np.float64],
        factors: NDArray[np.float64],
        change: NDArray[np.float64],
    ) -> None:
        """Writes factors * (b + neighbours - diagonal * x) into ``change``."""
        np.add(b, around[0], out=change)
        for neighbours in around[1:]:
            change += neighbours
        np.multiply(self.diagonals, inner, out=self.room)
        change -= self.room
        change *= factors

    def step(self) -> NDArray[np.bool_]:
        """Relaxes the red points, then the black ones; [n] which systems are solved."""
        self.inner_red += self.change_red
        self._change(self.b_black, self.around_black, self.inner_black, self.factors_black, self.change_black)
        self.inner_black += self.change_black
        self._change(self.b_red, self.around_red, self.inner_red, self.factors_red, self.change_red)
        np.multiply(self.change_black, self.change_black, out=self.room)
        residuals = self.kept * self.room.sum(axis=0)
        np.multiply(self.change_red, self.change_red, out=self.room)
        residuals += self.room.sum(axis=0)
        return np.asarray(residuals <= self.targets)

    def solutions(self) -> NDArray[np.float64]:
        """[n, 100] the values at the points."""
        grid = np.stack((self.inner_red, self.inner_black), axis=1).reshape(SIDE, ROW, -1)
        return grid[:, :SIDE].reshape(SIDE * SIDE, -1).T

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Goes on with some of the systems only."""
        for name in ("b_red", "b_black", "x_red", "x_black", "diagonals", "omegas", "right_hand_sides"):
            setattr(self, name, getattr(self, name)[..., which])
        self._prepare()

"""A real thing to tune: the relaxation parameter of a preconditioner, in a simulation of heat.

Heat spreads over a square with a conductivity that changes by day and night,
while a flame goes round in circles. Each time step is a linear system, solved
by conjugate gradients with an SSOR preconditioner, whose parameter omega says
how long that takes. The experiment is that of Khodak et al. 2024, Learning to
Relax. Nothing about tuning is in this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-8  # of the residual's 2-norm, relative to the right-hand side's
MOST_ITERATIONS = 10_000
TIME_STEP = 1e-3
CHUNK = 80_000  # numbers in an array of systems that are solved side by side: several such fit into the cache

FLAME_HEIGHT, FLAME_RADIUS = 32.0, 1 / 8
START_RADIUS = 1 / 4

OMEGAS = tuple(round(1 + 0.05 * step, 2) for step in range(20))
"""The parameters to choose from: 1, 1.05, ... 1.95."""

LARGEST_CONDUCTIVITY = 10.0


class NotConverged(ArithmeticError):
    """A system was not solved within MOST_ITERATIONS."""


@dataclass(frozen=True, slots=True)
class Systems:
    """n linear systems (I + ratio L) u = b, with L the five-point Laplacian (4 and -1) of s x s interior points.

    conductivities: [n] kappa at the end of the time step, known before it is solved.
    ratios: [n] kappa * TIME_STEP / (2 h^2), h = 1 / (s + 1).
    right_hand_sides: [n, s, s]
    starts: [n, s, s] where the solver starts: the solution of the step before.
    """

    conductivities: NDArray[np.float64]
    ratios: NDArray[np.float64]
    right_hand_sides: NDArray[np.float64]
    starts: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ratios)

    def __getitem__(self, which: slice | NDArray[np.intp]) -> Systems:
        return Systems(self.conductivities[which], self.ratios[which], self.right_hand_sides[which], self.starts[which])


def conductivity(time: float) -> float:
    """kappa(t): weak in the first half of each unit of time, a hundred times as strong in the second."""
    wave = sin(2 * pi * time)
    return max(0.1 * wave, -LARGEST_CONDUCTIVITY * wave)


def simulation(count: int, side: int = 25) -> Systems:
    """The systems of the first ``count`` time steps, with ``side`` x ``side`` interior points.

    du/dt = kappa(t) Laplacian(u) + f(t) on the unit square, 0 at its edge, by
    Crank and Nicolson's rule. The solution that goes into the next step is the
    exact one, so that the systems don't depend on who solved those before.
    """
    spacing = 1 / (side + 1)
    places = np.arange(1, side + 1)
    # The columns are eigenvectors of the second difference, orthogonal and of length 1.
    sines = np.sqrt(2 * spacing) * np.sin(pi * spacing * np.outer(places, places))
    second = 4 * np.sin(pi * spacing * places / 2) ** 2
    eigenvalues = second[:, None] + second
    times = [TIME_STEP * step for step in range(count + 1)]
    conductivities = np.array([conductivity(time) for time in times])
    ratios = conductivities * TIME_STEP / (2 * spacing**2)
    right_hand_sides, starts = np.empty((2, count, side, side))
    starts[0] = solution = _bump(side, 0.5, 0.5, START_RADIUS)
    before, *flames = (sines @ flame @ sines for flame in _flames(times, side))
    waves = sines @ solution @ sines
    for step, after in enumerate(flames):
        starts[step] = solution
        sources = (1 - ratios[step] * eigenvalues) * waves + TIME_STEP / 2 * (before + after)
        right_hand_sides[step] = sines @ sources @ sines
        waves = sources / (1 + ratios[step + 1] * eigenvalues)
        solution = sines @ waves @ sines
        before = after
    return Systems(conductivities[1:], ratios[1:], right_hand_sides, starts)


def _flames(times: Sequence[float], side: int) -> Iterator[NDArray[np.float64]]:
    """[s, s] f at each time."""
    for time in times:
        angle = 16 * pi * time
        yield FLAME_HEIGHT * _bump(side, 0.5 + cos(angle) / 4, 0.5 + sin(angle) / 4, FLAME_RADIUS)


def _bump(side: int, x: float, y: float, radius: float) -> NDArray[np.float64]:
    """[s, s] a smooth hill of height 1 at (x, y), 0 outside the radius."""
    places = np.arange(1, side + 1) / (side + 1)
    squares = ((places[:, None] - x) ** 2 + (places - y) ** 2) / radius**2
    inside = squares < 1
    return np.where(inside, np.exp(1 - 1 / np.where(inside, 1 - squares, 1)), 0.0)


def iterations(systems: Systems, omegas: NDArray[np.float64]) -> NDArray[np.int64]:
    """[n] how many iterations of conjugate gradients each system takes with its own omega [n]; 0 < omega < 2.

    The preconditioner is SSOR over the points row by row. Iterations go on
    until the residual is TOLERANCE of the right-hand side. A system takes the
    same number whether it is solved alone or among others. Raises NotConverged.
    """
    return solve(systems, omegas)[1]


def solve(systems: Systems, omegas: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The solutions [n, s, s] and the iterations [n] they took; see ``iterations``."""
    solutions = np.empty_like(systems.starts)
    taken = np.zeros(len(systems), dtype=np.int64)
    # Systems that take about as long are solved side by side.
    order = np.lexsort((systems.ratios, omegas))
    size = max(1, CHUNK // systems.starts[0].size)
    for first in range(0, len(systems), size):
        chunk = _two_or_more(order[first : first + size])
        solutions[chunk], taken[chunk] = _solve_together(systems[chunk], omegas[chunk])
    return solutions, taken


def _two_or_more(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """A system that is alone is solved beside itself, as NumPy adds up the numbers of one in another order."""
    return places.repeat(2) if places.size == 1 else places


def _solve_together(systems: Systems, omegas: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    gradients = _Gradients(systems, omegas)
    taken = np.full(len(systems), -1)
    solutions = np.empty_like(systems.starts)
    places = np.arange(len(systems))  # of the systems that are being solved
    for number in range(MOST_ITERATIONS + 1):
        solved = gradients.solved()
        if solved.any():
            taken[places[solved]] = number
            solutions[places[solved]] = gradients.solutions(solved)
            if solved.all():
                return solutions, taken
            left = _two_or_more(np.flatnonzero(~solved))
            gradients.keep(left)
            places = places[left]
        gradients.step()
    raise NotConverged(f"{np.unique(places).size} systems after {MOST_ITERATIONS} iterations")


class _Gradients:
    """Systems that are being solved; a step is one iteration of each.

    The points of a diagonal, i + j = w, need only those of diagonal w - 1 when
    the triangular systems of the preconditioner are solved row by row, so a
    whole diagonal is computed at once. Arrays are [2s + 1, s + 2, n]: point
    (i, j) lies at [1 + i + j, 1 + i], and all that is no point is 0.
    """

    def __init__(self, systems: Systems, omegas: NDArray[np.float64]) -> None:
        self.side = systems.starts.shape[1]
        rows, columns = np.indices((self.side, self.side))
        self.where = (1 + rows + columns, 1 + rows)
        inside = np.zeros((2 * self.side + 1, self.side + 2, 1))
        inside[self.where] = 1
        self.inside = inside[1:-1, 1:-1]
        self.ratios = systems.ratios
        self.factors = omegas * self.ratios / (1 + 4 * self.ratios)
        self.x, right_hand_sides = self._laid_out(systems.starts), self._laid_out(systems.right_hand_sides)
        self.targets = TOLERANCE**2 * _products(right_hand_sides, right_hand_sides)
        self.residuals = right_hand_sides - self._times_matrix(self.x)
        self.directions = np.zeros_like(self.x)
        self.lengths = np.ones_like(self.targets)

    def _laid_out(self, grids: NDArray[np.float64]) -> NDArray[np.float64]:
        array = np.zeros((2 * self.side + 1, self.side + 2, len(grids)))
        array[self.where] = grids.transpose(1, 2, 0)
        return array

    def _times_matrix(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        around = vectors[:-2, :-2] + vectors[:-2, 1:-1]
        around += vectors[2:, 2:]
        around += vectors[2:, 1:-1]
        around *= -self.ratios
        around += (1 + 4 * self.ratios) * vectors[1:-1, 1:-1]
        around *= self.inside
        product = np.zeros_like(vectors)
        product[1:-1, 1:-1] = around
        return product

    def _preconditioned(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Divided by (D / omega + E) (D / omega + E'), up to a factor; D is the matrix's diagonal, E what is below."""
        result = vectors.copy()
        diagonals = range(2, 2 * self.side)
        for here, before in [*((w, w - 1) for w in diagonals), *((w - 1, w) for w in reversed(diagonals))]:
            first, last = max(1, here - self.side + 1), min(here, self.side) + 1
            # Forwards the two points before are left and above, backwards right and below.
            shift = here - before
            neighbours = result[before, first:last] + result[before, first - shift : last - shift]
            neighbours *= self.factors
            result[here, first:last] += neighbours
        return result

    def solved(self) -> NDArray[np.bool_]:
        """[n] which residuals are small enough."""
        return np.asarray(_products(self.residuals, self.residuals) <= self.targets)

    def solutions(self, which: NDArray[np.bool_]) -> NDArray[np.float64]:
        """[m, s, s] the values at the points."""
        points: NDArray[np.float64] = self.x[self.where]
        return points[..., which].transpose(2, 0, 1)

    def step(self) -> None:
        """One iteration."""
        preconditioned = self._preconditioned(self.residuals)
        before, self.lengths = self.lengths, _products(self.residuals, preconditioned)
        self.directions *= self.lengths / before
        self.directions += preconditioned
        product = self._times_matrix(self.directions)
        steps = self.lengths / _products(self.directions, product)
        self.x += steps * self.directions
        product *= steps
        self.residuals -= product

    def keep(self, which: NDArray[np.intp]) -> None:
        """Goes on with some of the systems only."""
        for name in ("ratios", "factors", "targets", "lengths", "x", "residuals", "directions"):
            setattr(self, name, getattr(self, name)[..., which])


def _products(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] inner products."""
    return np.asarray((left * right).sum(axis=(0, 1)))

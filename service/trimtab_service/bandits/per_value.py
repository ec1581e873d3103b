"""Points of a large space by the values of their parameters, for bandits that learn about each parameter by itself.

The values of all parameters stand in one row, those of the first parameter
first: cell c of V is one value of one parameter, and what is known of values
are arrays [V]. What is learned, and what is played, is the bandits' business
and stays out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Outcomes
from trimtab_service.bandits.moments import among
from trimtab_service.domain.arms import Lattice


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Where the values of each parameter stand, and which of them an arm has.

    sizes: [d] how many values each parameter has.
    starts: [d] the cell of its first one.
    radices: [d] how far apart two arms are that differ by 1 in its value alone.
    """

    sizes: NDArray[np.intp]
    starts: NDArray[np.intp]
    radices: NDArray[np.intp]

    @classmethod
    def of(cls, lattice: Lattice) -> Cells:
        """Of the points of ``lattice``."""
        sizes = np.array([len(values) for values in lattice.levels], dtype=np.intp)
        starts = np.cumsum(sizes) - sizes
        # The product of the sizes after it.
        radices = np.append(np.cumprod(sizes[:0:-1])[::-1], 1).astype(np.intp)
        for array in (sizes, starts, radices):
            array.setflags(write=False)
        return cls(sizes, starts, radices)

    @property
    def number(self) -> int:
        """V, the number of cells."""
        return int(self.starts[-1] + self.sizes[-1])

    @property
    def owners(self) -> NDArray[np.intp]:
        """[V] the parameter that each cell is a value of."""
        return np.repeat(np.arange(self.sizes.size), self.sizes)

    @property
    def slices(self) -> list[slice]:
        """[d] the cells of each parameter."""
        return [slice(int(start), int(stop)) for start, stop in pairwise([*self.starts, self.number])]

    def of_arms(self, arms: NDArray[np.intp]) -> NDArray[np.intp]:
        """[n, d] the cell of every value of each of ``arms`` [n]; IndexError where there is no such arm."""
        return (
            self.starts + among(arms, int(self.sizes[0]) * int(self.radices[0]))[:, None] // self.radices % self.sizes
        )

    def of_arm(self, arm: int) -> NDArray[np.intp]:
        """[d] the cells of one arm."""
        return self.starts + arm // self.radices % self.sizes

    def arm(self, cells: NDArray[np.intp]) -> int:
        """Inverse of ``of_arm``."""
        return int((cells - self.starts).dot(self.radices))

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """[d] the sum of ``values`` [V] over the values of each parameter."""
        sums: NDArray[np.float64] = np.add.reduceat(values, self.starts)
        return sums

    def least(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """[d] the least of ``values`` [V] of each parameter."""
        lowest: NDArray[np.float64] = np.minimum.reduceat(values, self.starts)
        return lowest

    def spread(self, outcomes: Outcomes, credited: NDArray[np.bool_]) -> Outcomes:
        """The outcomes with cells in place of arms: one for every parameter that is ``credited`` [n, d]."""
        rows, parameters = np.nonzero(credited)
        taken = Outcomes(*(getattr(outcomes, field.name)[rows] for field in fields(outcomes)))
        return replace(taken, arms=self.of_arms(outcomes.arms)[rows, parameters])


@dataclass(frozen=True, slots=True, eq=False)
class ProductLaw:
    """Draws a value of every parameter, independently of one another.

    probabilities: [V], the sum 1 over the values of each parameter.
    cumulative: [V] i plus their running sum in parameter i, ending with exactly i + 1.
    last: [d] the last cell of each parameter that can be drawn.
    parameters: [d] their numbers.
    """

    probabilities: NDArray[np.float64]
    cumulative: NDArray[np.float64]
    last: NDArray[np.intp]
    parameters: NDArray[np.intp]

    @classmethod
    def of(cls, cells: Cells, weights: NDArray[np.float64]) -> ProductLaw:
        """Proportional to ``weights`` [V] within each parameter, one of which has to be positive."""
        owners = cells.owners
        probabilities = weights / cells.total(weights)[owners]
        sums = np.cumsum(probabilities)
        sums -= np.append(0.0, sums)[cells.starts][owners]
        places = np.arange(cells.number)
        last: NDArray[np.intp] = np.maximum.reduceat(np.where(probabilities > 0, places, -1), cells.starts)
        # The last one that can be drawn takes what rounding left over.
        cumulative = owners.astype(np.float64) + np.where(places >= last[owners], 1.0, np.clip(sums, 0.0, 1.0))
        probabilities.setflags(write=False)
        cumulative.setflags(write=False)
        return cls(probabilities, cumulative, last, np.arange(last.size))

    def draw(self, luck: NDArray[np.float64]) -> NDArray[np.intp]:
        """[d] the cells that ``luck`` [d], uniform in [0, 1), falls on."""
        places = self.cumulative.searchsorted(self.parameters + luck, side="right")
        # A number just below 1 is the next parameter's 0 after rounding.
        cells: NDArray[np.intp] = np.minimum(places, self.last)
        return cells

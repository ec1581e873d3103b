"""How far pairs of rows are apart in columns of names, however many names there are. NumPy alone.

Names as a column for each value cost a fit as much as so many numbers. Here
eight columns cost the same whatever they hold: the ways in which the names of
two rows can differ are 256, and each pair is one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Vector

TOGETHER = 8  # columns; the table of their sums then stays where memory is quick
WAYS = ((np.arange(2**TOGETHER)[:, None] >> np.arange(TOGETHER)) & 1).astype(float)  # [256, 8] which of them differ


@dataclass(frozen=True, slots=True)
class Names:
    """Rows of names [n, w], and which of them differ in each pair.

    ways: [ceil(w / 8), n (n + 1) / 2] as bits, in the order of LAPACK's packed lower triangles.
    """

    rows: Rows
    ways: NDArray[np.intp]

    @classmethod
    def of(cls, rows: Rows) -> Names:
        """Of rows [n, w]."""
        first, second = np.triu_indices(len(rows))
        ways = np.zeros((-(-rows.shape[1] // TOGETHER), len(first)), dtype=np.intp)
        for column, names in enumerate(rows.T):
            ways[column // TOGETHER] |= (names[first] != names[second]).astype(np.intp) << column % TOGETHER
        return cls(rows, ways)

    def sums(self, weights: Vector) -> Vector:
        """For each pair the sum of the weights [w] of the columns in which it differs."""
        each = self._in_groups(weights)
        total: Vector = (WAYS @ each[0])[self.ways[0]]
        for ways, some in zip(self.ways[1:], each[1:], strict=True):
            total += (WAYS @ some)[ways]
        return total

    def totals(self, pairs: Vector) -> Vector:
        """For each column the sum [w] of the ``pairs`` that differ in it."""
        found = [np.bincount(ways, pairs, len(WAYS)) @ WAYS for ways in self.ways]
        return np.concatenate(found)[: self.rows.shape[1]]

    def _in_groups(self, weights: Vector) -> Rows:
        padded = np.zeros(len(self.ways) * TOGETHER)
        padded[: len(weights)] = weights
        return padded.reshape(-1, TOGETHER)

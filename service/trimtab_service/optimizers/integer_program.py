"""The legal values nearest to others, by mixed integer programming. Imports SciPy; import it inside a call only."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, lil_array

from trimtab_service.optimizers.encoding import Column
from trimtab_service.optimizers.sums import Axis, Sums

MARGIN = 0.5  # of the tolerance of a sum: the solver has a tolerance of its own,
SOLVER = 1e-7  # this one, by which every law may be broken


def nearest_values(sums: Sums, wanted: Column, most_nodes: int) -> Column | None:
    """[k] values with the right sums, in the units of the parameters, nearest to ``wanted`` [k]; None: none found.

    Distances are added up, each as a share of the width of its parameter.
    The unknowns: for each parameter how far off it is, then what makes its
    value: itself, a number of steps, or which one of the listed values.
    """
    lows, spans = sums.box
    parts = [_Part.of(axis, low, span) for axis, low, span in zip(sums.axes, lows, spans, strict=True)]
    count = len(parts)
    starts = count + np.concatenate([[0], np.cumsum([len(part.values) for part in parts])]).astype(int)
    size = int(starts[-1])
    values = lil_array((count, size))
    offsets = np.array([part.offset for part in parts])
    one = lil_array((count, size))
    lower, upper, whole = np.zeros(size), np.full(size, np.inf), np.zeros(size)
    for index, part in enumerate(parts):
        span = slice(starts[index], starts[index + 1])
        values[index, span] = part.values
        upper[span], whole[span] = part.most, part.whole
        if part.listed:
            one[index, span] = 1.0
    widths = np.where(spans > 0.0, spans, 1.0)
    values = csr_array(values)
    off = csr_array((widths, (np.arange(count), np.arange(count))), shape=(count, size))
    listed = np.array([part.listed for part in parts], dtype=float)
    slack = MARGIN * sums.tolerance
    shift = sums.weights @ offsets
    # In units in which what the solver takes for nothing is small beside the margin.
    unit = np.minimum(MARGIN * slack / SOLVER, 1.0)
    weights = csr_array(sums.weights / unit[:, None]) @ values
    laws = [
        LinearConstraint(weights, (sums.low - slack - shift) / unit, (sums.high + slack - shift) / unit),
        LinearConstraint(values + off, wanted - offsets, np.inf),
        LinearConstraint(values - off, -np.inf, wanted - offsets),
        LinearConstraint(csr_array(one), listed, listed),
    ]
    costs = np.concatenate([np.ones(count), np.zeros(size - count)])
    found = milp(
        costs, integrality=whole, bounds=Bounds(lower, upper), constraints=laws, options={"node_limit": most_nodes}
    )
    if found.x is None:
        return None
    rounded = np.where(whole > 0, np.rint(found.x), found.x)
    return np.asarray(values @ rounded + offsets)


class _Part:
    """value = offset + values @ unknowns, these from 0 to ``most``."""

    def __init__(self, offset: float, values: Column, most: float, *, whole: bool, listed: bool) -> None:
        self.offset, self.values, self.most, self.whole, self.listed = offset, values, most, whole, listed

    @classmethod
    def of(cls, axis: Axis, low: float, width: float) -> _Part:
        """A continuum goes from ``low`` as far as ``width``."""
        if axis.choices is not None:
            return cls(0.0, axis.choices, 1.0, whole=True, listed=True)
        if axis.count is not None:
            steps = axis.count - 1
            return cls(axis.low, np.array([axis.width / steps if steps else 0.0]), steps, whole=True, listed=False)
        return cls(low, np.array([1.0]), width, whole=False, listed=False)

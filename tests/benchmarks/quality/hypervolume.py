"""How much of the objective space two objectives dominate, and which of many points nobody beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def hypervolume(costs: NDArray[np.float64], reference: Sequence[float]) -> float:
    """The area that points [n, 2], smaller being better, dominate up to the reference point [2]."""
    inside = costs[(costs < np.array(reference)).all(axis=1)]
    area, level = 0.0, float(reference[1])
    for first, second in inside[np.lexsort((inside[:, 1], inside[:, 0]))]:
        if second < level:
            area += (float(reference[0]) - float(first)) * (level - float(second))
            level = float(second)
    return area

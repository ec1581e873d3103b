"""Areas that can be counted on paper."""

from __future__ import annotations

import numpy as np
import pytest

from quality.hypervolume import hypervolume

REFERENCE = (4.0, 4.0)


@pytest.mark.parametrize(
    ("costs", "area"),
    [
        ([(1.0, 1.0)], 9.0),
        ([(1.0, 3.0), (3.0, 1.0)], 5.0),
        ([(1.0, 3.0), (3.0, 1.0), (2.0, 2.0)], 6.0),
        ([(1.0, 1.0), (2.0, 2.0), (1.0, 1.0), (1.0, 3.0)], 9.0),
        ([(4.0, 0.0), (0.0, 4.0), (5.0, 5.0)], 0.0),
        ([(1.0, 1.0), (-9.0, 4.5)], 9.0),
    ],
)
def test_the_area_between_the_front_and_the_reference_point(costs: list[tuple[float, float]], area: float) -> None:
    """Counted once; what another one dominates, or lies beyond the reference point, adds nothing."""
    found = np.array(costs)
    assert hypervolume(found, REFERENCE) == pytest.approx(area)
    assert hypervolume(found[::-1], REFERENCE) == pytest.approx(area)

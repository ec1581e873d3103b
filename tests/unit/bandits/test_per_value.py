"""Cells: values of parameters in one row, and laws over points made of laws over values."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.bandit_problems import outcomes_of
from contract.bandits.joint_problems import lattice_of
from trimtab_service.bandits.per_value import Cells, ProductLaw

SIZES = (2, 3, 1, 2)


def test_arms_have_the_cells_of_their_values() -> None:
    """Every arm's cells are where the lattice says its values are, one by one and together."""
    lattice, cells = lattice_of(SIZES), Cells.of(lattice_of(SIZES))
    starts = np.array([0, 2, 5, 6])
    expected = starts + np.array([lattice.indices(arm) for arm in range(lattice.count)])

    np.testing.assert_array_equal(cells.of_arms(np.arange(lattice.count)), expected)
    np.testing.assert_array_equal([cells.of_arm(arm) for arm in range(lattice.count)], expected)
    assert [cells.arm(row) for row in expected] == list(range(lattice.count))


def test_the_row_of_cells() -> None:
    """Each parameter has a stretch of the row, and sums and minima are over it."""
    cells = Cells.of(lattice_of(SIZES))

    assert cells.number == 8
    assert cells.owners.tolist() == [0, 0, 1, 1, 1, 2, 3, 3]
    assert cells.slices == [slice(0, 2), slice(2, 5), slice(5, 6), slice(6, 8)]
    assert cells.total(np.arange(8.0)).tolist() == [1.0, 9.0, 5.0, 13.0]
    assert cells.least(-np.arange(8.0)).tolist() == [-1.0, -4.0, -5.0, -7.0]


@pytest.mark.parametrize("sizes", [(2,) * 53, (1_000,) * 5 + (9,), (1,) * 200])
def test_the_largest_numbers_are_exact(sizes: tuple[int, ...]) -> None:
    """The last of up to 2^53 arms has the last value of every parameter."""
    lattice = lattice_of(sizes)
    cells = Cells.of(lattice)
    last = cells.starts + cells.sizes - 1

    np.testing.assert_array_equal(cells.of_arm(lattice.count - 1), last)
    np.testing.assert_array_equal(cells.of_arms(np.array([0, lattice.count - 1])), [cells.starts, last])
    assert cells.arm(last) == lattice.count - 1


def test_outcomes_are_credited_to_cells() -> None:
    """Each outcome counts once for every parameter that it is credited to, and keeps all else that it says."""
    cells = Cells.of(lattice_of(SIZES))
    credited = np.array([[True, False, False, True], [False, False, False, False], [False, True, False, False]])
    spread = cells.spread(outcomes_of([11, 0, 4], [1.0, 2.0, 3.0], counts=[4, 5, 6], steps=[7, 8, 9]), credited)

    assert spread.arms.tolist() == [1, 7, 4]
    assert spread.costs.tolist() == [1.0, 1.0, 3.0]
    assert spread.counts.tolist() == [4.0, 4.0, 6.0]
    assert spread.steps.tolist() == [7.0, 7.0, 9.0]


def test_weights_become_probabilities() -> None:
    """Within each parameter, in proportion."""
    law = ProductLaw.of(Cells.of(lattice_of(SIZES)), np.array([1.0, 3.0, 0.0, 2.0, 2.0, 7.0, 0.0, 0.1]))

    np.testing.assert_allclose(law.probabilities, [0.25, 0.75, 0.0, 0.5, 0.5, 1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("luck", "expected"),
    [
        (0.0, [0, 3, 5, 7]),
        (0.2499, [0, 3, 5, 7]),
        (0.25, [1, 3, 5, 7]),
        (0.5, [1, 4, 5, 7]),
        (1 - 2**-53, [1, 4, 5, 7]),
    ],
)
def test_luck_falls_on_values(luck: float, expected: list[int]) -> None:
    """In the order of the values, never on one of probability 0."""
    law = ProductLaw.of(Cells.of(lattice_of(SIZES)), np.array([1.0, 3.0, 0.0, 2.0, 2.0, 7.0, 0.0, 0.1]))

    assert law.draw(np.full(4, luck)).tolist() == expected

"""The SOR solver of the examples solves, and counts right."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import sor


def matrix(shift: float) -> NDArray[np.float64]:
    """L + shift I in full, points row by row."""
    full = np.zeros((100, 100))
    for row in range(10):
        for column in range(10):
            here = 10 * row + column
            full[here, here] = 4 + shift
            for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if 0 <= r < 10 and 0 <= c < 10:
                    full[here, 10 * r + c] = -1
    return full


def relaxed(shift: float, b: NDArray[np.float64], omega: float) -> tuple[NDArray[np.float64], int]:
    """Solution and iterations by the textbook: point after point, the red ones first."""
    full = matrix(shift)
    order = [n for n in range(100) if sum(divmod(n, 10)) % 2 == 0] + [n for n in range(100) if sum(divmod(n, 10)) % 2]
    x = np.zeros(100)
    count = 0
    while np.linalg.norm(b - full @ x) > sor.TOLERANCE * np.linalg.norm(b):
        for n in order:
            x[n] += omega * (b[n] - full[n] @ x) / full[n, n]
        count += 1
    return x, count


@pytest.mark.parametrize("omega", [1.0, 1.4, 1.65, 1.95])
def test_it_is_sor(omega: float) -> None:
    """Solutions and counts are those of point-by-point relaxation in red-black order."""
    systems = sor.sequence(3, np.random.default_rng(1))
    solutions, taken = sor.solve(systems, np.full(3, omega))

    for n in range(3):
        x, count = relaxed(systems.shifts[n], systems.right_hand_sides[n], omega)
        assert count == taken[n]
        np.testing.assert_allclose(solutions[n], x, atol=1e-9)


@pytest.mark.parametrize("variance", sorted(sor.VARIANCES))
def test_it_solves(variance: str) -> None:
    """The residual is below the tolerance for every system and its own omega."""
    systems = sor.sequence(60, np.random.default_rng(2), variance)
    omegas = np.resize(np.array(sor.OMEGAS), 60)
    solutions, _ = sor.solve(systems, omegas)

    for n in range(60):
        b = systems.right_hand_sides[n]
        residual = np.linalg.norm(b - matrix(systems.shifts[n]) @ solutions[n])
        assert residual <= 1.001 * sor.TOLERANCE * np.linalg.norm(b)


def test_alone_as_among_others() -> None:
    """A system takes the same number of iterations alone and in any company."""
    systems = sor.sequence(300, np.random.default_rng(3))
    omegas = np.random.default_rng(4).choice(sor.OMEGAS, 300)
    together = sor.iterations(systems, omegas)
    alone = [sor.iterations(systems[n : n + 1], omegas[n : n + 1])[0] for n in range(0, 300, 7)]

    assert together[::7].tolist() == alone


def test_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many iterations are an error, not a number."""
    monkeypatch.setattr(sor, "MOST_ITERATIONS", 5)
    with pytest.raises(sor.NotConverged, match="2 systems"):
        sor.iterations(sor.sequence(2, np.random.default_rng(5)), np.array([1.0, 1.0]))


def test_the_best_omega_is_inside_the_grid() -> None:
    """There is something to tune: the best fixed omega beats both ends of the grid by far."""
    systems = sor.sequence(200, np.random.default_rng(6))
    totals = [int(sor.iterations(systems, np.full(200, omega)).sum()) for omega in sor.OMEGAS]

    assert 0.35 * totals[0] > min(totals)
    assert 0.35 * totals[-1] > min(totals)

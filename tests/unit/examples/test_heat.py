"""The heat solver of the examples simulates, solves, and counts right."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import heat

Matrix = NDArray[np.float64]


def laplacian(side: int) -> Matrix:
    """The five-point Laplacian in full, points row by row."""
    second = 2 * np.eye(side) - np.eye(side, k=1) - np.eye(side, k=-1)
    return np.kron(second, np.eye(side)) + np.kron(np.eye(side), second)


def by_the_textbook(matrix: Matrix, b: Matrix, x: Matrix, omega: float) -> tuple[Matrix, int]:
    """Solution and iterations of preconditioned conjugate gradients with every matrix written out."""
    diagonal = np.diag(np.diag(matrix))
    lower = diagonal / omega + np.tril(matrix, -1)
    preconditioner = lower @ np.linalg.inv(diagonal) @ lower.T
    residual = b - matrix @ x
    direction = np.zeros_like(b)
    length, count = 1.0, 0
    while np.linalg.norm(residual) > heat.TOLERANCE * np.linalg.norm(b):
        z = np.linalg.solve(preconditioner, residual)
        before, length = length, float(residual @ z)
        direction = z + length / before * direction
        step = length / (direction @ matrix @ direction)
        x = x + step * direction
        residual = residual - step * matrix @ direction
        count += 1
    return x, count


@pytest.mark.parametrize("omega", [1.0, 1.35, 1.95])
def test_it_is_conjugate_gradients_with_ssor(omega: float) -> None:
    """Solutions and counts are those of the method written out with full matrices."""
    side = 7
    systems = heat.simulation(900, side)[100::200]
    solutions, taken = heat.solve(systems, np.full(len(systems), omega))

    for n, ratio in enumerate(systems.ratios):
        matrix = np.eye(side**2) + ratio * laplacian(side)
        x, count = by_the_textbook(matrix, systems.right_hand_sides[n].ravel(), systems.starts[n].ravel(), omega)
        assert count == taken[n]
        np.testing.assert_allclose(solutions[n].ravel(), x, rtol=0, atol=1e-12)


def test_each_step_starts_where_the_last_one_ended() -> None:
    """The solution of a system, found directly, is the next one's start, and follows Crank and Nicolson's rule."""
    side = 6
    systems = heat.simulation(40, side)
    exact = [
        np.linalg.solve(np.eye(side**2) + ratio * laplacian(side), b.ravel())
        for ratio, b in zip(systems.ratios, systems.right_hand_sides, strict=True)
    ]

    np.testing.assert_allclose(systems.starts[1:].reshape(39, -1), exact[:-1], rtol=0, atol=1e-12)
    flames = [flame.ravel() for flame in heat._flames([heat.TIME_STEP * step for step in range(41)], side)]
    for n in range(1, 40):
        old = systems.starts[n].ravel()
        expected = old - systems.ratios[n - 1] * laplacian(side) @ old
        expected += heat.TIME_STEP / 2 * (flames[n] + flames[n + 1])
        np.testing.assert_allclose(systems.right_hand_sides[n].ravel(), expected, rtol=0, atol=1e-12)


def test_it_solves() -> None:
    """The residual is below the tolerance for every system and its own omega."""
    systems = heat.simulation(1_000, 12)[::9]
    omegas = np.resize(np.array(heat.OMEGAS), len(systems))
    solutions, _ = heat.solve(systems, omegas)

    for n, ratio in enumerate(systems.ratios):
        b = systems.right_hand_sides[n].ravel()
        residual = b - solutions[n].ravel() - ratio * laplacian(12) @ solutions[n].ravel()
        assert np.linalg.norm(residual) <= 1.001 * heat.TOLERANCE * np.linalg.norm(b)


def test_alone_as_among_others() -> None:
    """A system takes the same number of iterations alone and in any company."""
    systems = heat.simulation(1_000)[::5]
    omegas = np.random.default_rng(4).choice(heat.OMEGAS, 200)
    together = heat.iterations(systems, omegas)
    alone = [heat.iterations(systems[n : n + 1], omegas[n : n + 1])[0] for n in range(0, 200, 4)]

    assert together[::4].tolist() == alone


def test_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many iterations are an error, not a number."""
    monkeypatch.setattr(heat, "MOST_ITERATIONS", 2)
    with pytest.raises(heat.NotConverged, match="3 systems"):
        heat.iterations(heat.simulation(10)[7:], np.full(3, 1.9))


def test_the_conductivity_turns_from_weak_to_strong() -> None:
    """A tenth at most in the first half of each unit of time, up to 10 in the second, never below 0."""
    assert heat.conductivity(0.25) == pytest.approx(0.1)
    assert heat.conductivity(0.75) == pytest.approx(heat.LARGEST_CONDUCTIVITY)
    assert min(heat.conductivity(time / 100) for time in range(500)) >= 0


def test_the_best_omega_depends_on_the_conductivity() -> None:
    """The best fixed omega lies inside the grid, and one chosen for each system beats it by a tenth or more."""
    systems = heat.simulation(1_000)[::10]
    taken = np.array([heat.iterations(systems, np.full(len(systems), omega)) for omega in heat.OMEGAS])
    totals = taken.sum(axis=1)

    assert 0 < int(np.argmin(totals)) < len(heat.OMEGAS) - 1
    assert taken.min(axis=0).sum() < 0.9 * totals.min()

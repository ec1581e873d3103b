"""Bodies with flat sides: their centre, walks inside them, and how far one can go. NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab_service.optimizers.encoding import Column, Rows

THIN = 1e-10  # closer than this to a side, a point lies on it
MOST_STEPS = 200  # of Newton's method
CONVERGED = 1e-9  # of Newton's decrement
BACK = 0.95  # of the way to the nearest side: how far one Newton step goes at most


@dataclass(frozen=True, slots=True)
class Polytope:
    """{origin + basis v: sides v <= room}.

    origin: [k]. basis: [k, r] orthonormal. sides: [q, r]. room: [q].
    """

    origin: Column
    basis: Rows
    sides: Rows
    room: Column

    @classmethod
    def of(cls, sides: Rows, room: Column, equal: Rows, total: Column) -> Polytope | None:
        """{y: sides y <= room, equal y = total}, [q, k], [q], [p, k], [p]; None where that can't be."""
        width = sides.shape[1]
        origin, basis = np.full(width, 0.5), np.eye(width)
        if len(equal):
            left, sizes, right = np.linalg.svd(equal)
            rank = int((sizes > 1e-12 * sizes.max(initial=0.0)).sum())
            rest = (left.T @ (total - equal @ origin))[:rank] / sizes[:rank]
            origin, basis = origin + right[:rank].T @ rest, right[rank:].T
            size = np.abs(equal).sum(axis=1) + np.abs(total)
            if (np.abs(equal @ origin - total) > 1e-9 * size).any():
                return None
        within, left_over = sides @ basis, room - sides @ origin
        lengths = np.linalg.norm(within, axis=1)
        flat = lengths <= 1e-12 * np.linalg.norm(sides, axis=1)
        if (left_over[flat] < -1e-9).any():
            return None
        keep = ~flat
        return cls(origin, basis, within[keep] / lengths[keep, None], left_over[keep] / lengths[keep])

    def place(self, inside: Rows) -> Rows:
        """Points [n, k] of coordinates [n, r]."""
        return self.origin + inside @ self.basis.T

    def coordinates(self, points: Rows) -> Rows:
        """Coordinates [n, r] of the points nearest to [n, k] that have the right totals."""
        return (points - self.origin) @ self.basis

    def centre(self) -> Column | None:
        """Coordinates [r] of the analytic centre; None where there is no inside.

        Newton's method for the largest product of the distances to all sides,
        from anywhere, with those distances as unknowns beside. Boyd,
        Vandenberghe 2004, "Convex Optimization", 10.3.
        """
        v = np.zeros(self.sides.shape[1])
        if not v.size:
            return v
        slack = np.maximum(self.room - self.sides @ v, 1.0)
        for _ in range(MOST_STEPS):
            gap = slack + self.sides @ v - self.room
            curvature = 1.0 / np.square(slack)
            hessian = self.sides.T @ (curvature[:, None] * self.sides)
            slope = self.sides.T @ (1.0 / slack + curvature * gap)
            try:
                step = -np.linalg.solve(hessian, slope)
            except np.linalg.LinAlgError:
                return None
            change = -gap - self.sides @ step
            falling = change < 0.0
            most = (slack[falling] / -change[falling]).min(initial=np.inf)
            length = min(1.0, BACK * most)
            v, slack = v + length * step, slack + length * change
            if slack.min() < THIN:
                return None
            if length == 1.0 and float(np.abs(change / slack).max()) < CONVERGED**0.5:
                break
        inside: Column = v
        return inside if (self.room - self.sides @ inside).min(initial=np.inf) > THIN else None

    def shape(self, centre: Column) -> Rows:
        """[r, r] what makes even steps of steps drawn evenly: the ellipsoid that the sides leave around the centre."""
        weighted = self.sides / (self.room - self.sides @ centre)[:, None]
        values, vectors = np.linalg.eigh(weighted.T @ weighted)
        return np.asarray(vectors / np.sqrt(np.maximum(values, 1e-300)))

    def chord(self, inside: Rows, step: Rows) -> tuple[Column, Column]:
        """How many of ``step`` [n, r] backwards and forwards from [n, r] one stays inside."""
        rates, left = step @ self.sides.T, np.maximum(self.room - inside @ self.sides.T, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            lengths = left / rates
        forwards = np.where(rates > 0.0, lengths, np.inf).min(axis=1, initial=np.inf)
        backwards = np.where(rates < 0.0, lengths, -np.inf).max(axis=1, initial=-np.inf)
        return backwards, forwards

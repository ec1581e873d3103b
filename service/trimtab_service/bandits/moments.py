"""What was measured of each arm, as sums that don't care about order.

Bandits keep their knowledge in these, so that folding a log gives the same
state whatever its order and however it is cut. What follows from the numbers
is the bandits' business and stays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Outcomes

# Far beyond any unit, and still sums of their squares are finite, whatever the weights.
LARGEST_COST = 1e120
# Of the measurements of an arm: when no more are left, rounding has left them.
NOTHING_LEFT = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Per arm: how much was measured, its mean, and its scatter.

    counts: [K] sum of the weights of what was measured.
    means: [K] weighted mean, 0 where nothing was measured.
    squares: [K] weighted sum over single measurements of their squared
        deviation from the mean of the arm, as far as it is known.
    groups: [K] how many single measurements ``squares`` is of. An aggregate
        of unknown variance counts once: its deviation, weighted with its
        count, has the expectation of one squared measurement.
    What is taken back has counts, squares and groups below 0.
    """

    counts: NDArray[np.float64]
    means: NDArray[np.float64]
    squares: NDArray[np.float64]
    groups: NDArray[np.float64]

    @classmethod
    def nothing(cls, arms: int) -> Moments:
        """Of ``arms`` arms that nobody has tried."""
        zeros = np.zeros(arms)
        zeros.setflags(write=False)
        return cls(zeros, zeros, zeros, zeros)

    @classmethod
    def of(cls, outcomes: Outcomes, weights: NDArray[np.float64], number: int) -> Moments:
        """Of ``number`` arms, from completed outcomes that count for ``weights`` [n], of the sign of their counts."""
        arms = outcomes.arms
        values = np.clip(outcomes.costs, -LARGEST_COST, LARGEST_COST)
        counts = per_arm(arms, weights, number)
        means = _ratio(per_arm(arms, weights * values, number), counts)
        # A second pass takes out what rounding did to the mean of large numbers.
        means += _ratio(per_arm(arms, weights * (values - means[arms]), number), counts)
        known = ~np.isnan(outcomes.variances)
        variances = np.where(known, np.minimum(outcomes.variances, LARGEST_COST**2), 0.0)
        scatter = weights * ((values - means[arms]) ** 2 + variances * (1 - 1 / np.abs(outcomes.counts)))
        groups = np.where(known, outcomes.counts, np.sign(outcomes.counts))
        return cls._frozen(counts, means, per_arm(arms, scatter, number), per_arm(arms, groups, number))

    @classmethod
    def repeated(cls, counts: NDArray[np.float64], cost: float) -> Moments:
        """Of ``counts`` [K] measurements an arm that all came out as ``cost``."""
        return cls._frozen(counts.copy(), np.where(counts > 0, cost, 0.0), np.zeros_like(counts), counts.copy())

    @classmethod
    def _frozen(cls, *arrays: NDArray[np.float64]) -> Moments:
        for array in arrays:
            array.setflags(write=False)
        return cls(*arrays)

    def plus(self, other: Moments) -> Moments:
        """Of what both have seen (Chan, Golub, LeVeque 1983, Algorithms for computing the sample variance).

        Where ``other`` takes measurements back: of what is left of this.
        """
        groups = self.groups + other.groups
        left = groups > np.maximum(NOTHING_LEFT * self.groups, 0)
        counts = np.where(left, self.counts + other.counts, 0.0)
        share = _ratio(other.counts, counts)
        gap = other.means - self.means
        # Where one side has nothing the other's numbers are taken as they are.
        means = np.where(self.counts > 0, self.means + share * gap, other.means)
        squares = self.squares + other.squares + self.counts * share * gap**2
        return self._frozen(
            counts,
            np.where(left, means, 0.0),
            np.where(left, np.maximum(squares, 0.0), 0.0),
            np.where(left, groups, 0.0),
        )

    @property
    def seen(self) -> NDArray[np.bool_]:
        """[K] whether anything was measured of an arm."""
        return self.counts > 0

    @property
    def total(self) -> float:
        """The sum of all counts."""
        return float(self.counts.sum())

    @property
    def mean(self) -> float:
        """The mean of everything measured; 0 of nothing."""
        return float(self.counts @ self.means) / self.total if self.total > 0 else 0.0


def per_arm(
    arms: NDArray[np.intp], values: NDArray[np.float64] | NDArray[np.bool_], number: int
) -> NDArray[np.float64]:
    """[number] the sum of ``values`` [n] over each of ``arms`` [n]; IndexError where one of them isn't below it."""
    return np.asarray(np.bincount(among(arms, number), values, number), dtype=np.float64)


def among(arms: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """The same; IndexError where one of them isn't below ``number``. NumPy would make room for it."""
    if np.max(arms, initial=-1) >= number:
        raise IndexError(f"arm {np.max(arms)} of {number}")
    return arms


def _ratio(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise, 0 where ``lower`` is 0."""
    return np.divide(upper, lower, out=np.zeros_like(lower), where=lower != 0)

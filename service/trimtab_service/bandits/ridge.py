"""Ridge regression of many arms at once, whose penalties and noise are fitted to the data.

Arrays in, arrays out: what features mean, and in which unit costs are, stays outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of the fixed point of the variances. Fewer leave slopes too free; more gain nothing.
ITERATIONS = 3
# Of the variance of all costs: noise is never believed to be less.
LEAST_NOISE = 1e-12
# Of a gram's largest diagonal entry: added to all, or rounding may leave no inverse.
JITTER = 1e-11


@dataclass(frozen=True, slots=True, eq=False)
class Ridge:
    """The posterior of each arm's coefficients: normal, of covariance noise * inverses.

    A priori coefficients are normal, the slopes of one variance around 0, the
    constants of another around a mean of their own, as what is played most is
    better than most arms are.

    coefficients: [K, d] the first one is the arm's constant.
    inverses: [K, d, d] of gram + penalties.
    penalties: [d] noise / variance of the coefficients.
    constant: the mean of the constants, a priori.
    noise: variance of one measurement.
    """

    coefficients: NDArray[np.float64]
    inverses: NDArray[np.float64]
    penalties: NDArray[np.float64]
    constant: float
    noise: float

    @classmethod
    def fitted(cls, grams: NDArray[np.float64], products: NDArray[np.float64], total: float) -> Ridge:
        """From measurements y of mean 0 and variance 1 at standardized features x.

        grams: [K, d, d] sum of x x'. products: [K, d] sum of x y. total: how
        many measurements there are, which is also the sum of y^2.

        The variances maximize the probability of the data, about: each one is
        the sum of squares over the number of coefficients that the data decide
        (MacKay 1992, Bayesian Interpolation). The spread of all costs, which
        is 1, speaks for the noise as one more measurement would, for either
        variance as one more coefficient, and their mean, which is 0, for the
        constants as one more arm: or a few unlucky measurements would make a
        belief that all arms are alike, and keep it.
        """
        penalties = np.ones(grams.shape[-1])
        ridge = cls._posterior(grams, products, total, penalties)
        for _ in range(ITERATIONS):
            ridge = cls._posterior(grams, products, total, ridge._refitted_penalties())
        return ridge

    @classmethod
    def _posterior(
        cls, grams: NDArray[np.float64], products: NDArray[np.float64], total: float, penalties: NDArray[np.float64]
    ) -> Ridge:
        """With these penalties; mean of the constants and noise fitted to them."""
        features = range(penalties.size)
        systems = grams.copy()
        jitter = JITTER * grams.diagonal(axis1=1, axis2=2).max(axis=1)
        systems[:, features, features] += penalties + jitter[:, None]
        inverses = np.asarray(np.linalg.inv(systems), dtype=np.float64)
        coefficients = (inverses @ products[..., None])[..., 0]
        decided = 1 - penalties * inverses.diagonal(axis1=1, axis2=2)
        constant = float(coefficients[:, 0].sum() / (decided[:, 0].sum() + 1))
        coefficients += penalties[0] * constant * inverses[:, :, 0]
        fitted = (coefficients[:, None] @ grams)[:, 0]
        residual = total + float((coefficients * (fitted - 2 * products)).sum())
        noise = (max(residual, 0.0) + 1) / (max(total - float(decided.sum()), 0.0) + 1)
        return cls(coefficients, inverses, penalties, constant, max(noise, LEAST_NOISE))

    def _refitted_penalties(self) -> NDArray[np.float64]:
        """[d] of the constant, and of every slope."""
        decided = np.maximum(1 - self.penalties * self.inverses.diagonal(axis1=1, axis2=2), 0.0)
        constants = ((self.coefficients[:, 0] - self.constant) ** 2).sum()
        slopes = (self.coefficients[:, 1:] ** 2).sum()
        penalties: NDArray[np.float64] = np.ones(self.penalties.size)
        penalties[0] = (decided[:, 0].sum() + 1) / (constants + 1)
        penalties[1:] = (decided[:, 1:].sum() + 1) / (slopes + 1)
        return self.noise * penalties

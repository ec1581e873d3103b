"""ChebCB: for solvers and the like, whose cost depends smoothly on one number and on the arm.

SquareCB over polynomials of that number, which are kept within what a cost
that is Lipschitz in it could be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, Options, Outcomes
from trimtab_service.bandits.features import Coordinates
from trimtab_service.bandits.gram import Regression
from trimtab_service.bandits.normal_posterior import NormalPosterior
from trimtab_service.bandits.posteriors import ROUNDING, likely_best
from trimtab_service.bandits.square_cb import inverse_gap_weights
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

MOST_FEATURES = 50
SWEEPS = 20  # of coordinate descent into the box at most
SETTLED = 1e-3  # of the box: smaller steps end the descent
# Least squares of nearly the same contexts has no solution worth having: of a
# gram's largest eigenvalue, what smaller ones are raised by.
RIDGE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The context's place in its range, and sums over Chebyshev polynomials of it."""

    coordinates: Coordinates
    regression: Regression


@dataclass(frozen=True, slots=True)
class Scaling:
    """How costs become losses: (cost - shift) / (largest * damping).

    largest: K, the largest cost less the shift. slope: (b - a) L / K, how far
    the context moves a cost at most, in units of K; the context lies in [a, b].
    damping: N.
    """

    shift: float
    largest: float
    slope: float
    damping: float

    @classmethod
    def of(cls, regression: Regression, features: int) -> Scaling | None:
        """From the metric's declared range, else from what was seen; None while all costs were the same."""
        bounds, costs = regression.bounds, regression.costs
        highest = costs.highest
        if costs.failures.any():
            highest = max(highest, costs.failure_cost(bounds.largest))
        lowest = min(costs.lowest, highest)
        if not highest - lowest > ROUNDING * max(abs(highest), abs(lowest)):
            return None
        shift = lowest if bounds.least is None else bounds.least
        largest = (highest if bounds.largest is None else bounds.largest) - shift
        slope = (highest - lowest) / largest
        return cls(shift, largest, slope, 2 + 4 * slope * (1 + np.log(features)))

    @property
    def unit(self) -> float:
        """The cost of a loss of 1: K N."""
        return self.largest * self.damping

    def box(self, features: int) -> NDArray[np.float64]:
        """[m] how large the coefficients of a Lipschitz loss can be."""
        bounds = 2 * self.slope / (self.damping * np.arange(1.0, features + 1))
        return np.concatenate(([1 / self.damping], bounds[:-1]))

    def misfit(self, features: int) -> float:
        """How far a Lipschitz loss lies from its best polynomial at most: alpha."""
        lebesgue = np.pi + 2 / np.pi * np.log(2 * features + 1)
        return float(lebesgue * self.slope / (2 * self.damping * (features + 1)))


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The least-squares polynomial of each arm's loss.

    coefficients: [K, m], inside the box.
    covariances: [K, m, m] of the coefficients if the noise had a variance of 1.
    variance: of the noise, from the residuals.
    information: sum of log det(1 + gram) over the arms.
    """

    coefficients: NDArray[np.float64]
    covariances: NDArray[np.float64]
    variance: float
    information: float

    @classmethod
    def of(cls, regression: Regression, scaling: Scaling) -> Fit:
        """Without the box first, which is then applied to the arms that leave it."""
        grams, features = regression.grams, regression.products.shape[1]
        products = regression.products_about(scaling.shift) / scaling.unit
        values, vectors = np.linalg.eigh(grams)
        raised = np.maximum(values, RIDGE * np.maximum(values[:, -1:], 1.0))
        covariances = np.einsum("kij,kj,klj->kil", vectors, 1 / raised, vectors)
        coefficients = np.einsum("kij,kj->ki", covariances, products)
        box = scaling.box(features)
        outside = np.flatnonzero((np.abs(coefficients) > box).any(axis=1))
        coefficients[outside] = _boxed(grams[outside], products[outside], coefficients[outside], box)
        moments = regression.costs.with_failures(regression.bounds.largest)
        means = (moments.means - scaling.shift) / scaling.unit
        squares = float((moments.squares / scaling.unit**2 + moments.counts * means**2).sum())
        explained = 2 * products - np.einsum("kij,kj->ki", grams, coefficients)
        residual = max(squares - float((coefficients * explained).sum()), 0.0)
        # While there are fewer measurements than coefficients the residual says little.
        groups = float(moments.groups.sum())
        variance = residual / max(groups - coefficients.size, groups / 2, 1.0)
        return cls(coefficients, covariances, variance, float(np.log1p(np.maximum(values, 0.0)).sum()))


def _boxed(
    grams: NDArray[np.float64], products: NDArray[np.float64], start: NDArray[np.float64], box: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[k, m] the least-squares coefficients within ``box`` [m], by coordinate descent from the nearest point."""
    coefficients = np.clip(start, -box, box)
    diagonals = grams.diagonal(axis1=1, axis2=2)
    for _ in range(SWEEPS):
        before = coefficients.copy()
        for column, bound in enumerate(box):
            slopes = products[:, column] - np.einsum("ki,ki->k", grams[:, column], coefficients)
            steps = np.divide(
                slopes, diagonals[:, column], out=np.zeros_like(slopes), where=diagonals[:, column] > RIDGE
            )
            coefficients[:, column] = np.clip(coefficients[:, column] + steps, -bound, bound)
        if (np.abs(coefficients - before) <= SETTLED * box).all():
            break
    return coefficients


@dataclass(frozen=True, slots=True, kw_only=True)
class ChebCb(Options):
    """ChebCB (Khodak et al. 2024, Learning to Relax: Setting Solver Parameters Across a Sequence of Linear Systems).

    Inverse gap weights (``square_cb``) of the predictions s_i of the arms'
    polynomials, whose steepness is eta_t = 2 t sqrt(K t / (R + 2 alpha^2 t))
    after t measurements: R is how much worse the predictions were, at their
    time, than those of the final fit. That depends on the order of the
    measurements; in its place stands what the noise contributes to it in
    expectation, the residual variance times the sum of log det(1 + G_i) over
    the arms' grams (Azoury & Warmuth 2001, Relative Loss Bounds for On-Line
    Density Estimation).

    features: how many Chebyshev polynomials, the constant among them.

    The context must be one number. Its declared range is where costs are
    modelled; what costs can be is taken from the metric's range where that is
    declared, else from what was seen.
    """

    name: ClassVar[str] = "cheb_cb"
    contextual: ClassVar[bool] = True
    ages: ClassVar[bool] = False
    joint: ClassVar[bool] = False

    features: int = 6

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 1 <= self.features <= MOST_FEATURES:
            raise InvalidArgument("features", f"must lie between 1 and {MOST_FEATURES}, not {self.features}")

    def initial(self, study: Study, arms: int) -> State:
        """See Bandit; InvalidArgument (field ``context``) unless the context is one number."""
        return State(Coordinates.of_one(study.spec.context, self.name), Regression.nothing(study, arms, self.features))

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """See Bandit."""
        polynomials = chebyshev(state.coordinates(outcomes.contexts)[:, 0], self.features)
        return State(state.coordinates, state.regression.plus(outcomes, polynomials))

    def policy(self, state: State, now: float) -> ChebPolicy:
        """See Bandit."""
        regression = state.regression
        scaling = Scaling.of(regression, self.features)
        if scaling is None or not regression.tried.any():
            return ChebPolicy(state.coordinates, np.zeros((len(regression.grams), self.features)), 0.0)
        fit = Fit.of(regression, scaling)
        measured = float(regression.grams[:, 0, 0].sum())
        excess = fit.variance * fit.information + 2 * scaling.misfit(self.features) ** 2 * measured
        return ChebPolicy(state.coordinates, fit.coefficients, 2 * measured * (measured / excess) ** 0.5)

    def best(
        self,
        state: State,
        arms: NDArray[np.intp],
        context: NDArray[np.float64] | None,
        now: float,
    ) -> ArmEstimate | None:
        """See Bandit; the tried arm whose expected cost, plus one standard deviation, is lowest."""
        regression = state.regression
        tried = arms[regression.tried[arms]]
        if not tried.size:
            return None
        scaling = Scaling.of(regression, self.features)
        if scaling is None:
            cost = regression.costs.with_failures(regression.bounds.largest).means[tried[0]]
            return ArmEstimate(int(tried[0]), float(cost), 0.0, 1 / arms.size)
        fit = Fit.of(regression, scaling)
        pooled = regression.grams[:, 0].sum(axis=0)
        features = pooled / pooled[0]
        if context is not None:
            features = chebyshev(state.coordinates(context[None])[:, 0], self.features)[0]
        variances = fit.variance * ((fit.covariances @ features) @ features)
        posterior = NormalPosterior(
            scaling.shift + scaling.unit * (fit.coefficients @ features),
            scaling.unit * np.sqrt(np.maximum(variances, ROUNDING**2)),
        )
        return likely_best(posterior, regression.tried, arms)


@dataclass(frozen=True, slots=True, eq=False)
class ChebPolicy:
    """Inverse gap weights of polynomials. coefficients: [K, m]; steepness: for one arm, to be times sqrt(arms)."""

    coordinates: Coordinates
    coefficients: NDArray[np.float64]
    steepness: float

    def chances(self, arms: NDArray[np.intp], context: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Policy."""
        polynomials = chebyshev(self.coordinates(context[None])[:, 0], self.coefficients.shape[1])[0]
        return inverse_gap_weights(self.coefficients[arms] @ polynomials, self.steepness * arms.size**0.5)


def chebyshev(places: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """[n, count] the first Chebyshev polynomials at ``places`` [n], which lie in [-1, 1]."""
    angles = np.arccos(np.clip(places, -1.0, 1.0))
    return np.asarray(np.cos(angles[:, None] * np.arange(count)))

"""What linear bandits believe of each arm's cost in a context, and what they have in common.

One linear model an arm, sharing nothing but the scale of its prior and of the
noise. How a belief becomes a policy is the bandits' business and stays out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, Options, Outcomes
from trimtab_service.bandits.features import Features
from trimtab_service.bandits.gram import Regression
from trimtab_service.bandits.normal_posterior import NormalPosterior
from trimtab_service.bandits.posteriors import ROUNDING, likely_best
from trimtab_service.bandits.ridge import LEAST_NOISE, Ridge
from trimtab_service.domain.study import Study


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """The posterior of each arm's cost at features x: normal, of mean center + unit * coefficients T x.

    coefficients: [K, d]
    covariances: [K, d, d] of the coefficients.
    standardize: [d, d] T, see Features.standardizing.
    center, unit: mean and standard deviation of all costs.
    least: the least cost that the metric allows, in units from the center; -inf where it isn't known.
    noise: standard deviation of one measurement, in units.
    weight: how many measurements there are.
    """

    coefficients: NDArray[np.float64]
    covariances: NDArray[np.float64]
    standardize: NDArray[np.float64]
    center: float
    unit: float
    least: float
    noise: float
    weight: float

    @classmethod
    def of(cls, regression: Regression, features: Features) -> Belief | None:
        """By ridge regression, see ``Ridge``; None while nothing tells the arms apart."""
        moments = regression.costs.with_failures(regression.bounds.largest)
        center, groups = moments.mean, float(moments.groups.sum())
        scatter = moments.squares + moments.counts * (moments.means - center) ** 2
        if not groups > 0 or not scatter.sum() > groups * (ROUNDING * np.abs(moments.means).max()) ** 2:
            return None
        unit = float(np.sqrt(scatter.sum() / groups))
        matrix = features.standardizing(regression.grams.sum(axis=0))
        grams = matrix @ regression.grams @ matrix.T
        products = regression.products_about(center) / unit @ matrix.T
        ridge = Ridge.fitted(grams, products, groups)
        least = regression.bounds.least
        return cls(
            ridge.coefficients,
            np.asarray(ridge.noise * ridge.inverses, dtype=np.float64),
            matrix,
            center,
            unit,
            -np.inf if least is None else (least - center) / unit,
            ridge.noise**0.5,
            moments.total,
        )

    def means(self, features: NDArray[np.float64], arms: NDArray[np.intp]) -> NDArray[np.float64]:
        """[k] expected cost of ``arms`` in units, from the center. features: [d]"""
        means: NDArray[np.float64] = self.coefficients[arms] @ (self.standardize @ features)
        return means

    def posterior(self, features: NDArray[np.float64], arms: NDArray[np.intp]) -> NormalPosterior:
        """Of the expected costs of ``arms``, as ``means``. features: [d]"""
        standardized = self.standardize @ features
        variances = (self.covariances[arms] @ standardized) @ standardized
        errors = np.sqrt(np.maximum(variances, LEAST_NOISE**2))
        return NormalPosterior(self.coefficients[arms] @ standardized, errors)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """How contexts become features, and the sums over them."""

    features: Features
    regression: Regression


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearBandit(Options, ABC):
    """A bandit that believes costs to be linear in the features of the context, for each arm by itself.

    interactions: whether products of two features are features, and so the
        square of every number.

    Numbers take part on their declared scale, truth values and texts as one
    feature a value.
    """

    contextual: ClassVar[bool] = True
    ages: ClassVar[bool] = False
    joint: ClassVar[bool] = False

    interactions: bool = False

    def initial(self, study: Study, arms: int) -> State:
        """See Bandit; InvalidArgument (field ``context``) for too many features."""
        features = Features.of(study.spec.context)
        if self.interactions:
            features = features.with_products()
        return State(features, Regression.nothing(study, arms, features.count))

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """See Bandit."""
        return State(state.features, state.regression.plus(outcomes, state.features(outcomes.contexts)))

    def policy(self, state: State, now: float) -> LinearPolicy:
        """See Bandit."""
        return LinearPolicy(self, state.features, Belief.of(state.regression, state.features))

    @abstractmethod
    def shares(self, belief: Belief, arms: NDArray[np.intp], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """[k] as Policy.chances. features: [d]"""

    def best(
        self,
        state: State,
        arms: NDArray[np.intp],
        context: NDArray[np.float64] | None,
        now: float,
    ) -> ArmEstimate | None:
        """See Bandit; the tried arm whose expected cost, plus one posterior standard deviation, is lowest."""
        regression = state.regression
        tried = arms[regression.tried[arms]]
        if not tried.size:
            return None
        belief = Belief.of(regression, state.features)
        if belief is None:
            cost = regression.costs.with_failures(regression.bounds.largest).means[tried[0]]
            return ArmEstimate(int(tried[0]), float(cost), 0.0, 1 / arms.size)
        # What is linear has its average at the average.
        pooled = regression.grams[:, 0].sum(axis=0)
        features = pooled / pooled[0] if context is None else state.features(context[None])[0]
        everyone = belief.posterior(features, np.arange(regression.tried.size))
        posterior = NormalPosterior(belief.center + belief.unit * everyone.means, belief.unit * everyone.errors)
        return likely_best(posterior, regression.tried, arms)


@dataclass(frozen=True, slots=True, eq=False)
class LinearPolicy:
    """What a linear bandit plays while it believes this; everything alike while it believes nothing."""

    bandit: LinearBandit
    features: Features
    belief: Belief | None

    def chances(self, arms: NDArray[np.intp], context: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Policy."""
        if self.belief is None:
            return np.full(arms.size, 1 / arms.size)
        return self.bandit.shares(self.belief, arms, self.features(context[None])[0])

"""Tsallis-INF: no assumption about where costs come from, and no regret to pay for it.

Plays the minimizer of the estimated costs regularized by Tsallis entropy.
Made for sequences of related problems, such as linear systems solved one
after the other, whose difficulty drifts or alternates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, Outcomes, Policy
from trimtab_service.bandits.costs import Bounds, Costs, arm_count, only_completed
from trimtab_service.bandits.moments import Moments, per_arm
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

ROUNDING = 1e-12  # of a cost: smaller differences come from rounding
# Newton's method takes about 10 steps for 20 arms and 20 for 1,000.
MOST_STEPS = 100
LARGEST_GAP = 1e100  # of scaled cumulative losses: the probability 1e-200 is still positive


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that the policy is a function of, as sums.

    weighted: completed outcomes, weighted with count / propensity.
    failed: [K] sum of 1 / propensity over the failed ones.
    costs: the same outcomes, weighted with their counts alone.
    """

    bounds: Bounds
    weighted: Moments
    failed: NDArray[np.float64]
    costs: Costs


@dataclass(frozen=True, slots=True)
class TsallisInf:
    """Tsallis-INF with the square-root regularizer (Zimmert & Seldin 2021; for solvers: Khodak et al. 2024).

    p_i = 4 / (eta (L_i / s - x))^2 with x such that they add up to 1, where
    L_i is the sum over plays of arm i of (cost - shift) / propensity,
    eta = 2 / sqrt(t) at the t-th measurement, and s is the mean of all
    cost - shift. The shift is the least cost there can be, where the metric's
    declared range says so, else the least seen; thanks to s, units don't
    matter. A failure costs as much as the range allows, else the worst seen.

    floor: probability shared equally among all arms; none is needed, as the
        policy itself never stops exploring.
    """

    name: ClassVar[str] = "tsallis_inf"

    floor: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= 1:
            raise InvalidArgument("floor", f"must lie between 0 and 1, not {self.floor}")

    def initial(self, study: Study) -> State:
        """The state that knows nothing."""
        nothing = Moments.nothing(arm_count(study))
        return State(Bounds.of(study), nothing, nothing.counts, Costs.nothing(nothing.counts.size))

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """The state that knows the outcomes as well."""
        number = state.failed.size
        completed = only_completed(outcomes)
        weighted = Moments.of(completed, completed.counts / completed.propensities, number)
        failed = state.failed + per_arm(outcomes.arms, np.isnan(outcomes.costs) / outcomes.propensities, number)
        failed.setflags(write=False)
        return State(state.bounds, state.weighted.plus(weighted), failed, state.costs.plus(outcomes))

    def policy(self, state: State) -> Policy:
        """The minimizer, with the floor's share for every arm."""
        losses = self._scaled_losses(state)
        moments = state.costs.with_failures(state.bounds.largest)
        weights = tsallis_weights(losses, 2 / np.sqrt(moments.total + 1))
        return Policy.of((1 - self.floor) * weights / weights.sum() + self.floor / weights.size)

    def _scaled_losses(self, state: State) -> NDArray[np.float64]:
        """[K] the estimated cumulative losses L / s."""
        failure = state.costs.failure_cost(state.bounds.largest)
        least, lowest = state.bounds.least, state.costs.lowest
        shift = least if least is not None else lowest if np.isfinite(lowest) else 0.0
        scale = state.costs.with_failures(state.bounds.largest).mean - shift
        if not scale > ROUNDING * abs(shift):
            return np.zeros_like(state.failed)
        losses = state.weighted.counts * ((state.weighted.means - shift) / scale)
        return np.maximum(losses, 0.0) + state.failed * ((failure - shift) / scale)

    def best(self, state: State) -> ArmEstimate | None:
        """The tried arm whose mean cost, shrunk and plus one standard error, is lowest.

        An arm's mean is drawn to the mean of all measurements as by one
        measurement there, and its variance to the pooled one as by two; so
        an arm that was lucky once is not preferred to one known to be good.
        """
        moments = state.costs.with_failures(state.bounds.largest)
        if not moments.seen.any():
            return None
        means = (moments.counts * moments.means + moments.mean) / (moments.counts + 1)
        pooled = (moments.squares + moments.counts * (moments.means - moments.mean) ** 2).sum() / moments.groups.sum()
        pull = moments.counts / (moments.counts + 1) * (moments.means - moments.mean) ** 2
        variances = (moments.squares + pull + 2 * pooled) / (moments.groups + 2)
        errors = np.sqrt(variances / (moments.counts + 1))
        arm = int(np.argmin(np.where(moments.seen, means + errors, np.inf)))
        return ArmEstimate(arm, float(means[arm]), float(errors[arm]))


def tsallis_weights(losses: NDArray[np.float64], eta: float) -> NDArray[np.float64]:
    """[K] 4 / (eta (losses - x))^2 with x below min(losses) such that they add up to 1, to rounding.

    losses: [K] finite.

    In y = eta (min(losses) - x) / 2 the sum is convex and decreasing; its
    root lies in [1, sqrt(K)], and Newton's method from y = 1, where the sum is
    at least 1, climbs to the root without ever passing it. Started on the
    other side it can run off to the pole.
    """
    gaps = np.minimum(eta / 2 * (losses - losses.min()), LARGEST_GAP)
    y = 1.0
    for _ in range(MOST_STEPS):
        inverses = 1 / (gaps + y)
        squares = inverses * inverses
        step = float(squares.sum() - 1) / (2 * float(squares @ inverses))
        y += step
        if step <= 1e-15 * y:
            break
    weights: NDArray[np.float64] = (gaps + y) ** -2.0
    return weights

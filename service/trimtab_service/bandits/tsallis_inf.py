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

from trimtab_service.bandits.base import ArmEstimate, KArmed, Options, Outcomes
from trimtab_service.bandits.ledger import Ledger, believed_best
from trimtab_service.bandits.weighted_losses import LossUnit, WeightedLosses
from trimtab_service.domain.study import Study

MOST_STEPS = 100  # of Newton's method, which takes about 5
LARGEST_GAP = 1e100  # of scaled cumulative losses: the probability 1e-200 is still positive


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that the policy is a function of, as sums."""

    weighted: WeightedLosses
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class TsallisInf(KArmed):
    """Tsallis-INF with the square-root regularizer (Zimmert & Seldin 2021; for solvers: Khodak et al. 2024).

    p_i = 4 / (eta (L_i - x))^2 with x such that they add up to 1, where L_i is
    the sum over plays of arm i of loss / propensity, in units of the mean loss
    (``LossUnit``), and eta = 2 / sqrt(t) at the t-th measurement. A failure
    costs as much as the range allows, else the worst seen.

    It never stops exploring by itself, and needs no floor. An arm's losses
    count from the start: one that is new, or may be played only now and then,
    looks better than it is until they have caught up.
    """

    name: ClassVar[str] = "tsallis_inf"

    def __post_init__(self) -> None:
        Options.__post_init__(self)

    def initial(self, study: Study, arms: int) -> State:
        """See Bandit."""
        return State(WeightedLosses.nothing(arms), Ledger.of(study, arms))

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """See Bandit."""
        return State(state.weighted.plus(outcomes), state.ledger.plus(outcomes))

    def chances(self, state: State, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """[k] the minimizer among ``arms``."""
        unit = LossUnit.of(state.ledger)
        losses = np.zeros(arms.size) if unit is None else state.weighted.scaled(unit)[arms]
        weights: NDArray[np.float64] = tsallis_weights(losses, 2 / np.sqrt(state.ledger.moments.total + 1))
        weights /= weights.sum()
        return weights

    def best(
        self,
        state: State,
        arms: NDArray[np.intp],
        context: NDArray[np.float64] | None,
        now: float,
    ) -> ArmEstimate | None:
        """See Bandit; the tried arm whose expected cost, plus one posterior standard deviation, is lowest."""
        return believed_best(state.ledger, state.ledger.posterior, arms)


def tsallis_weights(losses: NDArray[np.float64], eta: float) -> NDArray[np.float64]:
    """[K] 4 / (eta (losses - x))^2 with x below min(losses) such that they add up to 1, to rounding.

    losses: [K] finite.

    In y = eta (min(losses) - x) / 2, which lies in [1, sqrt(K)], the sum's
    -1/2-th power is a power mean of y plus each gap, and so concave and
    increasing. From y = 1, where it is 1 at most, Newton's method climbs to
    the root and never passes it. On the sum itself, started on the other side,
    it can run off to the pole.
    """
    gaps = np.minimum(eta / 2 * (losses - losses.min()), LARGEST_GAP)
    y = 1.0
    for _ in range(MOST_STEPS):
        inverses = 1 / (gaps + y)
        total = float(inverses @ inverses)
        step = total * (total**0.5 - 1) / float((inverses * inverses) @ inverses)
        y += step
        if step <= 1e-15 * y:
            break
    weights: NDArray[np.float64] = (gaps + y) ** -2.0
    return weights

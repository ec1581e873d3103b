"""Tsallis-INF with estimates that vary less.

Where an arm is played often, its costs are compared with a middling one rather
than with none, so that a single measurement moves less by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, KArmed, Options, Outcomes
from trimtab_service.bandits.costs import chosen
from trimtab_service.bandits.ledger import Ledger, believed_best
from trimtab_service.bandits.tsallis_inf import tsallis_weights
from trimtab_service.bandits.weighted_losses import LossUnit, WeightedLosses
from trimtab_service.domain.study import Study

CENTRE = 0.5  # of the mean loss
LEAST_PLAYS = 16  # that an arm's propensity must stand for so far: p >= eta^2


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that the policy is a function of, as sums.

    centred, plain: the outcomes of choices whose propensity was high enough, and of the others.
    """

    centred: WeightedLosses
    plain: WeightedLosses
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedVariance(KArmed):
    """Reduced-variance Tsallis-INF (Zimmert & Seldin 2021; as played on solvers, arXiv 2509.08765).

    As ``TsallisInf``, with twice its eta, 4 / sqrt(t), and an estimate that is
    centred where t p_i >= 16: a round adds (loss - 1/2) / p_i to arm i if that
    was played, and 1/2 to it in any case, in units of the mean loss.

    A log tells the propensity of the arm that was played, and not those of the
    others. In how many rounds an arm was centred is therefore estimated from
    its own plays, weighted; that is exact for an arm that always was or never.
    """

    name: ClassVar[str] = "reduced_variance_tsallis_inf"

    def __post_init__(self) -> None:
        Options.__post_init__(self)

    def initial(self, study: Study, arms: int) -> State:
        """See Bandit."""
        nothing = WeightedLosses.nothing(arms)
        return State(nothing, nothing, Ledger.of(study, arms))

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """See Bandit."""
        often = outcomes.propensities * (outcomes.steps + 1) >= LEAST_PLAYS
        return State(
            state.centred.plus(chosen(outcomes, often)),
            state.plain.plus(chosen(outcomes, ~often)),
            state.ledger.plus(outcomes),
        )

    def chances(self, state: State, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """[k] the minimizer among ``arms``."""
        measured = state.ledger.moments.total
        weights: NDArray[np.float64] = tsallis_weights(_losses(state, measured)[arms], 4 / np.sqrt(measured + 1))
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


def _losses(state: State, measured: float) -> NDArray[np.float64]:
    """[K] the estimated cumulative losses."""
    unit = LossUnit.of(state.ledger)
    if unit is None:
        return np.zeros_like(state.plain.failed)
    centred = state.centred.plays
    plays = centred + state.plain.plays
    rounds = measured * np.divide(centred, plays, out=np.zeros_like(plays), where=plays > 0)
    return state.plain.scaled(unit) + state.centred.scaled(unit) + CENTRE * (rounds - centred)

"""Binned bandits: one learner without a context for each part of a number's range.

For costs that depend on the context in any way, as long as neighbouring
contexts are alike; and for learners that assume nothing about where costs
come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, KArmed, Options, Outcomes, Policy
from trimtab_service.bandits.costs import chosen
from trimtab_service.bandits.epsilon_greedy import EpsilonGreedy
from trimtab_service.bandits.features import Coordinates, frozen
from trimtab_service.bandits.kl_ucb import KlUcb
from trimtab_service.bandits.ledger import Ledger
from trimtab_service.bandits.normal_posterior import NormalPosterior
from trimtab_service.bandits.posteriors import ROUNDING, likely_best
from trimtab_service.bandits.reduced_variance import ReducedVariance
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.bandits.top_two_thompson import TopTwoThompson
from trimtab_service.bandits.tsallis_inf import TsallisInf
from trimtab_service.bandits.ucb1 import Ucb1
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

LEARNERS: Mapping[str, type[KArmed]] = MappingProxyType(
    {
        record.name: record
        for record in (Thompson, TopTwoThompson, Ucb1, KlUcb, EpsilonGreedy, TsallisInf, ReducedVariance)
    }
)
MOST_BINS = 100
MOST_KNOWN = 1_000  # entries of a policy's memo


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """States one after the other: the first, and a chain of the rest, None after the last."""

    first: Any
    rest: Chain | None

    @classmethod
    def of(cls, states: Sequence[Any]) -> Chain:
        """Of at least one state."""
        chain: Chain | None = None
        for state in reversed(states):
            chain = cls(state, chain)
        if chain is None:
            raise ValueError("a chain has at least one state")
        return chain

    def __iter__(self) -> Iterator[Any]:
        link: Chain | None = self
        while link is not None:
            yield link.first
            link = link.rest


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The context's place in its range, and what each bin's learner knows, in the order of the bins.

    counts: [bins] how many measurements each bin has, a failure being one.
    """

    coordinates: Coordinates
    bins: Chain
    counts: NDArray[np.float64]

    def places(self, contexts: NDArray[np.float64]) -> NDArray[np.intp]:
        """[n] the bins of ``contexts`` [n, 1]."""
        shares = (self.coordinates(contexts)[:, 0] + 1) / 2
        return np.clip((shares * self.counts.size).astype(np.intp), 0, self.counts.size - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binned(Options):
    """One bandit for each of equal bins of the context's declared range, on its scale.

    (Binned Tsallis-INF: Khodak et al. 2024, Learning to Relax: Setting Solver
    Parameters Across a Sequence of Linear Systems.)

    bins: how many. learner: the bandit in each, with its defaults.

    The context must be one number.
    """

    name: ClassVar[str] = "binned"
    contextual: ClassVar[bool] = True
    ages: ClassVar[bool] = False
    joint: ClassVar[bool] = False

    bins: int = 5
    learner: str = "thompson"

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 1 <= self.bins <= MOST_BINS:
            raise InvalidArgument("bins", f"must lie between 1 and {MOST_BINS}, not {self.bins}")
        if self.learner not in LEARNERS:
            raise InvalidArgument("learner", f"must be one of {', '.join(LEARNERS)}, not {self.learner[:80]!r}")

    def initial(self, study: Study, arms: int) -> State:
        """See Bandit; InvalidArgument (field ``context``) unless the context is one number."""
        nothing = self._learner.initial(study, arms)
        return State(
            Coordinates.of_one(study.spec.context, self.name),
            Chain.of([nothing] * self.bins),
            frozen(np.zeros(self.bins)),
        )

    @property
    def _learner(self) -> Any:
        return LEARNERS[self.learner]()

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """See Bandit."""
        places, learner = state.places(outcomes.contexts), self._learner
        # The policy of one bin had seen its share of what had been seen.
        shares = replace(outcomes, steps=outcomes.steps / self.bins)
        folded = [
            learner.fold(known, chosen(shares, places == place)) if place in places else known
            for place, known in enumerate(state.bins)
        ]
        weights = np.where(np.isnan(outcomes.costs), np.sign(outcomes.counts), outcomes.counts)
        counts = state.counts + np.bincount(places, weights, self.bins)
        return State(state.coordinates, Chain.of(folded), frozen(counts))

    def policy(self, state: State, now: float) -> BinnedPolicy:
        """See Bandit."""
        learner = self._learner
        return BinnedPolicy(state, tuple(learner.policy(known, now) for known in state.bins))

    def best(
        self,
        state: State,
        arms: NDArray[np.intp],
        context: NDArray[np.float64] | None,
        now: float,
    ) -> ArmEstimate | None:
        """See Bandit; by the learner of the context's bin, or by the average over the bins."""
        if context is None:
            return _best_on_average(state, arms)
        place = int(state.places(context[None])[0])
        found: ArmEstimate | None = self._learner.best(list(state.bins)[place], arms, context[:0], now)
        return found


def _best_on_average(state: State, arms: NDArray[np.intp]) -> ArmEstimate | None:
    """The tried arm whose expected cost, averaged over the contexts seen, plus one standard error, is lowest.

    Where an arm wasn't tried it counts as much as the worst that was.
    """
    means = variances = np.zeros(0)
    tried = np.zeros(0, dtype=bool)
    for known, share in zip(state.bins, state.counts / max(state.counts.sum(), 1.0), strict=True):
        ledger: Ledger = known if isinstance(known, Ledger) else known.ledger
        moments, posterior = ledger.moments, ledger.posterior
        if not means.size:
            means, variances, tried = np.zeros((3, moments.seen.size))
        if not moments.seen.any():
            continue
        costs, errors = (moments.means, 0 * moments.means) if posterior is None else (posterior.means, posterior.errors)
        means = means + share * np.where(moments.seen, costs, costs[moments.seen].max())
        variances = variances + share**2 * np.where(moments.seen, errors, errors[moments.seen].max()) ** 2
        tried = tried + moments.seen
    errors = np.sqrt(variances) + ROUNDING * (np.abs(means).max(initial=0.0) or 1.0)
    return likely_best(NormalPosterior(means, errors), tried > 0, arms)


@dataclass(frozen=True, slots=True, eq=False)
class BinnedPolicy:
    """The policy of each bin.

    known: a memo of chances, by bin and arms; nothing is lost with it.
    """

    state: State
    policies: tuple[Policy, ...]
    known: dict[tuple[int, bytes], NDArray[np.float64]] = field(default_factory=dict)

    def chances(self, arms: NDArray[np.intp], context: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Policy."""
        place = int(self.state.places(context[None])[0])
        key = (place, arms.tobytes())
        chances = self.known.get(key)
        if chances is None:
            if len(self.known) >= MOST_KNOWN:
                self.known.clear()
            chances = self.known[key] = frozen(self.policies[place].chances(arms, context[:0]))
        return chances

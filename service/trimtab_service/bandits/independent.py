"""One bandit for each parameter, none knowing of the others.

The plainest way to learn in a space whose points nobody can list: right where
parameters add up, and a yardstick where they don't.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, Draw, Options, Outcomes
from trimtab_service.bandits.epsilon_greedy import EpsilonGreedy
from trimtab_service.bandits.kl_ucb import KlUcb
from trimtab_service.bandits.ledger import Ledger, LedgerBandit
from trimtab_service.bandits.moments import Moments
from trimtab_service.bandits.per_value import Cells, ProductLaw
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.bandits.top_two_thompson import TopTwoThompson
from trimtab_service.bandits.ucb1 import Ucb1
from trimtab_service.domain.arms import Lattice
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

# Those that learn from costs alone. What is logged is the probability of a
# whole point; that of one of its values doesn't follow from it, and so
# tsallis_inf, which divides by it, can't learn from the log.
LEARNERS: Mapping[str, type[LedgerBandit]] = MappingProxyType(
    {record.name: record for record in (Thompson, TopTwoThompson, Ucb1, KlUcb, EpsilonGreedy)}
)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What every value of every parameter has cost, whatever the other parameters were."""

    cells: Cells
    ledger: Ledger


@dataclass(frozen=True, slots=True, eq=False)
class ProductPolicy:
    """Draws each parameter's value by itself."""

    cells: Cells
    law: ProductLaw
    draws: int

    def draw(self, luck: NDArray[np.float64]) -> Draw:
        """See JointPolicy; there is nothing to write down."""
        return Draw(self.cells.arm(self.law.draw(luck)), 0)

    def probability(self, arm: int) -> float:
        """See JointPolicy: the product of the probabilities of its values."""
        return float(self.law.probabilities[self.cells.of_arm(arm)].prod())


@dataclass(frozen=True, slots=True, kw_only=True)
class Independent(Options):
    """For each parameter a bandit of its own, whose arms are the values, and whose costs are those of the points.

    learner: the name of that bandit, with its options at their defaults; one
        of thompson, top_two_thompson, ucb1, kl_ucb, epsilon_greedy. Those that
        make no certain choice suit late rewards.

    A parameter's costs drift while the others learn, and which of two values
    is better may depend on a third: then the values are chosen that are best
    on average over what the others play.
    """

    name: ClassVar[str] = "independent"
    contextual: ClassVar[bool] = False
    ages: ClassVar[bool] = False
    joint: ClassVar[bool] = True

    learner: str = "thompson"

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if self.learner not in LEARNERS:
            raise InvalidArgument("learner", f"must be one of {', '.join(LEARNERS)}, not {self.learner[:80]!r}")

    def initial(self, study: Study, lattice: Lattice) -> State:
        """See JointBandit."""
        cells = Cells.of(lattice)
        return State(cells, LEARNERS[self.learner]().initial(study, cells.number))

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """See JointBandit."""
        everything = np.ones((outcomes.arms.size, state.cells.sizes.size), dtype=np.bool_)
        return replace(state, ledger=state.ledger.plus(state.cells.spread(outcomes, everything)))

    def policy(self, state: State, now: float) -> ProductPolicy:
        """See JointBandit."""
        learner = LEARNERS[self.learner]()
        chances = np.ones(state.cells.number)
        for place in state.cells.slices:
            values = np.arange(place.stop - place.start)
            if values.size > 1:
                chances[place] = learner.chances(_of_values(state.ledger, place), values, now)
        return ProductPolicy(state.cells, ProductLaw.of(state.cells, chances), state.cells.sizes.size)

    def best(self, state: State) -> ArmEstimate | None:
        """See JointBandit; of each parameter the value that its learner takes for the best.

        Its cost is estimated as the mean of what these values cost, each while
        the other parameters were as they were played: rather more than less.
        """
        learner = LEARNERS[self.learner]()
        found = []
        for place in state.cells.slices:
            estimate = learner.best(_of_values(state.ledger, place), np.arange(place.stop - place.start), None, 0.0)
            if estimate is None:
                return None
            found.append(estimate)
        arm = state.cells.arm(state.cells.starts + np.array([estimate.arm for estimate in found], dtype=np.intp))
        # The only value of a parameter costs what all points cost.
        telling = state.cells.sizes > 1 if (state.cells.sizes > 1).any() else state.cells.sizes > 0
        costs = np.array([(estimate.cost, estimate.standard_error) for estimate in found])[telling]
        cost, error = costs.mean(axis=0)
        return ArmEstimate(arm, float(cost), float(error))


def _of_values(ledger: Ledger, place: slice) -> Ledger:
    """What is known of some cells, as if they were all there is."""
    moments = ledger.costs.moments
    chosen = Moments(moments.counts[place], moments.means[place], moments.squares[place], moments.groups[place])
    return replace(ledger, costs=replace(ledger.costs, moments=chosen, failures=ledger.costs.failures[place]))

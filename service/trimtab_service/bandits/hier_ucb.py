"""Hier-UCB: one bandit picks which parameter to change, and that parameter's own bandit picks its value.

Learns from as many numbers as there are values, not points: made for pipelines
of several categorical choices, whose combinations nobody can try. It climbs
one parameter at a time, and so may stay where only two changes at once help.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import ArmEstimate, Draw, Options, Outcomes
from trimtab_service.bandits.ledger import Ledger
from trimtab_service.bandits.moments import Moments
from trimtab_service.bandits.per_value import Cells, ProductLaw
from trimtab_service.bandits.posteriors import pooled_variance
from trimtab_service.bandits.ucb_shares import ucb_shares
from trimtab_service.bandits.weighted_losses import WeightedLosses
from trimtab_service.domain.arms import Lattice
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

ROUNDING = 1e-12  # of a cost: smaller differences come from rounding
MOST_RECENCY = 3.0  # with the next two: sums of squared costs stay finite, whatever the counts
LARGEST_STEP = 1e9
SPREADS = 5.0  # standard deviations that count as a range; fewer found worse points on tables of trained models


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What was measured of each value.

    home: [d] the baseline's value of each parameter, -1 where there is none.
    changes: of each cell, while its parameter was the one that was changed.
    recent: the same, later outcomes weighing more.
    others: of each cell, in points that weren't made by a change: drawn for the floor, or from elsewhere.
    """

    cells: Cells
    home: NDArray[np.intp]
    changes: Ledger
    recent: WeightedLosses
    others: Ledger


@dataclass(frozen=True, slots=True, eq=False)
class HierPolicy:
    """Changes one parameter of what is kept.

    changes: [V] the probability that this cell's parameter is changed to its value.
    cumulative: [V] their running sum, the last exactly 1.
    kept: the law of the values that aren't changed.
    """

    cells: Cells
    owners: NDArray[np.intp]
    changes: NDArray[np.float64]
    cumulative: NDArray[np.float64]
    kept: ProductLaw
    draws: int

    @classmethod
    def of(cls, cells: Cells, changes: NDArray[np.float64], kept: ProductLaw) -> HierPolicy:
        """The policy with these laws."""
        cumulative = np.minimum(np.cumsum(changes), 1.0)
        # The last change that can be drawn takes what rounding left over.
        cumulative[np.flatnonzero(changes)[-1] :] = 1.0
        return cls(cells, cells.owners, changes, cumulative, kept, 1 + cells.sizes.size)

    def draw(self, luck: NDArray[np.float64]) -> Draw:
        """See JointPolicy; the tag is 1 + the number of the parameter that is changed."""
        change = int(self.cumulative.searchsorted(luck[0], side="right"))
        chosen = self.kept.draw(luck[1:])
        parameter = int(self.owners[change])
        chosen[parameter] = change
        return Draw(self.cells.arm(chosen), 1 + parameter)

    def probability(self, arm: int) -> float:
        """See JointPolicy: the sum over parameters of changing it to this and keeping the others like this."""
        chosen = self.cells.of_arm(arm)
        kept, changes = self.kept.probabilities[chosen], self.changes[chosen]
        unlike = np.flatnonzero(kept == 0)
        if unlike.size > 1:
            return 0.0
        if unlike.size == 1:
            kept = kept.copy()
            kept[unlike] = 1.0
            return float(kept.prod() * changes[unlike[0]])
        return float(kept.prod() * (changes / kept).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class HierUcb(Options):
    """Hierarchical UCB (Fu et al. 2024, AutoRAG-HP: Automatic Online Hyper-Parameter Tuning for RAG).

    The parameter with the lowest Q_p - alpha_upper r sqrt(ln t / N_p) is
    changed, to the value with the lowest Q_v - alpha_lower r sqrt(ln t_p / N_v);
    N counts the measurements made while that parameter, or value, was chosen,
    Q is their mean cost, t and t_p are the sums of N_p and of its N_v. Values and
    parameters never chosen come first. r is the width of the metric's declared
    range, else ``SPREADS`` times the standard deviation of all costs seen. A
    failure costs as much as the range allows, else the worst seen.

    Three things are not as published, so that rewards may come late and in
    any order. The other parameters keep the value of the lowest Q, not the
    one played last (before a parameter was ever changed: the baseline's value,
    else any). Costs are averaged with weight (1 + step)^recency, step being how
    many observations the decision knew: what was measured while the other
    parameters were worse counts less. And what is drawn from are the shares
    of the next ``ahead`` choices, were their costs as expected: a certain
    choice would be made again and again until its reward is in.

    alpha_upper, alpha_lower: more explores more. The upper one is 3 where
        the paper has 1: a parameter that was changed early looks as bad as the
        others were then, and would be given up.
    recency: 0 weighs all outcomes alike.
    ahead: 1 is nearly certain of its choice.
    """

    name: ClassVar[str] = "hier_ucb"
    contextual: ClassVar[bool] = False
    ages: ClassVar[bool] = False
    joint: ClassVar[bool] = True

    alpha_upper: float = 3.0
    alpha_lower: float = 1.0
    recency: float = 2.0
    ahead: int = 32

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        for option in ("alpha_upper", "alpha_lower"):
            if not 0 <= getattr(self, option) <= 1e6:
                raise InvalidArgument(option, f"must lie between 0 and 1e6, not {getattr(self, option)}")
        if not 0 <= self.recency <= MOST_RECENCY:
            raise InvalidArgument("recency", f"must lie between 0 and {MOST_RECENCY}, not {self.recency}")
        if not 1 <= self.ahead <= 1_000_000:
            raise InvalidArgument("ahead", f"must lie between 1 and 1,000,000, not {self.ahead}")

    def initial(self, study: Study, lattice: Lattice) -> State:
        """See JointBandit."""
        cells = Cells.of(lattice)
        baseline = study.spec.baseline
        home = np.full(cells.sizes.size, -1, dtype=np.intp)
        if baseline is not None:
            for index, (name, values) in enumerate(zip(lattice.names, lattice.levels, strict=True)):
                home[index] = values.index(baseline[name]) if baseline[name] in values else -1
        home.setflags(write=False)
        nothing = Ledger.of(study, cells.number)
        return State(cells, home, nothing, WeightedLosses.nothing(cells.number), nothing)

    def fold(self, state: State, outcomes: Outcomes) -> State:
        """See JointBandit."""
        cells = state.cells
        changed = outcomes.tags[:, None] - 1 == np.arange(cells.sizes.size)
        changes = cells.spread(outcomes, changed)
        weights = (1 + np.minimum(changes.steps, LARGEST_STEP)) ** self.recency
        return replace(
            state,
            changes=state.changes.plus(changes),
            # These are sums over propensities: here, of 1 / weight.
            recent=state.recent.plus(replace(changes, propensities=1 / weights)),
            others=state.others.plus(
                cells.spread(outcomes, np.broadcast_to(~changed.any(axis=1)[:, None], changed.shape))
            ),
        )

    def policy(self, state: State, now: float) -> HierPolicy:
        """See JointBandit."""
        cells = state.cells
        known = Knowledge.of(state)
        parameters = np.flatnonzero(cells.sizes > 1)
        if not parameters.size:
            # There is nothing to change: the first parameter gets the value that it has.
            parameters = np.zeros(1, dtype=np.intp)
        per_parameter = np.zeros(cells.sizes.size)
        per_parameter[parameters] = ucb_shares(
            known.parameter_means[parameters],
            known.parameter_counts[parameters],
            self.alpha_upper * known.unit * np.log1p(known.parameter_counts.sum(keepdims=True)) ** 0.5,
            np.full(1, float(self.ahead)),
            np.zeros(1, dtype=np.intp),
        )
        per_value = ucb_shares(
            known.means,
            known.counts,
            self.alpha_lower * known.unit * np.log1p(known.parameter_counts) ** 0.5,
            np.maximum(self.ahead * per_parameter, 1.0),
            cells.starts,
        )
        return HierPolicy.of(cells, per_parameter[cells.owners] * per_value, self._kept(state, known))

    def _kept(self, state: State, known: Knowledge) -> ProductLaw:
        """The law of the values that aren't changed."""
        cells = state.cells
        tie = ROUNDING * float(np.abs(known.means).max())
        means = np.where(known.counts > 0, known.means, np.inf)
        likely = means <= cells.least(means)[cells.owners] + tie
        # Where nothing of a parameter was tried this leaves every value, unless there is a baseline.
        at_home = (known.parameter_counts == 0) & (state.home >= 0)
        homes = np.arange(cells.number) == (cells.starts + state.home)[cells.owners]
        likely = np.where(at_home[cells.owners], homes, likely)
        return ProductLaw.of(cells, likely.astype(float))

    def best(self, state: State) -> ArmEstimate | None:
        """See JointBandit; of each parameter the tried value whose mean, plus one standard error, is lowest.

        Its cost is estimated as the mean of what was measured while one of
        these values was chosen; its standard error leaves out that the other
        parameters had other values then. Points that weren't made by a change
        are looked at only while there are no others.
        """
        cells = state.cells
        known = Knowledge.of(state)
        if not known.counts.any():
            known = Knowledge.among(cells, state.others, state.others.moments)
        if not known.counts.any():
            return None
        tried = known.counts > 0
        errors = known.deviation / np.sqrt(np.where(tried, known.counts, 1.0))
        bounds = np.where(tried, known.means + errors, np.inf)
        found = np.array([place.start + int(np.argmin(bounds[place])) for place in cells.slices], dtype=np.intp)
        cost = float(known.weights[found] @ known.means[found] / known.weights[found].sum())
        error = known.deviation / float(known.counts[found].sum()) ** 0.5
        found = np.where(known.parameter_counts > 0, found, cells.starts + np.maximum(state.home, 0))
        return ArmEstimate(cells.arm(found), cost, error)


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """What the indices are made of, failures among it.

    means, weights, counts: [V] of each cell; parameter_means, parameter_counts: [d].
    unit: r. deviation: the standard deviation of single measurements of one value.
    """

    means: NDArray[np.float64]
    weights: NDArray[np.float64]
    counts: NDArray[np.float64]
    parameter_means: NDArray[np.float64]
    parameter_counts: NDArray[np.float64]
    unit: float
    deviation: float

    @classmethod
    def of(cls, state: State) -> Knowledge:
        """Of the changes."""
        price = state.changes.costs.failure_cost(state.changes.bounds.largest)
        weighted = state.recent.completed.plus(Moments.repeated(state.recent.failed, price))
        return cls.among(state.cells, state.changes, weighted)

    @classmethod
    def among(cls, cells: Cells, ledger: Ledger, weighted: Moments) -> Knowledge:
        """Of the outcomes in ``ledger``, the same ``weighted`` in another way."""
        moments = ledger.moments
        center = weighted.mean
        sums = cells.total(weighted.counts)
        deviations = cells.total(weighted.counts * (weighted.means - center))
        declared = ledger.bounds.width
        return cls(
            weighted.means,
            weighted.counts,
            moments.counts,
            center + np.divide(deviations, sums, out=np.zeros_like(sums), where=sums > 0),
            cells.total(moments.counts),
            SPREADS * total_variance(moments) ** 0.5 if declared is None else declared,
            pooled_variance(moments) ** 0.5,
        )


def total_variance(moments: Moments) -> float:
    """Of single measurements, whatever their cells; never less than what rounding does to them."""
    if not moments.total > 0:
        return 0.0
    within = float(moments.squares.sum() / moments.groups.sum())
    between = float(moments.counts @ (moments.means - moments.mean) ** 2) / moments.total
    return float(max(within + between, (ROUNDING * np.abs(moments.means).max()) ** 2))

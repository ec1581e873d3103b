"""Bayesian optimization with a Gaussian process: the algorithm for trials that cost something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np

from trimtab_service.domain.errors import InvalidArgument, SpaceExhausted
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested, TrialState
from trimtab_service.optimizers.acquisitions import DEFAULT, TWO_DEVIATIONS, Choice
from trimtab_service.optimizers.conditions import Conditions
from trimtab_service.optimizers.design import opening, sobol_rows
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.novelty import pick, tried_rows
from trimtab_service.optimizers.region import Region

MOST_INITIAL = 1_000


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """Tries what a Gaussian process of the history expects to improve most.

    First the baseline (BASELINE), whatever people brought before, or else the centre of the space, or what is
    believed in most, then a scrambled Sobol sequence (INITIAL), up to trial ``initial_trials`` and for
    as long as fewer than half as many have been measured; then the points of
    largest log noisy expected improvement (MODEL), one after the other, each
    taking those before it and the pending trials for granted. Where the
    measurements are nearly exact and nothing is pending, every fifth trial is
    the point of least expected cost. Other acquisition functions than that one can
    be asked for (``acquisitions``), and so can the front of result and cost.

    Failed trials count as bad ones, abandoned ones not at all, standard
    errors are believed (``evidence.gather``), outliers are not (``outliers``).
    Once some trials failed and others didn't, where they do is learned apart
    (``failures``). Beyond 500 trials the most
    telling 500 are learned from (``evidence.thin``), so that the cost of a
    suggestion stays bounded.

    In a study with related ones, their best points come after the first three,
    and what they observed is learned from, where these trials bear them out
    (``transfer``); one point in four is found without them.

    A point that was tried, or is being tried, in the same context isn't
    suggested again, until every point of a finite space has been; then the
    best one to measure again is (INCUMBENT). Before, only one of the best
    points is, where ``repeats`` are wanted and one more measurement of it
    tells more than a new point (``repeats``). One call never gives a point
    twice: asked for more points than there are, it raises SpaceExhausted. In a
    study that is to be good in several conditions all of this is said of a
    point in one of them.
    """

    name: ClassVar[str] = "gp"
    uses_history: ClassVar[bool] = True
    inline: ClassVar[bool] = False
    ahead: ClassVar[bool] = True

    initial_trials: int = 5
    """How many trials to make before the model is asked."""

    repeats: bool = True
    """Whether to measure a point again where that is worth more than a new one."""

    acquisition: str = DEFAULT
    """By what points are chosen: log_nei, ucb, kg, mes, jes or thompson; see ``gp_choice``."""

    beta: float = TWO_DEVIATIONS
    """Of ucb: the square of how many standard deviations of optimism."""

    along_costs: bool = False
    """Whether to look for the best result at every cost, not for what is gained per unit of it."""

    def __post_init__(self) -> None:
        if not 1 <= self.initial_trials <= MOST_INITIAL:
            raise InvalidArgument("initial_trials", f"must be 1 to {MOST_INITIAL}, not {self.initial_trials}")
        Choice(self.acquisition, self.beta, self.along_costs)

    @property
    def choice(self) -> Choice:
        """The acquisition function, with what it needs to be told."""
        return Choice(self.acquisition, self.beta, self.along_costs)

    def suggest(
        self, study: Study, history: History, context: Parameters, count: int, rng: np.random.Generator
    ) -> Sequence[Suggested]:
        """Exactly ``count`` legal points, no two the same; SpaceExhausted if the space has fewer."""
        region = Region(study.spec.space, history.fixed)
        every, conditions = region.every(), len(Conditions.of(study))
        if every is not None and count > len(every) * conditions:
            times = f", to try in {conditions} conditions" if conditions > 1 else ""
            raise SpaceExhausted(f"the search space has {len(every)} points{times}, and {count} were asked for at once")
        designed = min(count, max(self._left_to_design(history), len(opening(study, history))))
        answer = _design(study, history, context, designed, self.initial_trials // 2, region, rng)
        if len(answer) < count:
            # Brings torch, which the serving process never needs.
            from trimtab_service.optimizers.gp_suggest import suggest_by_model

            left = count - len(answer)
            answer += suggest_by_model(
                study, history, context, left, answer, region, rng, self.choice, repeats=self.repeats
            )
        return answer

    def _left_to_design(self, history: History) -> int:
        """How many of the next trials belong to the initial design; without limit while too little is measured."""
        completed = len(history.in_state(TrialState.COMPLETED))
        measured = completed + len(history.in_state(TrialState.FAILED))
        if not completed or 2 * measured < self.initial_trials:
            return 2**63
        return max(0, self.initial_trials - history.next_number + 1)


def _design(
    study: Study, history: History, context: Parameters, count: int, most: int, region: Region, rng: np.random.Generator
) -> list[Suggested]:
    """The next ``count`` points of the initial design, but for those that were tried already; the conditions in turns.

    Once there are trials to judge related studies by, up to ``most`` are the best ones of these.
    """
    if not count:
        return []
    encoding, conditions, number = region.encoding, Conditions.of(study), history.next_number
    answer = [replace(one, context=conditions.told[(number - 1) % len(conditions)]) for one in opening(study, history)]
    first = region.first() if history.next_number == 1 and not answer else encoding.encode([])
    before = len(answer) + len(first)
    lent = _lent(study, history, region, most)[: count - before]
    before += len(lent)
    rest = sobol_rows(region, study.seed, history.next_number - 1 + before, count - before)
    tried = tried_rows(study, history, context)
    answered = conditions.rows_of(region, answer)
    for row in np.concatenate([first, lent, rest]):
        in_turns = partial(conditions.beside, first=(number - 1 + len(answer)) % len(conditions))
        chosen = pick(in_turns(row[None]), tried, answered, region, rng, in_turns)
        answered = np.concatenate([answered, chosen])
        answer.append(conditions.suggested(region, chosen, Source.INITIAL))
    return answer


def _lent(study: Study, history: History, region: Region, most: int) -> Rows:
    """Rows [k, d] of the best points of related studies: ``most`` in all, after the first trials, which judge these."""
    if not history.related or region.fixed:
        return region.encoding.encode([])
    # Brings SciPy, which the serving process never needs.
    from trimtab_service.optimizers.transfer import ENOUGH, lent

    left = most - (history.next_number - 1 - ENOUGH)
    return lent(study, history, region, left if 0 < left <= most else 0)

"""Bayesian optimization with a Gaussian process: the algorithm for trials that cost something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trimtab_service.domain.errors import InvalidArgument, SpaceExhausted
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested, TrialState
from trimtab_service.optimizers.design import opening, sobol_rows
from trimtab_service.optimizers.encoding import Encoding
from trimtab_service.optimizers.novelty import pick, tried_rows

MOST_INITIAL = 1_000


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """Tries what a Gaussian process of the history expects to improve most.

    First the baseline (BASELINE) or else the centre of the space, then a
    scrambled Sobol sequence (INITIAL), up to trial ``initial_trials`` and for
    as long as fewer than half as many have been measured; then the points of
    largest log noisy expected improvement (MODEL), one after the other, each
    taking those before it and the pending trials for granted. Where the
    measurements are nearly exact and nothing is pending, every fifth trial is
    the point of least expected cost.

    Failed trials count as bad ones, abandoned ones not at all, standard
    errors are believed (``evidence.gather``). Beyond 500 trials the most
    telling 500 are learned from (``evidence.thin``), so that the cost of a
    suggestion stays bounded.

    A point that was tried, or is being tried, in the same context isn't
    suggested again, until every point of a finite space has been; then the
    best one to measure again is (INCUMBENT). One call never gives a point
    twice: asked for more points than there are, it raises SpaceExhausted.
    """

    name: ClassVar[str] = "gp"
    uses_history: ClassVar[bool] = True
    inline: ClassVar[bool] = False

    initial_trials: int = 5
    """How many trials to make before the model is asked."""

    def __post_init__(self) -> None:
        if not 1 <= self.initial_trials <= MOST_INITIAL:
            raise InvalidArgument("initial_trials", f"must be 1 to {MOST_INITIAL}, not {self.initial_trials}")

    def suggest(
        self, study: Study, history: History, context: Parameters, count: int, rng: np.random.Generator
    ) -> Sequence[Suggested]:
        """Exactly ``count`` legal points, no two the same; SpaceExhausted if the space has fewer."""
        cardinality = study.spec.space.cardinality
        if cardinality is not None and count > cardinality:
            raise SpaceExhausted(f"the search space has {cardinality} points, and {count} were asked for at once")
        designed = min(count, self._left_to_design(history))
        answer = _design(study, history, context, designed, rng)
        if len(answer) < count:
            # Brings torch, which the serving process never needs.
            from trimtab_service.optimizers.gp_suggest import suggest_by_model

            answer += suggest_by_model(study, history, context, count - len(answer), answer, rng)
        return answer

    def _left_to_design(self, history: History) -> int:
        """How many of the next trials belong to the initial design; without limit while too little is measured."""
        completed = len(history.in_state(TrialState.COMPLETED))
        measured = completed + len(history.in_state(TrialState.FAILED))
        if not completed or 2 * measured < self.initial_trials:
            return 2**63
        return max(0, self.initial_trials - history.next_number + 1)


def _design(
    study: Study, history: History, context: Parameters, count: int, rng: np.random.Generator
) -> list[Suggested]:
    """The next ``count`` points of the initial design, but for those that were tried already."""
    if not count:
        return []
    encoding = Encoding(study.spec.space.parameters)
    answer = opening(study, history.next_number)
    centre = encoding.centre()[: 1 if history.next_number == 1 and not answer else 0]
    before = len(answer) + len(centre)
    rest = sobol_rows(encoding, study.seed, history.next_number - 1 + before, count - before)
    tried = tried_rows(study, history, context)
    answered = encoding.encode([suggested.parameters for suggested in answer])
    for row in np.concatenate([centre, rest]):
        answered = np.concatenate([answered, pick(row[None], tried, answered, encoding, rng)])
    return answer + [Suggested(point, Source.INITIAL) for point in encoding.decode(answered[len(answer) :])]

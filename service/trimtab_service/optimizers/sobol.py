"""Quasi-random search: one scrambled Sobol sequence, continued from call to call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.optimizers.design import opening, sobol_rows
from trimtab_service.optimizers.region import Region


@dataclass(frozen=True, slots=True)
class Sobol:
    """Trial k is point k of a sequence that covers the space evenly.

    The scramble is of the study's seed and the position of the history, so
    consecutive calls, on any replica, continue one sequence; a finite space
    repeats points once it is covered. A point that isn't legal is replaced by
    one that is, drawn evenly. What is believed beforehand is followed at
    first, and less and less along the sequence. The first trial is the baseline where
    there is one. Context is not looked at. Source (but for the baseline):
    MODEL, the algorithm chose.
    """

    name: ClassVar[str] = "sobol"
    uses_history: ClassVar[bool] = False
    inline: ClassVar[bool] = False
    ahead: ClassVar[bool] = False

    def suggest(
        self,
        study: Study,
        history: History,
        context: Parameters,  # noqa: ARG002
        count: int,
        rng: np.random.Generator,  # noqa: ARG002
    ) -> Sequence[Suggested]:
        """Exactly ``count`` legal points."""
        first = opening(study, history)
        region = Region(study.spec.space, history.fixed)
        position = history.next_number - 1 + len(first)
        rows = sobol_rows(region, study.seed, position, count - len(first))
        return [*first, *(Suggested(point, Source.MODEL) for point in region.points(rows))]

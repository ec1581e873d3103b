"""Random search: every suggestion drawn on its own. The baseline that others have to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.optimizers.design import opening, random_rows
from trimtab_service.optimizers.region import Region


@dataclass(frozen=True, slots=True)
class RandomSearch:
    """Uniform draws along the scale of each parameter, of legal points, with replacement: never exhausted.

    The first trial is the baseline where there is one. What is believed
    beforehand is followed at first, and less and less. Context is not looked
    at. Source (but for the baseline): MODEL, the algorithm chose.
    """

    name: ClassVar[str] = "random"
    uses_history: ClassVar[bool] = False
    inline: ClassVar[bool] = True
    ahead: ClassVar[bool] = False

    def suggest(
        self,
        study: Study,
        history: History,
        context: Parameters,  # noqa: ARG002
        count: int,
        rng: np.random.Generator,
    ) -> Sequence[Suggested]:
        """Exactly ``count`` legal points."""
        first = opening(study, history)
        region = Region(study.spec.space, history.fixed)
        rows = random_rows(region, history.next_number + len(first), count - len(first), rng)
        return [*first, *(Suggested(point, Source.MODEL) for point in region.points(rows))]

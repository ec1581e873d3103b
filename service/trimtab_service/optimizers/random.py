"""Random search: every suggestion drawn on its own. The baseline that others have to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.optimizers.design import opening
from trimtab_service.optimizers.encoding import Encoding


@dataclass(frozen=True, slots=True)
class RandomSearch:
    """Uniform draws along the scale of each parameter, with replacement: never exhausted.

    The first trial is the baseline where there is one. Context is not looked
    at. Source (but for the baseline): MODEL, the algorithm chose.
    """

    name: ClassVar[str] = "random"
    uses_history: ClassVar[bool] = False
    inline: ClassVar[bool] = True

    def suggest(
        self,
        study: Study,
        history: History,
        context: Parameters,  # noqa: ARG002
        count: int,
        rng: np.random.Generator,
    ) -> Sequence[Suggested]:
        """Exactly ``count`` legal points."""
        first = opening(study, history.next_number)
        encoding = Encoding(study.spec.space.parameters)
        rows = encoding.draw(rng.random((count - len(first), encoding.width)))
        return [*first, *(Suggested(point, Source.MODEL) for point in encoding.decode(rows))]

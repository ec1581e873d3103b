"""In which conditions points are tried. NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Source, Suggested
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.region import Region


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the optimizer may choose from: all that a robust study declares; elsewhere one, whatever was asked for.

    told: [q] what answers say of each. context: of the study; empty where there is nothing to choose.
    rows: [q, c] in the columns that stand beside those of the parameters.
    """

    told: tuple[Parameters | None, ...]
    context: Encoding
    rows: Rows

    @classmethod
    def of(cls, study: Study) -> Conditions:
        """Of a study."""
        robustness = study.spec.robustness
        if robustness is None:
            return cls((None,), Encoding(()), np.empty((1, 0)))
        context = Encoding(study.spec.context)
        return cls(robustness.conditions, context, context.encode(robustness.conditions))

    def __len__(self) -> int:
        return len(self.told)

    def beside(self, rows: Rows, first: int = 0) -> Rows:
        """Rows [b * q, d + c]: each of rows [b, d] in each condition, beginning with the ``first`` one, in turns."""
        turned = np.roll(self.rows, -first, axis=0)
        return np.hstack([np.repeat(rows, len(self), axis=0), np.tile(turned, (len(rows), 1))])

    def rows_of(self, region: Region, suggested: Sequence[Suggested]) -> Rows:
        """Rows [k, d + c] of what was suggested."""
        points = region.encoding.encode([one.parameters for one in suggested])
        return np.hstack([points, self.context.encode([one.context or {} for one in suggested])])

    def suggested(self, region: Region, row: Rows, source: Source, detail: str = "") -> Suggested:
        """The suggestion of a row [1, d + c]."""
        width = region.encoding.width
        (point,) = region.points(row[:, :width])
        place = int(np.abs(self.rows - row[0, width:]).sum(axis=1).argmin())
        return Suggested(point, source, detail, self.told[place])

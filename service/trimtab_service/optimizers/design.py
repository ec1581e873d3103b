"""Points that need no model: the baseline, and a scrambled Sobol sequence. No torch; SciPy only inside the call."""

from __future__ import annotations

import numpy as np

from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Source, Suggested
from trimtab_service.optimizers.encoding import Encoding, Rows


def opening(study: Study, number: int) -> list[Suggested]:
    """The baseline if trial ``number`` is the first one and the study declares one; else nothing."""
    if number == 1 and study.spec.baseline is not None:
        return [Suggested(dict(study.spec.baseline), Source.BASELINE)]
    return []


def sobol_rows(encoding: Encoding, seed: int, position: int, count: int) -> Rows:
    """Rows [count, d] of one scrambled Sobol sequence, those from ``position`` (0 is the first) on.

    Law: the scramble is of the seed alone, so that calls with consecutive
    positions continue one sequence; a fresh scramble a call would be plain
    random search. Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points".
    """
    from scipy.stats import qmc

    engine = qmc.Sobol(encoding.width, scramble=True, seed=np.random.default_rng(seed))
    if position:
        engine.fast_forward(position)
    # One by one: SciPy warns where a first draw isn't of 2^k points, and a
    # service can't know how many it will be asked for.
    uniforms = np.concatenate([engine.random(1) for _ in range(count)]) if count else np.empty((0, encoding.width))
    return encoding.draw(uniforms)

"""Points that need no model: the baseline, draws, a scrambled Sobol sequence. No torch; SciPy only inside the call."""

from __future__ import annotations

import numpy as np

from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Source, Suggested
from trimtab_service.domain.values import same
from trimtab_service.optimizers.beliefs import sharpness
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.region import Region

NOT_SUGGESTED = (Source.MANUAL, Source.FALLBACK)


def opening(study: Study, history: History) -> list[Suggested]:
    """The baseline before anything else: if the study declares one, it has the values fixed, and wasn't tried.

    What people brought or put in line comes in between, and so does what was
    drawn in place of a suggestion. A number of which nothing is known was suggested.
    """
    baseline = study.spec.baseline
    if baseline is None or len(history.trials) < history.next_number - 1:
        return []
    if any(trial.source not in NOT_SUGGESTED or trial.parameters == baseline for trial in history.trials):
        return []
    if all(name in baseline and same(baseline[name], value) for name, value in history.fixed.items()):
        return [Suggested(dict(baseline), Source.BASELINE)]
    return []


def random_rows(region: Region, number: int, count: int, rng: np.random.Generator) -> Rows:
    """Legal rows [count, d] for the trials from ``number`` on, each drawn on its own.

    They follow what is believed beforehand, less and less as trials are made.
    """
    uniforms = rng.random((count, region.encoding.width))
    seeds = [(int(seed),) for seed in rng.integers(2**63, size=count)]
    return region.draw(uniforms, seeds, sharpness(np.arange(number, number + count, dtype=float)))


def sobol_rows(region: Region, seed: int, position: int, count: int) -> Rows:
    """Legal rows [count, d] of one scrambled Sobol sequence, those from ``position`` (0 is the first) on.

    Law: the scramble is of the seed alone, so that calls with consecutive
    positions continue one sequence; a fresh scramble a call would be plain
    random search. Owen 1998, "Scrambling Sobol' and Niederreiter-Xing points".
    A point of the sequence that isn't legal is drawn again, by its position.
    They follow what is believed beforehand, less and less along the sequence.
    """
    from scipy.stats import qmc

    width = region.encoding.width
    engine = qmc.Sobol(width, scramble=True, seed=np.random.default_rng(seed))
    if position:
        engine.fast_forward(position)
    # One by one: SciPy warns where a first draw isn't of 2^k points, and a
    # service can't know how many it will be asked for.
    uniforms = np.concatenate([engine.random(1) for _ in range(count)]) if count else np.empty((0, width))
    numbers = range(position, position + count)
    return region.draw(uniforms, [(seed, number) for number in numbers], sharpness(np.array(numbers, dtype=float)))

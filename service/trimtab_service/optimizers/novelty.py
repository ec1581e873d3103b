"""Which points are new, so that no trial is spent on one that was tried. NumPy alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trimtab_service.domain.errors import SpaceExhausted
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.noise import halvings
from trimtab_service.optimizers.region import Region

SAME = 1e-7  # of the scale of a column: closer than this, two rows are one
GOLDEN = 0.6180339887498949  # multiples of it modulo 1 are spread evenly
ROUNDING = 1e-12  # of a sum of a row's columns
DRAWS = 256  # of a space that isn't small, where the wanted point isn't new


def tried_rows(study: Study, history: History, context: Parameters) -> Rows:
    """Rows [t, d] of parameters that were tried, or are being tried, in this context, maybe more than once.

    In a study that chooses contexts by itself rows [t, d + c], in whatever
    context. What was abandoned wasn't tried; and where observations age, what
    was tried longer ago than a half-life is worth trying again.
    """
    spec = study.spec
    anywhere, abandoned = not spec.context or spec.robustness is not None, TrialState.ABANDONED
    recent = [
        trial for trial in history.trials if trial.state is not abandoned and (anywhere or trial.context == context)
    ]
    if spec.half_life is not None:
        ages = halvings(recent, spec.half_life)
        recent = [trial for trial, age in zip(recent, ages, strict=True) if age < 1.0]
    rows = Encoding(spec.space.parameters).encode([trial.parameters for trial in recent])
    if spec.robustness is None:
        return rows
    return np.hstack([rows, Encoding(spec.context).encode([trial.context for trial in recent])])


def first_new(rows: Rows, tried: Rows) -> Rows:
    """The first of ``rows`` [n, d] that is none of ``tried``: [1, d], or [0, d] if there is none."""
    # Rows that are the same have all but the same sum, whatever columns weigh: few are left to be compared.
    weights = 1.0 + np.arange(1, rows.shape[1] + 1) * GOLDEN % 1.0
    sums, wanted = tried @ weights, rows @ weights
    order = np.argsort(sums, kind="stable")
    ordered = sums[order]
    slack = 1.01 * SAME * float(weights.sum()) + ROUNDING * float(np.abs(wanted).max(initial=1.0))
    begins, ends = np.searchsorted(ordered, wanted - slack), np.searchsorted(ordered, wanted + slack, side="right")
    for index, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        if (np.abs(tried[order[begin:end]] - rows[index]) > SAME).any(axis=1).all():
            return rows[index : index + 1]
    return rows[:0]


def alternatives(region: Region, rng: np.random.Generator) -> Rows:
    """Legal rows [n, d] in random order: all of a small finite space, some draws of another."""
    every = region.every()
    if every is None:
        seeds = [(int(seed),) for seed in rng.integers(2**63, size=DRAWS)]
        return region.draw(rng.random((DRAWS, region.encoding.width)), seeds)
    shuffled: Rows = rng.permutation(every)
    return shuffled


def pick(
    wanted: Rows,
    tried: Rows,
    answered: Rows,
    region: Region,
    rng: np.random.Generator,
    beside: Callable[[Rows], Rows] | None = None,
) -> Rows:
    """The row [1, d] to suggest: the first new one of ``wanted`` [n, d], which come best first.

    If none is new, any other new one; where nothing new can be found, the
    best that this call hasn't ``answered`` [k, d] yet. Raises SpaceExhausted
    where there is none of these either.

    beside: makes rows of the region such rows as the others are.
    """
    taken = np.concatenate([tried, answered])
    row = first_new(wanted, taken)
    if not len(row):
        others = alternatives(region, rng)
        others = others if beside is None else beside(others)
        row = first_new(others, taken)
    if not len(row):
        row = first_new(np.concatenate([wanted, others]), answered)
    if not len(row):
        raise SpaceExhausted(
            f"no more than {len(answered)} different points were found, and more were asked for at once"
        )
    return row

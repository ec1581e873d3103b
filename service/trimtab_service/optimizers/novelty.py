"""Which points are new, so that no trial is spent on one that was tried. NumPy alone."""

from __future__ import annotations

import itertools

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.encoding import Encoding, Rows, from_indices

SAME = 1e-7  # of the scale of a column: closer than this, two rows are one
ENUMERATED = 2_000  # points of a finite space up to which all of them are looked at
DRAWS = 256  # otherwise, of other points where the wanted one isn't new


def tried_rows(study: Study, history: History, context: Parameters) -> Rows:
    """Different rows [t, d] of parameters that were tried, or are being tried, in this context.

    What was abandoned wasn't tried.
    """
    points = [
        trial.parameters
        for trial in history.trials
        if trial.state is not TrialState.ABANDONED and (not study.spec.context or trial.context == context)
    ]
    return np.unique(Encoding(study.spec.space.parameters).encode(points), axis=0)


def first_new(rows: Rows, tried: Rows) -> Rows:
    """The first of ``rows`` [n, d] that is none of ``tried``: [1, d], or [0, d] if there is none."""
    for index in range(len(rows)):
        if (np.abs(tried - rows[index]) > SAME).any(axis=1).all():
            return rows[index : index + 1]
    return rows[:0]


def every_row(encoding: Encoding) -> Rows | None:
    """Rows [n, d] of a whole finite space of at most ``ENUMERATED`` points; None for others."""
    counts = [count if count is not None else ENUMERATED + 1 for count in encoding.cardinalities]
    size = 1
    for count in counts:
        size *= count
        if size > ENUMERATED:
            return None
    axes = [
        from_indices(parameter, np.arange(count, dtype=float))
        for parameter, count in zip(encoding.parameters, counts, strict=True)
    ]
    return np.array(list(itertools.product(*axes)), dtype=float)


def alternatives(encoding: Encoding, rng: np.random.Generator) -> Rows:
    """Rows [n, d] in random order: all of a small finite space, some draws of another."""
    every = every_row(encoding)
    if every is None:
        return encoding.draw(rng.random((DRAWS, encoding.width)))
    shuffled: Rows = rng.permutation(every)
    return shuffled


def pick(wanted: Rows, tried: Rows, answered: Rows, encoding: Encoding, rng: np.random.Generator) -> Rows:
    """The row [1, d] to suggest: the first new one of ``wanted`` [n, d], which come best first.

    If none is new, any other new one; where nothing new can be found, the
    best that this call hasn't ``answered`` [k, d] yet.
    """
    taken = np.concatenate([tried, answered])
    row = first_new(wanted, taken)
    if not len(row):
        row = first_new(others := alternatives(encoding, rng), taken)
    if not len(row):
        row = first_new(np.concatenate([wanted, others]), answered)
    return row

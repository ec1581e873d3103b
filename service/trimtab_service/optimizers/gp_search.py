"""Finds the point that an acquisition function likes best. Imports torch; import it inside a call only.

Continuous columns, and fine grids, are climbed by BoTorch's batched L-BFGS-B,
whatever is finite by trying neighbours, in turns. Work is bounded by counts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from botorch.exceptions.warnings import OptimizationWarning
from botorch.generation.gen import gen_candidates_scipy
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Encoding, Rows, from_indices, to_indices
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.gp_acquisition import ClosedForm

UNIFORM, NEARBY = 256, 256  # candidates anywhere, and around the best points known
CENTRES = 3
NEARBY_SPREAD = 0.05  # standard deviation of a step away from them, times exp(N(0, 1))
RESTARTS = 4
ROUNDS = 3  # of turns between continuous and other columns
FINE = 16  # values from which a grid is climbed like a continuum, and then rounded
JUMPS = (-3, -1, 1, 3)  # neighbours of a value on a fine grid; on a coarse one, every value is
MOST_NEIGHBOURS = 256  # of one point that are tried in one round, drawn from all
# Keys other than these, or a time limit, would silently take BoTorch's slow path.
OPTIONS = {"maxiter": 60}


def ranked(acquisition: ClosedForm, encoding: Encoding, centres: Rows, rng: np.random.Generator) -> Rows:
    """Legal rows [r, d], the one that the acquisition function likes best first.

    centres: [k, d] the best points known, the best first.
    """
    found = candidates(encoding, centres, rng)
    values = acquisition.values(found)
    best = np.argsort(-values, kind="stable")
    climbed = found[best[:RESTARTS]]
    scores = values[best[:RESTARTS]]
    moving = np.arange(len(climbed))
    for _ in range(ROUNDS):
        climbed[moving], scores[moving] = _climb(acquisition, encoding, climbed[moving], scores[moving])
        moving = moving[_step(acquisition, encoding, climbed, scores, moving, rng)]
        if not len(moving):
            break
    every = np.concatenate([climbed, found])
    return every[np.argsort(-np.concatenate([scores, values]), kind="stable")]


def candidates(encoding: Encoding, centres: Rows, rng: np.random.Generator) -> Rows:
    """Rows [c, d] to start from: anywhere, and near the best points, in some of their columns."""
    anywhere = encoding.draw(rng.random((UNIFORM, encoding.width)))
    if not len(centres):
        return anywhere
    near = centres[rng.integers(min(CENTRES, len(centres)), size=NEARBY)]
    spread = NEARBY_SPREAD * np.exp(rng.standard_normal((NEARBY, 1)))
    moved = near + spread * rng.standard_normal(near.shape)
    elsewhere = encoding.draw(rng.random(near.shape))
    names = list(encoding.categorical)
    moved[:, names] = elsewhere[:, names]
    # Between one column and all of them, so that some directions stay as good as they are.
    chosen = rng.random(near.shape) < rng.random((NEARBY, 1))
    chosen[np.arange(NEARBY), rng.integers(encoding.width, size=NEARBY)] = True
    return np.concatenate([anywhere, encoding.snap(np.where(chosen, moved, near))])


def _climb(acquisition: ClosedForm, encoding: Encoding, rows: Rows, scores: Vector) -> tuple[Rows, Vector]:
    """Legal rows [r, d] moved uphill in the columns that can be climbed, and their values [r].

    A row that wouldn't rise, or not once it is rounded to its grid, stays.
    """
    fixed = [index for index in range(encoding.width) if not _can_climb(encoding, index)]
    if len(fixed) == encoding.width:
        return rows, scores
    start = torch.from_numpy(rows).unsqueeze(-2)
    with _quiet():
        ends, _ = gen_candidates_scipy(
            start,
            acquisition,
            lower_bounds=torch.zeros(encoding.width, dtype=torch.double),
            upper_bounds=torch.ones(encoding.width, dtype=torch.double),
            options=OPTIONS,
            fixed_features={index: start[:, 0, index] for index in fixed} or None,
        )
    found = encoding.snap(ends.squeeze(-2).numpy())
    values = acquisition.values(found)
    higher = values > scores
    return np.where(higher[:, None], found, rows), np.where(higher, values, scores)


def _can_climb(encoding: Encoding, index: int) -> bool:
    count = encoding.cardinalities[index]
    return count is None or (count >= FINE and index not in encoding.categorical)


@contextmanager
def _quiet() -> Iterator[None]:
    """Drops the warning that a line search stopped at the precision of a double: what it reached is used or not."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for warning in caught:
        if not issubclass(warning.category, OptimizationWarning):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _step(
    acquisition: ClosedForm,
    encoding: Encoding,
    rows: Rows,
    scores: Vector,
    moving: NDArray[np.intp],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Moves ``rows[moving]`` [m, d] in place to their best neighbour if it is better; which ones did [m]."""
    neighbours = [_neighbours(encoding, rows[index], rng) for index in moving]
    sizes = [len(group) for group in neighbours]
    if not sum(sizes):
        return np.zeros(len(moving), dtype=bool)
    values = acquisition.values(np.concatenate(neighbours))
    moved = np.zeros(len(moving), dtype=bool)
    for place, (index, group, found) in enumerate(
        zip(moving, neighbours, np.split(values, np.cumsum(sizes)[:-1]), strict=True)
    ):
        if len(found) and found.max() > scores[index]:
            rows[index], scores[index] = group[found.argmax()], found.max()
            moved[place] = True
    return moved


def _neighbours(encoding: Encoding, row: Vector, rng: np.random.Generator) -> Rows:
    """Rows [k, d] that differ from a legal row [d] in one column with finitely many values."""
    changes: list[tuple[int, float]] = []
    for index, parameter in enumerate(encoding.parameters):
        count = encoding.cardinalities[index]
        if count is None:
            continue
        here = to_indices(parameter, row[index : index + 1])[0]
        whole = count < FINE or index in encoding.categorical
        others = np.arange(count) if whole else here + np.array(JUMPS)
        others = others[(others >= 0) & (others < count) & (others != here)]
        changes += [(index, value) for value in from_indices(parameter, others.astype(float))]
    if len(changes) > MOST_NEIGHBOURS:
        changes = [changes[place] for place in rng.choice(len(changes), MOST_NEIGHBOURS, replace=False)]
    rows = np.tile(row, (len(changes), 1))
    for place, (index, value) in enumerate(changes):
        rows[place, index] = value
    return rows

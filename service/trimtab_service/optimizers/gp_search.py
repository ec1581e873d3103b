"""Finds the point that an acquisition function likes best. Imports torch; import it inside a call only.

Continuous columns, and fine grids, are climbed by BoTorch's batched L-BFGS-B,
whatever is finite by trying neighbours, in turns. Work is bounded by counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from botorch.optim.batched_lbfgs_b import fmin_l_bfgs_b_batched
from numpy.typing import NDArray

from trimtab_service.optimizers.encoding import Encoding, Rows, from_indices, to_indices
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.feasible import Feasible
from trimtab_service.optimizers.lifted import Acquisition, lifted
from trimtab_service.optimizers.region import Region

UNIFORM, NEARBY = 256, 256  # candidates anywhere, and around the best points known
CENTRES = 3
NEARBY_SPREAD = 0.05  # standard deviation of a step away from them, times exp(N(0, 1))
RESTARTS = 4
ROUNDS = 3  # of turns between continuous and other columns
FINE = 16  # values from which a grid is climbed like a continuum, and then rounded
JUMPS = (-3, -1, 1, 3)  # neighbours of a value on a fine grid; on a coarse one, every value is
MOST_NEIGHBOURS = 256  # of one point that are tried in one round, drawn from all
STEPS = 60  # of one climb
PRECISION = 1e7  # in units of the rounding of doubles: a climb ends where a step gains less, as a share of the value


def ranked(
    acquisition: Acquisition, region: Region, centres: Rows, rng: np.random.Generator, power: float = 0.0
) -> Rows:
    """Legal rows [r, d], the one that the acquisition function likes best first.

    centres: [k, d] the best points known, the best first. power: how much of
    what is believed beforehand goes into where the search begins.
    """
    feasible = region.inner
    if feasible is None:
        return region.base[None]
    within = lifted(acquisition, region)
    found = candidates(feasible, region.part(centres), rng, power)
    values = within.values(found)
    best = np.argsort(-values, kind="stable")
    climbed = found[best[:RESTARTS]]
    scores = values[best[:RESTARTS]]
    moving = np.arange(len(climbed))
    for _ in range(ROUNDS):
        climbed[moving], scores[moving] = _climb_legally(within, feasible, climbed[moving], scores[moving])
        moving = moving[_step(within, feasible, climbed, scores, moving, rng)]
        if not len(moving):
            break
    every = np.concatenate([climbed, found])
    return region.whole(every[np.argsort(-np.concatenate([scores, values]), kind="stable")])


def candidates(feasible: Feasible, centres: Rows, rng: np.random.Generator, power: float = 0.0) -> Rows:
    """Legal rows [c, d] to start from: anywhere, and near the best points, in some of their columns."""
    encoding = feasible.encoding
    uniforms = rng.random((UNIFORM, encoding.width))
    seeds = [(int(seed),) for seed in rng.integers(2**63, size=UNIFORM)]
    # One half as even as the space, one as is believed.
    believed = np.where(np.arange(UNIFORM) % 2, power, 0.0) if power else None
    anywhere = feasible.draw(uniforms, seeds, believed)
    centres = centres[feasible.legal(centres)]
    if not len(centres):
        return anywhere
    near = centres[rng.integers(min(CENTRES, len(centres)), size=NEARBY)]
    return np.concatenate([anywhere, around(feasible, near, rng)])


def around(feasible: Feasible, near: Rows, rng: np.random.Generator, step: float = 1.0) -> Rows:
    """Legal rows [k, d], k <= n, each near one of the legal rows [n, d], in some of their columns.

    step: how far, 1: as far as ``candidates`` goes.
    """
    encoding, count = feasible.encoding, len(near)
    spread = step * NEARBY_SPREAD * np.exp(rng.standard_normal((count, 1)))
    moved = near + spread * rng.standard_normal(near.shape)
    elsewhere = encoding.draw_each(rng.random(near.shape))
    names = list(encoding.categorical)
    moved[:, names] = elsewhere[:, names]
    # Between one column and all of them, so that some directions stay as good as they are.
    chosen = rng.random(near.shape) < rng.random((count, 1))
    chosen[np.arange(count), rng.integers(encoding.width, size=count)] = True
    targets = encoding.begun(encoding.snap(np.where(chosen, moved, near)), near, elsewhere)
    return feasible.moved(near, targets)


def _climb_legally(acquisition: Acquisition, feasible: Feasible, rows: Rows, scores: Vector) -> tuple[Rows, Vector]:
    if feasible.interior is None:
        return _climb(acquisition, feasible.encoding, rows, scores)
    # Few spaces need it.
    from trimtab_service.optimizers.gp_climb import climb_within

    movable = [index for index in range(feasible.encoding.width) if _can_climb(feasible.encoding, index)]
    return climb_within(acquisition, feasible, feasible.interior, movable, rows, scores)


def _climb(acquisition: Acquisition, encoding: Encoding, rows: Rows, scores: Vector) -> tuple[Rows, Vector]:
    """Legal rows [r, d] moved uphill in the columns that can be climbed, and their values [r].

    A row that wouldn't rise, or not once it is rounded to its grid, stays.
    """
    free = [index for index in range(encoding.width) if _can_climb(encoding, index)]
    if not free:
        return rows, scores

    def downhill(columns: Rows, batch_indices: Sequence[int]) -> tuple[Vector, Rows]:
        whole = rows[batch_indices]
        whole[:, free] = columns
        values, slopes = acquisition.values_and_slopes(whole)
        return -values, -slopes[:, free]

    ends, _, _ = fmin_l_bfgs_b_batched(
        downhill,
        rows[:, free],
        bounds=[(0.0, 1.0)] * len(free),
        maxiter=STEPS,
        factr=PRECISION,
        pass_batch_indices=True,
    )
    moved = rows.copy()
    moved[:, free] = ends
    found = encoding.snap(moved)
    values = acquisition.values(found)
    higher = values > scores
    return np.where(higher[:, None], found, rows), np.where(higher, values, scores)


def _can_climb(encoding: Encoding, index: int) -> bool:
    count = encoding.cardinalities[index]
    return count is None or (count >= FINE and index not in encoding.categorical)


def _step(
    acquisition: Acquisition,
    feasible: Feasible,
    rows: Rows,
    scores: Vector,
    moving: NDArray[np.intp],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Moves ``rows[moving]`` [m, d] in place to their best neighbour if it is better; which ones did [m]."""
    neighbours = [_neighbours(feasible, rows[index], rng) for index in moving]
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


def _neighbours(feasible: Feasible, row: Vector, rng: np.random.Generator) -> Rows:
    """Legal rows [k, d] that differ from one [d] in a column with finitely many values, and in what begins to exist."""
    encoding = feasible.encoding
    there = encoding.active(row[None])[0]
    changes: list[tuple[int, float]] = []
    for index, parameter in enumerate(encoding.parameters):
        count = encoding.cardinalities[index]
        if count is None or not there[index]:
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
    if encoding.activity.requirements:
        rows = encoding.begun(rows, np.tile(row, (len(changes), 1)), encoding.draw_each(rng.random(rows.shape)))
    return rows[feasible.legal(rows)]

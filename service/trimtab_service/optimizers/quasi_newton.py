"""Minimizes within a box, given about the curvature. NumPy alone.

SciPy's L-BFGS-B can't be told a curvature: it spends many of its evaluations
to learn one, and each is as dear as the cube of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.targets import Vector

MOST_STEPS = 40
LONGEST_STEP = 2.0  # of a coordinate
LEAST_SHARE = 1e-4  # of the decrease that the slope promises, for a step to be taken (Armijo 1966)
SHORTER = 0.3  # the share of a step that is tried where it wasn't
SHORTEST_SHARE = 1e-3  # of a step; below it the search ends
LEAST_BEND = 1e-10  # relative: steps along which the slope changes less say nothing about the curvature


def descend(
    function: Callable[[Vector], tuple[float, Callable[[], Vector]]],
    start: Vector,
    curvature: Rows,
    box: tuple[Vector, Vector],
    precision: float,
) -> tuple[float, Vector]:
    """The least value that was found, and where: [d].

    By BFGS with projection on the box. Ends where the quadratic model
    promises to gain less than ``precision`` / 2. Nocedal, Wright 2006,
    "Numerical Optimization", chapter 6; Bertsekas 1982, "Projected Newton
    Methods for Optimization Problems with Simple Constraints".

    function: value at a place [d], infinity where there is none, and what
        tells the slope [d] there, which isn't asked where no step ends.
    curvature: [d, d] positive definite, about the Hessian at the start.
    """
    low, high = box
    place = np.clip(start, low, high)
    value, its_slope = function(place)
    slope = its_slope()
    for _ in range(MOST_STEPS):
        step = _step(slope, curvature, ((place <= low) & (slope > 0.0)) | ((place >= high) & (slope < 0.0)))
        promised = -float(slope @ step)
        if not promised >= precision:
            break
        step *= min(1.0, LONGEST_STEP / float(np.abs(step).max()))
        share = 1.0
        there, its_value = place, value
        while share >= SHORTEST_SHARE:
            there = np.clip(place + share * step, low, high)
            its_value, its_slope = function(there)
            if its_value <= value + LEAST_SHARE * float(slope @ (there - place)):
                break
            share *= SHORTER
        else:
            break
        next_slope = its_slope()
        curvature = _updated(curvature, there - place, next_slope - slope)
        place, value, slope = there, its_value, next_slope
    return value, place


def _step(slope: Vector, curvature: Rows, held: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Vector:
    """To the minimum of the quadratic model [d] where it isn't held by the box."""
    step = np.zeros_like(slope)
    if not held.any():
        step[:] = np.linalg.solve(curvature, -slope)
        return step
    free = np.flatnonzero(~held)
    step[free] = -np.linalg.solve(curvature[np.ix_(free, free)], slope[free])
    return step


def _updated(curvature: Rows, step: Vector, change: Vector) -> Rows:
    """By Broyden, Fletcher, Goldfarb and Shanno, with the change of the slope [d] along a step [d]."""
    bend = float(step @ change)
    if bend <= LEAST_BEND * math.sqrt(float(step @ step) * float(change @ change)):
        return curvature
    pushed = curvature @ step
    return curvature + np.outer(change, change) / bend - np.outer(pushed, pushed) / float(step @ pushed)

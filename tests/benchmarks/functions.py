"""What the Gaussian process is measured on: functions with a known minimum."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from contract.optimizers.problems import Problem
from trimtab_service.domain.space import Categorical, Float, Integer, Parameters


@dataclass(frozen=True, slots=True)
class Function:
    """Something to minimize.

    value: the true value at a point. least: the smallest there is.
    noise: standard deviation of what is measured.
    """

    problem: Problem
    value: Callable[[Parameters], float]
    least: float = 0.0
    noise: float = 0.0


def _number(point: Parameters, name: str) -> float:
    return float(point[name])


def _branin(point: Parameters) -> float:
    x, y = _number(point, "x"), _number(point, "y")
    curve = y - 5.1 / (4.0 * math.pi**2) * x * x + 5.0 / math.pi * x - 6.0
    return curve**2 + 10.0 * (1.0 - 1.0 / (8.0 * math.pi)) * math.cos(x) + 10.0


_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_WIDTHS = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann(point: Parameters) -> float:
    x = np.array([_number(point, f"x{index}") for index in range(6)])
    return float(-_WEIGHTS @ np.exp(-(_WIDTHS * np.square(x - _CENTRES)).sum(axis=1)))


def _ackley(offsets: list[float]) -> float:
    z = np.array(offsets)
    return float(
        20.0
        + math.e
        - 20.0 * math.exp(-0.2 * math.sqrt(float(np.square(z).mean())))
        - math.exp(float(np.cos(2.0 * math.pi * z).mean()))
    )


def _mixed(point: Parameters) -> float:
    best = {"a": 3.0, "b": -2.0, "c": 1.5, "i": 3.0, "j": -2.0, "k": 1.0}
    offsets = [_number(point, name) - place for name, place in best.items()]
    return _ackley([*offsets, 0.0 if point["u"] == "q" else 4.0, 0.0 if point["v"] else 3.0])


UNIT = tuple(Float(f"x{index}", 0.0, 1.0) for index in range(6))
BRANIN = Function(Problem("Branin", (Float("x", -5.0, 10.0), Float("y", 0.0, 15.0))), _branin, 0.397887)
HARTMANN = Function(Problem("Hartmann6", UNIT), _hartmann, -3.32237)
MIXED = Function(
    Problem(
        "mixed Ackley8",
        (
            *(Float(name, -8.0, 8.0) for name in "abc"),
            *(Integer(name, -8, 8) for name in "ijk"),
            Categorical("u", ("p", "q", "r", "s")),
            Categorical("v", (True, False)),
        ),
    ),
    _mixed,
)

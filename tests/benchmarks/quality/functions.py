"""The textbook functions of the suite, without noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from quality.problem import Outcomes, Point, Situation

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
BRANIN_LEAST = 0.397887357729739
HARTMANN_LEAST = -3.322368011415515
ACTIVE = (3, 17, 41, 58, 76, 99)  # of a hundred parameters, those that matter
# Where the functions that are symmetric about a point have it: off the centre, where many methods look first.
ACKLEY_CENTRES = (-3.3, -1.2, -4.1, -2.2, -0.7)  # powers of ten
LEVY_CENTRES = (3.1, -2.4, 1.7, -4.6, 0.8, 4.3, -1.9, 2.6)
MIXED_CENTRES = {"a": 3.0, "b": -2.0, "c": 1.5, "i": 3.0, "j": -2.0, "k": 1.0}
DRIFT_PERIOD = 150.0  # trials


def column(point: Point, names: str, count: int) -> NDArray[np.float64]:
    """[count] the values of names0, names1, ..."""
    return np.array([float(point[f"{names}{index}"]) for index in range(count)])


def branin_of(x: float | NDArray[np.float64], y: float) -> NDArray[np.float64]:
    """Three equal valleys; x from -5 to 10, y from 0 to 15."""
    curve = y - 5.1 / (4.0 * math.pi**2) * np.square(x) + 5.0 / math.pi * np.asarray(x) - 6.0
    return np.asarray(curve**2 + 10.0 * (1.0 - 1.0 / (8.0 * math.pi)) * np.cos(x) + 10.0)


def branin(point: Point, _: Situation) -> Outcomes:
    """Branin's function."""
    return {"loss": float(branin_of(float(point["x"]), float(point["y"])))}


def branin_in_context(point: Point, situation: Situation) -> Outcomes:
    """Branin's function, of which the caller chooses x and the world y."""
    return {"loss": float(branin_of(float(point["x"]), float(situation.context["y"])))}


_GRID = np.linspace(-5.0, 10.0, 15_001)


def branin_least(situation: Situation) -> float:
    """The least over x."""
    return float(branin_of(_GRID, float(situation.context["y"])).min())


def _hartmann(x: NDArray[np.float64]) -> float:
    return float(-_WEIGHTS @ np.exp(-(_WIDTHS * np.square(x - _CENTRES)).sum(axis=1)))


def hartmann(point: Point, _: Situation) -> Outcomes:
    """Hartmann's function of six parameters."""
    return {"loss": _hartmann(column(point, "x", 6))}


def hartmann_among(point: Point, _: Situation) -> Outcomes:
    """Hartmann's function of six parameters out of a hundred."""
    return {"loss": _hartmann(np.array([float(point[f"x{index}"]) for index in ACTIVE]))}


def _ackley(z: NDArray[np.float64]) -> float:
    bowl = -20.0 * math.exp(-0.2 * math.sqrt(float(np.square(z).mean())))
    return float(20.0 + math.e + bowl - math.exp(float(np.cos(2.0 * math.pi * z).mean())))


def ackley_log(point: Point, _: Situation) -> Outcomes:
    """Ackley's function of three times the logarithm to base 10 of five parameters."""
    return {"loss": _ackley(3.0 * (np.log10(column(point, "x", 5)) - np.array(ACKLEY_CENTRES)))}


def ackley_mixed(point: Point, _: Situation) -> Outcomes:
    """Ackley's function of three numbers, three whole numbers and two names."""
    offsets = [float(point[name]) - centre for name, centre in MIXED_CENTRES.items()]
    return {"loss": _ackley(np.array([*offsets, 4.0 * (point["u"] != "q"), 3.0 * (point["v"] != "yes")]))}


def levy(point: Point, _: Situation) -> Outcomes:
    """Levy's function of eight parameters, moved."""
    w = 1.0 + (column(point, "x", 8) - np.array(LEVY_CENTRES)) / 4.0
    inner = np.square(w[:-1] - 1.0) * (1.0 + 10.0 * np.square(np.sin(math.pi * w[:-1] + 1.0)))
    last = (w[-1] - 1.0) ** 2 * (1.0 + math.sin(2.0 * math.pi * w[-1]) ** 2)
    return {"loss": float(math.sin(math.pi * w[0]) ** 2 + inner.sum() + last)}


def rosenbrock(point: Point, _: Situation) -> Outcomes:
    """Rosenbrock's curved valley in ten dimensions."""
    x = column(point, "x", 10)
    return {"loss": float((100.0 * np.square(x[1:] - np.square(x[:-1])) + np.square(x[:-1] - 1.0)).sum())}


def gardner(point: Point, _: Situation) -> Outcomes:
    """The second one of Gardner et al. 2014, "Bayesian Optimization with Inequality Constraints"."""
    x, y = float(point["x"]), float(point["y"])
    return {"loss": math.sin(x) + y, "limit": math.sin(x) * math.sin(y) + 0.95}


def gramacy(point: Point, _: Situation) -> Outcomes:
    """Of Gramacy et al. 2016, "Modeling an Augmented Lagrangian for Blackbox Constrained Optimization"."""
    x, y = float(point["x"]), float(point["y"])
    wave = 1.5 - x - 2.0 * y - 0.5 * math.sin(2.0 * math.pi * (x * x - 2.0 * y))
    return {"loss": x + y, "wave": wave, "disc": x * x + y * y - 1.5}


def zdt1(point: Point, _: Situation) -> Outcomes:
    """The first one of Zitzler, Deb, Thiele 2000; its front is second = 1 - sqrt(first)."""
    x = column(point, "x", 6)
    distance = 1.0 + 9.0 * float(x[1:].mean())
    return {"first": float(x[0]), "second": distance * (1.0 - math.sqrt(float(x[0]) / distance))}


def tree(point: Point, _: Situation) -> Outcomes:
    """After Jenatton et al. 2017, "Bayesian Optimization with Tree-structured Dependencies", its bowls moved."""
    side = str(point["root"])
    leaf = str(point[f"{side}_branch"])
    own = float(point[f"{side}_{leaf}"])
    centres = {("left", "a"): 0.4, ("left", "b"): -0.3, ("right", "a"): 0.7, ("right", "b"): -0.6}
    levels = {("left", "a"): 0.1, ("left", "b"): 0.2, ("right", "a"): 0.3, ("right", "b"): 0.4}
    shared = (float(point[f"{side}_shared"]) - 0.25) ** 2
    return {"loss": (own - centres[side, leaf]) ** 2 + levels[side, leaf] + shared}


def drifting_bowl(point: Point, situation: Situation) -> Outcomes:
    """A rippled bowl of four parameters, whose lowest point walks as trials go by."""
    phases = 2.0 * math.pi * situation.number / DRIFT_PERIOD + np.arange(4.0)
    z = column(point, "x", 4) - (0.5 + 0.3 * np.sin(phases))
    return {"loss": float(10.0 * np.square(z).sum() + 0.5 * (1.0 - np.cos(4.0 * math.pi * z)).sum())}

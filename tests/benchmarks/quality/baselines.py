"""Search without a model: points at random, and a scrambled Sobol sequence."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from quality.conversation import Spec, exists


class _Unguided:
    def __init__(self, problem: Spec) -> None:
        self.parameters = problem["parameters"]

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """Nothing."""

    def recommend(self) -> None:
        """Nothing."""

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        return self.point(self.row())

    def row(self) -> NDArray[np.float64]:
        """The next point of the unit cube."""
        raise NotImplementedError

    def point(self, unit: NDArray[np.float64]) -> Mapping[str, Any]:
        """The point of the space at a point of the unit cube; what doesn't exist there is left out."""
        point: dict[str, Any] = {}
        for share, parameter in zip(unit, self.parameters, strict=True):
            if exists(parameter, point):
                point[parameter["name"]] = _value(float(share), parameter)
        return point


def _value(share: float, parameter: Spec) -> Any:
    if parameter["kind"] == "categorical":
        return parameter["values"][int(share * len(parameter["values"]))]
    whole = parameter["kind"] == "integer"
    low, high = float(parameter["low"]), float(parameter["high"]) + whole
    # Of whole numbers each has the share of the scale up to the next one.
    value = low * (high / low) ** share if parameter["log"] else low + share * (high - low)
    return min(int(value), parameter["high"]) if whole else min(max(value, low), high)


class Random(_Unguided):
    """Independent points."""

    def __init__(self, problem: Spec, seed: int) -> None:
        super().__init__(problem)
        self.rng = np.random.default_rng((seed, 3))

    def row(self) -> NDArray[np.float64]:
        """See above."""
        return self.rng.random(len(self.parameters))


class Sobol(_Unguided):
    """One scrambled sequence."""

    def __init__(self, problem: Spec, seed: int) -> None:
        super().__init__(problem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the number of points is no power of two
            sequence = qmc.Sobol(len(self.parameters), seed=np.random.default_rng((seed, 4)))
            self.rows = iter(sequence.random(problem["trials"]))

    def row(self) -> NDArray[np.float64]:
        """See above."""
        row: NDArray[np.float64] = next(self.rows)
        return row

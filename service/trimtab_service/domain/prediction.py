"""What a model expects of metrics, and of the best parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from trimtab_service.domain.space import Parameters


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model expects of one metric, at one point, in the unit of the metric.

    standard_error: of the mean, without the noise of a measurement.
    low, high: the true value lies between them with probability 0.95.
    """

    mean: float
    standard_error: float
    low: float
    high: float


Predictions: TypeAlias = Mapping[str, Prediction]
"""By the name of the metric."""


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """One trial on the Pareto front.

    probability_feasible: that all outcome constraints hold there; None: there are none.
    """

    number: int
    parameters: Parameters
    predictions: Predictions
    probability_feasible: float | None


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """The trials that are best for some trade between the objectives.

    points: the best by the first objective first.
    reference_point: the worst values of interest, by objective, in the units of the metrics.
    hypervolume: between the points, as predicted, and the reference point.
    history: by the number of the trial, the hypervolume of all trials up to it, as measured.
    """

    points: tuple[ParetoPoint, ...]
    reference_point: Mapping[str, float]
    hypervolume: float
    history: tuple[tuple[int, float], ...]

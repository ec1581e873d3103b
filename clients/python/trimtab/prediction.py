"""What a model expects of a metric."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of one metric, at one point, in the unit of the metric.

    standard_error: of the mean, without the noise of a measurement.
    interval: the true value lies between the two with probability 0.95.
    """

    mean: float
    standard_error: float
    interval: tuple[float, float]

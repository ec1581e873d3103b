"""What the model of a trial study believes, as the server answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab._plain import ParameterValue
from trimtab.answers import ModelInfo
from trimtab.prediction import Prediction
from trimtab.space import Measurement

LEAST_RESOLUTION = 2


@dataclass(frozen=True, slots=True)
class Slice:
    """A cut through the model along one parameter or two, which is asked for.

    resolution: how many values of each, 2 to 100, evenly along its scale; of
        listed values every one, or 100 of them.
    """

    parameters: Sequence[str]
    resolution: int = 25

    def __post_init__(self) -> None:
        names = (self.parameters,) if isinstance(self.parameters, str) else tuple(self.parameters)
        object.__setattr__(self, "parameters", names)
        if self.resolution < LEAST_RESOLUTION:  # 0 would be sent as nothing said
            raise ValueError(f"resolution: must be {LEAST_RESOLUTION} or more, not {self.resolution}")


@dataclass(frozen=True, slots=True)
class SlicePoint:
    """What is expected of each metric at one place of a cut. parameters: the values of the cut's parameters."""

    parameters: Mapping[str, ParameterValue]
    predictions: Mapping[str, Prediction]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A completed trial near the point that is explained.

    trial: its name.
    correlation: of the objective's values at the two points, by the model; from 0 to 1.
    """

    trial: str
    correlation: float
    measurements: Mapping[str, Measurement]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the model believes of one point.

    expected_improvement: of the objective by trying it, in the unit of the
        metric; None with several objectives.
    probability_feasible: that all outcome constraints hold; None: there are none.
    neighbours: the nearest completed trials, the nearest first.
    importances: by metric, by parameter or context value, the share of the
        metric's variance over the space that is due to it, alone and together with
        others; the greatest first. The shares may add up to more than 1.
    slices: one a cut that was asked for, in the order of its values; of two
        parameters the second turns fastest.
    """

    parameters: Mapping[str, ParameterValue]
    predictions: Mapping[str, Prediction]
    expected_improvement: float | None
    probability_feasible: float | None
    neighbours: Sequence[Neighbour]
    importances: Mapping[str, Mapping[str, float]]
    slices: Sequence[Sequence[SlicePoint]]
    model: ModelInfo


@dataclass(frozen=True, slots=True)
class ParetoPoint:
    """A trial on the Pareto front. probability_feasible: None where there are no outcome constraints."""

    trial: str
    parameters: Mapping[str, ParameterValue]
    predictions: Mapping[str, Prediction]
    probability_feasible: float | None


@dataclass(frozen=True, slots=True)
class ParetoFront:
    """The trials that are best for some trade between several objectives, or between one and what trials cost.

    points: the best by the first objective first.
    reference_point: the worst values of interest, by metric.
    hypervolume: between the points, as predicted, and the reference point.
    history: by the number of the trial, the hypervolume of all trials up to it, as measured.
    """

    points: Sequence[ParetoPoint]
    reference_point: Mapping[str, float]
    hypervolume: float
    history: Mapping[int, float]
    model: ModelInfo

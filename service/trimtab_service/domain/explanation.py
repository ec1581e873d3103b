"""What a model believes, put so that people can follow it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.prediction import Predictions
from trimtab_service.domain.space import Categorical, Discrete, Parameter, Parameters, SearchSpace

MOST_SLICES = 20
MOST_PLACES = 10_000  # of all cuts of one call
LEAST_RESOLUTION, MOST_RESOLUTION, DEFAULT_RESOLUTION = 2, 100, 25


@dataclass(frozen=True, slots=True)
class Slice:
    """A cut that is asked for, along one parameter or two.

    resolution: how many values of each, evenly along its scale. Of listed
        values every one, or, of more than 100, 100 of them.
    """

    parameters: tuple[str, ...]
    resolution: int = DEFAULT_RESOLUTION

    def check(self, space: SearchSpace) -> None:
        """Raises InvalidArgument with a field of the slice."""
        if not 1 <= len(self.parameters) <= 2:
            raise InvalidArgument("parameters", f"one or two names, not {len(self.parameters)}")
        known = {parameter.name for parameter in space.parameters}
        for index, name in enumerate(self.parameters):
            if name not in known:
                raise InvalidArgument(f"parameters[{index}]", f"{name[:130]!r} is not a parameter of the search space")
        if len(set(self.parameters)) < len(self.parameters):
            raise InvalidArgument("parameters[1]", "the two must differ")
        if not LEAST_RESOLUTION <= self.resolution <= MOST_RESOLUTION:
            raise InvalidArgument(
                "resolution", f"{self.resolution} is not from {LEAST_RESOLUTION} to {MOST_RESOLUTION}"
            )

    def places(self, space: SearchSpace) -> int:
        """How many places it has at most."""
        parameters = [parameter for parameter in space.parameters if parameter.name in self.parameters]
        return math.prod(self._along(parameter) for parameter in parameters)

    def _along(self, parameter: Parameter) -> int:
        if isinstance(parameter, Categorical | Discrete):
            return min(parameter.cardinality, MOST_RESOLUTION)
        return min(parameter.cardinality or self.resolution, self.resolution)


def check_slices(slices: Sequence[Slice], space: SearchSpace) -> None:
    """Raises InvalidArgument at ``slices...``."""
    if len(slices) > MOST_SLICES:
        raise InvalidArgument("slices", f"{len(slices)} slices; {MOST_SLICES} at most")
    for index, each in enumerate(slices):
        try:
            each.check(space)
        except InvalidArgument as error:
            raise error.under(f"slices[{index}]") from None
    places = sum(each.places(space) for each in slices)
    if places > MOST_PLACES:
        raise InvalidArgument("slices", f"{places} places in all; {MOST_PLACES} at most: ask for a lower resolution")


@dataclass(frozen=True, slots=True)
class SlicePoint:
    """What is expected at one place of a cut. parameters: the values of the cut's parameters."""

    parameters: Parameters
    predictions: Predictions


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A completed trial. correlation: of the objective's values there and at the point that is explained."""

    number: int
    correlation: float
    measurements: Mapping[str, Measurement]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one point.

    expected_improvement: by trying it, in the unit of the objective; None with several objectives.
    probability_feasible: None where there are no constraints.
    neighbours: the nearest first.
    importances: by metric, by name of a parameter or context value, the share
        of the variance that is due to it; the greatest first.
    slices: one a cut that was asked for.
    """

    parameters: Parameters
    predictions: Predictions
    expected_improvement: float | None
    probability_feasible: float | None
    neighbours: tuple[Neighbour, ...]
    importances: Mapping[str, Mapping[str, float]]
    slices: tuple[tuple[SlicePoint, ...], ...]

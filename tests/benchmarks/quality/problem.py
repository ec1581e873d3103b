"""What a problem is: a space and a pure function of its points, said once, for us and for every peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Value: TypeAlias = float | int | str
Point: TypeAlias = Mapping[str, Value]
Outcomes: TypeAlias = dict[str, float]
"""Metric to value: the objectives, and what is constrained."""


@dataclass(frozen=True, slots=True)
class When:
    """A parameter exists only where ``parameter`` has one of ``values``."""

    parameter: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Float:
    """A real number from low to high."""

    name: str
    low: float
    high: float
    log: bool = False
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number from low to high."""

    name: str
    low: int
    high: int
    log: bool = False
    when: When | None = None


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several names without an order."""

    name: str
    values: tuple[str, ...]
    when: When | None = None


Parameter: TypeAlias = Float | Integer | Categorical
KINDS = {Float: "float", Integer: "integer", Categorical: "categorical"}


@dataclass(frozen=True, slots=True)
class Situation:
    """What a trial meets besides its parameters.

    number: of the trial, from 1; what drifts, drifts with it. context: what is known when a suggestion is asked for.
    """

    number: int
    context: Point


def _exact(outcomes: Outcomes, rng: np.random.Generator) -> Outcomes:
    return outcomes


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to minimize.

    family: the problems that are looked at together.
    outcomes: the true metrics of a point.
    measured: what is measured where the truth is known; must draw from ``rng`` alone.
    objectives: metrics to minimize. constraints: metrics that must not be above 0.
    best: the least true objective (of a table or of a long search where no formula says it), or with
        several objectives the largest hypervolume there is; of a contextual problem it depends on the
        context, and ``least`` tells it.
    resolution: regret below it is no difference to anybody, and counts as this much.
    reference: the worst value of interest of each objective, where there are several.
    half_life: trials after which a measurement counts half, which we are told and no peer can be.
    online: what counts is each trial's regret when it is made, on average over the last half of them, rather
        than the best one's.
    noisy: whether ``measured`` differs from the truth.
    revision: another one makes the results that were kept void.
    """

    name: str
    title: str
    family: str
    parameters: tuple[Parameter, ...]
    outcomes: Callable[[Point, Situation], Outcomes]
    best: float
    resolution: float
    measured: Callable[[Outcomes, np.random.Generator], Outcomes] = _exact
    objectives: tuple[str, ...] = ("loss",)
    constraints: tuple[str, ...] = ()
    reference: tuple[float, ...] = ()
    context: tuple[Float, ...] = ()
    least: Callable[[Situation], float] | None = None
    half_life: float | None = None
    online: bool = False
    noisy: bool = False
    trials: int = 50
    revision: int = 1

    @property
    def key(self) -> str:
        """The name under which results are kept."""
        return f"{self.name}-{self.revision}"

    @property
    def conditional(self) -> bool:
        """Whether there are parameters that don't always exist."""
        return any(parameter.when is not None for parameter in self.parameters)

    def situation(self, seed: int, number: int) -> Situation:
        """What trial ``number`` of the run with this seed meets, whoever plays."""
        rng = np.random.default_rng((seed, number, 1))
        return Situation(number, {one.name: float(rng.uniform(one.low, one.high)) for one in self.context})

    def tell(self, true: Outcomes, seed: int, number: int) -> Outcomes:
        """What is measured in trial ``number`` of the run with this seed; the noise is the same for every player."""
        return self.measured(true, np.random.default_rng((seed, number, 2)))

    def least_at(self, situation: Situation) -> float:
        """The least true objective in a situation."""
        return self.best if self.least is None else self.least(situation)

    def spec(self) -> dict[str, Any]:
        """As JSON: all that players are told."""
        return {
            "name": self.name,
            "parameters": [_spec(parameter) for parameter in self.parameters],
            "context": [_spec(parameter) for parameter in self.context],
            "objectives": list(self.objectives),
            "constraints": list(self.constraints),
            "reference": list(self.reference),
            "trials": self.trials,
            "noisy": self.noisy,
        }


def _spec(parameter: Parameter) -> dict[str, Any]:
    said: dict[str, Any] = {"name": parameter.name, "kind": KINDS[type(parameter)]}
    if isinstance(parameter, Categorical):
        said["values"] = list(parameter.values)
    else:
        said |= {"low": parameter.low, "high": parameter.high, "log": parameter.log}
    if parameter.when is not None:
        said["when"] = {"parameter": parameter.when.parameter, "values": list(parameter.when.values)}
    return said

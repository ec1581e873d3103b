"""Studies and outcomes that bandits are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Outcomes
from trimtab_service.domain.space import Integer, SearchSpace
from trimtab_service.domain.study import (
    ChosenAlgorithm,
    Goal,
    Metric,
    MetricKind,
    Objective,
    Study,
    StudyName,
    StudySpec,
)

REAL = Metric("cost")
BINARY = Metric("cost", MetricKind.BINARY)
BOUNDED = Metric("cost", min=-3.0, max=5.0)
METRICS = {"real": REAL, "binary": BINARY, "bounded": BOUNDED}


def study_of(arms: int, metric: Metric = REAL, goal: Goal = Goal.MINIMIZE) -> Study:
    """A study with ``arms`` points."""
    spec = StudySpec(SearchSpace((Integer("arm", 1, arms),)), (metric,), (Objective(metric.name, goal),), seed=1)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Study(StudyName("default", "problem"), "0" * 32, spec, ChosenAlgorithm("any", {}, "", True), now, now)


def outcomes_of(
    arms: Sequence[int] | NDArray[np.intp],
    costs: Sequence[float] | NDArray[np.float64],
    propensities: Sequence[float] | NDArray[np.float64] | float = 0.5,
    counts: Sequence[float] | NDArray[np.float64] | float = 1.0,
    variances: Sequence[float] | NDArray[np.float64] | float = np.nan,
) -> Outcomes:
    """Outcomes, single numbers standing for all."""
    number = len(arms)
    return Outcomes(
        np.asarray(arms, dtype=np.intp),
        np.broadcast_to(np.asarray(propensities, dtype=float), number),
        np.asarray(costs, dtype=float),
        np.broadcast_to(np.asarray(counts, dtype=float), number),
        np.broadcast_to(np.asarray(variances, dtype=float), number),
    )


def taken(outcomes: Outcomes, which: NDArray[np.intp] | slice) -> Outcomes:
    """Some of the outcomes, in the order of ``which``."""
    return Outcomes(*(getattr(outcomes, field.name)[which] for field in fields(outcomes)))


def numbers(state: Any) -> list[NDArray[np.float64]]:
    """Every array and number of a state, in the order of its fields."""
    if is_dataclass(state):
        return [array for field in fields(state) for array in numbers(getattr(state, field.name))]
    return [] if state is None else [np.asarray(state, dtype=float)]

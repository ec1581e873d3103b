"""Studies and outcomes that bandits are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Bandit, Outcomes, Table
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective
from trimtab_service.domain.space import Integer, SearchSpace
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudySpec

REAL = Metric("cost")
BINARY = Metric("cost", MetricKind.BINARY)
BOUNDED = Metric("cost", min=-3.0, max=5.0)
METRICS = {"real": REAL, "binary": BINARY, "bounded": BOUNDED}
NOW = 1.8e9
NO_CONTEXT: NDArray[np.float64] = np.zeros(0)


def study_of(arms: int, metric: Metric = REAL, goal: Goal = Goal.MINIMIZE) -> Study:
    """A study with ``arms`` points."""
    spec = StudySpec(SearchSpace((Integer("arm", 1, arms),)), (metric,), (Objective(metric.name, goal),), seed=1)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Study(StudyName("default", "problem"), "0" * 32, spec, ChosenAlgorithm("any", {}, "", True), now, now)


def start(bandit: Bandit, arms: int, metric: Metric = REAL, goal: Goal = Goal.MINIMIZE) -> Any:
    """The state that knows nothing of ``arms`` arms."""
    return bandit.initial(study_of(arms, metric, goal), arms)


def outcomes_of(
    arms: Sequence[int] | NDArray[np.intp],
    costs: Sequence[float] | NDArray[np.float64],
    propensities: Sequence[float] | NDArray[np.float64] | float = 0.5,
    counts: Sequence[float] | NDArray[np.float64] | float = 1.0,
    variances: Sequence[float] | NDArray[np.float64] | float = np.nan,
    steps: Sequence[float] | NDArray[np.float64] | float = 0.0,
) -> Outcomes:
    """Outcomes without a context, single numbers standing for all."""
    number = len(arms)

    def each(values: Sequence[float] | NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.broadcast_to(np.asarray(values, dtype=float), number)

    return Outcomes(
        arms=np.asarray(arms, dtype=np.intp),
        propensities=each(propensities),
        costs=np.asarray(costs, dtype=float),
        counts=each(counts),
        variances=each(variances),
        contexts=np.zeros((number, 0)),
        times=np.full(number, NOW),
        steps=each(steps),
        tags=np.zeros(number, dtype=np.intp),
    )


def taken(outcomes: Outcomes, which: NDArray[np.intp] | slice) -> Outcomes:
    """Some of the outcomes, in the order of ``which``."""
    return Outcomes(*(getattr(outcomes, field.name)[which] for field in fields(outcomes)))


def taken_back(outcomes: Outcomes) -> Outcomes:
    """What undoes the outcomes once they have been folded in."""
    return replace(outcomes, counts=-outcomes.counts)


def chances(bandit: Bandit, state: Any, arms: NDArray[np.intp] | Sequence[int]) -> NDArray[np.float64]:
    """The probability of each of ``arms``, without the floor."""
    return bandit.policy(state, NOW).chances(np.asarray(arms, dtype=np.intp), NO_CONTEXT)


def table(bandit: Bandit, state: Any, arms: int) -> Table:
    """What is drawn from while all ``arms`` arms may be played."""
    everyone = np.arange(arms)
    return Table.of(everyone, chances(bandit, state, everyone), bandit.floor)


def numbers(state: Any) -> list[NDArray[np.float64]]:
    """Every array and number of a state, in the order of its fields."""
    if is_dataclass(state):
        return [array for field in fields(state) for array in numbers(getattr(state, field.name))]
    return [] if state is None else [np.asarray(state, dtype=float)]


def same(expected: Any, actual: Any, *, weight: Any = None) -> bool:
    """Whether two states agree up to rounding, each array measured by its own size, or by that in ``weight``."""
    for left, right, sizes in zip(numbers(expected), numbers(actual), numbers(weight or expected), strict=True):
        scale = float(np.abs(sizes[np.isfinite(sizes)]).max(initial=0.0))
        np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9 * scale)
    return True

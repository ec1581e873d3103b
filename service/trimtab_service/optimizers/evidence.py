"""What a history says, as the arrays that a surrogate learns from. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.metric import MetricKind, OutsideRange
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Parameters, ParameterValue
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.hypervolume import non_dominated
from trimtab_service.optimizers.noise import halvings, weighed
from trimtab_service.optimizers.targets import LEAST_VARIANCE as LEAST_VARIANCE
from trimtab_service.optimizers.targets import (
    WHISKER,
    Mask,
    Role,
    Target,
    constraint_target,
    cost_target,
    objective_target,
)
from trimtab_service.optimizers.targets import Vector as Vector
from trimtab_service.optimizers.thinning import telling
from trimtab_service.optimizers.thinning import thin as thin

MOST_ROWS = 500  # that a model is made of: its cost grows with their cube


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was tried, and what came of it, within a budget of rows.

    rows: [n, d] of the parameters, then of the context, of completed and
        failed trials, by number.
    targets: one a modelled metric, [n] each: the objectives in the order of
        the study, then what is constrained, then the cost of a trial.
    measured: [n] bool, False where the trial failed.
    numbers: [n] of the trials.
    pending: [m, d] of trials that are being tried at the moment.
    completed: how many trials of the history are, those without a row too.
    """

    rows: Rows
    targets: tuple[Target, ...]
    measured: NDArray[np.bool_]
    numbers: NDArray[np.intp]
    pending: Rows
    completed: int = 0

    @property
    def costs(self) -> Vector:
        """[n] of the first objective; see ``Target``."""
        return self.targets[0].costs

    @property
    def variances(self) -> Vector | None:
        """[n] of the errors of ``costs``, or None; see ``Target``."""
        return self.targets[0].variances

    @property
    def location(self) -> float:
        """Cost of the first objective in the unit of the metric = location + spread * standardized cost."""
        return self.targets[0].location

    @property
    def spread(self) -> float:
        """See ``location``."""
        return self.targets[0].spread

    def alone(self, target: Target) -> Evidence:
        """Of one of the targets alone, with the rows that say something about it."""
        if len(self.targets) == 1:
            return self
        return replace(self, targets=(target,)).at(np.flatnonzero(target.told))

    def at(self, kept: NDArray[np.intp]) -> Evidence:
        """The same with some of the rows."""
        targets = tuple(target.at(kept) for target in self.targets)
        return replace(
            self, rows=self.rows[kept], targets=targets, measured=self.measured[kept], numbers=self.numbers[kept]
        )

    def of(self, role: Role) -> tuple[Target, ...]:
        """The targets of one role, in order."""
        return tuple(target for target in self.targets if target.role is role)


def encodings(study: Study) -> tuple[Encoding, Encoding]:
    """The encodings of parameters and context; a row of evidence is one beside the other."""
    return Encoding(study.spec.space.parameters), Encoding(study.spec.context)


def categorical_columns(study: Study) -> tuple[int, ...]:
    """The columns of evidence that hold names."""
    parameters, context = encodings(study)
    return (*parameters.categorical, *(parameters.width + index for index in context.categorical))


def rows_of(study: Study, points: Sequence[Parameters], contexts: Sequence[Mapping[str, ParameterValue]]) -> Rows:
    """Rows [n, d] of n points, each in its context."""
    parameters, context = encodings(study)
    return np.hstack([parameters.encode(points), context.encode(contexts)])


def gather(study: Study, history: History, most: int, *, along_costs: bool = False) -> Evidence:
    """The evidence of a history with at least one completed trial.

    Abandoned trials say nothing and are left out. What the metrics are turned
    into: see ``targets``.

    Variances: of the standard errors that the callers gave, where at least
    half of the measured trials have one; the others are taken to be as noisy
    a single measurement as the median. Else None, one level for all to be
    estimated. A share of successes carries its binomial error by itself. What
    counts and, in a study with a half-life, ages add to that: see ``noise``.

    Beyond ``most`` trials, some are left out; ``telling`` says which.

    along_costs: whether the best at every cost is looked for.
    """
    # Of tens of thousands of trials, to look up the name of a state takes longer than to compare it.
    done, failed = TrialState.COMPLETED, TrialState.FAILED
    trials = [trial for trial in history.trials if trial.state is done or trial.state is failed]
    completed = [trial for trial in trials if trial.state is done]
    measured = np.array([trial.state is done for trial in trials])
    targets = _targets(study, completed, trials, measured, along_costs)
    rows = rows_of(study, [trial.parameters for trial in trials], [trial.context for trial in trials])
    kept = telling(rows, targets, measured, most)
    waiting = history.in_state(TrialState.PENDING)
    return Evidence(
        rows=rows[kept],
        targets=tuple(target.at(kept) for target in targets),
        measured=measured[kept],
        numbers=np.array([trial.number for trial in trials], dtype=np.intp)[kept],
        pending=rows_of(study, [trial.parameters for trial in waiting], [trial.context for trial in waiting]),
        completed=len(completed),
    )


def _targets(
    study: Study, completed: Sequence[Trial], trials: Sequence[Trial], measured: Mask, along_costs: bool
) -> tuple[Target, ...]:
    """Of completed and failed ``trials`` [n], and of the completed ones of them, which are ``measured`` [n]."""
    spec = study.spec
    found: dict[str, list[Measurement]] = {}

    def values(name: str) -> tuple[MetricKind, list[Measurement], Mask]:
        found[name] = _measurements(study, completed, name)
        return spec.metric(name).kind, found[name], measured

    # How bad a point is in a bad condition counts, where it must be good in all of them.
    whisker = WHISKER if spec.robustness is None else math.inf
    ends = _ends(study, completed, along_costs)
    targets = [
        objective_target(one.metric, one.sign, *values(one.metric), whisker, end)
        for one, end in zip(spec.objectives, ends, strict=True)
    ]
    for constraint in spec.outcome_constraints:
        bounds = constraint.bounds(baseline_value(study, completed, constraint.metric))
        targets.append(constraint_target(constraint.metric, bounds, *values(constraint.metric)))
    if spec.cost_metric is not None:
        targets.append(cost_target(spec.cost_metric, *values(spec.cost_metric)))
    ages = None if spec.half_life is None else halvings(trials, spec.half_life)
    return tuple(weighed(target, _counts(found[target.name], measured), ages) for target in targets)


def _ends(study: Study, completed: Sequence[Trial], along_costs: bool) -> list[float]:
    """The worst cost of interest of each objective: where its front ends, or the reference point; -inf without a front.

    What lies there may be far from all others, and yet is no mishap.
    """
    spec = study.spec
    traded = [(one.metric, one.sign, one.reference_point) for one in spec.objectives]
    if along_costs and spec.cost_metric is not None:
        traded.append((spec.cost_metric, 1.0, None))
    if len(traded) == 1:
        return [-math.inf]
    costs = np.array(
        [[sign * each.mean for each in _measurements(study, completed, name)] for name, sign, _ in traded]
    ).T
    worst = costs[non_dominated(costs)].max(axis=0).tolist()
    return [
        end if reference is None else max(end, sign * reference)
        for end, (_, sign, reference) in zip(worst, traded, strict=True)
    ][: len(spec.objectives)]


def _counts(measurements: Sequence[Measurement], measured: Mask) -> Vector:
    """[n] how many measurements each trial's value is a mean of; a failure counts once.

    measurements: of the measured ones of n trials.
    """
    counts = np.ones(len(measured))
    counts[measured] = [measurement.count for measurement in measurements]
    return counts


def _measurements(study: Study, completed: Sequence[Trial], metric: str) -> list[Measurement]:
    """What completed trials count as for a metric."""
    declared = study.spec.metric(metric)
    if declared.formula is not None or declared.outside is OutsideRange.CLIP:
        return [measurement(study, trial, metric) for trial in completed]
    # It is what was measured; of many trials that is quicker to look up than to ask for.
    observations = [trial.observation for trial in completed if trial.observation is not None]
    return [observation.measurements[metric] for observation in observations]


def measurement(study: Study, trial: Trial, metric: str) -> Measurement:
    """What a completed trial counts as for a metric."""
    if trial.observation is None:
        raise ValueError(f"trial {trial.number} is completed and has no observation")
    return study.spec.reward(trial.observation, metric)


def baseline_value(study: Study, completed: Sequence[Trial], metric: str) -> float | None:
    """The mean of what the baseline was measured to have; None: it wasn't measured."""
    found = [measurement(study, each, metric) for each in completed if each.parameters == study.spec.baseline]
    if not found:
        return None
    weights = np.array([measurement.count for measurement in found], dtype=float)
    return float(weights / weights.sum() @ [measurement.mean for measurement in found])

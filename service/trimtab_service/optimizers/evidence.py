"""What a history says, as the arrays that a surrogate learns from. NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.metric import MetricKind
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Parameters, ParameterValue
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.optimizers.encoding import Encoding, Rows

Vector: TypeAlias = NDArray[np.float64]
"""[n] one number a row."""

MOST_ROWS = 500  # that a model is made of: its cost grows with their cube
WHISKER = 1.5  # Tukey's fences: costs this many interquartile ranges above Q3 are clipped there
FAILURE_COST = 1.0  # in standard deviations: a failure is never better than this
LEAST_SPREAD = 1e-12  # of the largest cost: below it differences are rounding
LEAST_VARIANCE = 1e-6  # of standardized costs: below it a covariance matrix stops being invertible
MOST_VARIANCE = 1e6  # likewise: above it a measurement says nothing
SHARE_WITH_ERRORS = 0.5  # of the measured trials: below it standard errors are left aside


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was tried, and what came of it, within a budget of rows.

    rows: [n, d] of the parameters, then of the context, of completed and
        failed trials, by number.
    costs: [n] standardized, smaller is better; see ``gather``.
    variances: [n] of the costs' errors, in the same unit; None: not known.
    measured: [n] bool, False where the trial failed.
    numbers: [n] of the trials.
    pending: [m, d] of trials that are being tried at the moment.
    location, spread: cost in the unit of the metric = location + spread * standardized cost.
    """

    rows: Rows
    costs: Vector
    variances: Vector | None
    measured: NDArray[np.bool_]
    numbers: NDArray[np.intp]
    pending: Rows
    location: float
    spread: float


def encodings(study: Study) -> tuple[Encoding, Encoding]:
    """The encodings of parameters and context; a row of evidence is one beside the other."""
    return Encoding(study.spec.space.parameters), Encoding(study.spec.context)


def rows_of(study: Study, points: Sequence[Parameters], contexts: Sequence[Mapping[str, ParameterValue]]) -> Rows:
    """Rows [n, d] of n points, each in its context."""
    parameters, context = encodings(study)
    return np.hstack([parameters.encode(points), context.encode(contexts)])


def gather(study: Study, history: History, most: int) -> Evidence:
    """The evidence of a history with at least one completed trial.

    Costs: the objective with the sign that makes smaller better, the bad side
    clipped at Q3 + 1.5 interquartile ranges, standardized. A failed trial
    counts as the worst cost, or one standard deviation above the mean if that
    is more: bad enough to keep away from, and no cliff that the surrogate
    would bend for. Abandoned trials say nothing and are left out.

    Variances: of the standard errors that the callers gave, where at least
    half of the measured trials have one; the others are taken to be as noisy
    a single measurement as the median. Else None, one level for all to be
    estimated. A share of successes carries its binomial error by itself.

    Beyond ``most`` trials, some are left out; ``thin`` says which.
    """
    trials = [trial for trial in history.trials if trial.state in (TrialState.COMPLETED, TrialState.FAILED)]
    measured = np.array([trial.state is TrialState.COMPLETED for trial in trials])
    completed = [_measurement(study, trial) for trial in trials if trial.state is TrialState.COMPLETED]
    sign = study.spec.objective.sign
    raw = np.array([sign * measurement.mean for measurement in completed])
    # Costs near the largest double must not overflow in the sums below.
    scale = float(np.max(np.abs(raw))) or 1.0
    clipped = _clip_bad_side(raw / scale)
    location, spread = float(clipped.mean()), float(clipped.std())
    if spread < LEAST_SPREAD:
        spread = 1.0
    costs = np.empty(len(trials))
    costs[measured] = (clipped - location) / spread
    costs[~measured] = max(float(costs[measured].max()), FAILURE_COST)
    variances = None
    known = _variances(study, completed, max(scale * spread, float(np.finfo(float).tiny)))
    if known is not None:
        variances = np.full(len(trials), np.median(known))
        variances[measured] = known
    rows = rows_of(study, [trial.parameters for trial in trials], [trial.context for trial in trials])
    kept = thin(rows, costs, most)
    waiting = history.in_state(TrialState.PENDING)
    return Evidence(
        rows=rows[kept],
        costs=costs[kept],
        variances=None if variances is None else variances[kept],
        measured=measured[kept],
        numbers=np.array([trial.number for trial in trials], dtype=np.intp)[kept],
        pending=rows_of(study, [trial.parameters for trial in waiting], [trial.context for trial in waiting]),
        location=location * scale,
        spread=spread * scale,
    )


def thin(rows: Rows, costs: Vector, most: int) -> NDArray[np.intp]:
    """Indices, increasing, of at most ``most`` of n rows [n, d] with costs [n].

    A third each: the best, the most recent (the last rows), and, of an even
    sample of the others, those that lie farthest from all kept so far.
    """
    count = len(costs)
    if count <= most:
        return np.arange(count)
    third = most // 3
    kept = np.zeros(count, dtype=bool)
    kept[np.argsort(costs, kind="stable")[:third]] = True
    kept[count - third :] = True
    others = np.flatnonzero(~kept)
    others = others[np.linspace(0, len(others) - 1, min(len(others), 2 * most)).astype(np.intp)]
    distance = np.full(len(others), np.inf)
    for index in np.flatnonzero(kept):
        distance = np.minimum(distance, _squares(rows[others], rows[index]))
    for _ in range(most - int(kept.sum())):
        farthest = int(np.argmax(distance))
        kept[others[farthest]] = True
        distance = np.minimum(distance, _squares(rows[others], rows[others[farthest]]))
        distance[farthest] = -np.inf
    return np.flatnonzero(kept)


def _squares(rows: Rows, row: Vector) -> Vector:
    """Squared distances [n] of rows [n, d] from one row [d]; two names are 1 apart, as the ends of a scale are."""
    squares: Vector = np.square(np.minimum(np.abs(rows - row), 1.0)).sum(axis=1)
    return squares


def _measurement(study: Study, trial: Trial) -> Measurement:
    if trial.observation is None:
        raise ValueError(f"trial {trial.number} is completed and has no observation")
    return study.spec.reward(trial.observation)


def _clip_bad_side(costs: Vector) -> Vector:
    first, third = np.percentile(costs, (25, 75))
    return np.minimum(costs, third + WHISKER * (third - first)) if third > first else costs


def _variances(study: Study, measurements: Sequence[Measurement], unit: float) -> Vector | None:
    """[n] squared standard errors in multiples of ``unit``, or None; see ``gather``."""
    kind = study.spec.objective_metric.kind
    errors = np.array([_standard_error(measurement, kind) for measurement in measurements])
    given = ~np.isnan(errors)
    if given.mean() < SHARE_WITH_ERRORS:
        return None
    counts = np.array([measurement.count for measurement in measurements], dtype=float)
    with np.errstate(over="ignore"):
        known = np.clip(np.square(errors / unit), LEAST_VARIANCE, MOST_VARIANCE)
    single = float(np.median(known[given] * counts[given]))
    return np.where(given, known, np.clip(single / counts, LEAST_VARIANCE, MOST_VARIANCE))


def _standard_error(measurement: Measurement, kind: MetricKind) -> float:
    """Of the mean; NaN: not known."""
    if measurement.standard_error is not None:
        return measurement.standard_error
    if kind is MetricKind.BINARY:
        # Two successes and two failures more (Agresti, Coull 1998): a share
        # of 0 or 1 in a small sample is not without error.
        share = (measurement.mean * measurement.count + 2.0) / (measurement.count + 4.0)
        return math.sqrt(share * (1.0 - share) / measurement.count)
    return math.nan

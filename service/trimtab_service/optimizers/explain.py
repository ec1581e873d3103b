"""Says what the models of a study believe, of one point and of the space around it. NumPy and SciPy, no torch."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument, NothingObserved
from trimtab_service.domain.explanation import MOST_RESOLUTION, Explanation, Neighbour, Slice, SlicePoint
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Discrete, Parameters, ParameterValue
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.optimizers.encoding import Encoding, Rows, from_indices
from trimtab_service.optimizers.evidence import MOST_ROWS, encodings, gather
from trimtab_service.optimizers.gp_question import Question, beside, improvement, where_it_works
from trimtab_service.optimizers.incumbent import incumbent
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.targets import Vector

MOST_NEIGHBOURS = 5
EDGE = 1e-12  # uniform draws are less than 1
DRAWS = 512  # points of the space, of which importances are computed


def explain(
    study: Study, history: History, context: Parameters, point: Parameters | None, slices: Sequence[Slice]
) -> Explanation:
    """What is expected of ``point`` in a context, of None: of the incumbent, and why it would be tried.

    Raises NothingObserved without a completed trial.
    """
    if not history.in_state(TrialState.COMPLETED):
        raise NothingObserved("nothing was observed yet: there is nothing to explain")
    if point is None:
        point = incumbent(study, history, context).parameters
    evidence = gather(study, history, MOST_ROWS)
    surrogates = Surrogates.of(study, evidence, history.related)
    question = Question.of(study, evidence, context, Region(study.spec.space), surrogates)
    encoding = question.encoding
    row = encoding.encode([point])
    there = beside(row, question.here)
    (predictions,) = surrogates.predictions(there)
    return Explanation(
        parameters=dict(point),
        predictions=predictions,
        expected_improvement=_expected_improvement(study, question, row),
        probability_feasible=float(surrogates.probability_feasible(there)[0]) if surrogates.bounds else None,
        neighbours=_neighbours(study, history.in_state(TrialState.COMPLETED), question, there),
        importances=importances(study, question),
        slices=_cuts(study, question, point, slices),
    )


def _expected_improvement(study: Study, question: Question, row: Rows) -> float | None:
    """In the unit of the objective, by trying [1, d]; None with several objectives."""
    if len(study.spec.objectives) > 1:
        return None
    gain = improvement(question, question.rivals, question.pending[:0], seed=0)
    (value,) = where_it_works(question, gain).values(row)
    best = question.posterior.at(question.known[:1]).means[0, 0]
    return float(np.exp(value)) * question.surrogates.targets[0].unit(float(best))


def _neighbours(study: Study, trials: Sequence[Trial], question: Question, there: Rows) -> tuple[Neighbour, ...]:
    """The completed trials most like [1, d + c] to the model of the first objective."""
    _, context_encoding = encodings(study)
    rows = beside(question.encoding.encode([trial.parameters for trial in trials]), question.here)
    contexts = context_encoding.encode([trial.context for trial in trials])
    width = question.encoding.width
    rows[:, width : width + contexts.shape[1]] = contexts
    kernel = question.posterior.kernel
    correlations = kernel.parts(there, rows)[0][0] / kernel.scale
    nearest = np.argsort(-correlations, kind="stable")[:MOST_NEIGHBOURS]
    return tuple(
        Neighbour(trials[index].number, float(np.clip(correlations[index], 0.0, 1.0)), _measured(trials[index]))
        for index in nearest
    )


def _measured(trial: Trial) -> dict[str, Measurement]:
    return {} if trial.observation is None else dict(trial.observation.measurements)


def importances(study: Study, question: Question) -> dict[str, dict[str, float]]:
    """Sobol's total indices of the expected values of each metric, by parameter and context value, greatest first.

    The share of the variance over the space that goes where one input alone is
    drawn anew (Jansen 1999, "Analysis of variance designs for model output").
    Inputs are drawn one by one: constraints between parameters are left aside,
    since with them no share would belong to one parameter.
    """
    encoding, context_encoding = encodings(study)
    rng = np.random.default_rng(study.seed)
    first, second = (_anywhere(encoding, context_encoding, question.here, rng) for _ in range(2))
    names = [*(one.name for one in encoding.parameters), *(one.name for one in context_encoding.parameters)]
    values = _values(question, first)
    shares: dict[str, dict[str, float]] = {metric: {} for metric in values}
    for column, name in enumerate(names):
        changed = first.copy()
        changed[:, column] = second[:, column]
        if column < encoding.width:
            rows = changed[:, : encoding.width]
            changed[:, : encoding.width] = encoding.begun(rows, first[:, : encoding.width], second[:, : encoding.width])
        for metric, new in _values(question, changed).items():
            # The squares of the largest numbers that there are would overflow.
            unit = float(np.abs(values[metric]).max()) or 1.0
            before, after = values[metric] / unit, new / unit
            variance = float(np.var(before))
            share = 0.5 * float(np.mean(np.square(after - before))) / variance if variance > 0.0 else 0.0
            shares[metric][name] = min(share, 1.0)
    return {
        metric: dict(sorted(found.items(), key=lambda pair: pair[1], reverse=True)) for metric, found in shares.items()
    }


def _anywhere(encoding: Encoding, context_encoding: Encoding, here: Rows, rng: np.random.Generator) -> Rows:
    rows = beside(encoding.draw(rng.random((DRAWS, encoding.width))), here)
    contexts = context_encoding.draw(rng.random((DRAWS, context_encoding.width)))
    rows[:, encoding.width : encoding.width + context_encoding.width] = contexts
    return rows


def _values(question: Question, rows: Rows) -> dict[str, Vector]:
    """Of each metric, in its unit, where the model expects it at rows [n, d + c]: [n] the medians."""
    found: dict[str, Vector] = {}
    for target, posterior in zip(question.surrogates.targets, question.surrogates.posteriors, strict=True):
        found.setdefault(target.name, target.value(posterior.at(rows).means[:, 0]))
    return found


def _cuts(
    study: Study, question: Question, point: Parameters, slices: Sequence[Slice]
) -> tuple[tuple[SlicePoint, ...], ...]:
    found = []
    for index, each in enumerate(slices):
        with errors.field(f"slices[{index}]"):
            found.append(cut(study, question, point, each))
    return tuple(found)


def cut(study: Study, question: Question, point: Parameters, wanted: Slice) -> tuple[SlicePoint, ...]:
    """What is expected along the parameters of ``wanted``, the others being as at ``point``.

    Where another value brings parameters into being that ``point`` doesn't
    have, these are in the middle of their scales. Raises InvalidArgument
    (field ``parameters``) where no point of the cut is legal.
    """
    encoding = question.encoding
    base = encoding.encode([point])
    columns = [[one.name for one in encoding.parameters].index(name) for name in wanted.parameters]
    axes = [_axis(encoding, column, wanted.resolution) for column in columns]
    places = np.array(list(itertools.product(*axes)))
    before, fill = (np.repeat(row, len(places), axis=0) for row in (base, encoding.centre()))
    rows = before.copy()
    rows[:, columns] = fill[:, columns] = places
    rows = encoding.begun(rows, before, fill)
    points = encoding.decode(rows)
    faults = [_fault(study, each, wanted.parameters) for each in points]
    legal = [index for index, fault in enumerate(faults) if fault is None]
    if not legal:
        raise InvalidArgument("parameters", f"no point along them is legal, the others being as they are: {faults[0]}")
    predictions = question.surrogates.predictions(beside(rows[legal], question.here))
    return tuple(
        SlicePoint({name: points[index][name] for name in wanted.parameters}, prediction)
        for index, prediction in zip(legal, predictions, strict=True)
    )


def _axis(encoding: Encoding, column: int, resolution: int) -> Vector:
    """Positions [k] of different values along one column; see ``Slice``."""
    count = encoding.cardinalities[column]
    if count is None:
        return np.linspace(0.0, 1.0, resolution)
    if column in encoding.categorical:
        return np.unique(np.linspace(0.0, count - 1.0, min(count, MOST_RESOLUTION)).round())
    parameter = encoding.parameters[column]
    most = MOST_RESOLUTION if isinstance(parameter, Discrete) else resolution
    if count <= most:
        return from_indices(parameter, np.arange(count, dtype=float))
    uniforms = np.zeros((most, encoding.width))
    uniforms[:, column] = np.linspace(0.0, 1.0 - EDGE, len(uniforms))
    return np.unique(encoding.draw_each(uniforms)[:, column])


def _fault(study: Study, point: Mapping[str, ParameterValue], names: Sequence[str]) -> str | None:
    """Why a point is none of a cut along these parameters; None: it is one."""
    for name in names:
        if name not in point:
            return f"{name!r} doesn't exist there"
    try:
        study.spec.space.check(point)
    except InvalidArgument as error:
        return error.violations[0].description
    return None

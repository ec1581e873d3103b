"""The best parameters known, by a model of all that was measured, whatever algorithm chose it.

Brings SciPy; import it inside a call only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.errors import NoIncumbent
from trimtab_service.domain.prediction import Prediction
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Incumbent, Source, Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.contenders import LIKELY, reference_costs
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import MOST_ROWS, Evidence, encodings, gather
from trimtab_service.optimizers.gp_question import Question, improvement, where_it_works
from trimtab_service.optimizers.gp_robust import robustly_best
from trimtab_service.optimizers.gp_search import ranked
from trimtab_service.optimizers.pareto import balanced, front_of
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.surrogates import INTERVAL, Surrogates
from trimtab_service.optimizers.targets import Role, Vector
from trimtab_service.optimizers.transforms import MOST_LOG


def incumbent(study: Study, history: History, context: Parameters) -> Incumbent:
    """The best completed trial, by Gaussian processes of all trials.

    Law: it is judged by the model and never by its own measurement alone, so
    the luckiest of many noisy measurements doesn't win. Of the trials that
    fulfil the outcome constraints with a probability of at least one half (and
    work with one, if any of them does), it is the one of least posterior mean
    cost (of an objective that is bent, of its image: the least median); where
    there is none, the one that fulfils them most probably. With several
    objectives it is, of the Pareto front, the one that is far from the
    reference point in every objective (``pareto.balanced``), and ``mean`` is
    that of the first objective.

    Judged in ``context``, or, if a study with a context gets an empty one,
    each trial in its own. Beyond 500 trials the most telling 500 are looked
    at. With nothing completed: the baseline, of which nothing is known; raises
    NoIncumbent without one.
    """
    if not history.in_state(TrialState.COMPLETED):
        if study.spec.baseline is None:
            raise NoIncumbent("nothing was observed yet, and the study has no baseline")
        return Incumbent(dict(study.spec.baseline), Source.BASELINE)
    evidence = gather(study, history, MOST_ROWS)
    if study.spec.robustness is not None:
        return _over_all_conditions(study, history, evidence, Surrogates.of(study, evidence, history.related))
    surrogates = Surrogates.of(study, evidence, history.related)
    parameters, context_encoding = encodings(study)
    measured = np.flatnonzero(evidence.measured)
    rows = evidence.rows[measured]
    if context:
        rows[:, parameters.width :] = context_encoding.encode([context])
    best = _best(study, surrogates, rows)
    trial = _trial(history, int(evidence.numbers[measured[best]]))
    row = rows[best : best + 1]
    (predictions,) = surrogates.predictions(row)
    own = predictions[study.spec.objective.metric]
    return Incumbent(
        parameters=dict(trial.parameters),
        source=Source.INCUMBENT,
        mean=own.mean,
        standard_error=own.standard_error,
        number=trial.number,
        predictions=predictions,
        probability_better=_probability_better(study, history, parameters, surrogates, row),
        probability_feasible=float(surrogates.probability_feasible(row)[0]) if surrogates.bounds else None,
        expected_gain=_expected_gain(study, history, evidence, context or trial.context, surrogates),
    )


def _best(study: Study, surrogates: Surrogates, rows: Rows) -> int:
    """The index of the best of measured rows [n, d + c]; see ``incumbent``."""
    costs, log_probability = surrogates.means(rows), surrogates.log_probability_feasible(rows)
    probability = np.exp(log_probability)
    likely = probability >= LIKELY
    works = likely & (surrogates.probability_works(rows) >= LIKELY)
    acceptable: NDArray[np.intp] = np.flatnonzero(works if works.any() else likely)
    if not len(acceptable):
        return int(np.lexsort((costs[:, 0], -log_probability))[0])
    if costs.shape[1] == 1:
        return int(acceptable[np.argmin(costs[acceptable, 0])])
    front = front_of(costs, rows, probability)
    return int(front[balanced(costs[front], reference_costs(study.spec, surrogates, rows))])


def _trial(history: History, number: int) -> Trial:
    return next(trial for trial in history.trials if trial.number == number)


def _probability_better(
    study: Study, history: History, encoding: Encoding, surrogates: Surrogates, row: Rows
) -> float | None:
    """That every objective is truly better at [1, d + c] than at the baseline in the same context."""
    baseline = study.spec.baseline
    if baseline is None or all(trial.parameters != baseline for trial in history.in_state(TrialState.COMPLETED)):
        return None
    there = row.copy()
    there[:, : encoding.width] = encoding.encode([baseline])
    return float(surrogates.probability_better(row, there)[0])


def _expected_gain(
    study: Study, history: History, evidence: Evidence, context: Parameters, surrogates: Surrogates
) -> float | None:
    """The most that one more trial is expected to better the objective by, in its unit; of several, their hypervolume.

    None while no point is known that would be acceptable: there is nothing to better.
    """
    question = Question.of(study, evidence, context, Region(study.spec.space), surrogates)
    if not (surrogates.probability_feasible(question.known) >= LIKELY).any():
        return None
    gain = where_it_works(question, improvement(question, question.rivals, question.pending[:0], seed=0))
    rng = generator(study, history)
    rows = question.every if question.every is not None else ranked(gain, question.region, question.centres(rng), rng)
    values: Vector = gain.values(rows)
    objectives = [target for target in surrogates.targets if target.role is Role.OBJECTIVE]
    best = surrogates.means(question.known[:1])[0]
    units = [
        math.log(max(target.unit(float(cost)), np.finfo(float).tiny))
        for target, cost in zip(objectives, best, strict=True)
    ]
    return math.exp(min(float(values.max()) + sum(units), MOST_LOG))


def _over_all_conditions(study: Study, history: History, evidence: Evidence, surrogates: Surrogates) -> Incumbent:
    """The best over the conditions of a study that is to be robust, of the points that were measured in any."""
    index, cost, deviation = robustly_best(study, evidence, surrogates.objectives[0], surrogates.success)
    trial = _trial(history, int(evidence.numbers[index]))
    target = evidence.targets[0]
    mean, error = float(target.value(np.array([cost]))[0]), target.scale * target.spread * deviation
    prediction = Prediction(mean, error, mean - INTERVAL * error, mean + INTERVAL * error)
    return Incumbent(
        parameters=dict(trial.parameters),
        source=Source.INCUMBENT,
        mean=mean,
        standard_error=error,
        number=trial.number,
        predictions={target.name: prediction},
    )

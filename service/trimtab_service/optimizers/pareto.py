"""The trials that are best for some trade between several objectives, and how much they cover. NumPy and SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.errors import NothingObserved
from trimtab_service.domain.prediction import ParetoFront, ParetoPoint
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.optimizers.contenders import LIKELY, reference_costs
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import MOST_ROWS, baseline_value, gather, measurement
from trimtab_service.optimizers.hypervolume import hypervolume, hypervolumes, non_dominated
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.targets import LARGEST, Role, Target, Vector


def pareto_front(study: Study, history: History) -> ParetoFront:
    """The trials that no other one is expected to dominate, of those that are probably acceptable.

    Law: judged by the posterior means of the objectives, each trial in its own
    context; acceptable is what fulfils all outcome constraints with a
    probability of at least one half. Of trials at one place the first stands
    for all. Beyond 500 trials the most telling 500 are looked at, except for
    the history of what was measured. Raises NothingObserved without a
    completed trial.

    With one objective and a cost metric the trade is between these two, what
    trials cost being counted by its logarithm.
    """
    completed = history.in_state(TrialState.COMPLETED)
    if not completed:
        raise NothingObserved("nothing was observed yet: there is no front")
    with_cost = len(study.spec.objectives) == 1 and study.spec.cost_metric is not None
    evidence = gather(study, history, MOST_ROWS, along_costs=with_cost)
    surrogates = Surrogates.of(study, evidence, history.related, straight=True)
    measured = np.flatnonzero(evidence.measured)
    rows, numbers = evidence.rows[measured], evidence.numbers[measured]
    costs, probability = surrogates.means(rows, along_costs=with_cost), surrogates.probability_feasible(rows)
    reference = reference_costs(study.spec, surrogates, rows, along_costs=with_cost)
    chosen = front_of(costs, rows, probability)
    targets = [*evidence.of(Role.OBJECTIVE), *(evidence.of(Role.COST) if with_cost else ())]
    unit = min(math.prod(target.scale * target.spread for target in targets), LARGEST)
    by_number = {trial.number: trial for trial in completed}
    predictions = surrogates.predictions(rows[chosen])
    points = [
        ParetoPoint(
            number=int(numbers[index]),
            parameters=dict(by_number[int(numbers[index])].parameters),
            predictions=predicted,
            probability_feasible=float(probability[index]) if surrogates.bounds else None,
        )
        for index, predicted in zip(chosen, predictions, strict=True)
    ]
    return ParetoFront(
        points=tuple(points),
        reference_point={
            **{
                target.name: float(target.value(np.array([cost]))[0])
                for target, cost in zip(targets, reference, strict=True)
            },
            **{one.metric: one.reference_point for one in study.spec.objectives if one.reference_point is not None},
        },
        hypervolume=min(unit * hypervolume(costs[chosen], reference), LARGEST),
        history=_growth(study, completed, targets, reference, unit),
    )


def front_of(costs: Rows, rows: Rows, probability: Vector) -> NDArray[np.intp]:
    """Indices of the front of expected costs [n, m] at rows [n, d], of the acceptable ones; the best first cost first.

    probability: [n] of being acceptable. Rows that are the same count once.
    """
    _, first = np.unique(rows, axis=0, return_index=True)
    acceptable = np.sort(first[probability[first] >= LIKELY])
    front = acceptable[non_dominated(costs[acceptable])]
    return front[np.argsort(costs[front, 0], kind="stable")]


def balanced(costs: Rows, reference: Vector) -> int:
    """The index of the point of a front [n, m] that is far from the reference point [m] in every cost.

    The one whose box up to the reference point is largest: Nash's bargaining
    solution. Where none has a box, the one that lacks least.
    """
    room = reference - costs
    volumes = np.prod(np.maximum(room, 0.0), axis=1)
    return int(np.lexsort((-room.min(axis=1), -volumes))[0])


def _growth(
    study: Study, completed: Sequence[Trial], targets: Sequence[Target], reference: Vector, unit: float
) -> tuple[tuple[int, float], ...]:
    """By trial, the hypervolume of all up to it, as they were measured; what broke a constraint adds nothing."""
    costs = np.array(
        [[target.cost(measurement(study, trial, target.name).mean) for target in targets] for trial in completed]
    )
    for constraint in study.spec.outcome_constraints:
        low, high = constraint.bounds(baseline_value(study, completed, constraint.metric))
        values = np.array([measurement(study, trial, constraint.metric).mean for trial in completed])
        costs[(values < low) | (values > high)] = math.inf
    with np.errstate(over="ignore"):
        volumes = np.minimum(unit * hypervolumes(costs, reference), LARGEST)
    return tuple((trial.number, float(volume)) for trial, volume in zip(completed, volumes, strict=True))

"""Which tried points may be the best ones, in what order, and what the hypervolume is measured from. No torch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.study import StudySpec
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_acquisition import MOST_RIVALS, RIVAL_WIDTH, promising
from trimtab_service.optimizers.hypervolume import non_dominated
from trimtab_service.optimizers.surrogates import Surrogates
from trimtab_service.optimizers.targets import Role, Vector

LIKELY = 0.5  # a point counts as acceptable from this probability on
HARDLY = 0.01  # below this one it isn't considered
# How far behind a front's worst costs an inferred reference point lies: a share of
# its width, and at least so many standard deviations of the costs, since of a front
# that is hardly known yet the ends would be of no interest otherwise.
MARGIN, LEAST_MARGIN = 0.1, 1.0
FARTHEST = 1e6  # standard deviations; of volumes that reach farther nothing is left of what differs


def contenders(surrogates: Surrogates, rows: Rows, *, along_costs: bool = False) -> tuple[Rows, Rows]:
    """The different ones of measured ``rows`` [n, d], the best first, and those [p, d], p >= 1, that may be the best.

    With one objective the best is the acceptable one of least expected cost,
    then come the others by the probability of being acceptable. With several
    the Pareto front of the expected costs comes first.

    along_costs: whether what trials cost counts as another objective.
    """
    bounds, objectives = surrogates.bounds, surrogates.traded(along_costs=along_costs)
    if len(objectives) == 1 and not bounds:
        known, likely = promising(objectives[0], rows)
        return known, known[:likely]
    rows = np.unique(rows, axis=0)
    log_probability = surrogates.log_probability_feasible(rows)
    probability = np.exp(log_probability)
    locals_ = [posterior.at(rows) for posterior in objectives]
    means = np.stack([local.means[:, 0] for local in locals_], axis=1)
    reach = RIVAL_WIDTH * np.stack([local.deviations for local in locals_], axis=1)
    acceptable = probability >= LIKELY
    behind = _behind(means, means, acceptable)
    doubt = np.where(acceptable, -1.0, -log_probability)
    order = np.lexsort((means[:, 0], behind, doubt) if len(objectives) > 1 else (means[:, 0], doubt))
    may = (probability >= HARDLY) & (_behind(means - reach, means + reach, acceptable) <= 0.0)
    chosen = order[may[order]]
    # Half of the places are for those that are known to be acceptable.
    sure = chosen[acceptable[chosen]][:MOST_RIVALS]
    unsure = chosen[~acceptable[chosen]][: max(MOST_RIVALS // 2, MOST_RIVALS - len(sure))]
    rivals = np.concatenate([sure[: max(MOST_RIVALS // 2, MOST_RIVALS - len(unsure))], unsure])
    return rows[order], rows[rivals if len(rivals) else order[:1]]


def _behind(costs: Rows, others: Rows, among: NDArray[np.bool_]) -> Vector:
    """[n] how far costs [n, m] must come down, in the objective where it takes least, to get before all of the
    ``others`` [n, m] that are ``among`` [n] the acceptable ones; -inf where there are none."""
    if not among.any():
        return np.full(len(costs), -math.inf)
    gaps = (costs[:, None] - others[None, among]).min(axis=2)
    behind: Vector = gaps.max(axis=1)
    return behind


def reference_costs(spec: StudySpec, surrogates: Surrogates, rows: Rows, *, along_costs: bool = False) -> Vector:
    """The reference point [m], in standardized costs.

    Law: what the study declares; of the other objectives a tenth of the
    front's width behind its worst cost (Ishibuchi, Akedo, Nojima 2011, "A
    Many-Objective Test Problem for Visually Examining Diversity Maintenance
    Behavior", for the tenth), and at least a standard deviation of all costs.
    The front is that of the expected costs at measured ``rows`` [n, d], of
    those that are probably acceptable, or of all.
    """
    costs = surrogates.means(rows, along_costs=along_costs)
    acceptable = surrogates.probability_feasible(rows) >= LIKELY
    costs = costs[acceptable] if acceptable.any() else costs
    front = costs[non_dominated(costs)]
    worst, best = front.max(axis=0), front.min(axis=0)
    reference: Vector = worst + np.maximum(MARGIN * (worst - best), LEAST_MARGIN)
    targets = [target for target in surrogates.targets if target.role is Role.OBJECTIVE]
    for index, (objective, target) in enumerate(zip(spec.objectives, targets, strict=True)):
        if objective.reference_point is not None:
            with np.errstate(over="ignore"):
                reference[index] = target.cost(objective.reference_point)
    np.clip(reference, -FARTHEST, FARTHEST, out=reference)
    return reference

"""When a point is worth measuring again. NumPy and SciPy, no torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Evidence
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.novelty import SAME
from trimtab_service.optimizers.targets import Vector

OUTCOMES = ndtri((np.arange(32) + 0.5) / 32)  # of a measurement, in deviations: the middles of equal probabilities
# A new point also tells of its surroundings, which looking one step ahead
# doesn't count; so a repeat must be worth more by this.
AHEAD = 2.0


def doubtful_best(evidence: Evidence, posterior: Posterior, here: Rows, attempts: Callable[[], Rows]) -> Rows:
    """Rows [k, d + c] taken for outliers that would be the best of all, tried once, in the context ``here`` [1, c].

    If one of them is true, it is what the study is looking for; one more
    measurement tells. The best one first.

    attempts: the rows [t, d + c] of all trials, whatever came of them: who
    tried again and got no measurement would get none the next time.
    """
    target = evidence.targets[0]
    if target.added is None:
        return evidence.rows[:0]
    width = evidence.rows.shape[1] - here.shape[1]
    in_context = (np.abs(evidence.rows[:, width:] - here) <= SAME).all(axis=1)
    expected = posterior.at(evidence.rows[evidence.measured]).means[:, 0]
    doubtful = np.flatnonzero((target.added > 0.0) & in_context & (target.costs < expected.min()))
    if not len(doubtful):
        return evidence.rows[:0]
    tried = attempts()
    once = [index for index in doubtful if _times(tried, evidence.rows[index]) == 1]
    found: Rows = evidence.rows[sorted(once, key=lambda index: float(target.costs[index]))]
    return found


def _times(rows: Rows, row: Vector) -> int:
    return int((np.abs(rows - row) <= SAME).all(axis=1).sum())


def knowledge_gains(posterior: Posterior, rows: Rows, noise: float) -> Vector:
    """By how much [p] a measurement at each of rows [p, d] lowers the least expected cost among them, on average.

    The knowledge gradient over these rows: min mu - E[min (mu + s Z)], Z
    standard normal, s_j = cov(f_j, f_x) / root(var f_x + noise), the
    expectation by equally probable outcomes. Frazier, Powell, Dayanik 2009,
    "The Knowledge-Gradient Policy for Correlated Normal Beliefs".

    noise: variance of a measurement.
    """
    local = posterior.at(rows)
    means = local.means[:, 0]
    covariances = posterior.kernel.parts(rows, rows)[0] - local.weights @ local.weights.T
    reach = covariances / np.sqrt(np.maximum(covariances.diagonal(), 0.0) + noise)
    after = (means[:, None, None] + reach[:, :, None] * OUTCOMES).min(axis=0).mean(axis=1)
    gains: Vector = means.min() - after
    return gains


def worth_repeating(posterior: Posterior, new: Rows, rivals: Rows, noise: float) -> NDArray[np.intp]:
    """The index [1] of the one of ``rivals`` [p, d] that is better measured again than ``new`` [1, d] tried, or [0]."""
    if len(rivals) < 2:
        return np.empty(0, dtype=np.intp)
    gains = knowledge_gains(posterior, np.concatenate([rivals, new]), noise)
    best = int(np.argmax(gains[:-1]))
    return np.array([best] if gains[best] > AHEAD * gains[-1] else [], dtype=np.intp)

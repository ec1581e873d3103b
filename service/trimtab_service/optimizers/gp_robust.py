"""Asks the Gaussian process for points that are good in several conditions at once, and for the best of these.

First the parameters, by the expected improvement of what the conditions count
as together; then the condition to measure them in, by what it tells of that.
Janusevskis, Le Riche 2013, "Simultaneous Kriging-based Estimation and
Optimization of Mean Response", with any risk in place of the mean.

Where trials fail is weighed as everywhere: a point is worth what it is
expected to gain times the probability that it works, in the condition where
that is least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Source, Suggested
from trimtab_service.optimizers.conditions import Conditions
from trimtab_service.optimizers.contenders import LIKELY
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Evidence, Vector
from trimtab_service.optimizers.failures import SuccessModel
from trimtab_service.optimizers.gp_acquisition import normal_draws
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.gp_question import EXPLOIT_NOISE
from trimtab_service.optimizers.gp_search import candidates
from trimtab_service.optimizers.novelty import SAME, first_new, pick
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.risk import Risk
from trimtab_service.optimizers.surrogates import Surrogates

MOST_PENDING = 100  # trials that are taken into account, the most recent ones
MOST_CANDIDATES = 4_000  # points times conditions that are looked at in a round
ROUNDS = 3  # of candidates, each around the best of the round before
CENTRES = 5
REPEATED = "every point was tried in every condition; this one is worth measuring again"
UNCERTAIN = "the most promising point was tried in every condition; measuring it again tells more than a new one"


@dataclass(frozen=True, slots=True)
class Judged:
    """Points of the space, by what their costs in all conditions count as.

    rows: [t, d], the best expected one first, those that rather fail last.
    costs: [t, S, q] joint draws. counted: [t, S]. works: [t] the least
    probability, of all conditions, that a trial works.
    """

    rows: Rows
    costs: NDArray[np.float64]
    counted: NDArray[np.float64]
    works: Vector

    @classmethod
    def of(cls, risk: Risk, posterior: Posterior, success: SuccessModel | None, rows: Rows, normal: Rows) -> Judged:
        """Of rows [t, d], by standard normal numbers [S, q]."""
        costs, counted = risk.drawn(posterior, rows, normal)
        works = np.ones(len(rows))
        if success is not None:
            each = success.log_probability(risk.beside(rows)).reshape(len(rows), -1)
            works = np.exp(each.min(axis=1))
        order = np.lexsort((counted.mean(axis=1), works < LIKELY))
        return cls(rows[order], costs[order], counted[order], works[order])


def robustly_best(
    study: Study, evidence: Evidence, posterior: Posterior, success: SuccessModel | None
) -> tuple[int, float, float]:
    """The index of a row of the evidence whose parameters are the best over all conditions, of those measured in any.

    And the mean and the standard deviation of what their standardized costs
    count as. What fails in a condition rather than not is the best only where
    all do. success: where trials work; None where hardly any failed.
    """
    risk, measured = Risk.of(study), np.flatnonzero(evidence.measured)
    width = evidence.rows.shape[1] - risk.conditions.shape[1]
    judged = Judged.of(risk, posterior, success, evidence.rows[measured, :width], _normal(risk, study.seed))
    best = (np.abs(evidence.rows[measured, :width] - judged.rows[0]) <= SAME).all(axis=1)
    return int(measured[np.argmax(best)]), float(judged.counted[0].mean()), float(judged.counted[0].std())


def suggest_robustly(
    study: Study,
    evidence: Evidence,
    surrogates: Surrogates,
    count: int,
    earlier: Sequence[Suggested],
    tried: Rows,
    region: Region,
    rng: np.random.Generator,
    *,
    repeats: bool,
) -> list[Suggested]:
    """``count`` points, each with its condition, after the ``earlier`` ones of the same call.

    tried: rows [t, d + c] of all points that were tried, or are being tried, beside the conditions.
    repeats: whether a point may be measured in a condition again while there are new pairs.
    """
    risk, conditions = Risk.of(study), Conditions.of(study)
    posterior, success = surrogates.objectives[0], surrogates.success
    noise = float(np.median(posterior.noise))
    measured = np.unique(evidence.rows[evidence.measured, : region.encoding.width], axis=0)
    answered = conditions.rows_of(region, earlier)
    answer: list[Suggested] = []
    while len(answer) < count:
        # Pending ones are believed to come out as expected, so that the next one goes elsewhere.
        pending = np.concatenate([evidence.pending[-MOST_PENDING:], answered[-MOST_PENDING:]])
        given = posterior.given(pending, np.zeros((len(pending), 1))) if len(pending) else posterior
        normal = _normal(risk, int(rng.integers(2**31)))
        promising = _promising(risk, given, success, region.brought_in(measured), region, normal, rng)
        wanted = partial(_in_conditions, risk, promising, noise)
        row, why = np.empty((0, answered.shape[1])), UNCERTAIN
        if repeats and noise >= EXPLOIT_NOISE:
            row = _worth_repeating(next(wanted()), tried, np.concatenate([evidence.pending, answered]))
        if not len(row):
            row = _newest(wanted, tried, answered, region, conditions, rng)
            why = "" if len(first_new(row, tried)) else REPEATED
        answered = np.concatenate([answered, row])
        answer.append(conditions.suggested(region, row, Source.INCUMBENT if why else Source.MODEL, why))
    return answer


def _promising(
    risk: Risk,
    posterior: Posterior,
    success: SuccessModel | None,
    tried: Rows,
    region: Region,
    normal: Rows,
    rng: np.random.Generator,
) -> Judged:
    """Points, that of the largest expected improvement on the best tried one first; tried ones are among them."""
    kept = Judged.of(risk, posterior, success, tried, normal)
    best, found = float(kept.counted[0].mean()), kept
    for _ in range(ROUNDS):
        rows = _candidates(region, kept.rows[:CENTRES], MOST_CANDIDATES // len(risk.conditions), rng)
        every = _together([kept, Judged.of(risk, posterior, success, rows, normal)])
        gains = every.works * np.maximum(best - every.counted, 0.0).mean(axis=1)
        # Where nothing is gained in any draw, what is expected decides.
        order = np.lexsort((every.counted.mean(axis=1), every.works < LIKELY, -gains))
        found, kept = _at(every, order), _at(every, order[:CENTRES])
    return found


def _candidates(region: Region, centres: Rows, most: int, rng: np.random.Generator) -> Rows:
    """At most ``most`` legal rows [k, d], anywhere and around the centres."""
    if region.inner is None:
        return region.base[None]
    every = region.every()
    if every is not None and len(every) <= most:
        return every
    rows = region.whole(candidates(region.inner, region.part(centres), rng))
    return rows[rng.permutation(len(rows))[: max(most, CENTRES)]]


def _in_conditions(risk: Risk, promising: Judged, noise: float) -> Iterator[Rows]:
    """Of one point after the other rows [q, d + c], in the condition first that tells most."""
    for index in range(len(promising.rows)):
        order = risk.telling(promising.costs[index], promising.counted[index], noise)
        yield risk.beside(promising.rows[index : index + 1])[order]


def _worth_repeating(best: Rows, tried: Rows, busy: Rows) -> Rows:
    """Of the most promising point [q, d + c] the row [1, d + c] that tells most and isn't busy, where none is new."""
    return best[:0] if len(first_new(best, tried)) else first_new(best, busy)


def _newest(
    wanted: Callable[[], Iterator[Rows]],
    tried: Rows,
    answered: Rows,
    region: Region,
    conditions: Conditions,
    rng: np.random.Generator,
) -> Rows:
    """The row [1, d + c] of the most promising point that is new in some condition; see ``pick`` where none is."""
    taken = np.concatenate([tried, answered])
    for rows in wanted():
        row = first_new(rows, taken)
        if len(row):
            return row
    return pick(np.concatenate(list(wanted())), tried, answered, region, rng, conditions.beside)


def _normal(risk: Risk, seed: int) -> Rows:
    """Standard normal numbers [S, q], each with its opposite, so that means of draws are exact."""
    half = normal_draws(len(risk.conditions), seed % 2**31).T
    return np.concatenate([half, -half])


def _together(parts: Sequence[Judged]) -> Judged:
    return Judged(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "costs", "counted", "works"))
    )


def _at(judged: Judged, places: NDArray[np.intp]) -> Judged:
    return Judged(judged.rows[places], judged.costs[places], judged.counted[places], judged.works[places])

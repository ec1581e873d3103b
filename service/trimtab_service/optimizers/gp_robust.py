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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Source, Suggested
from trimtab_service.optimizers.contenders import LIKELY
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Evidence, Vector, encodings
from trimtab_service.optimizers.failures import SuccessModel
from trimtab_service.optimizers.gp_acquisition import normal_draws
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.gp_search import candidates
from trimtab_service.optimizers.novelty import SAME, first_new
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.risk import Risk
from trimtab_service.optimizers.surrogates import Surrogates

MOST_PENDING = 100  # trials that are taken into account, the most recent ones, and as many of the same call
MOST_CANDIDATES = 4_000  # points times conditions that are looked at in a round
ROUNDS = 3  # of candidates, each around the best of the round before
CENTRES = 5


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
    earlier: Rows,
    region: Region,
    rng: np.random.Generator,
) -> list[Suggested]:
    """``count`` points, each with its condition, after the ``earlier`` [k, d] ones of the same call."""
    risk, robustness = Risk.of(study), study.spec.robustness
    assert robustness is not None
    parameters, _ = encodings(study)
    posterior, success = surrogates.objectives[0], surrogates.success
    noise = float(np.median(posterior.noise))
    tried = np.unique(evidence.rows[evidence.measured, : parameters.width], axis=0)
    pending = np.concatenate([evidence.pending[-MOST_PENDING:], _anywhere(risk, earlier)])
    answer: list[Suggested] = []
    while len(answer) < count:
        # Pending ones are believed to come out as expected, so that the next one goes elsewhere.
        at_work = pending[-2 * MOST_PENDING :]
        given = posterior.given(at_work, np.zeros((len(at_work), 1))) if len(at_work) else posterior
        normal = _normal(risk, int(rng.integers(2**31)))
        chosen = _most_promising(risk, given, success, region.brought_in(tried), region, normal, rng)
        seen = np.concatenate([evidence.rows, pending])
        row, place = _in_a_condition(risk, chosen, seen, noise)
        pending = np.concatenate([pending, row])
        (point,) = region.points(row[:, : parameters.width])
        answer.append(Suggested(point, Source.MODEL, context=robustness.conditions[place]))
    return answer


def _anywhere(risk: Risk, rows: Rows) -> Rows:
    """At most ``MOST_PENDING`` rows [m, d + c] of points [k, d] whose conditions aren't known: in all, or in some."""
    everywhere = risk.beside(rows)
    if len(everywhere) <= MOST_PENDING:
        return everywhere
    return everywhere[np.linspace(0, len(everywhere) - 1, MOST_PENDING).astype(np.intp)]


def _most_promising(
    risk: Risk,
    posterior: Posterior,
    success: SuccessModel | None,
    tried: Rows,
    region: Region,
    normal: Rows,
    rng: np.random.Generator,
) -> Judged:
    """The one point of the largest expected improvement on the best tried one; it may be a tried one itself."""
    known = Judged.of(risk, posterior, success, tried, normal)
    best = float(known.counted[0].mean())
    centres, found = known.rows[:CENTRES], [known]
    for _ in range(ROUNDS):
        rows = _candidates(region, centres, MOST_CANDIDATES // len(risk.conditions), rng)
        found.append(Judged.of(risk, posterior, success, rows, normal))
        every = _together(found)
        gains = every.works * np.maximum(best - every.counted, 0.0).mean(axis=1)
        # Where nothing is gained in any draw, what is expected decides.
        order = np.lexsort((every.counted.mean(axis=1), every.works < LIKELY, -gains))
        found = [_at(every, order[:CENTRES])]
        centres = found[0].rows
    return _at(found[0], np.array([0]))


def _candidates(region: Region, centres: Rows, most: int, rng: np.random.Generator) -> Rows:
    """At most ``most`` legal rows [k, d], anywhere and around the centres."""
    if region.inner is None:
        return region.base[None]
    every = region.every()
    if every is not None and len(every) <= most:
        return every
    rows = region.whole(candidates(region.inner, region.part(centres), rng))
    return rows[rng.permutation(len(rows))[: max(most, CENTRES)]]


def _in_a_condition(risk: Risk, chosen: Judged, seen: Rows, noise: float) -> tuple[Rows, int]:
    """The row [1, d + c] of a point in the condition that tells most, and which condition that is.

    One that it wasn't seen in yet, if there is one left.
    """
    order = risk.telling(chosen.costs[0], chosen.counted[0], noise)
    rows = risk.beside(chosen.rows[:1])
    places = [place for place in order if len(first_new(rows[place : place + 1], seen))] or [order[0]]
    return rows[places[0] : places[0] + 1], int(places[0])


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

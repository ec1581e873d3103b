"""The models of a study, one Gaussian process a metric, and what they predict. NumPy and SciPy, no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from trimtab_service.domain.prediction import Prediction
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Related
from trimtab_service.optimizers.bending import bent
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.evidence import Evidence, categorical_columns
from trimtab_service.optimizers.failures import SuccessModel
from trimtab_service.optimizers.gp_feasibility import Bound, log_probability_feasible
from trimtab_service.optimizers.gp_fit import Known
from trimtab_service.optimizers.gp_posterior import Posterior, posterior_of
from trimtab_service.optimizers.outliers import robust
from trimtab_service.optimizers.phases import phase
from trimtab_service.optimizers.targets import Role, Target, Vector
from trimtab_service.optimizers.transfer import Borrowed, borrowed, sources, without

INTERVAL = 1.959963984540054  # standard deviations on either side that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Surrogates:
    """What is believed of each target of the evidence: one posterior each, in their order.

    told: what the first posterior was made of, with outliers marked.
    success: where trials work; None where hardly any failed. Then a failure
        is no bad cost, but none at all.
    """

    targets: tuple[Target, ...]
    posteriors: tuple[Posterior, ...]
    told: Evidence
    success: SuccessModel | None

    @classmethod
    def of(
        cls, study: Study, evidence: Evidence, related: Sequence[Related] = (), *, straight: bool = False
    ) -> Surrogates:
        """With the hyperparameters that explain the evidence best, metric by metric.

        related: other studies that tell of the first objective as far as that helps; see ``transfer``.
        straight: whether differences of the objective's costs are to be differences of the metric; else they may be
            bent, see ``bending``.
        """
        categorical = categorical_columns(study)
        is_name = np.isin(np.arange(evidence.rows.shape[1]), categorical)
        with phase("fit"):
            success = SuccessModel.of(evidence.rows, evidence.measured, is_name)
            if success is not None:
                evidence = evidence.at(np.flatnonzero(evidence.measured))
            first, *others = (evidence.alone(target) for target in evidence.targets)
            known, trend = None, borrowed(first, categorical, sources(study, related))
            if not straight and trend is None and _may_bend(study, evidence):
                first, known = bent(first, categorical)
                evidence = replace(evidence, targets=(*first.targets, *evidence.targets[1:]))
            told, posterior = _fitted(first, categorical, trend, known)
            posteriors = (posterior, *(_fitted(other, categorical)[1] for other in others))
        return cls(evidence.targets, posteriors, told, success)

    def of_role(self, role: Role) -> tuple[Posterior, ...]:
        """The posteriors of the targets of one role, in order."""
        return tuple(
            posterior for target, posterior in zip(self.targets, self.posteriors, strict=True) if target.role is role
        )

    @property
    def objectives(self) -> tuple[Posterior, ...]:
        """Of the objectives, in the order of the study."""
        return self.of_role(Role.OBJECTIVE)

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The constrained metrics that have a bound; one that waits for the baseline has none yet."""
        return tuple(
            Bound(posterior, target.low, target.high)
            for target, posterior in zip(self.targets, self.posteriors, strict=True)
            if target.role is Role.CONSTRAINT and (math.isfinite(target.low) or math.isfinite(target.high))
        )

    def probability_feasible(self, rows: Rows) -> Vector:
        """That all outcome constraints hold, [n] at rows [n, d + c]; the metrics are taken to be independent."""
        return np.exp(self.log_probability_feasible(rows))

    def log_probability_feasible(self, rows: Rows) -> Vector:
        """Its logarithm, which tells hopeless rows apart."""
        return log_probability_feasible(self.bounds, rows)

    def probability_works(self, rows: Rows) -> Vector:
        """That a trial doesn't fail, [n] at rows [n, d + c]."""
        return np.ones(len(rows)) if self.success is None else np.exp(self.success.log_probability(rows))

    def traded(self, *, along_costs: bool) -> tuple[Posterior, ...]:
        """What is weighed against each other: the objectives, and what a trial costs if that is asked for."""
        return (*self.objectives, *(self.of_role(Role.COST) if along_costs else ()))

    def means(self, rows: Rows, *, along_costs: bool = False) -> Rows:
        """Expected standardized costs [n, m] of the m objectives at rows [n, d + c]; see ``traded``."""
        traded = self.traded(along_costs=along_costs)
        return np.stack([posterior.at(rows).means[:, 0] for posterior in traded], axis=1)

    def predictions(self, rows: Rows) -> list[dict[str, Prediction]]:
        """Of every modelled metric, by name, at each of n rows [n, d + c]."""
        found: list[dict[str, Prediction]] = [{} for _ in rows]
        for target, posterior in zip(self.targets, self.posteriors, strict=True):
            local = posterior.at(rows)
            for place, prediction in zip(found, _predicted(target, local.means[:, 0], local.deviations), strict=True):
                # Of a metric that is an objective and constrained, the objective's model counts.
                place.setdefault(target.name, prediction)
        return found

    def probability_better(self, rows: Rows, other: Rows) -> Vector:
        """That every objective is truly better, [n] at rows [n, d + c] than at another [1, d + c]; rows jointly."""
        probability: Vector = np.prod([_probability_less(each, rows, other) for each in self.objectives], axis=0)
        return np.where((rows == other).all(axis=1), 0.0, probability)


def _probability_less(posterior: Posterior, rows: Rows, other: Rows) -> Vector:
    """That one cost is less, as in ``Surrogates.probability_better``."""
    here, there = posterior.at(rows), posterior.at(other)
    shared = posterior.kernel.between(rows, posterior.kernel.placed(other))[0][:, 0]
    covariances = shared - here.weights @ there.weights[0]
    variances = np.square(here.deviations) + there.deviations[0] ** 2 - 2.0 * covariances
    deviations = np.sqrt(np.maximum(variances, np.finfo(float).tiny))
    probability: Vector = ndtr((there.means[0, 0] - here.means[:, 0]) / deviations)
    return probability


def _may_bend(study: Study, evidence: Evidence) -> bool:
    """Whether the order of the objective's costs is all that matters: they are neither averaged nor weighed against
    another metric."""
    others = evidence.targets[1:]
    return study.spec.robustness is None and all(target.role is Role.CONSTRAINT for target in others)


def _fitted(
    evidence: Evidence, categorical: Sequence[int], trend: Borrowed | None = None, known: Known | None = None
) -> tuple[Evidence, Posterior]:
    """The evidence of one target with its outliers marked, and the posterior that it makes.

    known: of its hyperparameters, see ``robust``.
    """
    rest = evidence if trend is None else without(evidence, trend)
    treated, found = robust(rest, categorical, known)
    posterior = replace(posterior_of(treated, found, categorical), trend=trend)
    (target,) = treated.targets
    return replace(treated, targets=(replace(target, costs=evidence.costs),)), posterior


def _predicted(target: Target, means: Vector, deviations: Vector) -> list[Prediction]:
    """In the unit of the metric, of normal standardized costs with means [n] and deviations [n].

    The expected value is the median, and the error a part of the interval,
    which is what they are of a normal value. Of one that was bent the mean
    would be decided by a tail that nobody measured.
    """
    expected = target.value(means)
    ends = np.stack([target.value(means - INTERVAL * deviations), target.value(means + INTERVAL * deviations)])
    low, high = ends.min(axis=0), ends.max(axis=0)
    errors = (high / 2.0 - low / 2.0) / INTERVAL
    return [Prediction(*map(float, each)) for each in zip(expected, errors, low, high, strict=True)]

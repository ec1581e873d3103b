"""What other studies tell of this one. NumPy and SciPy, no torch.

Each of them has a Gaussian process of its own. A sum of these, with weights
that fit this study's own observations best and aren't negative, is what is
expected beforehand, and only the rest is learned: a stack of models (Golovin,
Solnik, Moitra, Kochanski, Karro, Sculley 2017, "Google Vizier", section 3.3).
It is left out altogether where the own observations are predicted better
without it, each from all the others (Feurer, Letham, Hutter, Bakshy 2022,
"Practical Transfer Learning for Bayesian Optimization", for the idea).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Parameter, Parameters, ParameterValue
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Related, Trial, TrialState
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import Evidence, encodings, thin
from trimtab_service.optimizers.gp_fit import Loss, search
from trimtab_service.optimizers.gp_posterior import Posterior, posterior_of
from trimtab_service.optimizers.outliers import left_out, robust
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.targets import Target, Vector, objective_target

MOST_BORROWED = 150  # rows of other studies, of all together
LEAST_BORROWED = 3  # trials, below which a study has nothing to tell
ENOUGH = 3  # own trials, below which there is nothing to judge others by
RIDGE = 0.1  # squared weights' share in what is minimized, where a cost's squared error counts 1
PRICE = 1.0  # of a weight, in log density


@dataclass(frozen=True, slots=True)
class Source:
    """What one other study has observed, in the rows of this one.

    rows: [m, d] of completed trials whose values are legal here; a parameter
        that it doesn't have is where parameters are that don't exist.
    target: its objective there, standardized within that study. trials: [m].
    """

    rows: Rows
    target: Target
    trials: tuple[Trial, ...]

    @classmethod
    def of(cls, study: Study, related: Related, most: int) -> Source | None:
        """The ``most`` telling trials of a related study; None where there are too few, or nothing in common."""
        objective = study.spec.objective
        theirs = related.study.spec
        shared = _shared(study.spec.space.parameters, theirs.space.parameters)
        if not shared or all(metric.name != objective.metric for metric in theirs.metrics):
            return None
        if all(other.metric != objective.metric for other in theirs.objectives):
            return None
        parameters, context = encodings(study)
        shared_context = _shared(study.spec.context, theirs.context)
        rows, kept = [], []
        for trial in related.history.trials:
            if trial.state is not TrialState.COMPLETED:
                continue
            row, beside = _row(parameters, shared, trial.parameters), _row(context, shared_context, trial.context)
            if row is not None and beside is not None:
                rows.append(np.concatenate([row, beside]))
                kept.append(trial)
        if len(kept) < LEAST_BORROWED:
            return None
        measurements = [theirs.reward(each.observation, objective.metric) for each in kept if each.observation]
        kind, all_measured = theirs.metric(objective.metric).kind, np.ones(len(kept), dtype=bool)
        target = objective_target(objective.metric, objective.sign, kind, measurements, all_measured)
        stacked = np.array(rows)
        telling = thin(stacked, target.costs, most)
        return cls(stacked[telling], target.at(telling), tuple(kept[index] for index in telling))

    def posterior(self, categorical: Sequence[int]) -> Posterior:
        """What a Gaussian process of its observations believes."""
        count = len(self.rows)
        told = Evidence(self.rows, (self.target,), np.ones(count, dtype=bool), np.arange(1, count + 1), self.rows[:0])
        treated, found = robust(told, categorical)
        return posterior_of(treated, found, categorical)

    def best(self) -> list[Trial]:
        """Its trials, the best measured one first."""
        return [self.trials[index] for index in np.argsort(self.target.costs, kind="stable")]


def sources(study: Study, related: Sequence[Related]) -> list[Source]:
    """Those that can be borrowed from, within a budget of rows."""
    most = MOST_BORROWED // max(len(related), 1)
    found = (Source.of(study, one, max(most, LEAST_BORROWED)) for one in related)
    return [source for source in found if source is not None]


def lent(study: Study, related: Sequence[Related], region: Region, most: int) -> Rows:
    """Rows [k, d], k <= ``most``, of the best points of related studies, of one after the other.

    What they have no value for is as in the first row of the region; what
    isn't legal here is left out.
    """
    (start,) = region.encoding.decode(region.first())
    queues = [source.best() for source in sources(study, related)]
    points: list[Parameters] = []
    for trials in itertools.zip_longest(*queues):
        for trial in trials:
            if trial is None or len(points) == most:
                continue
            point = {name: trial.parameters.get(name, value) for name, value in start.items()}
            try:
                checked = study.spec.space.check(point)
            except InvalidArgument:
                continue
            if checked not in points:
                points.append(checked)
    return region.encoding.encode(points)


@dataclass(frozen=True, slots=True)
class Borrowed:
    """offset + the weighted sum of the expected costs of k other studies."""

    posteriors: tuple[Posterior, ...]
    weights: Vector
    offset: float

    def values(self, rows: Rows) -> Vector:
        """Values [b] at rows [b, d]."""
        sums = np.full(len(rows), self.offset)
        for weight, posterior in zip(self.weights, self.posteriors, strict=True):
            sums += weight * posterior.at(rows).means[:, 0]
        return sums

    def slopes(self, rows: Rows) -> Rows:
        """Slopes [b, d] at rows [b, d]."""
        sums = np.zeros_like(rows)
        for weight, posterior in zip(self.weights, self.posteriors, strict=True):
            sums += posterior.slope(posterior.at(rows), np.full((len(rows), 1), weight), np.zeros(len(rows)))
        return sums


def borrowed(evidence: Evidence, categorical: Sequence[int], found: Sequence[Source]) -> Borrowed | None:
    """What the sources let expect of the first objective; None where it is predicted better without them.

    evidence: of that objective alone. With fewer than ``ENOUGH`` own
    observations there is nothing to judge by: all sources count the same.
    """
    if not found:
        return None
    posteriors = tuple(source.posterior(categorical) for source in found)
    own = np.flatnonzero(evidence.measured)
    if len(own) < ENOUGH:
        return Borrowed(posteriors, np.full(len(found), 1.0 / len(found)), 0.0)
    predicted = np.stack([posterior.at(evidence.rows[own]).means[:, 0] for posterior in posteriors], axis=1)
    weights, offset = _weights(predicted, evidence.costs[own])
    used = np.flatnonzero(weights)
    trend = Borrowed(tuple(posteriors[index] for index in used), weights[used], offset)
    gain = _predictability(without(evidence, trend), categorical) - _predictability(evidence, categorical)
    # Each weight was chosen after the observations were seen, and so would gain a little anyhow.
    return trend if len(used) and gain > PRICE * len(used) else None


def without(evidence: Evidence, trend: Borrowed) -> Evidence:
    """The evidence of one target, less what was expected beforehand."""
    target = evidence.targets[0]
    rest = replace(target, costs=target.costs - trend.values(evidence.rows))
    return replace(evidence, targets=(rest,))


def _weights(predicted: Rows, costs: Vector) -> tuple[Vector, float]:
    """Weights [k], none negative, and the offset that fit costs [n] best by predictions [n, k], with a little ridge."""
    off = predicted - predicted.mean(axis=0)
    ridge = math.sqrt(RIDGE) * np.eye(predicted.shape[1])
    rest = np.concatenate([costs - costs.mean(), np.zeros(predicted.shape[1])])
    weights, _ = nnls(np.vstack([off, ridge]), rest)
    return weights, float(costs.mean() - predicted.mean(axis=0) @ weights)


def _predictability(evidence: Evidence, categorical: Sequence[int]) -> float:
    """The sum of the log densities of the costs, each by a model of all the others."""
    loss = Loss.of(evidence, categorical)
    _, theta = search(loss)
    residuals, variances = left_out(loss, theta)
    densities = -0.5 * (np.square(residuals) / variances + np.log(2.0 * math.pi * variances))
    return float(densities[evidence.measured].sum())


def _shared(ours: Sequence[Parameter], theirs: Sequence[Parameter]) -> list[tuple[int, Parameter]]:
    """The parameters here that exist there by the same name and kind, with their columns."""
    kinds = {parameter.name: type(parameter) for parameter in theirs}
    return [(index, each) for index, each in enumerate(ours) if kinds.get(each.name) is type(each)]


def _row(
    encoding: Encoding, shared: Sequence[tuple[int, Parameter]], values: Mapping[str, ParameterValue]
) -> Vector | None:
    """The row [d] of a point of another space; None where a value isn't legal here."""
    row: Vector = encoding.nowhere.copy()
    for index, parameter in shared:
        if parameter.name not in values:
            continue
        try:
            value = parameter.check(values[parameter.name])
        except InvalidArgument:
            return None
        row[index] = Encoding((replace(parameter, conditions=()),)).encode([{parameter.name: value}])[0, 0]
    settled: Vector = encoding.settled(row[None])[0]
    return settled

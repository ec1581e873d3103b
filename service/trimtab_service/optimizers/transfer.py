"""What other studies tell of this one. NumPy and SciPy, no torch.

Each of them has a Gaussian process of its own. A sum of these, with weights
that fit this study's own observations best and aren't negative, is what is
expected beforehand, and only the rest is learned: a stack of models (Golovin,
Solnik, Moitra, Kochanski, Karro, Sculley 2017, "Google Vizier", section 3.3).

Nothing is believed before it was judged, anew at each suggestion: a study that
doesn't predict its own observations tells nothing, one whose ranking of ours
is no better than chance lends no points, and one without which ours are
explained as well has no weight. Feurer, Letham, Hutter, Bakshy 2022,
"Practical Transfer Learning for Bayesian Optimization", drop what would dilute
the rest by rankings as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import nnls

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Parameter, ParameterValue
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Related, Trial, TrialState
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import MOST_ROWS, Evidence, categorical_columns, encodings, gather, thin
from trimtab_service.optimizers.gp_fit import Loss, search
from trimtab_service.optimizers.gp_posterior import Posterior, posterior_of
from trimtab_service.optimizers.noise import halvings, weighed
from trimtab_service.optimizers.novelty import first_new
from trimtab_service.optimizers.outliers import robust
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.targets import Mask, Target, Vector, objective_target

MOST_BORROWED = 150  # rows of other studies, of all together
LEAST_BORROWED = 3  # trials, below which a study has nothing to tell
ENOUGH = 3  # own trials, below which there is nothing to judge others by
LEAST_PREDICTED = 0.2  # of its own variance, each trial from all the others; of noise it is hardly ever more
BEYOND_CHANCE = 1.0  # standard deviations of what chance makes of a ranking
APART = 0.05  # of a scale; points that are closer in all parameters tell the same
RIDGE = 0.1  # squared weights' share in what is minimized, where a cost's squared error counts 1
# Of a weight, in log evidence. It was chosen after the observations were seen, and gains a little anyhow: with five of
# them and a source that has nothing to do with them, more than this in one case of twenty.
PRICE = 1.5
IGNORED = 0.25  # of the suggestions, made as if there were no other studies
OWES_NOTHING = 1  # tells these draws from the others of the same trial


def owes_nothing(study: Study, number: int) -> bool:
    """Whether trial ``number`` of a study is suggested as if there were no other studies.

    As if by chance, so that it is the same share of every sequence of calls,
    however large the batches in which trials are asked for.
    """
    return float(np.random.default_rng((study.seed, number, OWES_NOTHING)).random()) < IGNORED


@dataclass(frozen=True, slots=True)
class Source:
    """What one other study has observed, in the rows of this one.

    rows: [m, d] of completed trials whose values are legal here; a parameter
        that it doesn't have is where parameters are that don't exist.
    has: [d] which of the columns it has at all.
    target: its objective there, standardized within that study. trials: [m].
    """

    rows: Rows
    has: Mask
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
        counts = np.array([measurement.count for measurement in measurements], dtype=float)
        target = weighed(target, counts, None if theirs.half_life is None else halvings(kept, theirs.half_life))
        stacked = np.array(rows)
        telling = thin(stacked, target.costs, most)
        columns = [index for index, _ in shared] + [parameters.width + index for index, _ in shared_context]
        has = np.isin(np.arange(stacked.shape[1]), columns)
        return cls(stacked[telling], has, target.at(telling), tuple(kept[index] for index in telling))

    def posterior(self, categorical: Sequence[int]) -> Posterior | None:
        """What a Gaussian process of its observations believes; None where that predicts hardly any of them.

        It is the same along what the study doesn't have: nobody knows where on that scale it was.
        """
        count, rows = len(self.rows), self.rows[:, self.has]
        told = Evidence(rows, (self.target,), np.ones(count, dtype=bool), np.arange(1, count + 1), rows[:0])
        names = np.flatnonzero(np.isin(np.flatnonzero(self.has), categorical)).tolist()
        treated, found = robust(told, names)
        lengthscales = np.full(len(self.has), math.inf)
        lengthscales[self.has] = found.lengthscales
        treated = replace(treated, rows=self.rows)
        posterior = posterior_of(treated, replace(found, lengthscales=lengthscales), categorical)
        return posterior if _predicted_share(posterior, treated) >= LEAST_PREDICTED else None

    def best(self, posterior: Posterior) -> list[Trial]:
        """Its trials, the one of the best expected cost first; none of two that are all but the same."""
        chosen: list[int] = []
        for index in np.argsort(posterior.at(self.rows).means[:, 0], kind="stable"):
            if (np.abs(self.rows[chosen] - self.rows[index]) > APART).any(axis=1).all():
                chosen.append(int(index))
        return [self.trials[index] for index in chosen]


def sources(study: Study, related: Sequence[Related]) -> list[Source]:
    """Those that can be borrowed from, within a budget of rows."""
    most = MOST_BORROWED // max(len(related), 1)
    found = (Source.of(study, one, max(most, LEAST_BORROWED)) for one in related)
    return [source for source in found if source is not None]


def lent(study: Study, history: History, region: Region, most: int) -> Rows:
    """Rows [k, d], k <= ``most``, of new points that were the best ones of related studies, of one after the other.

    Of those studies alone that rank this one's own trials better than chance
    does; none before there are enough of these. What they have no value for is
    as in the first row of the region; what isn't legal here is left out.
    """
    encoding = region.encoding
    lenders = _lenders(study, history) if most else []
    (start,) = encoding.decode(region.first())
    tried, points = encoding.encode([one.parameters for one in history.trials]), encoding.encode([])
    for trials in itertools.zip_longest(*(source.best(posterior) for source, posterior in lenders)):
        for trial in trials:
            if trial is None or len(points) == most:
                continue
            point = {name: trial.parameters.get(name, value) for name, value in start.items()}
            try:
                row = encoding.encode([study.spec.space.check(point)])
            except InvalidArgument:
                continue
            points = np.concatenate([points, first_new(row, np.concatenate([tried, points]))])
    return points


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
    """What the sources let expect of the first objective; None where it is explained as well without them.

    evidence: of that objective alone. A source after the other is taken in,
    the one that fits best first, for as long as each makes the observations
    more likely by more than its price: those that are none don't hide one that is.
    """
    own = np.flatnonzero(evidence.measured)
    if not found or len(own) < ENOUGH:
        return None
    posteriors = [posterior for posterior in (one.posterior(categorical) for one in found) if posterior is not None]
    if not posteriors:
        return None
    costs = evidence.costs[own]
    predicted = np.stack([posterior.at(evidence.rows[own]).means[:, 0] for posterior in posteriors], axis=1)
    trend, chosen, value = None, list[int](), _loss(evidence, categorical)
    while len(chosen) < len(posteriors):
        rest = [index for index in range(len(posteriors)) if index not in chosen]
        index = min(rest, key=lambda one: _weights(predicted[:, [*chosen, one]], costs)[2])
        weights, offset, _ = _weights(predicted[:, [*chosen, index]], costs)
        more = Borrowed(tuple(posteriors[each] for each in (*chosen, index)), weights, offset)
        if not weights[-1] or value - (found_value := _loss(without(evidence, more), categorical)) < PRICE:
            break
        trend, value = more, found_value
        chosen.append(index)
    return trend


def without(evidence: Evidence, trend: Borrowed) -> Evidence:
    """The evidence of one target, less what was expected beforehand."""
    target = evidence.targets[0]
    rest = replace(target, costs=target.costs - trend.values(evidence.rows))
    return replace(evidence, targets=(rest,))


def _lenders(study: Study, history: History) -> list[tuple[Source, Posterior]]:
    """The sources that may lend points, each with what it believes."""
    if len(history.in_state(TrialState.COMPLETED)) < ENOUGH:
        return []
    evidence = gather(study, history, MOST_ROWS)
    own = evidence.at(np.flatnonzero(evidence.measured))
    lenders = []
    for source in sources(study, history.related):
        posterior = source.posterior(categorical_columns(study))
        if posterior is not None and _agreement(posterior.at(own.rows).means[:, 0], own.costs) > BEYOND_CHANCE:
            lenders.append((source, posterior))
    return lenders


def _agreement(predicted: Vector, costs: Vector) -> float:
    """How well predictions [n] rank costs [n], in standard deviations of what chance makes of it.

    Kendall 1938, "A New Measure of Rank Correlation".
    """
    count = len(costs)
    first, second = np.triu_indices(count, 1)
    signs = np.sign(predicted[first] - predicted[second]) * np.sign(costs[first] - costs[second])
    return float(signs.sum()) / math.sqrt(count * (count - 1) * (2 * count + 5) / 18.0)


def _predicted_share(posterior: Posterior, told: Evidence) -> float:
    """What part of the variance of the costs [n] the model explains, each predicted from all the others.

    By Dubrule's formula, see ``outliers.left_out``. Outliers aren't counted,
    and the others by how much a cost is expected to vary: what nobody can predict doesn't hide what is predicted.
    """
    costs = told.costs
    inverse = posterior.inverse.T @ posterior.inverse
    sums = inverse.sum(axis=0)
    precisions = np.maximum(inverse.diagonal() - np.square(sums) / sums.sum(), np.finfo(float).tiny)
    residuals = (inverse @ costs - sums * float(sums @ costs / sums.sum())) / precisions
    weights = 1.0 / (posterior.kernel.scale + posterior.noise)
    rest = weights.sum() - weights
    off = costs - (weights @ costs - weights * costs) / rest
    added = told.targets[0].added
    counted = weights if added is None else np.where(added == 0.0, weights, 0.0)
    total = float(counted @ np.square(off))
    return 1.0 - float(counted @ np.square(residuals)) / total if total else 0.0


def _weights(predicted: Rows, costs: Vector) -> tuple[Vector, float, float]:
    """Weights [k], none negative, and the offset that fit costs [n] best by predictions [n, k], with a little ridge.

    And the root of what was minimized.
    """
    off = predicted - predicted.mean(axis=0)
    ridge = math.sqrt(RIDGE) * np.eye(predicted.shape[1])
    rest = np.concatenate([costs - costs.mean(), np.zeros(predicted.shape[1])])
    weights, left = nnls(np.vstack([off, ridge]), rest)
    return weights, float(costs.mean() - predicted.mean(axis=0) @ weights), float(left)


def _loss(evidence: Evidence, categorical: Sequence[int]) -> float:
    """Minus the log evidence, at the most probable hyperparameters."""
    return search(Loss.of(evidence, categorical))[0]


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

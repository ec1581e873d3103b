"""What an observation counts as: one measurement of the objective, measured or computed.

Where several metrics make one reward, this is the only place that does it, for
trials and decisions alike. Nothing here is stored: the log keeps what was
measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Formula, Metric, MetricKind, Ratio, WeightedSum
from trimtab_service.domain.observation import Measurement


def check(metrics: Sequence[Metric], objective: str, measurements: Mapping[str, Measurement]) -> None:
    """Raises InvalidArgument (field ``measurements...``) unless every measurement fits its metric, and ``reward`` can
    say what they make of the objective."""
    declared = {metric.name: metric for metric in metrics}
    for name in measurements:
        formula = declared[name].formula if name in declared else None
        if formula is not None:
            raise InvalidArgument(
                f'measurements["{name}"]', f"is computed by the service: report {', '.join(formula.inputs)} instead"
            )
    target = declared[objective]
    for name in target.formula.inputs if target.formula is not None else (objective,):
        if name not in measurements:
            what = "it is an objective of the study" if name == objective else f"the objective {objective} needs it"
            raise InvalidArgument(
                f'measurements["{name}"]', f"missing: {what}; report outcome failed if it can't be measured"
            )
    for name, measurement in measurements.items():
        path = f'measurements["{name[:130]}"]'
        if name not in declared:
            raise InvalidArgument(path, "not a declared metric of the study")
        _check_measured(declared[name], measurement, f"{path}.mean")
    if target.formula is not None:
        mean = _computed(target, declared, measurements).mean
        try:
            target.check(mean)
        except InvalidArgument as error:
            raise InvalidArgument("measurements", f"{objective} is computed from them: {error.message}") from None


def _check_measured(metric: Metric, measurement: Measurement, path: str) -> None:
    try:
        metric.check(measurement.mean)
    except InvalidArgument as error:
        raise error.under(path) from None
    if metric.kind is MetricKind.BINARY and measurement.count == 1 and metric.counted(measurement.mean) not in (0, 1):
        raise InvalidArgument(path, f"a single measurement of a binary metric is 0 or 1, not {measurement.mean}")


def reward(metrics: Sequence[Metric], objective: str, measurements: Mapping[str, Measurement]) -> Measurement:
    """What measurements that passed ``check`` make of the objective, clipped where its metric says so.

    Law: one that is among the measurements is what was measured. Else the
    formula is applied to the means, each clipped first where its own metric
    says so; the count is that of the inputs, which share it. The standard
    error is what can be known without the covariances of the inputs, which
    nobody reports: None, but where all inputs except one have a standard error
    of exactly 0 and the formula is linear in that one. A mean that is clipped
    keeps its standard error, which clipping can only have made smaller.
    """
    declared = {metric.name: metric for metric in metrics}
    target, measured = declared[objective], measurements.get(objective)
    return _counted(target, _computed(target, declared, measurements) if measured is None else measured)


def _counted(metric: Metric, measurement: Measurement) -> Measurement:
    mean = metric.counted(measurement.mean)
    return measurement if mean == measurement.mean else replace(measurement, mean=mean)


def _computed(metric: Metric, declared: Mapping[str, Metric], measurements: Mapping[str, Measurement]) -> Measurement:
    """By the metric's formula, not clipped. Raises InvalidArgument where that makes no number."""
    formula = metric.formula
    if formula is None:
        raise TypeError(f"{metric.name} has no formula")
    inputs = {name: _counted(declared[name], measurements[name]) for name in formula.inputs}
    count = _shared_count(metric.name, inputs)
    mean = _mean(formula, inputs)
    if not math.isfinite(mean):
        at = f'measurements["{formula.denominator}"].mean' if isinstance(formula, Ratio) else "measurements"
        raise InvalidArgument(at, f"{metric.name}, which is computed from it, is too large for a double")
    return Measurement(mean, count, _standard_error(formula, inputs))


def _shared_count(name: str, inputs: Mapping[str, Measurement]) -> int:
    first, *others = inputs
    for other in others:
        if inputs[other].count != inputs[first].count:
            raise InvalidArgument(
                f'measurements["{other}"].count',
                f"must be {inputs[first].count}, as that of {first}: {name} is computed from means of the same cases",
            )
    return inputs[first].count


def _mean(formula: Formula, inputs: Mapping[str, Measurement]) -> float:
    """Not finite where it overflows."""
    match formula:
        case WeightedSum():
            try:
                return math.fsum(weight * inputs[name].mean for name, weight in formula.weights.items())
            except (OverflowError, ValueError):
                return math.inf
        case Ratio():
            if inputs[formula.denominator].mean == 0:
                raise InvalidArgument(
                    f'measurements["{formula.denominator}"].mean', "must not be 0: it is what another one is divided by"
                )
            return inputs[formula.numerator].mean / inputs[formula.denominator].mean


def _standard_error(formula: Formula, inputs: Mapping[str, Measurement]) -> float | None:
    """Of the computed mean; None: not known. See ``reward``."""
    spread = [name for name in inputs if inputs[name].standard_error != 0]
    if not spread:
        return 0.0
    own = inputs[spread[0]].standard_error
    if len(spread) > 1 or own is None:
        return None
    match formula:
        case WeightedSum():
            error = abs(formula.weights[spread[0]]) * own
        case Ratio() if spread[0] == formula.numerator:
            error = own / abs(inputs[formula.denominator].mean)
        case Ratio():
            return None
    return error if math.isfinite(error) else None

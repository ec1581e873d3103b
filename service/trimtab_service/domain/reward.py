"""What an observation counts as: one measurement of each metric that the study looks at, measured or computed.

Where several metrics make one reward, this is the only place that does it, for
trials and decisions alike. Nothing here is stored: the log keeps what was
measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab_service.domain.desirability import Desirability
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Formula, Metric, MetricKind, Ratio, WeightedSum
from trimtab_service.domain.observation import Measurement


def check(metrics: Sequence[Metric], needed: Mapping[str, str], measurements: Mapping[str, Measurement]) -> None:
    """Raises InvalidArgument (field ``measurements...``) unless every measurement fits its metric, and ``reward`` can
    say what they make of each metric that is needed.

    needed: what each of them is to the study, in words.
    """
    declared = {metric.name: metric for metric in metrics}
    for name in measurements:
        formula = declared[name].formula if name in declared else None
        if formula is not None:
            raise InvalidArgument(
                f'measurements["{name}"]', f"is computed by the service: report {', '.join(formula.inputs)} instead"
            )
    for metric, role in needed.items():
        _check_complete(declared[metric], role, measurements)
    for name, measurement in measurements.items():
        path = f'measurements["{name[:130]}"]'
        if name not in declared:
            raise InvalidArgument(path, "not a declared metric of the study")
        _check_measured(declared[name], measurement, f"{path}.mean")
    for metric in needed:
        _check_computed(declared[metric], declared, measurements)


def check_cost(metrics: Sequence[Metric], cost: str, measurements: Mapping[str, Measurement]) -> None:
    """Raises InvalidArgument (field ``measurements...``) unless measurements that passed ``check`` make a positive
    cost."""
    value = reward(metrics, cost, measurements).mean
    if not value > 0:
        at = f'measurements["{cost}"].mean' if cost in measurements else "measurements"
        raise InvalidArgument(at, f"{cost} is what the trial costs, which must be greater than 0, not {value}")


def _check_complete(metric: Metric, role: str, measurements: Mapping[str, Measurement]) -> None:
    for name in metric.formula.inputs if metric.formula is not None else (metric.name,):
        if name not in measurements:
            what = f"it is {role}" if name == metric.name else f"{metric.name}, {role}, needs it"
            raise InvalidArgument(
                f'measurements["{name}"]', f"missing: {what}; report outcome failed if it can't be measured"
            )


def _check_computed(metric: Metric, declared: Mapping[str, Metric], measurements: Mapping[str, Measurement]) -> None:
    if metric.formula is None:
        return
    mean = _computed(metric, declared, measurements).mean
    try:
        metric.check(mean)
    except InvalidArgument as error:
        raise InvalidArgument("measurements", f"{metric.name} is computed from them: {error.message}") from None


def _check_measured(metric: Metric, measurement: Measurement, path: str) -> None:
    try:
        metric.check(measurement.mean)
    except InvalidArgument as error:
        raise error.under(path) from None
    if metric.kind is MetricKind.BINARY and measurement.count == 1 and metric.counted(measurement.mean) not in (0, 1):
        raise InvalidArgument(path, f"a single measurement of a binary metric is 0 or 1, not {measurement.mean}")


def reward(metrics: Sequence[Metric], metric: str, measurements: Mapping[str, Measurement]) -> Measurement:
    """What measurements that passed ``check`` make of the metric of this name, clipped where it says so.

    Law: one that is among the measurements is what was measured. Else the
    formula is applied to the means, each clipped first where its own metric
    says so; the count is that of the inputs, which share it. The standard
    error is what can be known without the covariances of the inputs, which
    nobody reports: None, but where all inputs except one have a standard error
    of exactly 0 and the formula is linear in that one. A mean that is clipped
    keeps its standard error, which clipping can only have made smaller.
    """
    declared = {metric.name: metric for metric in metrics}
    target, measured = declared[metric], measurements.get(metric)
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
        case Desirability():
            return formula.value({name: measurement.mean for name, measurement in inputs.items()})


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
        case Ratio() | Desirability():
            return None
    return error if math.isfinite(error) else None

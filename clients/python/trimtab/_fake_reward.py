"""What the fake server makes of measurements: which ones fit a study, and what the metrics are then."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from trimtab._fake_errors import invalid
from trimtab.v1 import study_pb2, trial_pb2

Measurements = Mapping[str, trial_pb2.Measurement]


def check(spec: study_pb2.StudySpec, measurements: Measurements, path: str) -> None:
    """Raises InvalidArgumentError for what a server would refuse of a completed observation."""
    declared = {metric.name: metric for metric in spec.metrics}
    for name, measurement in measurements.items():
        at = f'{path}.measurements["{name}"]'
        if name not in declared:
            raise invalid(at, "not a declared metric of the study")
        inputs = _inputs(declared[name])
        if inputs:
            raise invalid(at, f"is computed by the service: report {', '.join(inputs)} instead")
        if not math.isfinite(measurement.mean):
            raise invalid(f"{at}.mean", f"must be finite, not {measurement.mean}")
        _check_range(declared[name], measurement.mean, f"{at}.mean")
    needed = [each.metric for each in spec.objectives]
    needed += [each.metric for each in spec.outcome_constraints]
    needed += [spec.cost_metric] if spec.cost_metric else []
    for name in needed:
        _check_needed(declared[name], declared, measurements, path)
    if spec.cost_metric and not reward(spec, measurements, spec.cost_metric) > 0:
        raise invalid(f"{path}.measurements", f"{spec.cost_metric} is what the trial costs: greater than 0")


def reward(spec: study_pb2.StudySpec, measurements: Measurements, metric: str = "") -> float:
    """A metric of a completed observation, the objective unless it is named: measured or computed, clipped where it
    says so."""
    declared = {metric.name: metric for metric in spec.metrics}
    target = declared[metric or spec.objectives[0].metric]
    return _counted(target, _mean(target, declared, measurements))


def _check_needed(
    metric: study_pb2.MetricSpec, declared: Mapping[str, study_pb2.MetricSpec], measurements: Measurements, path: str
) -> None:
    for name in _inputs(metric) or [metric.name]:
        if name not in measurements:
            raise invalid(
                f'{path}.measurements["{name}"]',
                "missing: it is an objective of the study, a constraint or the cost, or a part of one",
            )
    _check_formula(metric, declared, measurements, path)
    _check_range(metric, _mean(metric, declared, measurements), f"{path}.measurements")


def _inputs(metric: study_pb2.MetricSpec) -> list[str]:
    """What its formula is made of; empty where it has none."""
    match metric.WhichOneof("formula"):
        case "weighted_sum":
            return sorted(metric.weighted_sum.weights)
        case "ratio":
            return [metric.ratio.numerator, metric.ratio.denominator]
        case "desirability":
            return [desire.metric for desire in metric.desirability.desires]
    return []


def _check_formula(
    metric: study_pb2.MetricSpec, declared: Mapping[str, study_pb2.MetricSpec], measurements: Measurements, path: str
) -> None:
    counts = {measurements[name].count if measurements[name].HasField("count") else 1 for name in _inputs(metric)}
    if len(counts) > 1:
        raise invalid(f"{path}.measurements", f"what {metric.name} is computed from must have the same count")
    if metric.WhichOneof("formula") == "ratio":
        name = metric.ratio.denominator
        if _counted(declared[name], measurements[name].mean) == 0:
            raise invalid(f'{path}.measurements["{name}"].mean', "must not be 0: it is what another one is divided by")


def _mean(
    metric: study_pb2.MetricSpec, declared: Mapping[str, study_pb2.MetricSpec], measurements: Measurements
) -> float:
    means = {name: _counted(declared[name], measurements[name].mean) for name in _inputs(metric)}
    match metric.WhichOneof("formula"):
        case "weighted_sum":
            return math.fsum(weight * means[name] for name, weight in metric.weighted_sum.weights.items())
        case "ratio":
            return means[metric.ratio.numerator] / means[metric.ratio.denominator]
        case "desirability":
            return _desirability(metric.desirability.desires, means)
    return measurements[metric.name].mean


def _desirability(desires: Sequence[study_pb2.Desire], means: Mapping[str, float]) -> float:
    weights = [desire.weight if desire.HasField("weight") else 1.0 for desire in desires]
    logs = [math.log(0.01 + 0.99 * _desired(desire, means[desire.metric])) for desire in desires]
    return math.exp(math.fsum(w * log for w, log in zip(weights, logs, strict=True)) / math.fsum(weights))


def _desired(desire: study_pb2.Desire, value: float) -> float:
    side = "low" if value < desire.target else "high"
    if value == desire.target or not desire.HasField(side):
        return 1.0
    way = (value - getattr(desire, side)) / (desire.target - getattr(desire, side))
    return float(max(way, 0.0) ** (desire.exponent if desire.HasField("exponent") else 1.0))


def _counted(metric: study_pb2.MetricSpec, value: float) -> float:
    if metric.outside_range == study_pb2.OUTSIDE_RANGE_CLIP:
        value = max(value, metric.min) if metric.HasField("min") else value
        value = min(value, metric.max) if metric.HasField("max") else value
    return value


def _check_range(metric: study_pb2.MetricSpec, value: float, at: str) -> None:
    counted = _counted(metric, value)
    if (metric.HasField("min") and counted < metric.min) or (metric.HasField("max") and counted > metric.max):
        raise invalid(at, f"{value} is outside the range of {metric.name}")

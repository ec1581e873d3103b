"""What the fake server makes of measurements: which ones fit a study, and what the objective is then."""

from __future__ import annotations

import math
from collections.abc import Mapping

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
    objective = declared[spec.objectives[0].metric]
    for name in _inputs(objective) or [objective.name]:
        if name not in measurements:
            raise invalid(
                f'{path}.measurements["{name}"]', "missing: it is an objective of the study, or a part of one"
            )
    _check_formula(objective, declared, measurements, path)
    _check_range(objective, _mean(objective, declared, measurements), f"{path}.measurements")


def reward(spec: study_pb2.StudySpec, measurements: Measurements) -> float:
    """The objective of a completed observation: measured or computed, clipped where its metric says so."""
    declared = {metric.name: metric for metric in spec.metrics}
    objective = declared[spec.objectives[0].metric]
    return _counted(objective, _mean(objective, declared, measurements))


def _inputs(metric: study_pb2.MetricSpec) -> list[str]:
    """What its formula is made of; empty where it has none."""
    match metric.WhichOneof("formula"):
        case "weighted_sum":
            return sorted(metric.weighted_sum.weights)
        case "ratio":
            return [metric.ratio.numerator, metric.ratio.denominator]
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
    return measurements[metric.name].mean


def _counted(metric: study_pb2.MetricSpec, value: float) -> float:
    if metric.outside_range == study_pb2.OUTSIDE_RANGE_CLIP:
        value = max(value, metric.min) if metric.HasField("min") else value
        value = min(value, metric.max) if metric.HasField("max") else value
    return value


def _check_range(metric: study_pb2.MetricSpec, value: float, at: str) -> None:
    counted = _counted(metric, value)
    if (metric.HasField("min") and counted < metric.min) or (metric.HasField("max") and counted > metric.max):
        raise invalid(at, f"{value} is outside the range of {metric.name}")

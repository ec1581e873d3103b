"""The border between definitions of studies and the messages of the contract.

Both ways, and nothing else. Values, suggestions and observations: ``_convert``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from google.protobuf.duration_pb2 import Duration

from trimtab._convert import (
    duration_to_message,
    member,
    parameters_from_message,
    parameters_to_message,
    time_from_message,
    value_from_message,
    value_to_message,
)
from trimtab.answers import StudyCounts, StudyDescription
from trimtab.space import (
    Categorical,
    Discrete,
    Float,
    Integer,
    Metric,
    Parameter,
    ParameterValue,
    Ratio,
    ValueLike,
    WeightedSum,
)
from trimtab.spec import FOREVER, ChosenAlgorithm, StudyChange, StudySpec, StudyState
from trimtab.v1 import parameters_pb2 as pb_parameters
from trimtab.v1 import study_pb2 as pb_study

_SCALES = {"linear": pb_parameters.SCALE_LINEAR, "log": pb_parameters.SCALE_LOG, "logit": pb_parameters.SCALE_LOGIT}
_SCALE_NAMES = {number: name for name, number in _SCALES.items()}
_KINDS = {"real": pb_study.METRIC_KIND_REAL, "binary": pb_study.METRIC_KIND_BINARY}
_OUTSIDE = {"refuse": pb_study.OUTSIDE_RANGE_REFUSE, "clip": pb_study.OUTSIDE_RANGE_CLIP}


def _choice(table: Mapping[str, int], value: str, what: str) -> int:
    try:
        return table[value]
    except KeyError:
        raise ValueError(f"{what} must be one of {', '.join(table)}, not {value!r}") from None


def study_state_to_message(state: StudyState) -> pb_study.StudyState:
    """ValueError for UNKNOWN, which nothing can be set to."""
    return cast(pb_study.StudyState, pb_study.StudyState.Value(f"STUDY_STATE_{state.name}"))


def parameter_to_message(parameter: Parameter) -> pb_parameters.ParameterSpec:
    """The declaration of a parameter or of a context value."""
    if not isinstance(parameter, Parameter):
        raise TypeError(f"a parameter must be a Float, Integer, Categorical or Discrete, not {parameter!r:.80}")
    message = pb_parameters.ParameterSpec(name=parameter.name, description=parameter.description)
    match parameter:
        case Float():
            message.float_range.min, message.float_range.max = parameter.min, parameter.max
            message.float_range.scale = _choice(_SCALES, parameter.scale, "scale")  # type: ignore[assignment]
            if parameter.step is not None:
                message.float_range.step = parameter.step
        case Integer():
            message.integer_range.min, message.integer_range.max = parameter.min, parameter.max
            message.integer_range.scale = _choice(_SCALES, parameter.scale, "scale")  # type: ignore[assignment]
        case Categorical():
            message.categorical.values.extend(value_to_message(value) for value in parameter.values)
            message.categorical.SetInParent()
        case Discrete():
            message.discrete.values.extend(value_to_message(value) for value in parameter.values)
            message.discrete.SetInParent()
    return message


def parameter_from_message(message: pb_parameters.ParameterSpec) -> Parameter:
    """TypeError for a kind of parameter that this client doesn't know."""
    name, description = message.name, message.description
    match message.WhichOneof("domain"):
        case "float_range":
            real = message.float_range
            step = real.step if real.HasField("step") else None
            scale = _SCALE_NAMES.get(real.scale, "linear")
            return Float(name, real.min, real.max, scale, step, description=description)  # type: ignore[arg-type]
        case "integer_range":
            whole = message.integer_range
            scale = _SCALE_NAMES.get(whole.scale, "linear")
            return Integer(name, whole.min, whole.max, scale, description=description)  # type: ignore[arg-type]
        case "categorical":
            choices: list[Any] = [value_from_message(value) for value in message.categorical.values]
            return Categorical(name, choices, description=description)
        case "discrete":
            numbers: list[Any] = [value_from_message(value) for value in message.discrete.values]
            return Discrete(name, numbers, description=description)
        case _:
            raise TypeError(f"parameter {name!r} is of a kind that this client doesn't know; a newer one may")


def _metric_to_message(metric: Metric) -> pb_study.MetricSpec:
    message = pb_study.MetricSpec(
        name=metric.name,
        kind=_choice(_KINDS, metric.kind, "kind"),  # type: ignore[arg-type]
        min=metric.min,
        max=metric.max,
        description=metric.description,
        outside_range=_choice(_OUTSIDE, metric.outside_range, "outside_range"),  # type: ignore[arg-type]
    )
    match metric.formula:
        case None:
            pass
        case WeightedSum():
            message.weighted_sum.weights.update(metric.formula.weights)
            message.weighted_sum.SetInParent()
        case Ratio():
            message.ratio.numerator = metric.formula.numerator
            message.ratio.denominator = metric.formula.denominator
        case _:
            raise TypeError(f"a formula must be a WeightedSum or a Ratio, not {metric.formula!r:.80}")
    return message


def _metric_from_message(message: pb_study.MetricSpec) -> Metric:
    formula: WeightedSum | Ratio | None = None
    match message.WhichOneof("formula"):
        case "weighted_sum":
            formula = WeightedSum(message.weighted_sum.weights)
        case "ratio":
            formula = Ratio(message.ratio.numerator, message.ratio.denominator)
    return Metric(
        message.name,
        "binary" if message.kind == pb_study.METRIC_KIND_BINARY else "real",
        message.min if message.HasField("min") else None,
        message.max if message.HasField("max") else None,
        formula=formula,
        outside_range="clip" if message.outside_range == pb_study.OUTSIDE_RANGE_CLIP else "refuse",
        description=message.description,
    )


def spec_to_message(spec: StudySpec) -> pb_study.StudySpec:
    """What is None in the spec is unset in the message."""
    goal = pb_study.GOAL_MINIMIZE if spec.minimize is not None else pb_study.GOAL_MAXIMIZE
    return pb_study.StudySpec(
        search_space=pb_parameters.SearchSpace(parameters=map(parameter_to_message, spec.parameters)),
        context=map(parameter_to_message, spec.context),
        metrics=map(_metric_to_message, spec.metrics),
        objectives=[pb_study.Objective(metric=spec.objective, goal=goal)],
        algorithm=algorithm_to_message(spec.algorithm, spec.options),
        baseline=None if spec.baseline is None else parameters_to_message(spec.baseline),
        lease=_duration_or_unset(spec.lease),
        decision_lifetime=_duration_or_unset(spec.decision_lifetime),
        reward_wait=_duration_or_unset(spec.reward_wait),
        default_reward=spec.default_reward,
        retention=_duration_or_unset(spec.retention),
        disabled_arms=map(parameters_to_message, spec.disabled_arms),
        seed=spec.seed,
        description=spec.description,
        labels=spec.labels,
    )


def _duration_or_unset(value: timedelta | None) -> Duration | None:
    return None if value is None else duration_to_message(value)


def algorithm_to_message(name: str, options: Mapping[str, ValueLike]) -> pb_study.Algorithm:
    """What is asked for."""
    return pb_study.Algorithm(name=name, options={option: value_to_message(value) for option, value in options.items()})


def spec_from_message(message: pb_study.StudySpec) -> StudySpec:
    """The first objective stands for all: there is exactly one today."""
    objective = message.objectives[0]
    minimized = objective.goal == pb_study.GOAL_MINIMIZE
    return StudySpec(
        parameters=[parameter_from_message(each) for each in message.search_space.parameters],
        minimize=objective.metric if minimized else None,
        maximize=None if minimized else objective.metric,
        metrics=[_metric_from_message(each) for each in message.metrics],
        context=[parameter_from_message(each) for each in message.context],
        algorithm=message.algorithm.name or "auto",
        options=_options_from_message(message.algorithm.options),
        baseline=parameters_from_message(message.baseline) if message.HasField("baseline") else None,
        lease=message.lease.ToTimedelta() if message.HasField("lease") else None,
        decision_lifetime=message.decision_lifetime.ToTimedelta() if message.HasField("decision_lifetime") else None,
        reward_wait=message.reward_wait.ToTimedelta() if message.HasField("reward_wait") else None,
        default_reward=message.default_reward if message.HasField("default_reward") else None,
        retention=message.retention.ToTimedelta() if message.HasField("retention") else None,
        disabled_arms=[parameters_from_message(each) for each in message.disabled_arms],
        seed=message.seed if message.HasField("seed") else None,
        description=message.description,
        labels=dict(message.labels),
    )


def _options_from_message(options: Mapping[str, pb_parameters.Value]) -> dict[str, ParameterValue]:
    return {name: value_from_message(options[name]) for name in sorted(options)}


def study_from_message(message: pb_study.Study) -> StudyDescription:
    """One study."""
    counts = message.counts
    chosen = message.algorithm
    return StudyDescription(
        name=message.name,
        spec=spec_from_message(message.spec),
        state=member(StudyState, "STUDY_STATE_", pb_study.StudyState, message.state),
        algorithm=ChosenAlgorithm(chosen.name, _options_from_message(chosen.options), chosen.reason, chosen.decisions),
        revision=message.revision,
        etag=message.etag,
        create_time=time_from_message(message.create_time),
        update_time=time_from_message(message.update_time),
        counts=StudyCounts(*(getattr(counts, name) for name in StudyCounts.__slots__))
        if message.HasField("counts")
        else None,
    )


def change_to_message(change: StudyChange) -> tuple[pb_study.Study, list[str]]:
    """The fields to be changed, and their paths."""
    study, paths = pb_study.Study(), []
    spec = study.spec
    if change.state is not None:
        study.state = study_state_to_message(change.state)
        paths.append("state")
    if change.description is not None:
        spec.description = change.description
        paths.append("spec.description")
    if change.labels is not None:
        spec.labels.update(change.labels)
        paths.append("spec.labels")
    if change.algorithm is not None:
        spec.algorithm.CopyFrom(algorithm_to_message(change.algorithm, change.options or {}))
        paths.append("spec.algorithm")
    if change.baseline is not None:
        spec.baseline.CopyFrom(parameters_to_message(change.baseline))
        paths.append("spec.baseline")
    for name in ("lease", "decision_lifetime"):
        span = getattr(change, name)
        if span is not None:
            getattr(spec, name).CopyFrom(duration_to_message(span))
            paths.append(f"spec.{name}")
    if change.parameters is not None:
        spec.search_space.parameters.extend(map(parameter_to_message, change.parameters))
        paths.append("spec.search_space")
    if change.retention is not None:
        if change.retention != FOREVER:
            spec.retention.CopyFrom(duration_to_message(change.retention))
        paths.append("spec.retention")
    if change.disabled_arms is not None:
        spec.disabled_arms.extend(map(parameters_to_message, change.disabled_arms))
        paths.append("spec.disabled_arms")
    return study, paths

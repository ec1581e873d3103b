"""The border between definitions of studies and the messages of the contract.

Both ways, and nothing else. Values, suggestions and observations: ``_convert``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import cast

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
from trimtab._convert_outcomes import (
    constraint_from_message,
    constraint_to_message,
    desire_from_message,
    desire_to_message,
    objectives_from_messages,
    objectives_to_messages,
    robustness_from_message,
    robustness_to_message,
)
from trimtab._convert_space import (
    linear_constraint_from_message,
    parameter_from_message,
    parameter_to_message,
    simplex_from_message,
    space_to_message,
)
from trimtab._plain import ParameterValue, ValueLike
from trimtab.answers import StudyCounts, StudyDescription
from trimtab.space import Desirability, Metric, Ratio, WeightedSum
from trimtab.spec import FOREVER, ChosenAlgorithm, StudyChange, StudySpec, StudyState, plain_reference_point
from trimtab.v1 import parameters_pb2 as pb_parameters
from trimtab.v1 import study_pb2 as pb_study

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
        case Desirability():
            message.desirability.desires.extend(map(desire_to_message, metric.formula.desires))
            message.desirability.SetInParent()
        case _:
            raise TypeError(f"a formula must be a WeightedSum, a Ratio or a Desirability, not {metric.formula!r:.80}")
    return message


def _metric_from_message(message: pb_study.MetricSpec) -> Metric:
    formula: WeightedSum | Ratio | Desirability | None = None
    match message.WhichOneof("formula"):
        case "weighted_sum":
            formula = WeightedSum(message.weighted_sum.weights)
        case "ratio":
            formula = Ratio(message.ratio.numerator, message.ratio.denominator)
        case "desirability":
            formula = Desirability([desire_from_message(each) for each in message.desirability.desires])
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
    return pb_study.StudySpec(
        search_space=space_to_message(spec.parameters, spec.linear_constraints, spec.simplexes),
        context=map(parameter_to_message, spec.context),
        metrics=map(_metric_to_message, spec.metrics),
        objectives=objectives_to_messages(spec.goals, spec.reference_point),
        algorithm=algorithm_to_message(spec.algorithm, spec.options),
        baseline=None if spec.baseline is None else parameters_to_message(spec.baseline),
        lease=_duration_or_unset(spec.lease),
        decision_lifetime=_duration_or_unset(spec.decision_lifetime),
        reward_wait=_duration_or_unset(spec.reward_wait),
        default_reward=spec.default_reward,
        retention=_duration_or_unset(spec.retention),
        disabled_arms=map(parameters_to_message, spec.disabled_arms),
        outcome_constraints=map(constraint_to_message, spec.outcome_constraints),
        cost_metric=spec.cost_metric,
        half_life=_duration_or_unset(spec.half_life),
        robustness=None if spec.robustness is None else robustness_to_message(spec.robustness),
        transfer_from=spec.transfer_from,
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
    """What is unset in the message is None in the spec."""
    minimized, maximized, reference_point = objectives_from_messages(message.objectives)
    return StudySpec(
        parameters=[parameter_from_message(each) for each in message.search_space.parameters],
        linear_constraints=[linear_constraint_from_message(each) for each in message.search_space.linear_constraints],
        simplexes=[simplex_from_message(each) for each in message.search_space.simplexes],
        minimize=minimized,
        maximize=maximized,
        reference_point=reference_point,
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
        outcome_constraints=[constraint_from_message(each) for each in message.outcome_constraints],
        cost_metric=message.cost_metric or None,
        half_life=message.half_life.ToTimedelta() if message.HasField("half_life") else None,
        robustness=robustness_from_message(message.robustness) if message.HasField("robustness") else None,
        transfer_from=message.transfer_from,
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


def change_to_message(change: StudyChange, goals: Mapping[str, str]) -> tuple[pb_study.Study, list[str]]:
    """The fields to be changed, and their paths.

    goals: of the study, by metric, where there is a reference point to be changed.
    """
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
    if change.reference_point is not None:
        spec.objectives.extend(objectives_to_messages(goals, plain_reference_point(change.reference_point, goals)))
        paths.append("spec.objectives")
    paths += _outcome_changes(change, spec)
    return study, paths


def _outcome_changes(change: StudyChange, spec: pb_study.StudySpec) -> list[str]:
    """Puts what is asked of outcomes into the spec; the paths that were."""
    paths = []
    if change.outcome_constraints is not None:
        spec.outcome_constraints.extend(map(constraint_to_message, change.outcome_constraints))
        paths.append("spec.outcome_constraints")
    if change.half_life is not None:
        if change.half_life != FOREVER:
            spec.half_life.CopyFrom(duration_to_message(change.half_life))
        paths.append("spec.half_life")
    if change.transfer_from is not None:
        spec.transfer_from.extend(change.transfer_from)
        paths.append("spec.transfer_from")
    return paths

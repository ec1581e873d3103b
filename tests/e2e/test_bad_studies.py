"""Every fault of a study is found when it is created, and nothing is stored."""

from __future__ import annotations

import math
from collections.abc import Callable

import grpc
import pytest
from google.protobuf import duration_pb2

import serving
from serving import RunningServer, parameters, value
from trimtab.v1 import parameters_pb2, study_pb2, study_service_pb2

Spec = study_pb2.StudySpec
SPACE = "study.spec.search_space.parameters"


def parameter(name: str = "x", **domain: object) -> parameters_pb2.ParameterSpec:
    """A parameter of the contract, its domain given as a message or left out."""
    return parameters_pb2.ParameterSpec(name=name, **domain)  # type: ignore[arg-type]


def span(low: float, high: float, **more: object) -> parameters_pb2.FloatRange:
    """An interval of real numbers."""
    return parameters_pb2.FloatRange(min=low, max=high, **more)  # type: ignore[arg-type]


def with_parameter(wrong: parameters_pb2.ParameterSpec) -> Callable[[Spec], None]:
    """The fault of having this parameter alone."""

    def change(spec: Spec) -> None:
        spec.search_space.ClearField("parameters")
        spec.search_space.parameters.append(wrong)

    return change


def texts(*choices: object) -> parameters_pb2.Categorical:
    """A categorical domain."""
    return parameters_pb2.Categorical(values=[value(choice) for choice in choices])  # type: ignore[arg-type]


def numbers(*choices: object) -> parameters_pb2.Discrete:
    """A discrete domain."""
    return parameters_pb2.Discrete(values=[value(choice) for choice in choices])  # type: ignore[arg-type]


def whole(
    low: int, high: int, scale: parameters_pb2.Scale = parameters_pb2.SCALE_LINEAR
) -> parameters_pb2.IntegerRange:
    """An interval of whole numbers."""
    return parameters_pb2.IntegerRange(min=low, max=high, scale=scale)


LOG, LOGIT = parameters_pb2.SCALE_LOG, parameters_pb2.SCALE_LOGIT

PARAMETER_FAULTS = {
    "no domain": (parameter(), f"{SPACE}[0]"),
    "empty name": (parameter("", float_range=span(0, 1)), f"{SPACE}[0].name"),
    "bad name": (parameter("a b", float_range=span(0, 1)), f"{SPACE}[0].name"),
    "name too long": (parameter("a" * 129, float_range=span(0, 1)), f"{SPACE}[0].name"),
    "min above max": (parameter(float_range=span(1, 0)), f"{SPACE}[0].float_range.max"),
    "empty interval": (parameter(float_range=span(1, 1)), f"{SPACE}[0].float_range.max"),
    "NaN bound": (parameter(float_range=span(math.nan, 1)), f"{SPACE}[0].float_range.min"),
    "infinite bound": (parameter(float_range=span(0, math.inf)), f"{SPACE}[0].float_range.max"),
    "log over zero": (parameter(float_range=span(0, 1, scale=LOG)), f"{SPACE}[0].float_range.min"),
    "logit over one": (parameter(float_range=span(0.5, 1, scale=LOGIT)), f"{SPACE}[0].float_range.min"),
    "unknown scale": (parameter(float_range=span(0, 1, scale=77)), f"{SPACE}[0].float_range.scale"),
    "step of zero": (parameter(float_range=span(0, 1, step=0.0)), f"{SPACE}[0].float_range.step"),
    "step too long": (parameter(float_range=span(0, 1, step=2.0)), f"{SPACE}[0].float_range.step"),
    "step on a log scale": (parameter(float_range=span(1, 2, step=0.5, scale=LOG)), f"{SPACE}[0].float_range.step"),
    "integer min above max": (parameter(integer_range=whole(2, 1)), f"{SPACE}[0].integer_range.max"),
    "integer too large": (parameter(integer_range=whole(0, 2**60)), f"{SPACE}[0].integer_range.max"),
    "integer log over zero": (parameter(integer_range=whole(0, 9, LOG)), f"{SPACE}[0].integer_range.min"),
    "integer logit": (parameter(integer_range=whole(1, 9, LOGIT)), f"{SPACE}[0].integer_range.scale"),
    "no categories": (parameter(categorical=texts()), f"{SPACE}[0].categorical.values"),
    "numeric category": (parameter(categorical=texts(1, 2)), f"{SPACE}[0].categorical.values"),
    "mixed categories": (parameter(categorical=texts("a", True)), f"{SPACE}[0].categorical.values"),
    "a category twice": (parameter(categorical=texts("a", "b", "a")), f"{SPACE}[0].categorical.values[2]"),
    "too many categories": (
        parameter(categorical=texts(*(f"v{index}" for index in range(1_001)))),
        f"{SPACE}[0].categorical.values",
    ),
    "category too long": (parameter(categorical=texts("a", "b" * 1_025)), f"{SPACE}[0].categorical.values[1]"),
    "value without a kind": (
        parameter(categorical=parameters_pb2.Categorical(values=[parameters_pb2.Value()])),
        f"{SPACE}[0].categorical.values[0]",
    ),
    "discrete texts": (parameter(discrete=numbers("a")), f"{SPACE}[0].discrete.values"),
    "discrete out of order": (parameter(discrete=numbers(2.0, 1.0)), f"{SPACE}[0].discrete.values"),
    "discrete NaN": (parameter(discrete=numbers(1.0, math.nan)), f"{SPACE}[0].discrete.values[1]"),
}


def twice(spec: Spec) -> None:
    """The same parameter again."""
    spec.search_space.parameters.append(spec.search_space.parameters[0])


def metric_twice(spec: Spec) -> None:
    """The same metric again."""
    spec.metrics.append(spec.metrics[0])


def context_of_the_space(spec: Spec) -> None:
    """A context value with the name of a parameter."""
    spec.context.append(spec.search_space.parameters[0])


def context_twice(spec: Spec) -> None:
    """The same context value again."""
    spec.context.extend([parameter("hour", integer_range=whole(0, 23))] * 2)


def baseline(**values: float | int | str | bool) -> Callable[[Spec], None]:
    """The fault of having this baseline."""
    return lambda spec: spec.baseline.CopyFrom(parameters(**values))


def algorithm(name: str, **options: float | int | str | bool) -> Callable[[Spec], None]:
    """The fault of asking for this algorithm."""
    chosen = study_pb2.Algorithm(name=name, options={key: value(of) for key, of in options.items()})
    return lambda spec: spec.algorithm.CopyFrom(chosen)


def two_by(acquisition: str) -> Callable[[Spec], None]:
    """The fault of asking for this acquisition function with two objectives."""

    def change(spec: Spec) -> None:
        algorithm("gp", acquisition=acquisition)(spec)
        spec.metrics.append(study_pb2.MetricSpec(name="z"))
        spec.objectives.append(study_pb2.Objective(metric="z", goal=study_pb2.GOAL_MAXIMIZE))

    return change


def metric(**fields: object) -> Callable[[Spec], None]:
    """The fault of having this metric as well."""
    return lambda spec: spec.metrics.append(study_pb2.MetricSpec(**{"name": "z", **fields}))  # type: ignore[arg-type]


def weighted(**weights: float) -> study_pb2.WeightedSum:
    """A sum of other metrics."""
    return study_pb2.WeightedSum(weights=weights)


def ratio(numerator: str, denominator: str) -> study_pb2.Ratio:
    """One metric divided by another."""
    return study_pb2.Ratio(numerator=numerator, denominator=denominator)


def sum_of_a_sum(spec: Spec) -> None:
    """A formula of a formula."""
    metric(name="a", weighted_sum=weighted(y=1.0))(spec)
    metric(name="b", ratio=ratio("y", "a"))(spec)


METRIC = "study.spec.metrics[1]"
BINARY = study_pb2.METRIC_KIND_BINARY
METRIC_FAULTS: dict[str, tuple[Callable[[Spec], None], str]] = {
    "sum of nothing": (metric(weighted_sum=weighted()), f"{METRIC}.weighted_sum.weights"),
    "weight of zero": (metric(weighted_sum=weighted(y=0.0)), f'{METRIC}.weighted_sum.weights["y"]'),
    "weight NaN": (metric(weighted_sum=weighted(y=math.nan)), f'{METRIC}.weighted_sum.weights["y"]'),
    "sum of what isn't declared": (metric(weighted_sum=weighted(q=1.0)), f'{METRIC}.weighted_sum.weights["q"]'),
    "sum of itself": (metric(weighted_sum=weighted(z=1.0)), f'{METRIC}.weighted_sum.weights["z"]'),
    "ratio without a denominator": (metric(ratio=ratio("y", "")), f"{METRIC}.ratio.denominator"),
    "ratio to itself": (metric(ratio=ratio("y", "y")), f"{METRIC}.ratio.denominator"),
    "ratio of what isn't declared": (metric(ratio=ratio("q", "y")), f"{METRIC}.ratio.numerator"),
    "formula of a formula": (sum_of_a_sum, "study.spec.metrics[2].ratio.denominator"),
    "binary formula": (metric(weighted_sum=weighted(y=1.0), kind=BINARY), f"{METRIC}.kind"),
    "unknown word for out of range": (metric(outside_range=7), f"{METRIC}.outside_range"),
}


def bandit(**fields: object) -> Callable[[Spec], None]:
    """A bandit study of four arms with these fields."""

    def change(spec: Spec) -> None:
        with_parameter(parameter(integer_range=whole(1, 4)))(spec)
        spec.MergeFrom(Spec(**fields))  # type: ignore[arg-type]
        spec.algorithm.name = "thompson"

    return change


def seconds(count: int) -> duration_pb2.Duration:
    """A length of time."""
    return duration_pb2.Duration(seconds=count)


def metric_of_clicks(spec: Spec) -> None:
    """A default reward that no measurement could be."""
    bandit(reward_wait=seconds(60), default_reward=2.0)(spec)
    spec.metrics[0].kind = BINARY


WEEK = 7 * 86_400
BANDIT_FAULTS: dict[str, tuple[Callable[[Spec], None], str]] = {
    "wait without a default": (bandit(reward_wait=seconds(60)), "study.spec.default_reward"),
    "default without a wait": (bandit(default_reward=0.0), "study.spec.reward_wait"),
    "wait of nothing": (bandit(reward_wait=seconds(0), default_reward=0.0), "study.spec.reward_wait"),
    "wait beyond the lifetime": (bandit(reward_wait=seconds(WEEK + 1), default_reward=0.0), "study.spec.reward_wait"),
    "default NaN": (bandit(reward_wait=seconds(60), default_reward=math.nan), "study.spec.default_reward"),
    "default out of range": (metric_of_clicks, "study.spec.default_reward"),
    "retention below the lifetime": (bandit(retention=seconds(WEEK - 1)), "study.spec.retention"),
    "retention too long": (bandit(retention=seconds(3_661 * 86_400)), "study.spec.retention"),
    "nothing disabled": (bandit(disabled_arms=[parameters()]), "study.spec.disabled_arms[0].values"),
    "no such parameter": (bandit(disabled_arms=[parameters(q=1)]), 'study.spec.disabled_arms[0].values["q"]'),
    "no such value": (
        bandit(disabled_arms=[parameters(x=1), parameters(x=5)]),
        'study.spec.disabled_arms[1].values["x"]',
    ),
    "everything disabled": (bandit(disabled_arms=[parameters(x=x) for x in (1, 2, 3, 4)]), "study.spec.disabled_arms"),
    "too many disabled": (bandit(disabled_arms=[parameters(x=1)] * 1_001), "study.spec.disabled_arms"),
    "retention of trials": (lambda spec: spec.retention.FromSeconds(WEEK), "study.spec.retention"),
}


SPEC_FAULTS: dict[str, tuple[Callable[[Spec], None], str]] = {
    "empty space": (lambda spec: spec.ClearField("search_space"), "study.spec.search_space.parameters"),
    "parameter twice": (twice, f"{SPACE}[1].name"),
    "no metric": (lambda spec: spec.ClearField("metrics"), "study.spec.metrics"),
    "metric twice": (metric_twice, "study.spec.metrics[1].name"),
    "no objective": (lambda spec: spec.ClearField("objectives"), "study.spec.objectives"),
    "objective twice": (lambda spec: spec.objectives.append(spec.objectives[0]), "study.spec.objectives[1].metric"),
    "objective not declared": (
        lambda spec: setattr(spec.objectives[0], "metric", "z"),
        "study.spec.objectives[0].metric",
    ),
    "no goal": (lambda spec: spec.objectives[0].ClearField("goal"), "study.spec.objectives[0].goal"),
    "metric range upside down": (
        lambda spec: spec.metrics[0].MergeFrom(study_pb2.MetricSpec(min=1, max=0)),
        "study.spec.metrics[0].max",
    ),
    "metric bound NaN": (
        lambda spec: spec.metrics[0].MergeFrom(study_pb2.MetricSpec(min=math.nan)),
        "study.spec.metrics[0].min",
    ),
    "context in the space": (context_of_the_space, "study.spec.context[0].name"),
    "context twice": (context_twice, "study.spec.context[1].name"),
    "baseline incomplete": (baseline(), 'study.spec.baseline.values["x"]'),
    "baseline out of space": (baseline(x=2.0), 'study.spec.baseline.values["x"]'),
    "baseline of another type": (baseline(x="fast"), 'study.spec.baseline.values["x"]'),
    "baseline NaN": (baseline(x=math.nan), 'study.spec.baseline.values["x"]'),
    "baseline with more": (baseline(x=0.5, z=1.0), 'study.spec.baseline.values["z"]'),
    "unknown option": (algorithm("gp", colour="blue"), 'study.spec.algorithm.options["colour"]'),
    "unknown acquisition": (algorithm("gp", acquisition="ei"), 'study.spec.algorithm.options["acquisition"]'),
    "beta of another acquisition": (algorithm("gp", beta=2.0), 'study.spec.algorithm.options["beta"]'),
    "acquisition and two objectives": (two_by("kg"), 'study.spec.algorithm.options["acquisition"]'),
    "options for auto": (algorithm("auto", restarts=3), 'study.spec.algorithm.options["restarts"]'),
    "options that auto's choice doesn't have": (algorithm("auto", floor=0.1), 'study.spec.algorithm.options["floor"]'),
    "bandit on a continuum": (algorithm("thompson"), "study.spec.algorithm.name"),
    "lease too short": (lambda spec: spec.lease.FromMilliseconds(1), "study.spec.lease"),
    "lease too long": (lambda spec: spec.lease.FromSeconds(10**11), "study.spec.lease"),
    "negative seed": (lambda spec: setattr(spec, "seed", -1), "study.spec.seed"),
    "description too long": (lambda spec: setattr(spec, "description", "d" * 4_097), "study.spec.description"),
    "label name": (lambda spec: spec.labels.update({"a b": "c"}), "study.spec.labels"),
    "label too long": (lambda spec: spec.labels.update({"a": "c" * 257}), 'study.spec.labels["a"]'),
}

FAULTS = {name: (with_parameter(wrong), path) for name, (wrong, path) in PARAMETER_FAULTS.items()}
FAULTS |= SPEC_FAULTS | METRIC_FAULTS | BANDIT_FAULTS


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_spec_names_its_field(shared_server: RunningServer, fault: str) -> None:
    """INVALID_ARGUMENT with the path of the field, and no study."""
    change, path = FAULTS[fault]
    spec = serving.float_spec()
    change(spec)
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, spec, study="faulty")
    code, _, fields = serving.details(refusal.value)
    assert (code, fields) == ("INVALID_ARGUMENT", [path])
    with pytest.raises(grpc.RpcError) as missing:
        serving.get(shared_server, "faulty")
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND


def test_an_unknown_algorithm_is_refused_by_name(shared_server: RunningServer) -> None:
    """The reason is its own, and the message lists what there is."""
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, serving.float_spec("genie"))
    assert serving.details(refusal.value) == (
        "INVALID_ARGUMENT",
        "UNKNOWN_ALGORITHM",
        ["study.spec.algorithm.name"],
    )
    assert "tsallis_inf" in str(refusal.value.details())


def test_a_field_that_the_server_does_not_know_is_refused(shared_server: RunningServer) -> None:
    """A newer client's field isn't dropped in silence: it could change what the study means."""
    spec = serving.float_spec()
    newer = spec.SerializeToString() + bytes([0xF2, 0x06, 0x01, 0x41])  # field 110, one byte
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, Spec.FromString(newer))
    assert serving.details(refusal.value)[2] == ["request.study.spec"]


@pytest.mark.parametrize(
    ("parent", "study_id", "field"),
    [
        ("", "s", "parent"),
        ("namespaces/Bad", "s", "parent"),
        ("studies/n", "s", "parent"),
        ("namespaces/n", "", "study_id"),
        ("namespaces/n", "Bad_Name", "study_id"),
        ("namespaces/n", "x" * 64, "study_id"),
    ],
)
def test_a_malformed_name_is_refused(shared_server: RunningServer, parent: str, study_id: str, field: str) -> None:
    """Names are checked before anything else."""
    request = study_service_pb2.CreateStudyRequest(
        parent=parent, study_id=study_id, study=study_pb2.Study(spec=serving.float_spec())
    )
    with pytest.raises(grpc.RpcError) as refusal:
        shared_server.studies.CreateStudy(request)
    assert serving.details(refusal.value)[2] == [field]


def test_too_many_arms_for_a_bandit_are_refused(shared_server: RunningServer) -> None:
    """The fault is found at once, not at the first Suggest."""
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, serving.arms_spec(arms=1_001))
    assert serving.details(refusal.value)[2] == ["study.spec.algorithm.name"]

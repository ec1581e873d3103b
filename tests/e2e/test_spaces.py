"""Spaces that say more than ranges, through a running server: what is refused, and that all answers are legal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

import serving
import trimtab
from serving import RunningServer, named, parameters, value
from trimtab import Between, Categorical, Discrete, Float, Integer, LinearConstraint, NormalPrior, Simplex
from trimtab.v1 import parameters_pb2 as pb
from trimtab.v1 import study_pb2, tuning_service_pb2

SPACE = "study.spec.search_space"
PIPELINE = [
    Categorical("model", ["tree", "net"]),
    Integer("depth", 1, 16, when={"model": "tree"}),
    Integer("layers", 1, 4, when={"model": "net"}),
    Float("width", 8, 512, "log", when={"layers": Between(min=2)}, prior=NormalPrior(64, 0.2)),
]
PARTS = [Float(f"part{index}", 0, 1) for index in range(20)]


def number(name: str, **more: Any) -> pb.ParameterSpec:
    """A number in [0, 1]."""
    return pb.ParameterSpec(name=name, float_range=pb.FloatRange(min=0.0, max=1.0), **more)


def whole(name: str, **more: Any) -> pb.ParameterSpec:
    """A whole number from 0 to 9."""
    return pb.ParameterSpec(name=name, integer_range=pb.IntegerRange(min=0, max=9), **more)


def where(other: str, **more: Any) -> list[pb.Condition]:
    """One condition."""
    return [pb.Condition(parameter=other, **more)]


NORMAL = pb.Prior(normal=pb.NormalPrior(mean=0.5, spread=0.1))
FAULTS: dict[str, tuple[pb.SearchSpace, str]] = {
    "condition on nothing": (
        pb.SearchSpace(parameters=[number("x"), number("y", conditions=where("q", min=0.5))]),
        "parameters[1].conditions[0].parameter",
    ),
    "circle": (
        pb.SearchSpace(
            parameters=[number("x", conditions=where("y", min=0.5)), number("y", conditions=where("x", min=0.5))]
        ),
        "parameters[0].conditions[0].parameter",
    ),
    "value that the other one can't have": (
        pb.SearchSpace(parameters=[whole("x"), number("y", conditions=where("x", values=[value(10)]))]),
        "parameters[1].conditions[0].values[0]",
    ),
    "belief beyond the range": (
        pb.SearchSpace(parameters=[number("x", prior=pb.Prior(normal=pb.NormalPrior(mean=2.0, spread=0.1)))]),
        "parameters[0].prior.normal.mean",
    ),
    "sum of nothing": (
        pb.SearchSpace(parameters=[number("x")], linear_constraints=[pb.LinearConstraint(max=1.0)]),
        "linear_constraints[0].weights",
    ),
    "bound that nothing reaches": (
        pb.SearchSpace(parameters=[number("x")], linear_constraints=[pb.LinearConstraint(weights={"x": 1.0}, min=2.0)]),
        "linear_constraints[0].min",
    ),
    "bounds that nothing keeps together": (
        pb.SearchSpace(
            parameters=[number("x"), number("y")],
            linear_constraints=[
                pb.LinearConstraint(weights={"x": 1.0, "y": 1.0}, min=1.2),
                pb.LinearConstraint(weights={"x": 1.0, "y": -1.0}, min=0.9),
            ],
        ),
        "linear_constraints",
    ),
    "whole numbers that never add up": (
        pb.SearchSpace(
            parameters=[whole("x"), whole("y")],
            linear_constraints=[pb.LinearConstraint(weights={"x": 2.0, "y": 2.0}, min=5.0, max=5.0)],
        ),
        "linear_constraints",
    ),
    "condition on itself": (
        pb.SearchSpace(parameters=[number("x", conditions=where("x", min=0.5))]),
        "parameters[0].conditions[0].parameter",
    ),
    "condition NaN": (
        pb.SearchSpace(parameters=[number("x"), number("y", conditions=where("x", min=math.nan))]),
        "parameters[1].conditions[0].min",
    ),
    "conditions that never hold together": (
        pb.SearchSpace(parameters=[number("x"), number("y", conditions=[*where("x", min=0.8), *where("x", max=0.2)])]),
        "parameters[1].conditions",
    ),
    "conditions with no value in common": (
        pb.SearchSpace(
            parameters=[
                whole("x"),
                number("y", conditions=[*where("x", values=[value(1), value(2)]), *where("x", min=2.5)]),
            ]
        ),
        "parameters[1].conditions",
    ),
    "too many conditions": (
        pb.SearchSpace(parameters=[number("x"), number("y", conditions=where("x", min=0.5) * 11)]),
        "parameters[1].conditions",
    ),
    "a value of a condition twice": (
        pb.SearchSpace(parameters=[whole("x"), number("y", conditions=where("x", values=[value(1), value(1.0)]))]),
        "parameters[1].conditions[0].values[1]",
    ),
    "belief without width": (
        pb.SearchSpace(parameters=[number("x", prior=pb.Prior(normal=pb.NormalPrior(mean=0.5, spread=math.nan)))]),
        "parameters[0].prior.normal.spread",
    ),
    "sum with NaN": (
        pb.SearchSpace(parameters=[number("x")], linear_constraints=[pb.LinearConstraint(weights={"x": math.nan})]),
        'linear_constraints[0].weights["x"]',
    ),
    "sum beyond all doubles": (
        pb.SearchSpace(
            parameters=[whole("x"), whole("y")],
            linear_constraints=[pb.LinearConstraint(weights={"x": 1e308, "y": 1e308}, max=0.0)],
        ),
        "linear_constraints[0].weights",
    ),
    "mixture beyond all doubles": (
        pb.SearchSpace(
            parameters=[
                pb.ParameterSpec(name=name, float_range=pb.FloatRange(min=0.8e308, max=1.6e308)) for name in "xyz"
            ],
            simplexes=[pb.Simplex(parameters=["x", "y", "z"])],
        ),
        "simplexes[0].parameters",
    ),
    "mixture of a crowd": (
        pb.SearchSpace(
            parameters=[number("x"), number("y")],
            simplexes=[pb.Simplex(parameters=[f"part{index}" for index in range(100_000)])],
        ),
        "simplexes[0].parameters",
    ),
    "mixture of NaN": (
        pb.SearchSpace(
            parameters=[number("x"), number("y")], simplexes=[pb.Simplex(parameters=["x", "y"], total=math.nan)]
        ),
        "simplexes[0].total",
    ),
    "mixture of one": (
        pb.SearchSpace(parameters=[number("x")], simplexes=[pb.Simplex(parameters=["x"])]),
        "simplexes[0].parameters",
    ),
    "mixture that never adds up": (
        pb.SearchSpace(parameters=[number("x"), number("y")], simplexes=[pb.Simplex(parameters=["x", "y"], total=3.0)]),
        "simplexes[0].total",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_space_names_its_field(shared_server: RunningServer, fault: str) -> None:
    """INVALID_ARGUMENT with the path of the field, and no study."""
    space, path = FAULTS[fault]
    spec = serving.float_spec("gp")
    spec.search_space.CopyFrom(space)
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, spec, study="faulty")
    code, _, fields = serving.details(refusal.value)
    assert (code, fields) == ("INVALID_ARGUMENT", [f"{SPACE}.{path}"])
    with pytest.raises(grpc.RpcError) as missing:
        serving.get(shared_server, "faulty")
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    ("more", "path"),
    [
        (pb.SearchSpace(parameters=[whole("y", conditions=where("x", min=0.5))]), "parameters[1].conditions"),
        (pb.SearchSpace(linear_constraints=[pb.LinearConstraint(weights={"x": 1.0}, max=5.0)]), "linear_constraints"),
    ],
)
def test_a_bandit_has_plain_arms(shared_server: RunningServer, more: pb.SearchSpace, path: str) -> None:
    """What only trial studies have is refused by its field; auto takes the algorithm that can."""
    spec = serving.float_spec("thompson")
    spec.search_space.CopyFrom(pb.SearchSpace(parameters=[whole("x")]))
    spec.search_space.MergeFrom(more)
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, spec, study="arms-with-more")
    assert serving.details(refusal.value)[2] == [f"{SPACE}.{path}"]
    spec.algorithm.CopyFrom(study_pb2.Algorithm(name="auto"))
    assert serving.create(shared_server, spec, study=f"auto-{len(path)}").algorithm.name == "gp"


@pytest.mark.parametrize(
    ("more", "field"), [({"prior": NORMAL}, "prior"), ({"conditions": where("x", min=0.5)}, "conditions")]
)
def test_a_context_is_plain(shared_server: RunningServer, more: dict[str, Any], field: str) -> None:
    """It is given, and neither searched nor missing."""
    spec = serving.float_spec("gp")
    spec.context.append(number("load", **more))
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(shared_server, spec, study="told-context")
    assert serving.details(refusal.value)[2] == [f"study.spec.context[0].{field}"]


@pytest.fixture(scope="module")
def client(shared_server: RunningServer) -> Iterator[trimtab.Client]:
    """A client with a namespace of its own."""
    with trimtab.Client(shared_server.address, namespace="spaces") as client:
        yield client


@pytest.mark.parametrize("algorithm", ["random", "sobol", "gp"])
def test_every_suggestion_is_legal(client: trimtab.Client, algorithm: str) -> None:
    """What exists is there, what adds up does, bounds are kept, and what is fixed is so."""
    pipeline = client.create_study(
        f"pipeline-{algorithm}", parameters=PIPELINE, minimize="y", algorithm=algorithm, seed=3
    )
    mixture = client.create_study(
        f"mixture-{algorithm}",
        parameters=[*PARTS, Discrete("batch", [1, 2, 4])],
        minimize="y",
        linear_constraints=[LinearConstraint({"part0": 1, "part1": -1}, min=0)],
        simplexes=[Simplex([part.name for part in PARTS])],
        algorithm=algorithm,
        seed=3,
    )
    for index in range(8):
        with pipeline.suggest() as suggestion:
            point = suggestion.parameters
            assert ("depth" in point) == (point["model"] == "tree")
            assert ("layers" in point) == (point["model"] == "net")
            assert ("width" in point) == (point.get("layers", 0) >= 2)  # type: ignore[operator]
            suggestion.observe(float(index % 3))
        fixed = {"part3": 0.25} if index % 2 else None
        with mixture.suggest(fixed=fixed) as suggestion:
            point = suggestion.parameters
            assert sum(float(point[part.name]) for part in PARTS) == pytest.approx(1.0, abs=1e-6)
            assert float(point["part0"]) >= float(point["part1"]) - 1e-9
            assert fixed is None or point["part3"] == 0.25
            suggestion.observe(float(index % 3))
    assert pipeline.suggest(fixed={"width": 64.0})["model"] == "net"


@pytest.mark.parametrize(
    ("fixed", "field"),
    [
        ({"q": 1.0}, 'fixed.values["q"]'),
        ({"width": 4.0}, 'fixed.values["width"]'),
        ({"model": "tree", "layers": 2}, 'fixed.values["layers"]'),
        ({"share": 0.9}, "fixed.values"),
    ],
)
def test_values_that_no_legal_point_has_are_refused(
    client: trimtab.Client, shared_server: RunningServer, fixed: dict[str, Any], field: str
) -> None:
    """By their path; nothing is stored."""
    study = client.create_study(
        "refusals",
        parameters=[*PIPELINE, Float("share", 0, 1), Float("rest", 0, 0.5)],
        minimize="y",
        linear_constraints=[LinearConstraint({"share": 1, "rest": -1}, max=0.2)],
        exist_ok=True,
        seed=3,
    )
    request = tuning_service_pb2.SuggestRequest(study=study.name, fixed=parameters(**fixed))
    with pytest.raises(grpc.RpcError) as refusal:
        shared_server.tuning.Suggest(request, timeout=30)
    code, _, fields = serving.details(refusal.value)
    assert (code, fields) == ("INVALID_ARGUMENT", [field])
    assert list(study.trials()) == []


def test_a_bandit_takes_no_fixed_values(shared_server: RunningServer) -> None:
    """It has arms, which allowed names."""
    serving.create(shared_server, serving.arms_spec(), study="no-fixed")
    request = tuning_service_pb2.SuggestRequest(study=named("no-fixed"), fixed=parameters(x=1))
    with pytest.raises(grpc.RpcError) as refusal:
        shared_server.tuning.Suggest(request, timeout=30)
    assert serving.details(refusal.value)[2] == ["fixed"]


def test_a_baseline_is_as_legal_as_a_suggestion(client: trimtab.Client) -> None:
    """It has what exists, and adds up; and comes first where it has the values that are fixed."""
    with pytest.raises(trimtab.InvalidArgumentError, match="depth"):
        client.create_study("wrong", parameters=PIPELINE, minimize="y", baseline={"model": "tree"})
    study = client.create_study(
        "baseline", parameters=PIPELINE, minimize="y", baseline={"model": "tree", "depth": 3}, algorithm="gp", seed=3
    )
    assert study.suggest(fixed={"depth": 4}).source is not trimtab.Source.BASELINE
    other = client.create_study(
        "baseline-first", parameters=PIPELINE, minimize="y", baseline={"model": "tree", "depth": 3}, algorithm="gp"
    )
    assert other.suggest(fixed={"depth": 3}).source is trimtab.Source.BASELINE

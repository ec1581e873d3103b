"""What clients say of a search space beyond ranges."""

from __future__ import annotations

from typing import Any

import pytest

from trimtab import (
    Between,
    Categorical,
    Client,
    Discrete,
    Float,
    Integer,
    InvalidArgumentError,
    LinearConstraint,
    NormalPrior,
    Parameter,
    ServiceError,
    Simplex,
    StudySpec,
    WeightsPrior,
)
from trimtab._convert_space import parameter_from_message, parameter_to_message
from trimtab._convert_study import spec_from_message, spec_to_message
from trimtab.spec import ChosenAlgorithm, differences
from trimtab.testing import FakeServer
from trimtab.v1 import parameters_pb2 as pb

PIPELINE = [
    Categorical("model", ["tree", "net"], prior=WeightsPrior([3, 1])),
    Integer("layers", 1, 4, when={"model": "net"}),
    Float("width", 8, 512, "log", when={"layers": Between(min=2)}, prior=NormalPrior(64, 0.2)),
    Discrete("leaves", [15, 31], when={"model": ["tree"]}),
]
FLOUR, WATER, SALT = Float("flour", 0, 1), Float("water", 0, 1), Float("salt", 0, 0.1)


@pytest.mark.parametrize("parameter", PIPELINE, ids=lambda each: each.name)
def test_a_parameter_comes_back_as_it_was(parameter: Parameter) -> None:
    """With its conditions and its prior."""
    back = parameter_from_message(parameter_to_message(parameter))
    assert (back, repr(back)) == (parameter, repr(parameter))


def test_a_parameter_shows_what_is_said_of_it() -> None:
    """And nothing of what isn't."""
    assert repr(FLOUR) == "Float(name='flour', min=0.0, max=1.0, scale='linear', step=None)"
    assert repr(PIPELINE[1]).endswith("when={'model': ('net',)})")


def test_several_conditions_on_one_parameter_are_one() -> None:
    """The one that holds where all of them do."""
    message = parameter_to_message(Integer("x", 1, 4))
    message.conditions.extend([pb.Condition(parameter="n", min=2), pb.Condition(parameter="n", max=7)])
    values = [pb.Value(int_value=value) for value in (3, 9)]
    message.conditions.extend([pb.Condition(parameter="k", values=values), pb.Condition(parameter="k", max=5)])
    assert parameter_from_message(message).when == {"n": Between(2, 7), "k": (3,)}


@pytest.mark.parametrize(
    "build",
    [
        lambda: Between(),
        lambda: Simplex("flour"),
        lambda: Float("x", 0, 1, when={"y": object()}),  # type: ignore[dict-item]
        lambda: NormalPrior("0.5", 1),  # type: ignore[arg-type]
        lambda: LinearConstraint({"x": "1"}),  # type: ignore[dict-item]
    ],
)
def test_what_can_not_be_sent_is_refused(build: Any) -> None:
    """At once, in words of Python's."""
    with pytest.raises((TypeError, ValueError)):
        build()


def test_a_definition_differs_where_its_sums_do() -> None:
    """An existing study of another space isn't taken for the one asked for."""
    spec = StudySpec(
        parameters=[FLOUR, WATER, SALT],
        minimize="y",
        linear_constraints=[LinearConstraint({"water": 1, "salt": -10}, min=0)],
        simplexes=[Simplex(["flour", "water", "salt"])],
    )
    there = spec_from_message(spec_to_message(spec))
    other = StudySpec(parameters=[FLOUR, WATER, SALT], minimize="y", simplexes=[Simplex(["flour", "water"])])
    chosen = ChosenAlgorithm("gp", {}, "", decisions=False)
    assert there == spec
    assert differences(spec, there, chosen) == []
    assert [words.split(":")[0] for words in differences(other, there, chosen)] == ["simplexes"]


def test_a_fake_suggests_legal_points() -> None:
    """What exists, what adds up, what is fixed."""
    with FakeServer().client() as client:
        pipeline = client.create_study("pipeline", parameters=PIPELINE, minimize="loss")
        for _ in range(20):
            with pipeline.suggest() as suggestion:
                names = set(suggestion.parameters)
                suggestion.observe(1.0)
            assert names in ({"model", "leaves"}, {"model", "layers"}, {"model", "layers", "width"})
        assert pipeline.suggest(fixed={"width": 64.0})["model"] == "net"
        bread = client.create_study(
            "bread",
            parameters=[FLOUR, WATER, SALT],
            minimize="loss",
            linear_constraints=[LinearConstraint({"water": 1, "flour": -1}, max=0)],
            simplexes=[Simplex(["flour", "water", "salt"])],
            baseline={"flour": 0.6, "water": 0.35, "salt": 0.05},
        )
        for suggestion in bread.suggest_many(5, fixed={"salt": 0.02}):
            parts = suggestion.parameters
            assert parts["salt"] == 0.02
            assert sum(map(float, parts.values())) == pytest.approx(1.0)
            assert parts["water"] <= parts["flour"]  # type: ignore[operator]
        with pytest.raises(InvalidArgumentError, match="fixed"):
            bread.suggest(fixed={"pepper": 1.0}, on_unavailable="raise")


def test_a_fake_keeps_small_sums_as_exactly() -> None:
    """To a billionth of what is added up, as a server does."""
    with FakeServer().client() as client:
        study = client.create_study(
            "small",
            parameters=[Float("a", 1e-12, 1e-6, "log"), Float("b", 1e-12, 1e-6, "log")],
            minimize="loss",
            linear_constraints=[LinearConstraint({"a": 1, "b": -1}, max=0)],
        )
        for suggestion in study.suggest_many(10):
            assert suggestion["a"] <= suggestion["b"] * (1 + 1e-8)  # type: ignore[operator]


def test_a_baseline_with_other_values_is_no_fallback() -> None:
    """Who fixes a value gets that or an error."""
    baseline = {"x": 0.5}
    study = Client("localhost:1", timeout=0.2).study("s", baseline=baseline)
    assert study.suggest(fixed={"x": 0.5}).parameters == baseline
    with pytest.raises(ServiceError):
        study.suggest(fixed={"x": 0.7})

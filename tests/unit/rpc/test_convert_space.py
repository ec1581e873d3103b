"""Search spaces: messages to domain values and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from trimtab.v1 import parameters_pb2 as pb
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import SearchSpace
from trimtab_service.rpc.convert_space import space_from, space_to
from unit.domain.parameters_strategies import spaces
from unit.domain.space_strategies import Told, told_spaces

X = pb.ParameterSpec(name="x", float_range=pb.FloatRange(min=0.0, max=1.0))


@settings(max_examples=50, deadline=None)
@given(told=told_spaces())
def test_a_space_comes_back_exactly(told: Told) -> None:
    """With conditions, beliefs and sums."""
    space, _ = told
    assert space_from(pb.SearchSpace.FromString(space_to(space).SerializeToString())) == space


@given(space=spaces())
def test_a_plain_space_says_nothing_more(space: SearchSpace) -> None:
    """Its message is that of clients that know nothing else."""
    message = space_to(space)
    assert not message.linear_constraints
    assert not any(each.conditions or each.HasField("prior") for each in message.parameters)
    assert space_from(message) == space


def test_a_mixture_adds_up_to_one_unless_it_says_otherwise() -> None:
    """As the contract has it."""
    parts = [X, pb.ParameterSpec(name="y", float_range=pb.FloatRange(min=0.0, max=1.0))]
    space = space_from(pb.SearchSpace(parameters=parts, simplexes=[pb.Simplex(parameters=["x", "y"])]))
    assert space.simplexes[0].total == 1.0


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"conditions": [pb.Condition(parameter="x")]}, "parameters[1].conditions[0].values"),
        ({"conditions": [pb.Condition(parameter="x", values=[pb.Value()])]}, "parameters[1].conditions[0].values[0]"),
        ({"conditions": [pb.Condition(parameter="q", min=0.5)]}, "parameters[1].conditions[0].parameter"),
        ({"prior": pb.Prior()}, "parameters[1].prior"),
        ({"prior": pb.Prior(normal=pb.NormalPrior(mean=0.5))}, "parameters[1].prior.normal.spread"),
        ({"prior": pb.Prior(normal=pb.NormalPrior(mean=9, spread=1))}, "parameters[1].prior.normal.mean"),
        ({"prior": pb.Prior(weights=pb.WeightsPrior(weights=[1]))}, "parameters[1].prior.weights"),
        ({"prior": pb.Prior(weights=pb.WeightsPrior(weights=[-1]))}, "parameters[1].prior.weights.weights[0]"),
    ],
)
def test_a_fault_is_named_by_its_path(more: dict[str, object], field: str) -> None:
    """From the space."""
    wrong = pb.ParameterSpec(name="y", float_range=pb.FloatRange(min=0.0, max=1.0), **more)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument) as refusal:
        space_from(pb.SearchSpace(parameters=[X, wrong]))
    assert refusal.value.violations[0].field == field

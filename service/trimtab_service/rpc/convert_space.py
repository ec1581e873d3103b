"""Search spaces and their parameters: proto <-> domain. Errors name the field by its path from the space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from trimtab.v1 import parameters_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.prior import NormalPrior, Prior, WeightsPrior
from trimtab_service.domain.space import (
    Categorical,
    Discrete,
    Float,
    Integer,
    Parameter,
    ParameterValue,
    Scale,
    SearchSpace,
)
from trimtab_service.rpc.convert_values import value_from, value_to

Converted = TypeVar("Converted")

_SCALES = {
    parameters_pb2.SCALE_UNSPECIFIED: Scale.LINEAR,
    parameters_pb2.SCALE_LINEAR: Scale.LINEAR,
    parameters_pb2.SCALE_LOG: Scale.LOG,
    parameters_pb2.SCALE_LOGIT: Scale.LOGIT,
}
_SCALES_TO = {
    Scale.LINEAR: parameters_pb2.SCALE_LINEAR,
    Scale.LOG: parameters_pb2.SCALE_LOG,
    Scale.LOGIT: parameters_pb2.SCALE_LOGIT,
}
# These stand beside the domain of a parameter, everything else in it.
_BESIDE = ("name", "description", "conditions", "prior")


class _Bounded(Protocol):
    min: float
    max: float

    def HasField(self, field_name: Any) -> bool: ...  # noqa: N802


def space_from(message: parameters_pb2.SearchSpace) -> SearchSpace:
    """Raises InvalidArgument, the field being a path from the space."""
    return SearchSpace(
        parameters_from(message.parameters, "parameters"),
        _each(message.linear_constraints, "linear_constraints", _linear_constraint),
        _each(message.simplexes, "simplexes", _simplex),
    )


def space_to(space: SearchSpace) -> parameters_pb2.SearchSpace:
    """A space, as a message."""
    return parameters_pb2.SearchSpace(
        parameters=map(parameter_to, space.parameters),
        linear_constraints=[
            parameters_pb2.LinearConstraint(weights=law.weights, min=law.min, max=law.max)
            for law in space.linear_constraints
        ],
        simplexes=[parameters_pb2.Simplex(parameters=law.parameters, total=law.total) for law in space.simplexes],
    )


def parameters_from(messages: Sequence[parameters_pb2.ParameterSpec], field: str) -> tuple[Parameter, ...]:
    """Raises InvalidArgument at ``field[i]...``."""
    return _each(messages, field, _parameter)


def _each(messages: Sequence[Any], field: str, convert: Callable[[Any], Converted]) -> tuple[Converted, ...]:
    converted = []
    for index, message in enumerate(messages):
        with errors.field(f"{field}[{index}]"):
            converted.append(convert(message))
    return tuple(converted)


def _parameter(message: parameters_pb2.ParameterSpec) -> Parameter:
    domain = message.WhichOneof("domain")
    if domain is None:
        raise InvalidArgument("", "needs one of float_range, integer_range, categorical, discrete")
    try:
        return _DOMAINS[domain](message)
    except InvalidArgument as error:
        (violation,) = error.violations
        raise (error if violation.field.startswith(_BESIDE) else error.under(domain)) from None


def _beside(message: parameters_pb2.ParameterSpec) -> dict[str, Any]:
    """What every kind of parameter has, as arguments."""
    return {
        "name": message.name,
        "description": message.description,
        "conditions": _each(message.conditions, "conditions", _condition),
        "prior": _prior(message.prior) if message.HasField("prior") else None,
    }


def _float(message: parameters_pb2.ParameterSpec) -> Float:
    part = message.float_range
    step = part.step if part.HasField("step") else None
    return Float(min=part.min, max=part.max, scale=_scale(part.scale), step=step, **_beside(message))


def _integer(message: parameters_pb2.ParameterSpec) -> Integer:
    part = message.integer_range
    return Integer(min=part.min, max=part.max, scale=_scale(part.scale), **_beside(message))


def _categorical(message: parameters_pb2.ParameterSpec) -> Categorical:
    # Whether the kinds of values fit is the constructor's to say.
    return Categorical(choices=_values(message.categorical.values), **_beside(message))  # type: ignore[arg-type]


def _discrete(message: parameters_pb2.ParameterSpec) -> Discrete:
    return Discrete(choices=_values(message.discrete.values), **_beside(message))  # type: ignore[arg-type]


_DOMAINS: Mapping[str, Callable[[parameters_pb2.ParameterSpec], Parameter]] = {
    "float_range": _float,
    "integer_range": _integer,
    "categorical": _categorical,
    "discrete": _discrete,
}


def _values(messages: Sequence[parameters_pb2.Value]) -> tuple[ParameterValue, ...]:
    return _each(messages, "values", value_from)


def _scale(number: parameters_pb2.Scale) -> Scale:
    if number not in _SCALES:
        raise InvalidArgument("scale", f"{number} is not a scale that this server knows")
    return _SCALES[number]


def _bounds(message: _Bounded) -> tuple[float | None, float | None]:
    return (
        message.min if message.HasField("min") else None,
        message.max if message.HasField("max") else None,
    )


def _condition(message: parameters_pb2.Condition) -> Condition:
    return Condition(message.parameter, _values(message.values), *_bounds(message))


def _prior(message: parameters_pb2.Prior) -> Prior:
    kind = message.WhichOneof("kind")
    if kind is None:
        raise InvalidArgument("prior", "needs one of normal, weights")
    with errors.field(f"prior.{kind}"):
        if kind == "normal":
            return NormalPrior(message.normal.mean, message.normal.spread)
        return WeightsPrior(tuple(message.weights.weights))


def _linear_constraint(message: parameters_pb2.LinearConstraint) -> LinearConstraint:
    # By name: the order of a map on the wire says nothing.
    return LinearConstraint({name: message.weights[name] for name in sorted(message.weights)}, *_bounds(message))


def _simplex(message: parameters_pb2.Simplex) -> Simplex:
    return Simplex(tuple(message.parameters), message.total if message.HasField("total") else 1.0)


def parameter_to(parameter: Parameter) -> parameters_pb2.ParameterSpec:
    """A declaration, as a message."""
    message = parameters_pb2.ParameterSpec(
        name=parameter.name,
        description=parameter.description,
        conditions=[
            parameters_pb2.Condition(
                parameter=one.parameter, values=map(value_to, one.values), min=one.min, max=one.max
            )
            for one in parameter.conditions
        ],
        prior=None if parameter.prior is None else _prior_to(parameter.prior),
    )
    match parameter:
        case Float():
            message.float_range.CopyFrom(
                parameters_pb2.FloatRange(
                    min=parameter.min, max=parameter.max, scale=_SCALES_TO[parameter.scale], step=parameter.step
                )
            )
        case Integer():
            message.integer_range.CopyFrom(
                parameters_pb2.IntegerRange(min=parameter.min, max=parameter.max, scale=_SCALES_TO[parameter.scale])
            )
        case Categorical():
            message.categorical.CopyFrom(parameters_pb2.Categorical(values=map(value_to, parameter.choices)))
        case Discrete():
            message.discrete.CopyFrom(parameters_pb2.Discrete(values=map(value_to, parameter.choices)))
    return message


def _prior_to(prior: Prior) -> parameters_pb2.Prior:
    match prior:
        case NormalPrior():
            return parameters_pb2.Prior(normal=parameters_pb2.NormalPrior(mean=prior.mean, spread=prior.spread))
        case WeightsPrior():
            return parameters_pb2.Prior(weights=parameters_pb2.WeightsPrior(weights=prior.weights))

"""The border between search spaces and the messages of the contract. Both ways, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trimtab._convert import value_from_message, value_to_message
from trimtab._plain import ParameterValue
from trimtab.laws import Between, LinearConstraint, NormalPrior, Simplex, WeightsPrior
from trimtab.space import Categorical, Discrete, Float, Integer, Parameter
from trimtab.v1 import parameters_pb2 as pb

_SCALES = {"linear": pb.SCALE_LINEAR, "log": pb.SCALE_LOG, "logit": pb.SCALE_LOGIT}
_SCALE_NAMES = {number: name for name, number in _SCALES.items()}


def _scale(name: str) -> Any:
    try:
        return _SCALES[name]
    except KeyError:
        raise ValueError(f"scale must be one of {', '.join(_SCALES)}, not {name!r}") from None


def parameter_to_message(parameter: Parameter) -> pb.ParameterSpec:
    """The declaration of a parameter or of a context value."""
    if not isinstance(parameter, Parameter):
        raise TypeError(f"a parameter must be a Float, Integer, Categorical or Discrete, not {parameter!r:.80}")
    message = pb.ParameterSpec(
        name=parameter.name,
        description=parameter.description,
        conditions=[_condition_to_message(name, condition) for name, condition in parameter.when.items()],
        prior=None if parameter.prior is None else _prior_to_message(parameter.prior),
    )
    match parameter:
        case Float():
            message.float_range.min, message.float_range.max = parameter.min, parameter.max
            message.float_range.scale = _scale(parameter.scale)
            if parameter.step is not None:
                message.float_range.step = parameter.step
        case Integer():
            message.integer_range.min, message.integer_range.max = parameter.min, parameter.max
            message.integer_range.scale = _scale(parameter.scale)
        case Categorical():
            message.categorical.values.extend(value_to_message(value) for value in parameter.values)
            message.categorical.SetInParent()
        case Discrete():
            message.discrete.values.extend(value_to_message(value) for value in parameter.values)
            message.discrete.SetInParent()
    return message


def parameter_from_message(message: pb.ParameterSpec) -> Parameter:
    """TypeError for a kind of parameter that this client doesn't know."""
    beside: dict[str, Any] = {
        "description": message.description,
        "when": _conditions_from_messages(message.conditions),
        "prior": _prior_from_message(message.prior) if message.HasField("prior") else None,
    }
    match message.WhichOneof("domain"):
        case "float_range":
            real = message.float_range
            step = real.step if real.HasField("step") else None
            scale: Any = _SCALE_NAMES.get(real.scale, "linear")
            return Float(message.name, real.min, real.max, scale, step, **beside)
        case "integer_range":
            whole = message.integer_range
            scale = _SCALE_NAMES.get(whole.scale, "linear")
            return Integer(message.name, whole.min, whole.max, scale, **beside)
        case "categorical":
            choices: list[Any] = [value_from_message(value) for value in message.categorical.values]
            return Categorical(message.name, choices, **beside)
        case "discrete":
            numbers: list[Any] = [value_from_message(value) for value in message.discrete.values]
            return Discrete(message.name, numbers, **beside)
        case _:
            raise TypeError(f"parameter {message.name!r} is of a kind that this client doesn't know; a newer one may")


def _condition_to_message(name: str, condition: Any) -> pb.Condition:
    if isinstance(condition, Between):
        return pb.Condition(parameter=name, min=condition.min, max=condition.max)
    return pb.Condition(parameter=name, values=map(value_to_message, condition))


def _conditions_from_messages(messages: Iterable[pb.Condition]) -> dict[str, Between | tuple[ParameterValue, ...]]:
    """By parameter; several conditions on one are the one that holds where all of them do."""
    found: dict[str, Between | tuple[ParameterValue, ...]] = {}
    for message in messages:
        new: Between | tuple[ParameterValue, ...] = tuple(map(value_from_message, message.values))
        if not new:
            low = message.min if message.HasField("min") else None
            high = message.max if message.HasField("max") else None
            new = Between(low, high)
        old = found.get(message.parameter)
        found[message.parameter] = new if old is None else _both(old, new)
    return found


def _both(
    first: Between | tuple[ParameterValue, ...], second: Between | tuple[ParameterValue, ...]
) -> Between | tuple[ParameterValue, ...]:
    if isinstance(first, tuple):
        return tuple(value for value in first if _holds(second, value))
    if isinstance(second, tuple):
        return _both(second, first)
    lows = [end for end in (first.min, second.min) if end is not None]
    highs = [end for end in (first.max, second.max) if end is not None]
    return Between(max(lows, default=None), min(highs, default=None))


def _holds(condition: Between | tuple[ParameterValue, ...], value: Any) -> bool:
    if isinstance(condition, tuple):
        return value in condition
    return (condition.min is None or value >= condition.min) and (condition.max is None or value <= condition.max)


def _prior_to_message(prior: NormalPrior | WeightsPrior) -> pb.Prior:
    match prior:
        case NormalPrior():
            return pb.Prior(normal=pb.NormalPrior(mean=prior.mean, spread=prior.spread))
        case WeightsPrior():
            return pb.Prior(weights=pb.WeightsPrior(weights=prior.weights))
        case _:
            raise TypeError(f"a prior must be a NormalPrior or a WeightsPrior, not {prior!r:.80}")


def _prior_from_message(message: pb.Prior) -> NormalPrior | WeightsPrior | None:
    match message.WhichOneof("kind"):
        case "normal":
            return NormalPrior(message.normal.mean, message.normal.spread)
        case "weights":
            return WeightsPrior(tuple(message.weights.weights))
    return None


def space_to_message(
    parameters: Iterable[Parameter], linear_constraints: Iterable[LinearConstraint], simplexes: Iterable[Simplex]
) -> pb.SearchSpace:
    """The whole search space."""
    return pb.SearchSpace(
        parameters=map(parameter_to_message, parameters),
        linear_constraints=[
            pb.LinearConstraint(weights=law.weights, min=law.min, max=law.max) for law in linear_constraints
        ],
        simplexes=[pb.Simplex(parameters=law.parameters, total=law.total) for law in simplexes],
    )


def linear_constraint_from_message(message: pb.LinearConstraint) -> LinearConstraint:
    """What parameters must have together."""
    weights: Mapping[str, float] = dict(message.weights)
    return LinearConstraint(
        weights,
        message.min if message.HasField("min") else None,
        message.max if message.HasField("max") else None,
    )


def simplex_from_message(message: pb.Simplex) -> Simplex:
    """A mixture."""
    return Simplex(tuple(message.parameters), message.total if message.HasField("total") else 1.0)

"""What the fake server suggests: points drawn at random, of those that may be suggested."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from trimtab._convert import parameters_from_message
from trimtab._fake_errors import invalid
from trimtab._fake_laws import draw_legal, says_more
from trimtab.spec import lets_in
from trimtab.v1 import parameters_pb2, study_pb2

MOST_LISTED = 1_000  # points: as many as the arms of a bandit
MOST_TRIES = 1_000  # at a point of a larger space that isn't disabled

Value = parameters_pb2.Value


def draw(
    spec: study_pb2.StudySpec,
    allowed: Sequence[parameters_pb2.Parameters],
    luck: random.Random,
    fixed: Mapping[str, Value] | None = None,
) -> parameters_pb2.Parameters:
    """A random point that is legal, allowed and not disabled, with the values ``fixed``.

    InvalidArgumentError where there is none.
    """
    parameters = spec.search_space.parameters
    if fixed or says_more(spec.search_space):
        return draw_legal(spec.search_space, fixed or {}, lambda parameter: _value(parameter, luck), luck)
    if not allowed and not spec.disabled_arms:
        return _drawn(parameters, {}, luck)
    levels = [_levels(parameter) for parameter in parameters]
    if all(levels) and math.prod(map(len, levels)) <= MOST_LISTED:
        names = [parameter.name for parameter in parameters]
        points = (_point(zip(names, values, strict=True)) for values in itertools.product(*levels))
        left = [point for point in points if may_be_suggested(spec, allowed, point)]
        if left:
            return luck.choice(left)
    else:
        for _ in range(MOST_TRIES):
            point = _drawn(parameters, luck.choice(allowed).values if allowed else {}, luck)
            if may_be_suggested(spec, (), point):
                return point
    raise invalid("allowed", "lets no arm in that is enabled")


def check_patterns(spec: study_pb2.StudySpec, allowed: Sequence[parameters_pb2.Parameters]) -> None:
    """Raises InvalidArgumentError for a pattern that names something else than parameters, or nothing."""
    names = {parameter.name for parameter in spec.search_space.parameters}
    for index, pattern in enumerate(allowed):
        if not pattern.values:
            raise invalid(f"allowed[{index}].values", "must have a value for at least one parameter")
        for name in sorted(set(pattern.values) - names):
            raise invalid(f'allowed[{index}].values["{name}"]', "not a parameter of the search space")


def may_be_suggested(
    spec: study_pb2.StudySpec, allowed: Sequence[parameters_pb2.Parameters], point: parameters_pb2.Parameters
) -> bool:
    """Whether the point is allowed, where that says anything, and isn't disabled."""
    values = parameters_from_message(point)
    let_in = not allowed or lets_in([parameters_from_message(pattern) for pattern in allowed], values)
    return let_in and not lets_in([parameters_from_message(pattern) for pattern in spec.disabled_arms], values)


def _point(values: Iterable[tuple[str, Value]]) -> parameters_pb2.Parameters:
    return parameters_pb2.Parameters(values=dict(values))


def _drawn(
    parameters: Sequence[parameters_pb2.ParameterSpec], given: Mapping[str, Value], luck: random.Random
) -> parameters_pb2.Parameters:
    return _point((each.name, given[each.name] if each.name in given else _value(each, luck)) for each in parameters)


def _levels(parameter: parameters_pb2.ParameterSpec) -> Sequence[Value]:
    """Every value, or none where there are too many to list."""
    match parameter.WhichOneof("domain"):
        case "float_range":
            real = parameter.float_range
            count = _steps(real) + 1 if real.HasField("step") else math.inf
            return [Value(double_value=_grid(real, step)) for step in range(int(count))] if count <= MOST_LISTED else []
        case "integer_range":
            whole = parameter.integer_range
            many = whole.max - whole.min >= MOST_LISTED
            return [] if many else [Value(int_value=number) for number in range(whole.min, whole.max + 1)]
        case "categorical":
            return parameter.categorical.values
        case _:
            return parameter.discrete.values


def _value(parameter: parameters_pb2.ParameterSpec, luck: random.Random) -> Value:
    match parameter.WhichOneof("domain"):
        case "float_range":
            return Value(double_value=_number(parameter.float_range, luck))
        case "integer_range":
            whole = parameter.integer_range
            if whole.scale == parameters_pb2.SCALE_LOG:
                drawn = round(math.exp(luck.uniform(math.log(whole.min), math.log(whole.max))))
                return Value(int_value=min(max(drawn, whole.min), whole.max))
            return Value(int_value=luck.randint(whole.min, whole.max))
        case "categorical":
            return luck.choice(parameter.categorical.values)
        case _:
            return luck.choice(parameter.discrete.values)


def _number(real: parameters_pb2.FloatRange, luck: random.Random) -> float:
    if real.HasField("step"):
        return _grid(real, luck.randint(0, _steps(real)))
    if real.scale == parameters_pb2.SCALE_LOG:
        drawn = math.exp(luck.uniform(math.log(real.min), math.log(real.max)))
    elif real.scale == parameters_pb2.SCALE_LOGIT:
        low, high = (math.log(end / (1 - end)) for end in (real.min, real.max))
        drawn = 1 / (1 + math.exp(-luck.uniform(low, high)))
    else:
        drawn = luck.uniform(real.min, real.max)
    return min(max(drawn, real.min), real.max)


def _steps(real: parameters_pb2.FloatRange) -> int:
    return math.floor((real.max - real.min) / real.step + 1e-6)


def _grid(real: parameters_pb2.FloatRange, step: int) -> float:
    """As a server writes it: 0.3, and not 0.30000000000000004."""
    return min(float(Decimal(repr(real.min)) + step * Decimal(repr(real.step))), real.max)

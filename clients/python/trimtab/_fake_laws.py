"""Points of a trial study's space in the fake server: what exists, what adds up, and what a call fixes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

from trimtab._fake_errors import invalid
from trimtab.v1 import parameters_pb2

MOST_TRIES = 10_000  # at a legal point: the fake draws until one comes, a server looks for it
ROUNDING, GRAIN, SIMPLEX_TOLERANCE = 1e-9, 1e-12, 1e-6  # as a server has them

Value = parameters_pb2.Value
Draw = Callable[[parameters_pb2.ParameterSpec], Value]


def says_more(space: parameters_pb2.SearchSpace) -> bool:
    """Whether values of parameters depend on one another."""
    return bool(space.linear_constraints or space.simplexes or any(each.conditions for each in space.parameters))


def check_fixed(space: parameters_pb2.SearchSpace, fixed: parameters_pb2.Parameters) -> None:
    """Raises InvalidArgumentError for values of something else than parameters."""
    for name in sorted(set(fixed.values) - {each.name for each in space.parameters}):
        raise invalid(f'fixed.values["{name}"]', "not a parameter of the search space")


def draw_legal(
    space: parameters_pb2.SearchSpace, fixed: Mapping[str, Value], draw: Draw, luck: random.Random
) -> parameters_pb2.Parameters:
    """A legal point with these values. InvalidArgumentError where none was drawn."""
    for _ in range(MOST_TRIES):
        values = dict(fixed)
        if not all(_mixed(space, simplex, values, luck) for simplex in space.simplexes):
            continue
        point = _existing(space.parameters, values, draw)
        if set(fixed) <= set(point) and all(_holds(space, law, point) for law in space.linear_constraints):
            return parameters_pb2.Parameters(values=point)
    raise invalid("fixed.values" if fixed else "study", f"no legal point in {MOST_TRIES} draws")


def _existing(
    parameters: Sequence[parameters_pb2.ParameterSpec], given: Mapping[str, Value], draw: Draw
) -> dict[str, Value]:
    """A value for each parameter that exists where those that its conditions look at have theirs."""
    point: dict[str, Value] = {}
    left, seen = list(parameters), set[str]()
    while left:
        for parameter in [each for each in left if all(one.parameter in seen for one in each.conditions)]:
            if all(one.parameter in point and _met(one, point[one.parameter]) for one in parameter.conditions):
                point[parameter.name] = given[parameter.name] if parameter.name in given else draw(parameter)
            seen.add(parameter.name)
        left = [each for each in left if each.name not in seen]
    return point


def _met(condition: parameters_pb2.Condition, value: Value) -> bool:
    if condition.values:
        return value in condition.values
    number = _number(value)
    above = not condition.HasField("min") or number >= condition.min
    return above and (not condition.HasField("max") or number <= condition.max)


def _mixed(
    space: parameters_pb2.SearchSpace, simplex: parameters_pb2.Simplex, values: dict[str, Value], luck: random.Random
) -> bool:
    """Adds the parts of a mixture that aren't given; whether they are within their ranges."""
    ranges = {each.name: each.float_range for each in space.parameters}
    total = simplex.total if simplex.HasField("total") else 1.0
    free = [name for name in simplex.parameters if name not in values]
    rest = total - math.fsum(_number(values[name]) for name in simplex.parameters if name in values)
    if not free:
        tolerance = SIMPLEX_TOLERANCE * abs(total) + _lost(space, dict.fromkeys(simplex.parameters, 1.0), values)
        return abs(rest) <= tolerance
    rest -= math.fsum(ranges[name].min for name in free)
    sizes = [luck.expovariate(1.0) for _ in free]
    for name, size in zip(free, sizes, strict=True):
        part = ranges[name].min + rest * size / math.fsum(sizes)
        if not ranges[name].min <= part <= ranges[name].max:
            return False
        values[name] = Value(double_value=part)
    return True


def _holds(space: parameters_pb2.SearchSpace, law: parameters_pb2.LinearConstraint, point: Mapping[str, Value]) -> bool:
    total = math.fsum(weight * _number(point[name]) for name, weight in law.weights.items())
    tolerance = _lost(space, law.weights, point)
    above = not law.HasField("min") or total >= law.min - tolerance
    return above and (not law.HasField("max") or total <= law.max + tolerance)


def _lost(space: parameters_pb2.SearchSpace, weights: Mapping[str, float], point: Mapping[str, Value]) -> float:
    """How far off a bound a sum may be at a point, by rounding."""
    curved = (parameters_pb2.SCALE_LOG, parameters_pb2.SCALE_LOGIT)
    linear = {
        each.name: max(abs(each.float_range.min), abs(each.float_range.max))
        for each in space.parameters
        if each.HasField("float_range") and each.float_range.scale not in curved
    }
    return math.fsum(
        abs(weight) * (ROUNDING * abs(_number(point[name])) + GRAIN * linear.get(name, 0.0))
        for name, weight in weights.items()
    )


def _number(value: Value) -> float:
    return float(getattr(value, value.WhichOneof("kind") or "double_value"))

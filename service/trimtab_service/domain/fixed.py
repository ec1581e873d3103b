"""What is left of a search space where some values are given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.linear import ROUNDING, SIMPLEX_TOLERANCE, LinearConstraint, Simplex
from trimtab_service.domain.parameter import Categorical, Discrete, Float, Integer, Parameter
from trimtab_service.domain.prior import WeightsPrior
from trimtab_service.domain.space import SearchSpace, ends, grain
from trimtab_service.domain.values import Parameters, ParameterValue


@dataclass(frozen=True, slots=True)
class Remainder:
    """The points of a space that have certain values.

    given: those values, and others that follow from them.
    space: of the parameters that are still to be chosen, some of them with
        fewer values than before; None where nothing is.
    """

    given: Mapping[str, ParameterValue]
    space: SearchSpace | None


def remainder(space: SearchSpace, fixed: Parameters) -> Remainder:
    """The points of ``space`` that have the values ``fixed``, of some of its parameters.

    A parameter with a value must exist, so what its conditions look at is
    narrowed down to where it does. Raises InvalidArgument (field
    ``values["name"]``, or ``values``) where it is clear that no legal point
    has them all; sums that can't come out right together aren't looked for.
    """
    if not fixed:
        return Remainder({}, space)
    known = space.named
    given: dict[str, ParameterValue] = dict(space.check_part(fixed))
    needed = _needed(space, given)
    _complete_mixtures(space, given)
    left: list[Parameter] = []
    absent: set[str] = set()
    for index in space.order:
        parameter = space.parameters[index]
        wanted = needed.get(parameter.name)
        if parameter.name in given:
            _check_needed(given[parameter.name], wanted or ())
            continue
        if wanted:
            parameter = _narrowed(parameter, wanted)
        narrowed = {one.name: one for one in left}
        # What is needed exists wherever the rest is as narrow as that.
        conditions = () if parameter.name in needed else _left_of(parameter.conditions, given, absent, narrowed)
        if conditions is None:
            absent.add(parameter.name)
        elif isinstance(parameter, Discrete | Categorical) and parameter.cardinality == 1 and wanted and not conditions:
            given[parameter.name] = parameter.choices[0]
        else:
            left.append(replace(parameter, conditions=conditions))
    places = {name: place for place, name in enumerate(known)}
    left.sort(key=lambda parameter: places[parameter.name])
    if not left:
        return Remainder(space.check(given), None)
    constraints = [_shifted(space, law, given) for law in space.linear_constraints]
    try:
        simplexes = [_rest_of(space, simplex, given) for simplex in space.simplexes]
        rest = SearchSpace(
            tuple(left), tuple(one for one in constraints if one), tuple(one for one in simplexes if one)
        )
    except InvalidArgument as error:
        raise InvalidArgument("values", f"no legal point has them all: {error.violations[0].description}") from None
    return Remainder(given, rest)


def check_existence(space: SearchSpace) -> None:
    """Raises InvalidArgument (``parameters[i].conditions``) for a parameter that can't exist.

    Because its conditions on one other parameter never hold together; those on several aren't looked at together.
    """
    known = space.named
    for index, parameter in enumerate(space.parameters):
        for name in {condition.parameter for condition in parameter.conditions}:
            asked = [(parameter.name, one) for one in parameter.conditions if one.parameter == name]
            try:
                _narrowed(known[name], asked)
            except InvalidArgument:
                words = " and ".join(str(condition) for _, condition in asked)
                raise InvalidArgument(f"parameters[{index}].conditions", f"never hold together: {words}") from None


def _needed(space: SearchSpace, given: Parameters) -> dict[str, list[tuple[str, Condition]]]:
    """The parameters that must exist, with what is asked of each, and by which parameter it is."""
    known = space.named
    needed: dict[str, list[tuple[str, Condition]]] = {name: [] for name in given}
    waiting = list(given)
    while waiting:
        name = waiting.pop()
        for condition in known[name].conditions:
            if condition.parameter not in needed:
                needed[condition.parameter] = []
                waiting.append(condition.parameter)
            needed[condition.parameter].append((name, condition))
    return needed


def _check_needed(value: ParameterValue, wanted: Sequence[tuple[str, Condition]]) -> None:
    for name, condition in wanted:
        if not condition.holds(value):
            raise InvalidArgument(f'values["{name}"]', f"doesn't exist here: only where {condition}")


def _narrowed(parameter: Parameter, wanted: Sequence[tuple[str, Condition]]) -> Parameter:
    """With the values that all of the conditions hold for."""
    conditions = [condition for _, condition in wanted]
    listed = next((condition.values for condition in conditions if condition.values), None)
    if isinstance(parameter, Categorical | Discrete):
        return _with_choices(
            parameter, [v for v in parameter.choices if all(one.holds(v) for one in conditions)], wanted
        )
    if listed is not None:
        return _with_choices(parameter, sorted(v for v in listed if all(one.holds(v) for one in conditions)), wanted)
    low, high = ends(parameter)
    low = max([low, *(one.min for one in conditions if one.min is not None)])
    high = min([high, *(one.max for one in conditions if one.max is not None)])
    if isinstance(parameter, Integer):
        first, last = math.ceil(low), math.floor(high)
        if first > last:
            raise _nowhere(wanted)
        return replace(parameter, min=first, max=last, prior=None)
    if parameter.step is not None:
        steps = range(parameter.cardinality or 0)
        around = [i for i in _near(parameter, low, high) if i in steps and low <= parameter.grid_value(i) <= high]
        if not around:
            raise _nowhere(wanted)
        first_value, last_value = parameter.grid_value(around[0]), parameter.grid_value(around[-1])
        if first_value == last_value:
            return Discrete(parameter.name, (first_value,), parameter.description, parameter.conditions)
        return replace(parameter, min=first_value, max=last_value, prior=None)
    if low > high:
        raise _nowhere(wanted)
    if low == high:
        return Discrete(parameter.name, (low,), parameter.description, parameter.conditions)
    return replace(parameter, min=low, max=high, prior=None)


def _near(parameter: Float, low: float, high: float) -> list[int]:
    """Steps that may be the first and last from low to high."""
    step = parameter.step or 1.0
    first, last = round((low - parameter.min) / step), round((high - parameter.min) / step)
    return sorted({first - 1, first, first + 1, last - 1, last, last + 1})


def _with_choices(
    parameter: Parameter, choices: Sequence[ParameterValue], wanted: Sequence[tuple[str, Condition]]
) -> Parameter:
    if not choices:
        raise _nowhere(wanted)
    if isinstance(parameter, Categorical | Discrete):
        prior = parameter.prior
        if isinstance(prior, WeightsPrior):
            weights = dict(zip(parameter.choices, prior.weights, strict=True))
            prior = WeightsPrior(tuple(weights[choice] for choice in choices))
        elif not isinstance(parameter, Categorical):
            prior = None
        return replace(parameter, choices=tuple(choices), prior=prior)  # type: ignore[arg-type]
    numbers = tuple(choices)
    return Discrete(parameter.name, numbers, parameter.description, parameter.conditions)  # type: ignore[arg-type]


def _nowhere(wanted: Sequence[tuple[str, Condition]]) -> InvalidArgument:
    words = " and ".join(str(condition) for _, condition in wanted)
    return InvalidArgument(
        f'values["{wanted[0][0]}"]', f"no legal point has it together with the others: where {words}"
    )


def _left_of(
    conditions: Sequence[Condition], given: Parameters, absent: set[str], left: Mapping[str, Parameter]
) -> tuple[Condition, ...] | None:
    """What is still to be met; None where that can't be."""
    found = []
    for condition in conditions:
        if condition.parameter in absent:
            return None
        if condition.parameter in given:
            if not condition.holds(given[condition.parameter]):
                return None
            continue
        other = left[condition.parameter]
        if condition.values:
            values = tuple(value for value in condition.values if _has(other, value))
            if not values:
                return None
            found.append(replace(condition, values=values))
        else:
            low, high = ends(other)  # type: ignore[arg-type]
            if (condition.min is not None and condition.min > high) or (
                condition.max is not None and condition.max < low
            ):
                return None
            found.append(condition)
    return tuple(found)


def _has(parameter: Parameter, value: ParameterValue) -> bool:
    try:
        parameter.check(value)
    except InvalidArgument:
        return False
    return True


def _complete_mixtures(space: SearchSpace, given: dict[str, ParameterValue]) -> None:
    """Adds the last part of a mixture of which all others are given."""
    known = space.named
    for simplex in space.simplexes:
        open_parts = [name for name in simplex.parameters if name not in given]
        if len(open_parts) == 1:
            part = known[open_parts[0]]
            rest = simplex.total - math.fsum(float(given[name]) for name in simplex.parameters if name in given)
            low, high = ends(part)  # type: ignore[arg-type]
            given[part.name] = min(max(rest, low), high)
            if not simplex.met(given, space.tolerance(simplex, given)):
                raise InvalidArgument("values", f"{simplex}, and {part.name} can't be {rest:g}")


def _rest_of(space: SearchSpace, simplex: Simplex, given: Parameters) -> Simplex | None:
    parts = tuple(name for name in simplex.parameters if name not in given)
    if not parts:
        _check_sum(space, simplex, given)
        return None
    rest = simplex.total - math.fsum(float(given[name]) for name in simplex.parameters if name in given)
    share = SIMPLEX_TOLERANCE * (abs(simplex.total) - abs(rest))
    return Simplex(parts, rest, _slack(space, simplex, given) + share)


def _shifted(space: SearchSpace, law: LinearConstraint, given: Parameters) -> LinearConstraint | None:
    weights = {name: weight for name, weight in law.weights.items() if name not in given}
    if not weights:
        _check_sum(space, law, given)
        return None
    there = math.fsum(weight * float(given[name]) for name, weight in law.weights.items() if name in given)
    return LinearConstraint(
        weights,
        None if law.min is None else law.min - there,
        None if law.max is None else law.max - there,
        _slack(space, law, given),
    )


def _check_sum(space: SearchSpace, law: LinearConstraint | Simplex, given: Parameters) -> None:
    if not law.met(given, space.tolerance(law, given)):
        raise InvalidArgument("values", f"{law}, not {law.sum(given):.9g}")


def _slack(space: SearchSpace, law: LinearConstraint | Simplex, given: Parameters) -> float:
    """By how much a sum may be off because of its given terms, so that as much is allowed to the rest as to all."""
    known = space.named
    return law.slack + math.fsum(
        abs(weight) * (grain(known[name]) + ROUNDING * abs(float(given[name])))
        for name, weight in law.terms.items()
        if name in given
    )

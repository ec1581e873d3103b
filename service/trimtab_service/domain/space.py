"""The search space: its parameters, when each exists, what they must have together, and which points are legal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from trimtab_service.domain import errors
from trimtab_service.domain.condition import MOST_CONDITIONS, Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.linear import (
    GRAIN,
    MOST_LINEAR_CONSTRAINTS,
    MOST_SIMPLEXES,
    ROUNDING,
    SIMPLEX_TOLERANCE,
    LinearConstraint,
    Simplex,
)
from trimtab_service.domain.parameter import (
    LARGEST_INTEGER,
    MOST_VALUES,
    Categorical,
    Discrete,
    Float,
    Integer,
    Parameter,
    Scale,
)
from trimtab_service.domain.values import MOST_TEXT, NAME, Parameters, ParameterValue, check_name, same, shown

__all__ = [
    "LARGEST_INTEGER",
    "MOST_PARAMETERS",
    "MOST_TEXT",
    "MOST_VALUES",
    "NAME",
    "Categorical",
    "Discrete",
    "Float",
    "Integer",
    "Parameter",
    "ParameterValue",
    "Parameters",
    "Scale",
    "SearchSpace",
    "check_name",
    "check_unique",
    "check_values",
    "ends",
    "grain",
]

MOST_PARAMETERS = 200


def ends(parameter: Float | Integer | Discrete) -> tuple[float, float]:
    """The smallest and the largest number that a parameter can be."""
    if isinstance(parameter, Discrete):
        return float(parameter.choices[0]), float(parameter.choices[-1])
    return float(parameter.min), float(parameter.max)


def grain(parameter: Parameter) -> float:
    """How far off a number is told on a linear scale; 0 of others, and of listed ones."""
    if isinstance(parameter, Float) and parameter.scale is Scale.LINEAR:
        return GRAIN * max(map(abs, ends(parameter)))
    return 0.0


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The parameters being tuned, in their order.

    order: the places of the parameters, each behind those that its conditions look at.
    """

    parameters: tuple[Parameter, ...]
    linear_constraints: tuple[LinearConstraint, ...] = ()
    simplexes: tuple[Simplex, ...] = ()
    order: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.parameters:
            raise InvalidArgument("parameters", "a search space needs at least one parameter")
        if len(self.parameters) > MOST_PARAMETERS:
            raise InvalidArgument("parameters", f"{len(self.parameters)} parameters; {MOST_PARAMETERS} at most")
        check_unique(self.parameters)
        object.__setattr__(self, "parameters", _with_conditions(self.parameters))
        object.__setattr__(self, "order", _order(self.parameters))
        self._check_linear_constraints()
        self._check_simplexes()

    def _check_linear_constraints(self) -> None:
        if len(self.linear_constraints) > MOST_LINEAR_CONSTRAINTS:
            raise InvalidArgument(
                "linear_constraints", f"{len(self.linear_constraints)} of them; {MOST_LINEAR_CONSTRAINTS} at most"
            )
        known = self.named
        for index, constraint in enumerate(self.linear_constraints):
            with errors.field(f"linear_constraints[{index}]"):
                for name in constraint.weights:
                    with errors.field(f'weights["{name[:130]}"]'):
                        _check_term(known, name)
                if not math.isfinite(self._size(constraint)):
                    raise InvalidArgument("weights", "the sum can be too large for a double")
                low, high = self._reach(constraint)
                if constraint.min is not None and high < constraint.min:
                    raise InvalidArgument("min", f"no point reaches {constraint.min}: the sum is {high:g} at most")
                if constraint.max is not None and low > constraint.max:
                    raise InvalidArgument("max", f"no point stays below {constraint.max}: the sum is {low:g} at least")

    def _check_simplexes(self) -> None:
        if len(self.simplexes) > MOST_SIMPLEXES:
            raise InvalidArgument("simplexes", f"{len(self.simplexes)} of them; {MOST_SIMPLEXES} at most")
        known, taken = self.named, set[str]()
        for index, simplex in enumerate(self.simplexes):
            with errors.field(f"simplexes[{index}]"):
                parts = []
                for place, name in enumerate(simplex.parameters):
                    with errors.field(f"parameters[{place}]"):
                        parts.append(_part(known, name))
                        if name in taken:
                            raise InvalidArgument("", f"{name!r} is part of another mixture already")
                        taken.add(name)
                if not math.isfinite(self._size(simplex)):
                    raise InvalidArgument("parameters", "what they add up to can be too large for a double")
                low, high = self._reach(simplex)
                if not low <= simplex.total <= high:
                    raise InvalidArgument(
                        "total", f"the parts add up to something from {low:g} to {high:g}, never to {simplex.total:g}"
                    )

    def _reach(self, law: LinearConstraint | Simplex) -> tuple[float, float]:
        """The least and the greatest sum of any values, give or take what it may be off there."""
        known, low, high = self.named, dict[str, float](), dict[str, float]()
        for name, weight in law.terms.items():
            first, last = ends(known[name])  # type: ignore[arg-type]
            low[name], high[name] = (first, last) if weight > 0 else (last, first)
        return law.sum(low) - self.tolerance(law, low), law.sum(high) + self.tolerance(law, high)

    def _size(self, law: LinearConstraint | Simplex) -> float:
        """The largest sum of magnitudes that there can be; infinite where that overflows."""
        known = self.named
        return sum((abs(weight) * max(map(abs, ends(known[name]))) for name, weight in law.terms.items()), 0.0)  # type: ignore[arg-type]

    def leeway(self, law: LinearConstraint | Simplex) -> float:
        """How far off its bounds a sum may be wherever it is."""
        known = self.named
        share = SIMPLEX_TOLERANCE * abs(law.total) if isinstance(law, Simplex) else 0.0
        return share + law.slack + math.fsum(abs(weight) * grain(known[name]) for name, weight in law.terms.items())

    def tolerance(self, law: LinearConstraint | Simplex, values: Parameters) -> float:
        """How far off its bounds the sum of these values may be."""
        size = math.fsum(abs(weight * float(values[name])) for name, weight in law.terms.items())
        return self.leeway(law) + ROUNDING * size

    @property
    def named(self) -> dict[str, Parameter]:
        """The parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    @property
    def conditional(self) -> bool:
        """Whether some parameter doesn't always exist."""
        return any(parameter.conditions for parameter in self.parameters)

    @property
    def constrained(self) -> bool:
        """Whether parameters must have something together."""
        return bool(self.linear_constraints or self.simplexes)

    @property
    def cardinality(self) -> int | None:
        """How many points there would be without conditions and constraints; None if any parameter is a continuum."""
        counts = [parameter.cardinality for parameter in self.parameters]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def points(self) -> Iterator[dict[str, ParameterValue]]:
        """Every legal point, the last parameter turning fastest; TypeError for a continuum."""
        for point in self._points(0, {}):
            if self._broken(point) is None:
                yield {
                    parameter.name: point[parameter.name] for parameter in self.parameters if parameter.name in point
                }

    def _points(self, place: int, part: dict[str, ParameterValue]) -> Iterator[dict[str, ParameterValue]]:
        if place == len(self.order):
            yield part
            return
        parameter = self.parameters[self.order[place]]
        if not exists(parameter, part):
            yield from self._points(place + 1, part)
            return
        for value in parameter.values():
            yield from self._points(place + 1, {**part, parameter.name: value})

    def check(self, values: Parameters) -> dict[str, ParameterValue]:
        """The legal point that is meant, in the order of the space.

        Raises InvalidArgument, the field being ``values["name"]``, or
        ``values`` where it is a sum that is wrong.
        """
        if not self.conditional:
            point = check_values(self.parameters, values, "parameter of the search space")
        else:
            point = self._checked(values)
        broken = self._broken(point)
        if broken is not None:
            raise InvalidArgument("values", broken)
        return point

    def _checked(self, values: Parameters) -> dict[str, ParameterValue]:
        checked: dict[str, ParameterValue] = {}
        for place in self.order:
            parameter = self.parameters[place]
            path = f'values["{parameter.name}"]'
            missing = _unmet(parameter, checked)
            if missing is not None:
                if parameter.name in values:
                    raise InvalidArgument(path, f"doesn't exist here: only where {missing}")
                continue
            if parameter.name not in values:
                raise InvalidArgument(path, _lacking(parameter))
            with errors.field(path):
                checked[parameter.name] = parameter.check(values[parameter.name])
        _check_all_known(checked, values, "parameter of the search space")
        return {parameter.name: checked[parameter.name] for parameter in self.parameters if parameter.name in checked}

    def _broken(self, point: Parameters) -> str | None:
        """Which law a point breaks, in words; None: it is legal."""
        laws: list[tuple[str, LinearConstraint | Simplex]] = [
            *((f"linear_constraints[{index}]", law) for index, law in enumerate(self.linear_constraints)),
            *((f"simplexes[{index}]", law) for index, law in enumerate(self.simplexes)),
        ]
        for path, law in laws:
            if not law.met(point, self.tolerance(law, point)):
                return f"breaks {path}: {law}, not {law.sum(point):.9g}"
        return None

    def check_part(self, values: Parameters) -> dict[str, ParameterValue]:
        """As ``check``, for values of some of the parameters, at least one; whether they go together isn't asked."""
        if not values:
            raise InvalidArgument("values", "must have a value for at least one parameter")
        named = [parameter for parameter in self.parameters if parameter.name in values]
        return check_values(named, values, "parameter of the search space")


def exists(parameter: Parameter, values: Parameters) -> bool:
    """Whether a parameter exists where those before it in the order of the space have these values."""
    return all(condition.met(values) for condition in parameter.conditions)


def _unmet(parameter: Parameter, values: Parameters) -> Condition | None:
    return next((condition for condition in parameter.conditions if not condition.met(values)), None)


def _lacking(parameter: Parameter) -> str:
    if not parameter.conditions:
        return "missing: every parameter of the search space needs a value"
    return f"missing: it exists here, where {' and '.join(map(str, parameter.conditions))}"


def _with_conditions(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The same with the values of conditions as they are meant. Raises InvalidArgument (``parameters[i]...``)."""
    known = {parameter.name: parameter for parameter in parameters}
    found = []
    for index, parameter in enumerate(parameters):
        if not parameter.conditions:
            found.append(parameter)
            continue
        with errors.field(f"parameters[{index}]"):
            if len(parameter.conditions) > MOST_CONDITIONS:
                raise InvalidArgument("conditions", f"{len(parameter.conditions)} of them; {MOST_CONDITIONS} at most")
            meant = []
            for place, condition in enumerate(parameter.conditions):
                with errors.field(f"conditions[{place}]"):
                    meant.append(_meant(condition, parameter, known))
        found.append(replace(parameter, conditions=tuple(meant)))
    return tuple(found)


def _meant(condition: Condition, parameter: Parameter, known: dict[str, Parameter]) -> Condition:
    other = known.get(condition.parameter)
    if other is None:
        raise InvalidArgument("parameter", f"{condition.parameter[:130]!r} is not a parameter of the search space")
    if other is parameter:
        raise InvalidArgument("parameter", "a parameter can't depend on itself")
    if condition.values:
        if len(condition.values) > MOST_VALUES:
            raise InvalidArgument("values", f"{len(condition.values)} values; {MOST_VALUES} at most")
        return replace(condition, values=_meant_values(condition.values, other))
    if isinstance(other, Categorical):
        raise InvalidArgument(
            "min" if condition.min is not None else "max", f"{other.name!r} has no order: give values"
        )
    low, high = ends(other)
    for name, beyond in (
        ("min", condition.min is not None and condition.min > high),
        ("max", condition.max is not None and condition.max < low),
    ):
        if beyond:
            raise InvalidArgument(name, f"{other.name!r} is never there: it lies in [{low:g}, {high:g}]")
    return condition


def _meant_values(values: Sequence[ParameterValue], other: Parameter) -> tuple[ParameterValue, ...]:
    """Each is looked up where the other one's are listed: there may be a thousand on both sides."""
    choices: Sequence[ParameterValue] = other.choices if isinstance(other, Categorical | Discrete) else ()
    legal = {choice: choice for choice in choices}
    meant: dict[ParameterValue, None] = {}
    for index, value in enumerate(values):
        found = legal.get(value)
        if found is None or not same(found, value):
            with errors.field(f"values[{index}]"):
                found = other.check(value)
        if found in meant:
            raise InvalidArgument(f"values[{index}]", f"{shown(value)} is there twice")
        meant[found] = None
    return tuple(meant)


def _order(parameters: Sequence[Parameter]) -> tuple[int, ...]:
    """Raises InvalidArgument (``parameters[i].conditions[j].parameter``) where conditions go round in a circle."""
    order: list[int] = []
    placed: set[str] = set()
    left = list(range(len(parameters)))
    while left:
        ready = [index for index in left if all(one.parameter in placed for one in parameters[index].conditions)]
        if not ready:
            # Some of those left only depend on the circle; who follows unmet conditions ends up inside it.
            seen: list[int] = []
            index, place = left[0], 0
            while index not in seen:
                seen.append(index)
                conditions = parameters[index].conditions
                place = next(i for i, one in enumerate(conditions) if one.parameter not in placed)
                index = next(i for i in left if parameters[i].name == conditions[place].parameter)
            place = next(i for i, one in enumerate(parameters[index].conditions) if one.parameter not in placed)
            raise InvalidArgument(
                f"parameters[{index}].conditions[{place}].parameter", "conditions go round in a circle"
            )
        order += ready
        placed.update(parameters[index].name for index in ready)
        left = [index for index in left if index not in ready]
    return tuple(order)


def _check_term(known: dict[str, Parameter], name: str) -> None:
    parameter = known.get(name)
    if parameter is None:
        raise InvalidArgument("", "not a parameter of the search space")
    if isinstance(parameter, Categorical):
        raise InvalidArgument("", "not a number")
    if parameter.conditions:
        raise InvalidArgument("", "doesn't always exist")


def _part(known: dict[str, Parameter], name: str) -> Float:
    _check_term(known, name)
    part = known[name]
    if not isinstance(part, Float) or part.scale is not Scale.LINEAR or part.step is not None:
        raise InvalidArgument("", f"{name!r} must be a real number on a linear scale, without a step")
    return part


def check_unique(parameters: Sequence[Parameter]) -> None:
    """Raises InvalidArgument (``parameters[i].name``) where a name repeats."""
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        if parameter.name in seen:
            raise InvalidArgument(f"parameters[{index}].name", f"{parameter.name!r} is there twice")
        seen.add(parameter.name)


def check_values(parameters: Sequence[Parameter], values: Parameters, noun: str) -> dict[str, ParameterValue]:
    """One legal value for each of ``parameters``, and no other; InvalidArgument otherwise."""
    checked: dict[str, ParameterValue] = {}
    for parameter in parameters:
        path = f'values["{parameter.name}"]'
        if parameter.name not in values:
            raise InvalidArgument(path, f"missing: every {noun} needs a value")
        try:
            checked[parameter.name] = parameter.check(values[parameter.name])
        except InvalidArgument as error:
            raise error.under(path) from None
    _check_all_known(checked, values, noun)
    return checked


def _check_all_known(checked: Parameters, values: Parameters, noun: str) -> None:
    if len(values) > len(checked):
        unknown = next(name for name in values if name not in checked)
        raise InvalidArgument(f'values["{unknown[:130]}"]', f"not a {noun}")

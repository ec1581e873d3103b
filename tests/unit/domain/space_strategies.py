"""Hypothesis strategies for spaces that say more than ranges: conditions, sums, beliefs; each with a legal point."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import strategies as st

from trimtab_service.domain.condition import Condition
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
    ends,
)
from unit.domain.parameters_strategies import values_of

Told = tuple[SearchSpace, dict[str, ParameterValue]]
TENTHS = st.integers(-50, 50).map(lambda number: number / 10)
TWENTIETHS = st.integers(0, 10).map(lambda number: number / 20)
LARGE = st.integers(1, 2_000)


@st.composite
def tame(draw: st.DrawFn, parameter: Parameter) -> ParameterValue:
    """A legal value, a continuum's with few digits: nearer to a threshold than a double's rounding nothing is told."""
    value = draw(values_of(parameter))
    if isinstance(parameter, Float) and parameter.step is None:
        return min(max(round(float(value), 6), parameter.min), parameter.max)
    return value


@st.composite
def numbers(draw: st.DrawFn, name: str) -> Float | Integer | Discrete:
    """A number of any kind, from a moderate range."""
    low, width = draw(TENTHS), draw(st.integers(1, 100)) / 10
    first, count = draw(LARGE), draw(LARGE)
    kinds: list[Float | Integer | Discrete] = [
        Float(name, low, low + width),
        Float(name, 1e-3, draw(st.sampled_from((0.5, 1.0, 100.0))), Scale.LOG),
        Float(name, 0.1, 0.9, Scale.LOGIT),
        Float(name, 0.0, 2.0, step=draw(st.sampled_from((0.1, 0.25, 0.3)))),
        Integer(name, first - 1_000, first - 1_000 + count % 40),
        Integer(name, first, first + count, Scale.LOG),
        Discrete(name, tuple(sorted(draw(st.sets(st.integers(-20, 20), min_size=1, max_size=5))))),
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def priors(draw: st.DrawFn, parameter: Parameter) -> Prior | None:
    """What may be believed of a parameter."""
    if draw(st.booleans()):
        return None
    if isinstance(parameter, Categorical):
        count = len(parameter.choices)
        return WeightsPrior(tuple(draw(st.lists(st.floats(0.01, 10.0), min_size=count, max_size=count))))
    mean = float(draw(values_of(parameter)))
    return NormalPrior(mean, draw(st.sampled_from((0.001, 0.1, 1.0, 10.0))))


@st.composite
def conditions(draw: st.DrawFn, other: Parameter) -> Condition:
    """Where a parameter exists, by another one that can be so."""
    if isinstance(other, Categorical | Discrete):
        some = draw(st.sets(st.sampled_from(tuple(other.choices)), min_size=1))
        return Condition(other.name, tuple(value for value in other.choices if value in some))
    low, high = sorted(float(draw(tame(other))) for _ in range(2))
    kinds = [Condition(other.name, min=low), Condition(other.name, max=high), Condition(other.name, min=low, max=high)]
    return draw(st.sampled_from(kinds))


@st.composite
def told_spaces(draw: st.DrawFn) -> Told:
    """A space with a legal point of it."""
    parameters: list[Parameter] = [draw(numbers(f"n{index}")) for index in range(draw(st.integers(1, 3)))]
    parameters.append(Categorical("c", ("a", "b", "d")))
    parts = [Float(f"p{index}", 0.0, draw(st.sampled_from((0.5, 1.0)))) for index in range(draw(st.integers(0, 4)))]
    parameters += parts if len(parts) > 1 else []
    for index in range(draw(st.integers(0, 3))):
        other = draw(st.sampled_from(parameters))
        new: Parameter = draw(numbers(f"k{index}")) if draw(st.booleans()) else Categorical(f"k{index}", (True, False))
        parameters.append(replace(new, conditions=(draw(conditions(other)),)))
    if draw(st.booleans()):
        parameters = [replace(one, prior=draw(priors(one))) for one in parameters]
    point: dict[str, ParameterValue] = {}
    for parameter in parameters:
        if all(condition.met(point) for condition in parameter.conditions):
            point[parameter.name] = draw(TWENTIETHS if parameter.name.startswith("p") else tame(parameter))
    laws: list[LinearConstraint] = []
    summed = [one for one in parameters if not one.conditions and not isinstance(one, Categorical)]
    for _ in range(draw(st.integers(0, 2))):
        some = draw(st.lists(st.sampled_from(summed), min_size=1, max_size=3, unique_by=lambda one: one.name))
        weights = {one.name: draw(st.sampled_from((-2.0, -1.0, 0.5, 1.0, 3.0))) for one in some}
        here = math.fsum(weight * float(point[name]) for name, weight in weights.items())
        reach = math.fsum(abs(weights[one.name]) * (ends(one)[1] - ends(one)[0]) for one in some)
        low, high = (
            here - reach * draw(st.sampled_from((0.0, 0.01, 0.5))),
            here + reach * draw(st.sampled_from((0.0, 0.1))),
        )
        bounds = draw(st.sampled_from([(low, None), (None, high), (low, high)]))
        laws.append(LinearConstraint(weights, *bounds))
    mixtures: tuple[Simplex, ...] = ()
    if len(parts) > 1:
        names = tuple(part.name for part in parts)
        mixtures = (Simplex(names, math.fsum(float(point[name]) for name in names)),)
    space = SearchSpace(tuple(draw(st.permutations(parameters))), tuple(laws), mixtures)
    return space, space.check(point)

"""When parameters exist, and what they must have together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.prior import NormalPrior, WeightsPrior
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, Scale, SearchSpace
from unit.domain.space_strategies import Told, told_spaces

MODEL = Categorical("model", ("tree", "net"))
LAYERS = Integer("layers", 1, 4, conditions=(Condition("model", ("net",)),))
WIDTH = Float("width", 1.0, 9.0, conditions=(Condition("layers", min=2),))
NETS = SearchSpace((WIDTH, MODEL, LAYERS))
X, Y, Z = (Float(name, 0.0, 1.0) for name in "xyz")


def fault(parameters: tuple[Parameter, ...], **laws: object) -> str:
    """The field at fault in a space."""
    with pytest.raises(InvalidArgument) as refusal:
        SearchSpace(parameters, **laws)  # type: ignore[arg-type]
    (violation,) = refusal.value.violations
    return violation.field


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"model": "tree"}, None),
        ({"model": "net", "layers": 1}, None),
        ({"model": "net", "layers": 3, "width": 2.0}, None),
        ({"model": "net"}, 'values["layers"]'),
        ({"model": "net", "layers": 2}, 'values["width"]'),
        ({"model": "net", "layers": 1, "width": 2.0}, 'values["width"]'),
        ({"model": "tree", "layers": 1}, 'values["layers"]'),
        ({"model": "tree", "width": 2.0}, 'values["width"]'),
        ({"model": "tree", "other": 2.0}, 'values["other"]'),
        ({"layers": 1}, 'values["model"]'),
    ],
)
def test_a_point_has_what_exists_there_and_nothing_else(values: dict[str, float | str], field: str | None) -> None:
    """A value that is missing, or too many, is named."""
    if field is None:
        assert list(NETS.check(values).items()) == [
            (p.name, values[p.name]) for p in (WIDTH, MODEL, LAYERS) if p.name in values
        ]
        return
    with pytest.raises(InvalidArgument) as refusal:
        NETS.check(values)
    assert refusal.value.violations[0].field == field


def test_the_points_of_a_finite_space_are_the_legal_ones() -> None:
    """Each once, without those whose sums are wrong."""
    space = SearchSpace(
        (MODEL, LAYERS, Integer("n", 0, 2), Integer("m", 0, 2)), (LinearConstraint({"n": 1.0, "m": 1.0}, 3.0, 3.0),)
    )
    points = list(space.points())
    assert len(points) == 5 * 2
    assert all(space.check(point) == point for point in points)


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (Condition("nothing", ("net",)), "parameter"),
        (Condition("a", (1,)), "parameter"),
        (Condition("model", ("boat",)), "values[0]"),
        (Condition("model", ("net", "net")), "values[1]"),
        (Condition("model", min=1.0), "min"),
        (Condition("layers", (0,)), "values[0]"),
        (Condition("layers", min=5.0), "min"),
        (Condition("layers", max=0.5), "max"),
    ],
)
def test_a_condition_that_makes_no_sense_is_named(condition: Condition, field: str) -> None:
    """By its place in the space."""
    assert fault((MODEL, LAYERS, Integer("a", 1, 2, conditions=(condition,)))) == f"parameters[2].conditions[0].{field}"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"parameter": ""}, "parameter"),
        ({"parameter": "x"}, "values"),
        ({"parameter": "x", "values": (1,), "min": 0.0}, "values"),
        ({"parameter": "x", "min": float("nan")}, "min"),
        ({"parameter": "x", "min": 2.0, "max": 1.0}, "max"),
    ],
)
def test_a_condition_says_one_thing(fields: dict[str, object], field: str) -> None:
    """Values, or an interval."""
    with pytest.raises(InvalidArgument) as refusal:
        Condition(**fields)  # type: ignore[arg-type]
    assert refusal.value.violations[0].field == field


def test_a_circle_of_conditions_is_refused() -> None:
    """At a parameter that is part of it, not at one that merely depends on it."""
    a = Integer("a", 0, 9, conditions=(Condition("b", min=1.0),))
    b = Integer("b", 0, 9, conditions=(Condition("model", ("net",)), Condition("c", min=1.0)))
    c = Integer("c", 0, 9, conditions=(Condition("b", min=1.0),))
    assert fault((a, MODEL, b, c)) == "parameters[2].conditions[1].parameter"


@pytest.mark.parametrize(
    ("law", "field"),
    [
        (LinearConstraint({"q": 1.0}, max=1.0), 'linear_constraints[0].weights["q"]'),
        (LinearConstraint({"model": 1.0}, max=1.0), 'linear_constraints[0].weights["model"]'),
        (LinearConstraint({"layers": 1.0}, max=1.0), 'linear_constraints[0].weights["layers"]'),
        (LinearConstraint({"x": 1.0, "y": 2.0}, min=3.1), "linear_constraints[0].min"),
        (LinearConstraint({"x": 1.0, "y": -2.0}, max=-2.1), "linear_constraints[0].max"),
        (Simplex(("x", "q")), "simplexes[0].parameters[1]"),
        (Simplex(("x", "model")), "simplexes[0].parameters[1]"),
        (Simplex(("x", "layers")), "simplexes[0].parameters[1]"),
        (Simplex(("x", "log")), "simplexes[0].parameters[1]"),
        (Simplex(("x", "y"), 2.1), "simplexes[0].total"),
    ],
)
def test_a_sum_that_makes_no_sense_is_named(law: LinearConstraint | Simplex, field: str) -> None:
    """By its place in the space."""
    parameters = (MODEL, LAYERS, X, Y, Float("log", 0.1, 1.0, Scale.LOG))
    kind = "simplexes" if isinstance(law, Simplex) else "linear_constraints"
    assert fault(parameters, **{kind: (law,)}) == field


def test_a_parameter_is_part_of_one_mixture() -> None:
    """Two that share a part are refused."""
    simplexes = (Simplex(("x", "y")), Simplex(("y", "z")))
    assert fault((X, Y, Z), simplexes=simplexes) == "simplexes[1].parameters[0]"


def test_sums_are_checked_to_rounding() -> None:
    """A mixture adds up within a millionth of its total, a sum keeps its bounds to rounding."""
    space = SearchSpace((X, Y, Z), (LinearConstraint({"x": 1.0, "y": -1.0}, max=0.0),), (Simplex(("x", "y", "z")),))
    point = {"x": 0.1, "y": 0.2, "z": 0.7 + 4e-7}
    assert space.check(point) == point
    for wrong in ({"x": 0.1, "y": 0.2, "z": 0.7 + 4e-6}, {"x": 0.3, "y": 0.2, "z": 0.5}):
        with pytest.raises(InvalidArgument) as refusal:
            space.check(wrong)
        assert refusal.value.violations[0].field == "values"


A, B = (Float(name, 1e-9, 1e9, Scale.LOG) for name in "ab")
N, M = (Integer(name, 0, 10**12) for name in "nm")


@pytest.mark.parametrize(
    ("law", "right", "wrong"),
    [
        (LinearConstraint({"a": 1.0}, max=1e-3), {"a": 1e-3 * (1 + 9e-10)}, {"a": 1e-3 * (1 + 2e-9)}),
        (LinearConstraint({"a": 1.0, "b": -1.0}, max=0.0), {"a": 4e-7, "b": 4e-7}, {"a": 4e-7, "b": 1.1e-9}),
        (LinearConstraint({"n": 1.0, "m": -1.0}, max=0.0), {"n": 7, "m": 7}, {"n": 8, "m": 7}),
        (LinearConstraint({"x": 1.0, "y": -1.0}, 0.0, 0.0), {"x": 1e-12, "y": 0.0}, {"x": 1e-11, "y": 0.0}),
    ],
)
def test_what_is_lost_to_rounding_counts_by_the_point(
    law: LinearConstraint, right: dict[str, float], wrong: dict[str, float]
) -> None:
    """However large the numbers might have been; on a linear scale they are told to 1e-12 of that."""
    there = {"a": 1.0, "b": 1.0, "n": 0, "m": 0, "x": 0.0, "y": 0.0}
    space = SearchSpace((A, B, N, M, X, Y), (law,))
    assert space.check({**there, **right}) == {**there, **right}
    with pytest.raises(InvalidArgument):
        space.check({**there, **wrong})


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: Float("x", 0.0, 1.0, prior=NormalPrior(1.5, 0.1)), "prior.normal.mean"),
        (lambda: Float("x", 0.0, 1.0, prior=WeightsPrior((1.0,))), "prior.weights"),
        (lambda: Categorical("x", ("a", "b"), prior=NormalPrior(1.5, 0.1)), "prior.normal"),
        (lambda: Categorical("x", ("a", "b"), prior=WeightsPrior((1.0,))), "prior.weights.weights"),
        (lambda: Discrete("x", (1, 2), prior=NormalPrior(3.0, 0.1)), "prior.normal.mean"),
        (lambda: NormalPrior(0.0, 0.0), "spread"),
        (lambda: NormalPrior(float("inf"), 0.1), "mean"),
        (lambda: WeightsPrior((1.0, 0.0)), "weights[1]"),
    ],
)
def test_a_belief_fits_its_parameter(build: object, field: str) -> None:
    """Numbers take a mean within their range, listed values a weight each."""
    with pytest.raises(InvalidArgument) as refusal:
        build()  # type: ignore[operator]
    assert refusal.value.violations[0].field == field


@settings(max_examples=50, deadline=None)
@given(data=st.data(), told=told_spaces())
def test_checking_a_legal_point_changes_nothing(data: st.DataObject, told: Told) -> None:
    """And leaving a value out makes it illegal."""
    space, point = told
    assert space.check(point) == point
    name = data.draw(st.sampled_from(sorted(point)))
    with pytest.raises(InvalidArgument):
        space.check({other: value for other, value in point.items() if other != name})

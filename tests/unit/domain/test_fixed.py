"""What is left of a space where some values are given."""

from __future__ import annotations

import pytest

from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.fixed import check_existence, remainder
from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Scale, SearchSpace
from trimtab_service.domain.values import Parameters

MODEL = Categorical("model", ("tree", "net", "line"))
LAYERS = Integer("layers", 1, 4, conditions=(Condition("model", ("net", "line")),))
WIDTH = Float("width", 1.0, 9.0, conditions=(Condition("layers", min=2),))
NETS = SearchSpace((WIDTH, MODEL, LAYERS))
X, Y, Z = (Float(name, 0.0, 1.0) for name in "xyz")


def left(space: SearchSpace, fixed: Parameters) -> dict[str, object]:
    """The parameters that are left, by name."""
    rest = remainder(space, fixed).space
    return {} if rest is None else dict(rest.named)


def test_nothing_fixed_leaves_everything() -> None:
    """The space itself."""
    assert remainder(NETS, {}).space is NETS


def test_what_a_value_rules_out_is_gone() -> None:
    """With all that depends on it; nothing is left to be chosen."""
    assert remainder(NETS, {"model": "tree"}).space is None
    assert remainder(NETS, {"model": "tree"}).given == {"model": "tree"}


def test_what_a_value_makes_sure_is_unconditional() -> None:
    """A condition that is met needn't be looked at again."""
    rest = left(NETS, {"model": "net"})
    assert rest["layers"] == Integer("layers", 1, 4)
    assert rest["width"] == WIDTH


def test_a_value_keeps_its_ancestors_where_it_exists() -> None:
    """Fixing a leaf narrows down what its conditions look at, and what theirs do."""
    rest = left(NETS, {"width": 2.0})
    assert rest == {"model": Categorical("model", ("net", "line")), "layers": Integer("layers", 2, 4)}


def test_one_value_that_is_left_is_given() -> None:
    """The branch of a leaf that exists in one only."""
    space = SearchSpace((MODEL, Float("rate", 0.0, 1.0, conditions=(Condition("model", ("net",)),)), X))
    rest = remainder(space, {"rate": 0.5})
    assert rest.given == {"model": "net", "rate": 0.5}
    assert rest.space is not None
    assert list(rest.space.named) == ["x"]


def test_sums_go_on_without_what_is_fixed() -> None:
    """Bounds and totals by what is left of them; the last part of a mixture follows."""
    space = SearchSpace((X, Y, Z), (LinearConstraint({"x": 2.0, "y": 1.0}, max=1.5),), (Simplex(("x", "y", "z")),))
    rest = remainder(space, {"x": 0.25}).space
    assert rest is not None
    assert rest.linear_constraints == (LinearConstraint({"y": 1.0}, max=1.0),)
    assert rest.simplexes == (Simplex(("y", "z"), 0.75),)
    assert remainder(space, {"x": 0.25, "y": 0.5}).given == {"x": 0.25, "y": 0.5, "z": 0.25}


P, R = (Float(name, 1e-9, 1e9, Scale.LOG) for name in "pr")
FOUR = tuple(Float(name, 0.0, 1.0) for name in "wxyz")


@pytest.mark.parametrize(
    ("space", "point", "names"),
    [
        (
            SearchSpace((P, R), (LinearConstraint({"p": 1.0, "r": 3e-6}, max=624.4608935957059),)),
            {"p": 624.4608935957059 * (1 + 9e-10), "r": 1e-9},
            "p",
        ),
        (
            SearchSpace((P, R), (LinearConstraint({"p": 1.0, "r": -1.0}, 0.0, 0.0),)),
            {"p": 3e8 * (1 + 1.5e-9), "r": 3e8},
            "r",
        ),
        (SearchSpace(FOUR, (), (Simplex(tuple("wxyz")),)), {"w": 0.5, "x": 0.5 + 9e-7, "y": 0.0, "z": 0.0}, "wx"),
    ],
)
def test_a_legal_points_own_values_are_never_refused(space: SearchSpace, point: Parameters, names: str) -> None:
    """What its sum is off by is allowed to the rest of it as well, and no more than that."""
    assert space.check(point) == point
    rest = remainder(space, {name: point[name] for name in names}).space
    assert rest is not None
    left_over = {name: value for name, value in point.items() if name not in names}
    assert rest.check(left_over) == left_over
    for whole, part in ((space.linear_constraints, rest.linear_constraints), (space.simplexes, rest.simplexes)):
        allowed = [rest.tolerance(law, left_over) for law in part]
        assert allowed == pytest.approx([space.tolerance(law, point) for law in whole], rel=1e-12)


@pytest.mark.parametrize(
    ("space", "fixed", "field"),
    [
        (NETS, {"q": 1.0}, 'values["q"]'),
        (NETS, {"width": 0.5}, 'values["width"]'),
        (NETS, {"model": "tree", "layers": 2}, 'values["layers"]'),
        (NETS, {"layers": 1, "width": 2.0}, 'values["width"]'),
        (SearchSpace((X, Y), (), (Simplex(("x", "y"), 1.5),)), {"x": 0.25}, "values"),
        (SearchSpace((X, Y), (LinearConstraint({"x": 1.0}, max=0.5),)), {"x": 0.75}, "values"),
        (SearchSpace((X, Y), (LinearConstraint({"x": 1.0, "y": 1.0}, min=1.5),)), {"x": 0.25}, "values"),
    ],
)
def test_values_that_no_legal_point_has_are_refused(space: SearchSpace, fixed: Parameters, field: str) -> None:
    """With the value at fault where it is one."""
    with pytest.raises(InvalidArgument) as refusal:
        remainder(space, fixed)
    assert refusal.value.violations[0].field == field


@pytest.mark.parametrize(
    ("other", "condition", "narrow"),
    [
        (Discrete("n", (1, 5, 9)), Condition("n", min=4.0), Discrete("n", (5, 9))),
        (Float("n", 0.0, 1.0, step=0.1), Condition("n", min=0.25, max=0.5), Float("n", 0.3, 0.5, step=0.1)),
        (Float("n", 0.0, 4.0), Condition("n", max=2.5), Float("n", 0.0, 2.5)),
        (Integer("n", 0, 40), Condition("n", min=2.5, max=7.5), Integer("n", 3, 7)),
        (Integer("n", 0, 40), Condition("n", (3, 17)), Discrete("n", (3, 17))),
    ],
)
def test_numbers_are_narrowed_down(other: Float | Integer | Discrete, condition: Condition, narrow: object) -> None:
    """To the values that a condition lets."""
    space = SearchSpace((other, Float("leaf", 0.0, 1.0, conditions=(condition,))))
    assert left(space, {"leaf": 0.5}) == {"n": narrow}


@pytest.mark.parametrize(
    ("conditions", "exists"),
    [
        ((Condition("n", min=2), Condition("n", max=4)), True),
        ((Condition("n", min=4), Condition("n", max=4)), True),
        ((Condition("n", min=4.2), Condition("n", max=4.8)), False),
        ((Condition("n", values=(1, 2)), Condition("n", min=2)), True),
        ((Condition("n", values=(1, 2)), Condition("n", min=3)), False),
        ((Condition("c", values=("a", "b")), Condition("c", values=("b",))), True),
        ((Condition("c", values=("a",)), Condition("c", values=("b",))), False),
        ((Condition("x", min=0.8), Condition("x", max=0.2)), False),
        ((Condition("x", values=(0.5,)), Condition("n", min=4)), True),
    ],
)
def test_conditions_on_one_parameter_must_hold_together(conditions: tuple[Condition, ...], exists: bool) -> None:
    """For some value that it can have; else the parameter would exist nowhere."""
    space = SearchSpace(
        (
            Integer("n", 0, 9),
            Categorical("c", ("a", "b", "c")),
            Float("x", 0.0, 1.0),
            Float("y", 0.0, 1.0, conditions=conditions),
        )
    )
    if exists:
        check_existence(space)
        return
    with pytest.raises(InvalidArgument) as refusal:
        check_existence(space)
    assert refusal.value.violations[0].field == "parameters[3].conditions"

"""What models believe, put so that people can follow it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from contract.optimizers.problems import PROBLEMS, Problem, history, history_of, trial
from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument, NothingObserved
from trimtab_service.domain.explanation import Explanation, Slice, check_slices
from trimtab_service.domain.linear import Simplex
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Categorical, Float, Integer, Parameters, Scale
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.explain import explain

PLANE = Problem("plane", (Float("a", 0.0, 1.0), Float("b", 0.0, 10.0), Float("idle", -1.0, 1.0)))


def plane(point: Parameters) -> float:
    """Three times as steep in ``a`` as in ``b``, each over its range; ``idle`` does nothing."""
    return 5.0 + 6.0 * float(point["a"]) + 0.2 * float(point["b"])


def observed(count: int = 40) -> History:
    """Of random points of the plane, exactly."""
    rng = np.random.default_rng(0)
    points = [{"a": float(x), "b": 10.0 * float(y), "idle": 2.0 * float(z) - 1.0} for x, y, z in rng.random((count, 3))]
    return history_of(
        trial(number, point, TrialState.COMPLETED, Measurement(plane(point)))
        for number, point in enumerate(points, start=1)
    )


def explained(point: Parameters | None, *slices: Slice) -> Explanation:
    """By the plane's model."""
    return explain(PLANE.study("gp"), observed(), {}, point, slices)


def test_a_point_is_predicted() -> None:
    """In the unit of the metric, with an interval that holds the truth."""
    point = {"a": 0.5, "b": 5.0, "idle": 0.0}
    found = explained(point)
    assert found.parameters == point
    prediction = found.predictions["loss"]
    assert prediction.mean == pytest.approx(plane(point), abs=0.05)
    assert prediction.low <= plane(point) <= prediction.high
    assert prediction.high - prediction.low == pytest.approx(2 * 1.96 * prediction.standard_error, rel=1e-3)
    assert found.probability_feasible is None


def test_the_incumbent_is_explained_where_nothing_is_named() -> None:
    """The trial of the least loss, which is its own nearest neighbour."""
    found = explained(None)
    best = min(observed().trials, key=lambda each: plane(each.parameters))
    assert found.parameters == best.parameters
    first, *others = found.neighbours
    assert first.number == best.number
    assert first.correlation == pytest.approx(1.0)
    assert first.measurements["loss"].mean == plane(best.parameters)
    assert [each.correlation for each in others] == sorted((each.correlation for each in others), reverse=True)
    assert len(others) == 4


def test_shares_are_those_of_the_function() -> None:
    """Of a sum of independent terms each share is the term's part of the variance: 36 / 40, 4 / 40, and nothing."""
    shares = explained(None).importances["loss"]
    assert list(shares)[:2] == ["a", "b"]
    assert shares["a"] == pytest.approx(0.9, abs=0.08)
    assert shares["b"] == pytest.approx(0.1, abs=0.05)
    assert shares["idle"] < 0.01


def test_improvement_is_expected_where_the_loss_is_small() -> None:
    """Beyond the best point much, where it is high nothing."""
    best = explained({"a": 0.0, "b": 0.0, "idle": 0.0}).expected_improvement
    worst = explained({"a": 1.0, "b": 10.0, "idle": 0.0}).expected_improvement
    known = min(plane(each.parameters) for each in observed().trials)
    assert best == pytest.approx(known - 5.0, abs=0.1)
    assert worst is not None
    assert worst < 1e-3


def test_cuts_go_along_their_parameters() -> None:
    """Evenly, from end to end, the others as at the point; of two parameters the second turns fastest."""
    point = {"a": 0.5, "b": 5.0, "idle": 0.0}
    line, face = explained(point, Slice(("b",), 6), Slice(("b", "a"), 3)).slices
    assert [each.parameters for each in line] == [{"b": pytest.approx(value)} for value in (0, 2, 4, 6, 8, 10)]
    for each in line:
        assert each.predictions["loss"].mean == pytest.approx(plane({**point, **each.parameters}), abs=0.1)
    places = [(each.parameters["b"], each.parameters["a"]) for each in face]
    assert np.allclose(places, [(b, a) for b in (0.0, 5.0, 10.0) for a in (0.0, 0.5, 1.0)])


def test_a_cut_has_every_listed_value_and_no_whole_number_twice() -> None:
    """However few are asked for, and however many."""
    problem = Problem("mixed", (Categorical("kind", ("x", "y", "z")), Integer("size", 1, 4, Scale.LOG)))
    past = history_of(
        trial(number, {"kind": kind, "size": size}, TrialState.COMPLETED, Measurement(size + len(kind)))
        for number, (kind, size) in enumerate([("x", 1), ("y", 4), ("z", 2), ("x", 3)], start=1)
    )
    kinds, sizes = explain(problem.study("gp"), past, {}, None, [Slice(("kind",), 2), Slice(("size",), 50)]).slices
    assert [each.parameters["kind"] for each in kinds] == ["x", "y", "z"]
    assert [each.parameters["size"] for each in sizes] == [1, 2, 3, 4]


BRANCHES = Problem("branches", (Categorical("m", ("a", "b")), Integer("k", 0, 4, conditions=(Condition("m", ("b",)),))))
MIXTURE = Problem("mixture", tuple(Float(name, 0.0, 1.0) for name in "xyz"), (), (Simplex(tuple("xyz")),))


def test_a_cut_goes_along_what_only_begins_to_exist_there() -> None:
    """Each value that it has, once."""
    points: list[Parameters] = [{"m": "a"}]
    points += [{"m": "b", "k": value} for value in range(5)]
    past = history_of(
        trial(number, point, TrialState.COMPLETED, Measurement(float(number))) for number, point in enumerate(points, 1)
    )
    (face,) = explain(BRANCHES.study("gp"), past, {}, {"m": "a"}, [Slice(("m", "k"), 5)]).slices
    assert [each.parameters for each in face] == points[1:]


@pytest.mark.parametrize(
    ("problem", "point", "along", "words"),
    [
        (BRANCHES, {"m": "a"}, "k", "'k' doesn't exist there"),
        (MIXTURE, {"x": 0.21, "y": 0.43, "z": 0.36}, "x", r"x \+ y \+ z must be 1"),
    ],
)
def test_a_cut_without_a_legal_point_is_refused(problem: Problem, point: Parameters, along: str, words: str) -> None:
    """Rather than left empty."""
    past = history_of([trial(1, point, TrialState.COMPLETED, Measurement(1.0))])
    with pytest.raises(InvalidArgument, match=words) as refusal:
        explain(problem.study("gp"), past, {}, point, [Slice((along,), 5)])
    assert refusal.value.violations[0].field == "slices[0].parameters"


@pytest.mark.parametrize("kind", ["some_errors_known", "equal_costs"])
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_every_problem_is_explained(problem: Problem, kind: str) -> None:
    """Finite numbers, shares from 0 to 1, and cuts of legal values only."""
    study, past = problem.study("gp"), history(problem, kind)
    names = tuple(one.name for one in problem.parameters[:2])
    slices = [Slice(names[:1], 5), Slice(names, 4)] if len(names) > 1 else [Slice(names, 5)]
    found = explain(study, past, problem.here or {}, None, slices)
    numbers = [
        value for one in found.predictions.values() for value in (one.mean, one.standard_error, one.low, one.high)
    ]
    shares = [share for each in found.importances.values() for share in each.values()]
    assert all(map(math.isfinite, [*numbers, *shares, found.expected_improvement or 0.0]))
    assert all(0.0 <= share <= 1.0 for share in shares)
    for wanted, points in zip(slices, found.slices, strict=True):
        assert all(set(each.parameters) == set(wanted.parameters) for each in points)
        assert all(math.isfinite(one.mean) for each in points for one in each.predictions.values())
        for each in points:
            for name, value in each.parameters.items():
                assert problem.space.named[name].check(value) == pytest.approx(value)


def test_without_an_observation_there_is_nothing_to_explain() -> None:
    """Not even where trials have failed."""
    past = history_of([trial(1, {"a": 0.5, "b": 1.0, "idle": 0.0}, TrialState.FAILED)])
    with pytest.raises(NothingObserved):
        explain(PLANE.study("gp"), past, {}, None, [])


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Slice(()), "slices[0].parameters"),
        (Slice(("a", "b", "idle")), "slices[0].parameters"),
        (Slice(("a", "a")), "slices[0].parameters[1]"),
        (Slice(("nothing",)), "slices[0].parameters[0]"),
        (Slice(("a",), 1), "slices[0].resolution"),
        (Slice(("a",), 101), "slices[0].resolution"),
    ],
)
def test_bad_cuts_are_refused(wanted: Slice, field: str) -> None:
    """With the field at fault."""
    with pytest.raises(InvalidArgument) as refusal:
        check_slices([wanted], PLANE.space)
    assert refusal.value.violations[0].field == field


def test_all_cuts_together_are_bounded() -> None:
    """An answer must fit into a message."""
    check_slices([Slice(("a", "b"), 100)], PLANE.space)
    with pytest.raises(InvalidArgument, match="10000"):
        check_slices([Slice(("a", "b"), 100), Slice(("a",), 2)], PLANE.space)
    with pytest.raises(InvalidArgument, match="20 at most"):
        check_slices([Slice(("a",), 2)] * 21, PLANE.space)

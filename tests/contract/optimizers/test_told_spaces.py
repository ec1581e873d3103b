"""The laws of every optimizer over arbitrary spaces with conditions, sums, beliefs and fixed values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contract.optimizers.answers import Call
from contract.optimizers.problems import Problem, cost, history_of, trial
from trimtab_service.algorithms import check_fixed
from trimtab_service.domain.errors import SpaceExhausted
from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Float, SearchSpace
from trimtab_service.domain.suggestion import History, TrialState
from trimtab_service.optimizers.catalog import CATALOG
from trimtab_service.optimizers.encoding import Encoding
from trimtab_service.optimizers.random import RandomSearch
from trimtab_service.optimizers.region import Region
from unit.domain.space_strategies import Told, told_spaces

EXAMPLES = {"gp": 25}


def problem_of(space: SearchSpace) -> Problem:
    """The problem of searching a space."""
    return Problem("told", space.parameters, space.linear_constraints, space.simplexes)


@pytest.mark.parametrize("algorithm", sorted(CATALOG))
def test_points_are_legal_and_have_the_fixed_values(algorithm: str) -> None:
    """Exactly as many as asked for, legal, with what is fixed, the same again; of a model no two alike."""

    @settings(max_examples=EXAMPLES.get(algorithm, 60), deadline=None)
    @given(data=st.data(), told=told_spaces(), count=st.integers(1, 3))
    def law(data: st.DataObject, told: Told, count: int) -> None:
        space, point = told
        problem = problem_of(space)
        names = data.draw(st.lists(st.sampled_from(sorted(point)), unique=True, max_size=2))
        fixed = check_fixed(space, {name: point[name] for name in names})
        past = History((), 1, 0, 0)
        if data.draw(st.booleans()):
            rng = np.random.default_rng(5)
            tried = RandomSearch().suggest(problem.study("random"), past, {}, 6, rng)
            done = [trial(1, one.parameters, TrialState.COMPLETED, Measurement(cost(one.parameters))) for one in tried]
            past = history_of(done)
        call = Call(problem.study(algorithm), replace(past, fixed=fixed), {}, count)
        try:
            answer = call.answer()
        except SpaceExhausted:
            every = Region(space, fixed).every()
            assume(every is None or len(every) < count)
            assert CATALOG[algorithm].uses_history
            return
        assert len(answer) == count
        for suggested in answer:
            assert space.check(suggested.parameters) == suggested.parameters
            assert {name: suggested.parameters[name] for name in fixed} == fixed
        if CATALOG[algorithm].uses_history:
            assert all(one.parameters not in [two.parameters for two in answer[:k]] for k, one in enumerate(answer))
        assert call.answer() == answer

    law()


@settings(max_examples=100, deadline=None)
@given(told=told_spaces(), numbers=st.lists(st.floats(0.0, 1.0, exclude_max=True), min_size=16, max_size=16))
def test_legal_points_survive_the_round_trip(told: Told, numbers: list[float]) -> None:
    """What is drawn decodes to a legal point, and that to the same row."""
    space, point = told
    encoding = Encoding(space.parameters)
    (back,) = encoding.decode(encoding.encode([point]))
    assert back.keys() == point.keys()
    rows = Region(space).draw(np.array([numbers[: encoding.width]]), [(1,)])
    (drawn,) = encoding.decode(rows)
    assert space.check(drawn) == drawn
    np.testing.assert_allclose(encoding.encode([drawn]), rows, rtol=0, atol=1e-9)


@settings(max_examples=100, deadline=None)
@given(told=told_spaces())
def test_the_first_point_is_legal(told: Told) -> None:
    """Wherever it lies."""
    space, _ = told
    region = Region(space)
    (first,) = region.encoding.decode(region.first())
    assert space.check(first) == first


def test_a_single_legal_place_is_found_to_its_tolerance() -> None:
    """The solver takes for nothing what a small sum doesn't."""
    parts = tuple(Float(name, 0.0, 0.5) for name in ("p0", "p1", "p2", "p3"))
    space = SearchSpace(
        (Float("n0", 0.0, 2.0, step=0.1), *parts),
        linear_constraints=(LinearConstraint({"n0": -2.0, "p0": -2.0, "p2": -2.0}, -0.1, -0.1),),
        simplexes=(Simplex(("p0", "p1", "p2", "p3"), 0.05),),
    )
    region = Region(space)
    (first,) = region.encoding.decode(region.first())
    assert space.check(first) == first
    assert first["n0"] == pytest.approx(0.0)
    assert float(first["p0"]) + float(first["p2"]) == pytest.approx(0.05)

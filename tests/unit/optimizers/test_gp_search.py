"""Finding the point that an acquisition function likes best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from botorch.generation import gen
from botorch.generation.gen import get_reasons_against_fast_path

from contract.optimizers.problems import SIX
from trimtab_service.domain.space import Categorical, Float, Integer, Parameter, Scale, SearchSpace
from trimtab_service.optimizers import gp_search
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.feasible import Feasible
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_search import CENTRES, NEARBY, UNIFORM, candidates, ranked
from trimtab_service.optimizers.region import Region

NONE = np.empty((0, 0))
MIXED: tuple[Parameter, ...] = (
    Float("x", 0.0, 1.0),
    Integer("n", 0, 1_000),
    Categorical("kind", tuple(f"kind {index}" for index in range(40))),
    Float("rate", 1e-4, 1.0, Scale.LOG),
)


def region(*parameters: Parameter) -> Region:
    """All points that these parameters make."""
    return Region(SearchSpace(parameters), {})


class Bowl(ClosedForm):
    """Largest, 0, at ``top``; falls with the square of the distance, and by 1 for another name."""

    def __init__(self, encoding: Encoding, top: Rows, steepness: float = 1.0) -> None:
        self.names = np.isin(np.arange(encoding.width), encoding.categorical)
        self.top, self.steepness = top, steepness

    def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
        """As ClosedForm says."""
        away = np.where(self.names, 0.0, rows - self.top)
        others = (rows != self.top)[:, self.names].sum(axis=1)
        return -self.steepness * (np.square(away).sum(axis=1) + others), -2.0 * self.steepness * away

    def values(self, rows: Rows) -> Vector:
        """As ClosedForm says."""
        return self.values_and_slopes(rows)[0]


def test_the_top_of_a_bowl_is_found_in_a_mixed_space() -> None:
    """Continuous columns exactly, the others on their grid, one of many names among them."""
    encoding = Encoding(MIXED)
    top = encoding.encode([{"x": 0.3, "n": 123, "kind": "kind 37", "rate": 0.02}])
    best = ranked(Bowl(encoding, top), region(*MIXED), np.empty((0, 4)), np.random.default_rng(0))
    (point,) = encoding.decode(best[:1])
    assert (point["kind"], point["n"]) == ("kind 37", 123)
    np.testing.assert_allclose(best[0], top[0], atol=1e-3)


def test_what_is_found_is_ranked_and_legal() -> None:
    """Best first, every row the row of a point."""
    encoding = Encoding(MIXED)
    bowl = Bowl(encoding, encoding.centre())
    rows = ranked(bowl, region(*MIXED), encoding.centre(), np.random.default_rng(0))
    assert np.all(np.diff(bowl.values(rows)) <= 0.0)
    np.testing.assert_allclose(encoding.snap(rows), rows, atol=1e-12)


def test_the_search_is_one_climb_of_botorchs_fast_batched_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """All starts at once, by the function that BoTorch's fast path calls, which this SciPy doesn't keep it from."""
    batched = gen.fmin_l_bfgs_b_batched
    assert vars(gp_search)["fmin_l_bfgs_b_batched"] is batched
    sizes: list[int] = []

    def counted(function: Any, starts: Rows, **options: Any) -> Any:
        sizes.append(len(starts))
        return batched(function, starts, **options)

    monkeypatch.setattr(gp_search, "fmin_l_bfgs_b_batched", counted)
    encoding = Encoding(SIX)
    ranked(Bowl(encoding, encoding.centre()), region(*SIX), encoding.centre(), np.random.default_rng(0))
    assert sizes == [gp_search.RESTARTS]
    assert get_reasons_against_fast_path("L-BFGS-B", with_grad=True, minimize_options={}, timeout_sec=None) == []


def test_a_line_search_that_stops_at_rounding_leaves_what_was_reached() -> None:
    """A function too steep for doubles."""
    encoding = Encoding(SIX[:2])
    steep = Bowl(encoding, np.full((1, 2), 1 / 3), steepness=1e17)
    rows = ranked(steep, region(*SIX[:2]), encoding.centre(), np.random.default_rng(0))
    np.testing.assert_allclose(rows[0], 1 / 3, atol=1e-3)


def test_what_cannot_be_climbed_stays_where_it_is() -> None:
    """Names keep their places while the numbers beside them move, each start with its own."""
    encoding = Encoding(MIXED)
    rows = encoding.draw(np.random.default_rng(0).random((4, 4)))
    bowl = Bowl(encoding, np.array([[0.25, 0.5, 7.0, 0.75]]))
    climbed, scores = gp_search._climb(bowl, encoding, rows, bowl.values(rows))
    assert climbed[:, 2].tolist() == rows[:, 2].tolist()
    assert len(set(rows[:, 2])) > 1
    np.testing.assert_allclose(climbed[:, [0, 1, 3]], [[0.25, 0.5, 0.75]] * 4, atol=1e-4)
    np.testing.assert_allclose(scores, bowl.values(climbed))


def test_candidates_lie_anywhere_and_near_the_best_points() -> None:
    """Without a centre, anywhere; with some, as many again that share most of their columns with one."""
    encoding = Encoding(SIX)
    rng = np.random.default_rng(0)
    centres = encoding.draw(rng.random((5, 6)))
    feasible = Feasible(SearchSpace(SIX))
    assert len(candidates(feasible, centres[:0], rng)) == UNIFORM
    found = candidates(feasible, centres, rng)
    assert len(found) == UNIFORM + NEARBY
    assert ((found >= 0.0) & (found <= 1.0)).all()
    moved = np.abs(found[UNIFORM:, None] - centres[None, :CENTRES])
    nearest = moved.max(axis=2).argmin(axis=1)
    assert set(nearest) == {0, 1, 2}
    assert ((moved[np.arange(NEARBY), nearest] == 0.0).mean(), moved.min(axis=1).max() > 0.0) == (
        pytest.approx(0.42, abs=0.1),
        True,
    )


def test_a_large_space_of_names_alone_is_searched() -> None:
    """With more neighbours than are looked at in one round, it gets closer than its start."""
    names = tuple(Categorical(f"c{column}", tuple(f"{v}" for v in range(40))) for column in range(10))
    encoding = Encoding(names)
    top = np.full((1, 10), 7.0)
    bowl = Bowl(encoding, top)
    near = top.copy()
    near[0, :2] = 3.0
    best = ranked(bowl, region(*names), near, np.random.default_rng(0))
    assert bowl.values(best[:1])[0] > bowl.values(near)[0]
    assert encoding.snap(best).tolist() == best.tolist()

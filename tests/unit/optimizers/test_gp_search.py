"""Finding the point that an acquisition function likes best."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.generation import gen
from botorch.generation.gen import get_reasons_against_fast_path

from contract.optimizers.problems import SIX
from trimtab_service.domain.space import Categorical, Float, Integer, Parameter, Scale
from trimtab_service.optimizers import gp_search
from trimtab_service.optimizers.encoding import Encoding, Rows
from trimtab_service.optimizers.evidence import Vector
from trimtab_service.optimizers.gp_acquisition import ClosedForm
from trimtab_service.optimizers.gp_search import CENTRES, NEARBY, UNIFORM, candidates, ranked

NONE = np.empty((0, 0))
MIXED: tuple[Parameter, ...] = (
    Float("x", 0.0, 1.0),
    Integer("n", 0, 1_000),
    Categorical("kind", tuple(f"kind {index}" for index in range(40))),
    Float("rate", 1e-4, 1.0, Scale.LOG),
)


class Bowl(ClosedForm):
    """Largest, 0, at ``top``; falls with the square of the distance, and by 1 for another name."""

    def __init__(self, encoding: Encoding, top: Rows, steepness: float = 1.0) -> None:
        torch.nn.Module.__init__(self)
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
    best = ranked(Bowl(encoding, top), encoding, np.empty((0, 4)), np.random.default_rng(0))
    (point,) = encoding.decode(best[:1])
    assert (point["kind"], point["n"]) == ("kind 37", 123)
    np.testing.assert_allclose(best[0], top[0], atol=1e-3)


def test_what_is_found_is_ranked_and_legal() -> None:
    """Best first, every row the row of a point."""
    encoding = Encoding(MIXED)
    bowl = Bowl(encoding, encoding.centre())
    rows = ranked(bowl, encoding, encoding.centre(), np.random.default_rng(0))
    assert np.all(np.diff(bowl.values(rows)) <= 0.0)
    np.testing.assert_allclose(encoding.snap(rows), rows, atol=1e-12)


def test_the_search_stays_on_the_fast_batched_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """BoTorch has no reason to fall back to its slow optimizer, and doesn't."""
    reasons: list[list[str]] = []

    def asked(**arguments: Any) -> list[str]:
        reasons.append(get_reasons_against_fast_path(**arguments))
        return reasons[-1]

    monkeypatch.setattr(gen, "get_reasons_against_fast_path", asked)
    batched = gen.fmin_l_bfgs_b_batched
    sizes: list[int] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        sizes.append(len(options["x0"]))
        return batched(*arguments, **options)

    monkeypatch.setattr(gen, "fmin_l_bfgs_b_batched", counted)
    encoding = Encoding(SIX)
    ranked(Bowl(encoding, encoding.centre()), encoding, encoding.centre(), np.random.default_rng(0))
    assert sizes == [gp_search.RESTARTS]
    assert reasons == [[]]


def test_a_line_search_that_stops_at_rounding_is_no_warning() -> None:
    """A function too steep for doubles leaves what was reached; other warnings come through."""
    encoding = Encoding(SIX[:2])
    steep = Bowl(encoding, np.full((1, 2), 1 / 3), steepness=1e17)
    rows = ranked(steep, encoding, encoding.centre(), np.random.default_rng(0))
    np.testing.assert_allclose(rows[0], 1 / 3, atol=1e-3)

    class Wordy(Bowl):
        def values_and_slopes(self, rows: Rows) -> tuple[Vector, Rows]:
            warnings.warn("look here", UserWarning, stacklevel=1)
            return super().values_and_slopes(rows)

    with pytest.warns(UserWarning, match="look here"):
        gp_search._climb(Wordy(encoding, encoding.centre()), encoding, encoding.centre(), np.array([-1.0]))


def test_candidates_lie_anywhere_and_near_the_best_points() -> None:
    """Without a centre, anywhere; with some, as many again that share most of their columns with one."""
    encoding = Encoding(SIX)
    rng = np.random.default_rng(0)
    centres = encoding.draw(rng.random((5, 6)))
    assert len(candidates(encoding, centres[:0], rng)) == UNIFORM
    found = candidates(encoding, centres, rng)
    assert len(found) == UNIFORM + NEARBY
    assert ((found >= 0.0) & (found <= 1.0)).all()
    moved = np.abs(found[UNIFORM:, None] - centres[None, :CENTRES])
    nearest = moved.max(axis=2).argmin(axis=1)
    assert set(nearest) == {0, 1, 2}
    assert ((moved[np.arange(NEARBY), nearest] == 0.0).mean(), moved.min(axis=1).max() > 0.0) == (
        pytest.approx(0.42, abs=0.1),
        True,
    )


def test_ours_are_acquisition_functions_of_botorchs_kind() -> None:
    """Torch in, torch out, differentiable."""
    encoding = Encoding(SIX[:2])
    bowl = Bowl(encoding, np.full((1, 2), 0.25))
    rows = torch.full((3, 1, 2), 0.5, dtype=torch.double, requires_grad=True)
    values = bowl(rows)
    values.sum().backward()
    assert rows.grad is not None
    assert values.tolist() == [-0.125] * 3
    assert rows.grad.flatten().tolist() == [-0.5] * 6
    assert isinstance(bowl, AcquisitionFunction)


def test_a_large_space_of_names_alone_is_searched() -> None:
    """With more neighbours than are looked at in one round, it gets closer than its start."""
    encoding = Encoding(tuple(Categorical(f"c{column}", tuple(f"{v}" for v in range(40))) for column in range(10)))
    top = np.full((1, 10), 7.0)
    bowl = Bowl(encoding, top)
    near = top.copy()
    near[0, :2] = 3.0
    best = ranked(bowl, encoding, near, np.random.default_rng(0))
    assert bowl.values(best[:1])[0] > bowl.values(near)[0]
    assert encoding.snap(best).tolist() == best.tolist()

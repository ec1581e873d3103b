"""Points that need no model: random, Sobol, the baseline; and which of them are new."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contract.optimizers.problems import PROBLEMS, SIX, Problem, history_of, trial
from trimtab_service.domain.space import Float, Integer, SearchSpace
from trimtab_service.domain.suggestion import History, Suggested, TrialState
from trimtab_service.optimizers.base import Optimizer, generator
from trimtab_service.optimizers.design import sobol_rows
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.feasible import ENUMERATED
from trimtab_service.optimizers.novelty import SAME, alternatives, first_new, pick, tried_rows
from trimtab_service.optimizers.random import RandomSearch
from trimtab_service.optimizers.region import Region
from trimtab_service.optimizers.sobol import Sobol

SPACE = Problem("six", SIX)
BY_NAME = {problem.name: problem for problem in PROBLEMS}


def at(number: int) -> History:
    """The history of an optimizer that doesn't look at trials, before trial ``number``."""
    return History((), number, 0, 0)


def points(optimizer: Optimizer, number: int, count: int, problem: Problem = SPACE, seed: int = 7) -> list[Any]:
    """What the optimizer suggests from trial ``number`` on."""
    study = problem.study(optimizer.name, seed)
    answer: list[Suggested] = list(optimizer.suggest(study, at(number), {}, count, generator(study, at(number))))
    return [one.parameters for one in answer]


def discrepancy(rows: np.ndarray[Any, Any]) -> float:
    """How unevenly rows cover the unit cube."""
    from scipy.stats import qmc

    return float(qmc.discrepancy(rows))


@pytest.mark.parametrize("first", [1, 2, 3, 17])
def test_consecutive_calls_continue_one_sobol_sequence(first: int) -> None:
    """One call for four, or four calls: the same points."""
    one_by_one = [point for number in range(first, first + 4) for point in points(Sobol(), number, 1)]
    assert points(Sobol(), first, 4) == one_by_one


def test_the_baseline_takes_the_place_of_the_first_sobol_point() -> None:
    """The sequence goes on as if it had been the first."""
    problem = BY_NAME["mixed"]
    answer = points(Sobol(), 1, 3, problem)
    assert answer[0] == problem.baseline
    assert answer[1:] == points(Sobol(), 2, 2, problem)


def test_the_scramble_is_of_the_seed() -> None:
    """Two studies with other seeds have other sequences."""
    assert points(Sobol(), 1, 3, seed=7) == points(Sobol(), 1, 3, seed=7)
    assert points(Sobol(), 1, 3, seed=8) != points(Sobol(), 1, 3, seed=7)


def test_a_sobol_sequence_covers_the_space_more_evenly_than_random_points() -> None:
    """Though it is drawn in pieces of uneven sizes."""
    region = Region(SearchSpace(SIX))
    pieces, position = [], 0
    for size in (1, 3, 7, 2, 19, 32):
        pieces.append(sobol_rows(region, 5, position, size))
        position += size
    rows = np.concatenate(pieces)
    assert rows.tolist() == sobol_rows(region, 5, 0, position).tolist()
    plain = np.random.default_rng(0).random((position, 6))
    assert discrepancy(rows) < 0.5 * discrepancy(plain)


def test_random_points_follow_the_scale_of_each_parameter() -> None:
    """On a log scale half of them lie below the geometric mean of the ends."""
    values = [float(point["rate"]) for point in points(RandomSearch(), 2, 4_000, BY_NAME["log_scales"])]
    assert np.mean(np.array(values) < 1e-3) == pytest.approx(0.5, abs=0.03)


def test_random_calls_draw_anew_for_each_trial() -> None:
    """The number of the trial seeds the draw."""
    assert points(RandomSearch(), 2, 1) == points(RandomSearch(), 2, 1)
    assert points(RandomSearch(), 2, 1) != points(RandomSearch(), 3, 1)


def test_what_was_tried_is_not_new() -> None:
    """In the same context, completed, failed or pending; what was abandoned is new."""
    problem = Problem("line", (Float("x", 0.0, 1.0),), context=(Integer("hour", 0, 23),))
    trials = [
        trial(1, {"x": x}, state, None, {"hour": hour})
        for x, state, hour in (
            (0.1, TrialState.FAILED, 3),
            (0.2, TrialState.PENDING, 3),
            (0.2, TrialState.PENDING, 3),
            (0.3, TrialState.ABANDONED, 3),
            (0.4, TrialState.FAILED, 4),
        )
    ]
    assert tried_rows(problem.study("gp"), history_of(trials), {"hour": 3})[:, 0].tolist() == [0.1, 0.2, 0.2]


def test_the_first_new_row_is_taken() -> None:
    """Rows that differ by rounding are one."""
    rows = np.array([[0.5, 0.5], [0.2, 0.2], [0.7, 0.7]])
    tried = np.array([[0.5, 0.5 + 1e-9], [0.2, 0.3]])
    assert first_new(rows, tried).tolist() == [[0.2, 0.2]]
    assert first_new(rows, tried[:0]).tolist() == [[0.5, 0.5]]
    assert first_new(rows[:1], tried).tolist() == []


def test_a_row_is_new_if_it_differs_from_each_in_some_column() -> None:
    """Numbers that are all but the same, names, and many rows: it is as if each were compared with each."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        count, width = rng.integers(1, 9, 2)
        tried = rng.integers(0, 3, (count * 4, width)) / 2.0 + SAME * rng.integers(-1, 2, (count * 4, width)) * 0.9
        tried[:, 0] *= 1_000.0
        rows = tried[rng.integers(0, len(tried), 12)] + SAME * rng.integers(0, 3, (12, width)) * 0.6
        new = [row for row in rows if (np.abs(tried - row) > SAME).any(axis=1).all()]
        assert first_new(rows, tried).tolist() == [row.tolist() for row in new[:1]]


def test_a_row_is_compared_with_few_that_were_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a space whose points were all tried often, the time is that of reading them once."""
    every = np.array(list(np.ndindex(*[2] * 8)), dtype=float)
    compared, original = list[int](), np.abs

    def spied(values: Rows) -> Rows:
        compared.append(len(values))
        return original(values)

    monkeypatch.setattr(np, "abs", spied)
    assert not len(first_new(every, np.tile(every, (20, 1))))
    assert sum(compared) <= 8 * len(every) * 20


def test_another_point_is_picked_where_the_wanted_one_is_not_new() -> None:
    """Any new one while there is one, then the best that isn't in the same answer."""
    region = Region(SearchSpace((Integer("n", 0, 3),)))
    rng = np.random.default_rng(0)
    every = region.every()
    assert every is not None
    assert pick(every[:1], every[:3], every[:0], region, rng).tolist() == every[3:].tolist()
    assert pick(every[:1], every[:2], every[3:], region, rng).tolist() == every[2:3].tolist()
    assert pick(every[1:2], every, every[:1], region, rng).tolist() == every[1:2].tolist()
    assert pick(every[1:2], every, every[:3], region, rng).tolist() == every[3:].tolist()


def test_small_spaces_are_enumerated_and_large_ones_are_drawn_from() -> None:
    """Every point once, in the order of the space, or in a random one."""
    region = Region(SearchSpace((Integer("n", 0, 39), Integer("m", 0, 49))))
    every = region.every()
    assert every is not None
    assert len(every) == ENUMERATED
    assert region.points(every)[51] == {"n": 1, "m": 1}
    shuffled = alternatives(region, np.random.default_rng(0))
    assert shuffled.tolist() != every.tolist()
    assert np.unique(shuffled, axis=0).tolist() == every.tolist()
    assert Region(SearchSpace((Integer("n", 0, 2_000),))).every() is None
    assert Region(SearchSpace((Float("x", 0.0, 1.0),))).every() is None
    assert len(alternatives(Region(SearchSpace(SIX)), np.random.default_rng(0))) > 100

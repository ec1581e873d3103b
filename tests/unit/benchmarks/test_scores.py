"""What a run is worth, told by looking at it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quality.scores import WINDOW, logarithm, score
from unit.benchmarks.played import a_problem, a_run, losses


def test_the_best_point_so_far_counts() -> None:
    """Its true regret; the last one is the run's."""
    found = score(a_problem(), a_run(*losses(3.0, 1.5, 2.0)))
    assert found.curve == pytest.approx([2.0, 0.5, 0.5])
    assert (found.final, found.tried, found.chosen) == pytest.approx((0.5, 0.5, 0.5))
    assert found.seconds == pytest.approx([0.5] * 3)


def test_what_breaks_a_constraint_does_not_count() -> None:
    """However good it is; before there is anything feasible there is no regret."""
    true = [{"loss": loss, "load": load} for loss, load in ((1.0, 0.5), (3.0, 0.0), (1.5, 1.0), (2.0, -1.0))]
    found = score(a_problem(constraints=("load",)), a_run(*true))
    assert math.isnan(found.curve[0])
    assert found.curve[1:] == pytest.approx([2.0, 2.0, 1.0])
    assert (found.final, found.chosen) == pytest.approx((1.0, 1.0))


def test_a_run_without_anything_feasible_has_no_regret() -> None:
    """It counts as the worst elsewhere."""
    found = score(a_problem(constraints=("load",)), a_run({"loss": 1.0, "load": 1.0}))
    assert math.isnan(found.final)


def test_a_noisy_run_is_judged_by_what_it_recommends() -> None:
    """Not by its luckiest measurement, nor by the best that it tried."""
    run = a_run(*losses(3.0, 1.5, 2.0), measured=losses(1.0, 1.7, 1.9), recommended=[[2, 9.0], [3, 2.0]])
    found = score(a_problem(noisy=True), run)
    assert (found.final, found.tried, found.chosen) == pytest.approx((1.0, 0.5, 2.0))


def test_online_each_trial_counts_in_its_own_situation() -> None:
    """The last half of them; the curve is a mean over a window."""
    count = 2 * WINDOW
    problem = a_problem(online=True, least=lambda situation: float(situation.number))
    run = a_run(*losses(*(number + (8.0 if number <= WINDOW else 2.0) for number in range(1, count + 1))))
    found = score(problem, run)
    assert found.final == pytest.approx(2.0)
    assert found.curve[[0, WINDOW - 1, WINDOW, count - 1]] == pytest.approx([8.0, 8.0, 7.4, 2.0])


def test_of_two_objectives_what_is_not_covered_yet_counts() -> None:
    """Of the largest area there is."""
    problem = a_problem(objectives=("loss", "time"), reference=(4.0, 4.0), best=9.0)
    found = score(problem, a_run({"loss": 3.0, "time": 1.0}, {"loss": 5.0, "time": 0.0}, {"loss": 1.0, "time": 3.0}))
    assert found.curve == pytest.approx([6.0, 6.0, 4.0])
    assert found.final == pytest.approx(4.0)


def test_logarithms_stop_at_what_makes_a_difference() -> None:
    """And count as the worst what found nothing."""
    found = logarithm(a_problem(resolution=0.01), [1.0, 0.001, 0.0, -1.0, math.nan], 100.0)
    assert np.asarray(found) == pytest.approx([0.0, -2.0, -2.0, -2.0, 2.0])

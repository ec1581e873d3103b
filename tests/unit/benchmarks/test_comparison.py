"""Who is better, on runs whose order is plain."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from quality import comparison, results
from quality.comparison import Played, difference, interval, interval_over_problems, ranks, worst
from quality.players import Entry
from unit.benchmarks.played import a_problem, a_run, a_score, finished, losses

PROBLEM = a_problem()


def test_ranks_count_who_is_better_how_often() -> None:
    """1 for who always wins; equals share; who didn't play has none."""
    played = {
        "best": finished(0.1, 0.1),
        "worse": finished(1.0, 1.0),
        "like it": finished(1.0, 1.0),
        "absent": Played({}),
    }
    assert ranks(PROBLEM, played) == {"best": 1.0, "worse": 2.5, "like it": 2.5}


def test_ranks_are_over_the_seeds_of_both() -> None:
    """One that a single player played says nothing of the two."""
    played = {"one": finished(0.1, 9.0), "other": finished(1.0)}
    assert ranks(PROBLEM, played) == {"one": 1.0, "other": 2.0}


def test_differences_are_of_logarithms_seed_by_seed() -> None:
    """Below 0 where the first one is better; what makes no difference makes none here."""
    one, other = finished(0.1, 1.0, 0.001, math.nan), finished(1.0, 0.1, 0.0, 10.0, 5.0)
    assert difference(PROBLEM, one, other, 100.0) == pytest.approx([-1.0, 1.0, 0.0, 1.0])


def test_the_worst_regret_is_that_of_any_player() -> None:
    """Runs that found nothing are left out, as long as one found something."""
    assert worst({"one": finished(0.5, math.nan), "other": finished(3.0)}) == 3.0
    assert worst({"one": finished(math.nan)}) == 1.0


def test_an_interval_holds_the_mean_over_problems() -> None:
    """Each problem counts alike however many seeds it has; the same runs give the same interval."""
    differences = [np.array([-1.0, -2.0, -3.0]), np.array([1.0] * 9)]
    mean, low, high = interval(differences)
    assert mean == pytest.approx(-0.5)
    assert -1.0 <= low < mean < high <= 0.0
    assert interval(differences) == (mean, low, high)


def test_an_interval_over_problems_is_of_what_differs_between_them() -> None:
    """And not of what differs between the seeds of one."""
    alike = [np.array([-1.0, 1.0]), np.array([-5.0, 5.0]), np.array([0.0])]
    assert interval_over_problems(alike) == pytest.approx((0.0, 0.0, 0.0))
    mean, low, high = interval_over_problems([np.array([-1.0]), np.array([1.0])])
    assert (mean, low, high) == pytest.approx((0.0, -1.0, 1.0))


def test_what_never_differs_has_an_interval_without_width() -> None:
    """There is nothing to draw from."""
    assert interval([np.array([0.25] * 4)]) == pytest.approx((0.25, 0.25, 0.25))


def test_seconds_are_those_of_the_median_suggestion() -> None:
    """Of all runs together."""
    played = Played({0: a_score(1.0, [1.0, 2.0]), 1: a_score(1.0, [9.0])})
    assert played.seconds == 2.0


def test_the_board_has_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the first seeds, in their order; and why there is nothing else."""
    monkeypatch.setattr(results, "KEPT", tmp_path)
    entry, other = Entry("sobol", "Sobol"), Entry("random", "random")
    for seed in (2, 10, 1):
        path = results.folder_of(entry, PROBLEM) / f"{seed}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(a_run(*losses(1.0 + seed), seed=seed)))
    unable = results.folder_of(other, PROBLEM) / results.UNABLE
    unable.parent.mkdir(parents=True)
    unable.write_text("has no numbers\n")
    known = comparison.board([entry, other], [PROBLEM], 5)[PROBLEM.name]
    assert {seed: one.final for seed, one in known["sobol"].scores.items()} == pytest.approx({1: 1.0, 2: 2.0})
    assert list(known["sobol"].scores) == [1, 2]
    assert known["sobol"].finals == pytest.approx([1.0, 2.0])
    assert (known["random"].scores, known["random"].reason) == ({}, "has no numbers")

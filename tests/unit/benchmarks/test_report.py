"""Tables and curves of a board that was made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quality import comparison, report
from quality.comparison import Board, Played
from quality.players import Entry
from quality.scores import Score
from unit.benchmarks.played import a_problem, finished

OURS, RIVAL, ABSENT = Entry("trimtab", "Trimtab", sources="abc"), Entry("sobol", "Sobol"), Entry("random", "random")
ENTRIES = [OURS, RIVAL, ABSENT]
PROBLEMS = [a_problem("bowl"), a_problem("ridge", family="ridges")]
BOARD: Board = {
    "bowl": {"trimtab": finished(0.1, 0.1, 0.1), "sobol": finished(1.0, 1.0, 1.0), "random": Played({}, "is slow")},
    "ridge": {
        "trimtab": finished(2_000.0, 2_000.0, math.nan),
        "sobol": finished(math.nan, math.nan, 1.0),
        "random": Played({}, "is slow"),
    },
}


def rows(document: str, *titles: str) -> list[list[str]]:
    """The cells of the table whose first columns are headed so, without its head."""
    (table,) = [part for part in document.split("\n\n") if part.startswith(f"| {' | '.join(titles)} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.fixture(scope="module")
def document() -> str:
    """All tables."""
    return report.document(ENTRIES, PROBLEMS, BOARD)


def test_the_best_median_is_marked(document: str) -> None:
    """A run that found nothing counts as the worst; who doesn't play has a dash."""
    assert rows(document, "problem") == [
        ["Bowl", "3", "**0.1 (3)**", "1 (3)", "-"],
        ["Ridge", "3", "**2,000 (3)**", "nothing feasible (3)", "-"],
    ]


def test_who_does_not_play_says_why(document: str) -> None:
    """Once for all problems."""
    assert rows(document, "player") == [["random", "Bowl, Ridge", "is slow"]]


def test_families_have_mean_logarithms_and_ranks(document: str) -> None:
    """And how many problems they are of."""
    bowls, ridges, everything = rows(document, "family", "Trimtab")
    assert bowls == ["bowls", "-1.00, 1.0 (1)", "0.00, 2.0 (1)", ""]
    assert ridges[0] == "ridges"
    assert everything[1].endswith("(2)")


def test_a_difference_is_told_with_its_interval(document: str) -> None:
    """Ours is better where all of it lies below 0."""
    assert rows(document, "family", "peer")[0] == ["bowls", "Sobol", "-1.00 (-1.00 to -1.00)", "1", "ours"]


def test_over_all_problems_every_peer_is_told() -> None:
    """Of a family the two that come closest."""
    rivals = {name: finished(1.0, 1.0, 1.0) for name in ("sobol", "random", "ax")}
    known = {"bowl": {"trimtab": finished(0.1, 0.1, 0.1), **rivals}}
    lines = report._against([PROBLEMS[0]], known).splitlines()[2:]
    assert [line.split("|")[1].strip() for line in lines] == ["bowls"] * 2 + ["all"] * 3


def test_many_problems_make_up_for_seeds() -> None:
    """One seed of each: the interval is that of the problems, which differ."""
    problems = [a_problem(f"bowl{index}") for index in range(report.MANY)]
    known = {
        problem.name: {"trimtab": finished(0.1), "sobol": finished(1.0 if index % 2 else 10.0)}
        for index, problem in enumerate(problems)
    }
    (line,) = report._against(problems, known).splitlines()[2:]
    family, peer, told, count, better = (cell.strip() for cell in line.strip("|").split("|"))
    assert (family, peer, count, better) == (report.RESAMPLED, "Sobol", str(report.MANY), "ours")
    assert told == "-1.50 (-1.80 to -1.20)"
    fewer = dict(list(known.items())[1:])
    assert report._against(problems[1:], fewer).splitlines()[2:] == []


def test_too_few_seeds_tell_no_difference() -> None:
    """Nothing is said of them."""
    few = {"bowl": {"trimtab": finished(0.1, 0.1), "sobol": finished(1.0, 1.0)}}
    assert report._against([PROBLEMS[0]], few).splitlines()[2:] == []


def test_figures_are_every_regret_by_seed() -> None:
    """None where nothing feasible was found, which JSON has no number for."""
    kept = report.kept_figures(ENTRIES, PROBLEMS, BOARD)
    assert kept["ridge"] == {
        "trimtab": {"version": "abc", "regrets": {0: 2_000.0, 1: 2_000.0, 2: None}},
        "sobol": {"version": "1", "regrets": {0: None, 1: None, 2: 1.0}},
    }


def test_curves_are_quartiles_and_the_seconds_until_then() -> None:
    """Before there was anything feasible a run counts as the worst of all."""
    curves = [np.array([math.nan, 1.0]), np.array([4.0, 2.0]), np.array([8.0, 3.0])]
    scores = {
        seed: Score(curve, 3.0 * seed + 2.0, 0.0, 0.0, np.array([1.0, seed])) for seed, curve in enumerate(curves)
    }
    (drawn,) = report.curves([OURS, ABSENT], [PROBLEMS[0]], {"bowl": {"trimtab": Played(scores), "random": Played({})}})
    players = drawn["players"]
    assert isinstance(players, dict)
    assert list(players) == ["Trimtab"]
    assert players["Trimtab"]["quartiles"][1] == pytest.approx([8.0, 2.0])
    assert players["Trimtab"]["seconds"] == pytest.approx([1.0, 2.0])
    assert (players["Trimtab"]["seeds"], drawn["online"]) == (3, False)


def test_figures_for_people_stand_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line a problem."""
    monkeypatch.setattr(comparison, "board", lambda *_: BOARD)
    head, bowl, ridge = report.figures(ENTRIES, PROBLEMS, 3).splitlines()
    assert head.split() == ["problem", "Trimtab", "Sobol", "random"]
    assert bowl.split("  ")[0].strip() == "bowl"
    assert ridge.index("2,000 (3)") == bowl.index("0.1 (3)") == head.index("Trimtab")

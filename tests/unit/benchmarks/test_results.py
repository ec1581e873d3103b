"""What was played is kept, and played once, whatever happens in between."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from quality import results
from quality.conversation import Unable
from quality.players import Entry
from quality.problem import Problem
from unit.benchmarks.played import a_problem

PROBLEMS = {name: a_problem(name) for name in ("first", "second")}
ENTRY = Entry("sobol", "Sobol")


class Players:
    """Stands in for the players: says which runs were played, and what becomes of some."""

    def __init__(self, faults: dict[tuple[str, int], Exception] | None = None) -> None:
        self.faults = faults or {}
        self.played: list[tuple[str, int]] = []
        self.tables = 0

    @contextmanager
    def table(self, entry: Entry) -> Iterator[Players]:
        """A table of its own."""
        self.tables += 1
        yield self

    def seated(self, problem: Problem, seed: int) -> Players:
        """A player at the start of a run."""
        return self

    def play(self, problem: Problem, player: Players, seed: int) -> dict[str, Any]:
        """The run, or its fault."""
        self.played.append((problem.name, seed))
        if (problem.name, seed) in self.faults:
            raise self.faults.pop((problem.name, seed))
        return {"seed": seed, "problem": problem.key}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for results, of two problems."""
    monkeypatch.setattr(results, "KEPT", tmp_path)
    monkeypatch.setattr(results, "NAMED", PROBLEMS)
    return tmp_path


def make(players: Players, monkeypatch: pytest.MonkeyPatch, seeds: int) -> None:
    """Plays what is not kept yet, with these players."""
    monkeypatch.setattr(results, "table", players.table)
    monkeypatch.setattr(results, "play", players.play)
    results.make(ENTRY, list(PROBLEMS.values()), seeds)


def test_only_what_is_missing_is_played(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed by seed, so that all problems have about as many runs."""
    first, second = Players(), Players()
    make(first, monkeypatch, 1)
    make(second, monkeypatch, 3)
    assert first.played == [("first", 0), ("second", 0)]
    assert second.played == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]
    assert sorted(results.runs(ENTRY, PROBLEMS["first"])) == [0, 1, 2]
    assert list(kept.rglob("*.part")) == []


def test_a_fault_costs_one_run(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are played at a new table; the next time it is tried again."""
    players = Players({("first", 0): RuntimeError("crashed")})
    make(players, monkeypatch, 2)
    assert (players.played[:2], players.tables) == ([("first", 0), ("second", 0)], 2)
    assert sorted(results.runs(ENTRY, PROBLEMS["first"])) == [1]
    again = Players()
    make(again, monkeypatch, 2)
    assert again.played == [("first", 0)]


def test_who_cannot_play_says_why_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not asked again, for no seed."""
    players = Players({("first", 0): Unable("takes no numbers")})
    make(players, monkeypatch, 2)
    make(players, monkeypatch, 2)
    assert players.played == [("first", 0), ("second", 0), ("second", 1)]
    assert (results.reason(ENTRY, PROBLEMS["first"]), results.reason(ENTRY, PROBLEMS["second"])) == (
        "takes no numbers",
        "",
    )


def test_another_revision_of_a_problem_has_runs_of_its_own(kept: Path) -> None:
    """Those that were kept say nothing of it."""
    old, new = a_problem(revision=1), a_problem(revision=2)
    folder = results.folder_of(ENTRY, old)
    folder.mkdir(parents=True)
    (folder / "0.json").write_text(json.dumps({"seed": 0}))
    assert (results.runs(ENTRY, old), results.runs(ENTRY, new)) == ({0: {"seed": 0}}, {})


def test_the_latest_version_of_ours_played_last(kept: Path) -> None:
    """Variants of its options don't count."""
    assert results.latest() == ""
    for version, time in (("abc", 100), ("def", 300), ("fed", 200), ("abc-beta=2", 400)):
        path = kept / f"trimtab-{version}" / "first-1" / "0.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        os.utime(path, (time, time))
    assert results.latest() == "def"

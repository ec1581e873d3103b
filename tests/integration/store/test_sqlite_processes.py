"""Several processes over one SQLite file: not the usual way, and right all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from store_values import DECISIONS, NOW, a_study
from trimtab_service.store.catalog import open_store

PROCESSES, ROUNDS = 3, 25

WRITER = """
import sys
from store_values import NOW, a_decision, a_trial, completed
from trimtab_service.domain.study import StudyName
from trimtab_service.store.base import DecisionBatch, NumberTaken, TrialObservation
from trimtab_service.store.catalog import open_store

url, process, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(url, 1)
bandit = store.get_study(StudyName("lab", "router"))
trials = StudyName("lab", "oven")
sys.stdin.readline()
for turn in range(rounds):
    store.record_decisions([DecisionBatch(bandit, [a_decision(f"{process}-{turn}")], None)], NOW)
    while True:
        snapshot = store.snapshot(trials, NOW, None, trials=False)
        number = snapshot.history.next_number
        try:
            store.append_trials(snapshot.study, [a_trial(number)], None)
            break
        except NumberTaken:
            continue
    store.observe_trials(snapshot.study, [TrialObservation(number, completed())], NOW, None)
store.close()
"""


def test_processes_lose_nothing(sqlite_url: str) -> None:
    """Every trial and every decision of each is there, once."""
    store = open_store(sqlite_url, 1)
    store.migrate()
    trials = store.create_study(a_study("oven"), None)
    bandit = store.create_study(a_study("router", algorithm=DECISIONS), None)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, sqlite_url, str(process), str(ROUNDS)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        for process in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    errors = [(process.communicate(timeout=120)[1].decode(), process.returncode) for process in processes]
    assert errors == [("", 0)] * PROCESSES
    counts = store.get_counts(trials, NOW)
    decisions = sorted(row.decision or "" for row in store.tail(bandit, "", 1_000).rows)
    store.close()
    total = PROCESSES * ROUNDS
    assert (counts.completed, counts.observations) == (total, total)
    assert decisions == sorted(f"{process}-{turn}" for process in range(PROCESSES) for turn in range(ROUNDS))

"""What the store alone takes, on one thread: a trial cycle, and commits of many calls, beside the bare driver."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from databases import DURABLE, PostgresServer, fresh_database
from store_values import DECISIONS, NOW, a_decision, a_study, a_trial, completed
from trimtab_service.domain.study import Study
from trimtab_service.store.base import DecisionBatch, Store, TrialObservation
from trimtab_service.store.catalog import open_store

MANY_TRIALS, CYCLES, SNAPSHOTS = 10_000, 400, 5
SIZES = {1: 400, 16: 200, 64: 100}
"""Calls that share a commit, and how many commits are timed."""

# The least that a log takes in which every decision counts once: a place, and a unique id.
BARE_TABLE = """
CREATE TABLE bare (place {key}, study TEXT, decision TEXT, arm INTEGER, document TEXT, UNIQUE (study, decision))
"""


def figures() -> list[dict[str, Any]]:
    """On SQLite, and on PostgreSQL with the settings of production."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        rows += _figures("SQLite", f"sqlite:///{folder}/trimtab.db", _bare_sqlite(Path(folder) / "bare.db"))
    with PostgresServer(DURABLE) as server, fresh_database(server.url) as url:
        rows += _figures("PostgreSQL", url, _bare_postgres(url))
    return rows


def _figures(engine: str, url: str, bare: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    with _opened(url) as store:
        few, many = _cycles(
            store,
            store.create_study(a_study("few"), None),
            _with_trials(store, store.create_study(a_study("many"), None)),
        )
        yield _row(f"{engine}: trial cycle, new study", few * 1e3, "ms")
        yield _row(f"{engine}: the same speed with {MANY_TRIALS:,} trials", few / many, "x", 0.9)
        yield _row(f"{engine}: snapshot with {MANY_TRIALS:,} trials", _snapshot(store) * 1e3, "ms")
        bandit = store.create_study(a_study("router", algorithm=DECISIONS), None)
        for size, commits in SIZES.items():
            # Taken in turn, so that a busy machine is as busy for both.
            ours, theirs = [], []
            for _ in range(commits):
                ours.append(_timed(partial(store.record_decisions, _batches(bandit, size), NOW)))
                theirs.append(_timed(partial(bare, size)))
            took, least = statistics.median(ours), statistics.median(theirs)
            yield _row(f"{engine}: commits of {size} calls", 1 / took, "1/s")
            yield _row(f"{engine}: commits of {size} calls, to the bare driver's", least / took, "x", 0.5)


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    store = open_store(url, 1)
    store.migrate()
    try:
        yield store
    finally:
        store.close()


def _with_trials(store: Store, study: Study) -> Study:
    for first in range(1, MANY_TRIALS + 1, 500):
        numbers = range(first, first + 500)
        store.append_trials(study, [a_trial(number) for number in numbers], None)
        store.observe_trials(study, [TrialObservation(number, completed()) for number in numbers], NOW, None)
    return study


def _cycles(store: Store, *studies: Study) -> list[float]:
    """Median seconds of snapshot, append and observe, for each study; taken in turn."""

    def cycle(study: Study) -> None:
        number = store.snapshot(study.name, NOW, None, trials=False).history.next_number
        store.append_trials(study, [a_trial(number)], None)
        store.observe_trials(study, [TrialObservation(number, completed())], NOW, None)

    taken = [[_timed(partial(cycle, study)) for study in studies] for _ in range(CYCLES)]
    return [statistics.median(times) for times in zip(*taken, strict=True)]


def _snapshot(store: Store) -> float:
    name = a_study("many").name
    return statistics.median(_timed(lambda: store.snapshot(name, NOW, None, trials=True)) for _ in range(SNAPSHOTS))


def _batches(bandit: Study, size: int) -> list[DecisionBatch]:
    return [DecisionBatch(bandit, [a_decision(uuid.uuid4().hex)], None) for _ in range(size)]


def _bare_sqlite(path: Path) -> Callable[[int], None]:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
        connection.execute(statement)
    connection.execute(BARE_TABLE.format(key="INTEGER PRIMARY KEY AUTOINCREMENT"))

    def commit(size: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        insert = "INSERT INTO bare (study, decision, arm, document) VALUES (?, ?, ?, ?)"
        connection.executemany(insert, _bare_rows(size))
        connection.execute("COMMIT")

    return commit


def _bare_postgres(url: str) -> Callable[[int], None]:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(BARE_TABLE.format(key="bigserial PRIMARY KEY"))

    def commit(size: int) -> None:
        connection.execute("BEGIN")
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY bare (study, decision, arm, document) FROM STDIN") as copy,
        ):
            for row in _bare_rows(size):
                copy.write_row(row)
        connection.execute("COMMIT")

    return commit


def _bare_rows(size: int) -> list[tuple[object, ...]]:
    return [("s" * 32, uuid.uuid4().hex, 3, "x" * 60) for _ in range(size)]


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _row(figure: str, value: float, unit: str, least: float | None = None) -> dict[str, Any]:
    goal = None if least is None else f">= {least}"
    return {
        "figure": figure,
        "value": value,
        "unit": unit,
        "goal": goal,
        "holds": None if least is None else value >= least,
    }

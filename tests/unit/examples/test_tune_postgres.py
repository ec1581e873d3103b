"""The database of the examples comes up with the settings it is given and takes the load; the loop tunes it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import postgres
import trimtab
import tune_postgres
from postgres import Run
from trimtab.testing import FakeServer


@pytest.fixture(scope="module")
def database() -> Iterator[postgres.Database]:
    """With a small table, where an unprivileged user may go."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        with postgres.Database(Path(directory) / "postgres", orders=5_000) as database:
            yield database


def test_the_load_is_counted(database: postgres.Database) -> None:
    """So many transactions a second, of which the slow ones took so long."""
    database.restart(postgres.DEFAULTS)
    run = database.load(1, 2, seed=1)
    assert run.transactions_a_second > 5
    assert 0 < run.slow < 60_000


def test_settings_that_do_not_work_are_a_failure(database: postgres.Database) -> None:
    """The server says why, and the next settings work again."""
    with pytest.raises(postgres.DatabaseFailed, match="shared_buffers"):
        database.restart({**postgres.DEFAULTS, "shared_buffers_mb": 10**8})
    database.restart(postgres.DEFAULTS)


def test_what_fails_is_reported(database: postgres.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop goes on after a failure; each observation has its spread, and each point fits into the memory."""
    study = tune_postgres.create(FakeServer(seed=1).client(), "settings")
    real, seen = database.restart, 0

    def restart(settings: dict[str, float | int | str | bool]) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            raise postgres.DatabaseFailed("out of memory")
        real(settings)

    monkeypatch.setattr(database, "restart", restart)
    tune_postgres.tune(study, database, trials=3, repeats=2, seconds=1)
    states = [trial.state for trial in study.trials()]
    assert states == [trimtab.TrialState.COMPLETED, trimtab.TrialState.FAILED, trimtab.TrialState.COMPLETED]
    for trial in study.trials([trimtab.TrialState.COMPLETED]):
        assert set(trial.measurements) == {"transactions_a_second", "slow"}
        assert all(each.count == 2 and (each.variance or each.standard_error) for each in trial.measurements.values())
    assert study.trial(2).reason == "out of memory"
    spec = study.describe().spec
    assert spec.baseline == postgres.DEFAULTS
    assert spec.linear_constraints[0].max == tune_postgres.MEMORY_MB
    assert spec.outcome_constraints[0].relative_to_baseline


def test_the_spread_of_runs_is_told() -> None:
    """Mean, count and variance; of one run no variance is known."""
    assert tune_postgres.measurement([1.0, 3.0]) == trimtab.Measurement(2.0, count=2, variance=2.0)
    assert tune_postgres.measurement([4.0]) == trimtab.Measurement(4.0)


def test_the_report_says_what_was_compared() -> None:
    """Medians of the runs in turns, beside what the model expected."""
    study = tune_postgres.create(FakeServer(seed=1).client(), "report")
    with study.suggest() as suggestion:
        suggestion.observe(transactions_a_second=100.0, slow=3.0)
    runs = {
        "the settings in use": [Run(100.0, 3.0), Run(300.0, 5.0), Run(200.0, 4.0)],
        "recommended": [Run(400.0, 2.0)],
    }
    text = tune_postgres.report(study.incumbent(), runs)
    assert "the settings in use                        200         4.0" in text
    assert "recommended                                400         2.0" in text

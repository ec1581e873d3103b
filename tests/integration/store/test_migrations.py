"""The tables: made at once or step by step, they are the same, and many servers may make them together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from racing import race
from store_values import DECISIONS, NOW, a_decision, a_study
from trimtab_service.domain.errors import StoreUnavailable
from trimtab_service.domain.observation import Observation, Outcome
from trimtab_service.store import documents, migrations, schema
from trimtab_service.store.base import DecisionBatch, LogRow
from trimtab_service.store.catalog import open_store
from trimtab_service.store.migrations import run
from trimtab_service.store.migrations.run import configuration
from trimtab_service.store.postgres import PostgresStore
from trimtab_service.store.rows import microseconds
from trimtab_service.store.sqlite import SqliteStore
from trimtab_service.store.tables import metadata

Engine = SqliteStore | PostgresStore


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """A store whose tables are not there yet."""
    store = open_store(url, 2)
    assert isinstance(store, SqliteStore | PostgresStore)
    try:
        yield store
    finally:
        store.close()


def as_text(store: Engine) -> list[str]:
    """Everything that the database says about its tables, sorted."""
    looked = inspect(store.engine)
    lines = []
    for table in looked.get_table_names():
        lines += [f"{table} column {column}" for column in looked.get_columns(table)]
        lines += [f"{table} index {_plain(index)}" for index in looked.get_indexes(table)]
        lines += [f"{table} unique {constraint}" for constraint in looked.get_unique_constraints(table)]
        lines += [f"{table} foreign {key}" for key in looked.get_foreign_keys(table)]
        lines.append(f"{table} primary {looked.get_pk_constraint(table)}")
    return sorted(lines)


def _plain(index: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in index.items() if name != "dialect_options"} | {
        f"option {name}": str(value) for name, value in index.get("dialect_options", {}).items()
    }


def at_version(store: Engine, version: str) -> None:
    """Makes the tables of a version, step by step."""
    from alembic import command

    with store.engine.begin() as connection:
        command.upgrade(configuration(connection), version)


def execute(store: Engine, statement: str) -> None:
    """Executes one statement and commits."""
    with store.engine.begin() as connection:
        connection.execute(text(statement))


def drop_tables(store: Engine) -> None:
    """All but the note of the version."""
    with store.engine.begin() as connection:
        metadata.drop_all(connection)


def test_steps_lead_to_the_tables(database_url: str) -> None:
    """Neither way forgets a table, a column, an index or a constraint."""
    with opened(database_url) as store:
        store.migrate()
        at_once = as_text(store)
        drop_tables(store)
        execute(store, "DROP TABLE alembic_version")
        at_version(store, "head")
        assert as_text(store) == at_once


def test_the_named_versions_are_the_steps(sqlite_url: str) -> None:
    """A server tells by them, without Alembic, whether there is anything to do."""
    with opened(sqlite_url) as store:
        with store.engine.connect() as connection:
            steps = ScriptDirectory.from_config(configuration(connection))
        newest_first = [step.revision for step in steps.walk_revisions()]
    assert newest_first == [migrations.HEAD, *reversed(migrations.OLDER)]


def test_migrating_again_changes_nothing(database_url: str) -> None:
    """What is stored stays."""
    study = a_study()
    with opened(database_url) as store:
        store.migrate()
        store.create_study(study, None)
        store.migrate()
        assert store.get_study(study.name) == study


NEXT_STEP = """
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    op.execute("CREATE TABLE next_things (thing INTEGER)")
"""


def test_an_older_version_is_brought_up_to_date(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the steps that it lacks; what is stored stays. Several servers at once take them once."""
    study = a_study()
    (tmp_path / "next.py").write_text(NEXT_STEP.format(head=migrations.HEAD))
    with opened(database_url) as store:
        store.migrate()
        store.create_study(study, None)

    def with_next_step(connection: Connection) -> Config:
        config = configuration(connection)
        known = Path(migrations.__file__).parent / "versions"
        config.set_main_option("version_locations", f"{known}\n{tmp_path}")
        config.set_main_option("path_separator", "newline")
        return config

    monkeypatch.setattr(run, "configuration", with_next_step)
    monkeypatch.setattr(schema, "HEAD", "next")
    monkeypatch.setattr(schema, "OLDER", (*migrations.OLDER, migrations.HEAD))
    with opened(database_url) as store, opened(database_url) as another:
        assert race([store.migrate, another.migrate]) == [None, None]
        execute(store, "INSERT INTO next_things VALUES (1)")
        assert another.get_study(study.name) == study


STUDY_OF_0001 = """
INSERT INTO studies (uid, namespace, study, state, revision, spec, algorithm, create_time, update_time)
VALUES ('{uid}', 'lab', 'oven', 'active', 1, '{spec}', '{algorithm}', {now}, {now})
"""
LOG_OF_0001 = """
INSERT INTO observations (study_uid, decision, arm, propensity, context, observation, create_time)
VALUES ('{uid}', '{decision}', 3, 0.5, '{{}}', '{{"outcome":"failed"}}', {now})
"""


def test_what_the_first_version_stored_is_read(database_url: str) -> None:
    """Studies, decisions, and counts; what it didn't know has its default."""
    study = a_study(algorithm=DECISIONS)
    spec = documents.spec_document(study.spec)
    for name in ("reward_wait_seconds", "default_reward", "retention_seconds", "disabled_arms"):
        del spec[name]
    values = {"uid": study.uid, "now": microseconds(NOW), "spec": documents.text(spec)}
    values["algorithm"] = documents.text(documents.algorithm_document(study.algorithm))
    with opened(database_url) as store:
        at_version(store, "0001")
        with store.engine.begin() as connection:
            connection.exec_driver_sql(STUDY_OF_0001.format(**values))
            connection.exec_driver_sql(f"INSERT INTO progress VALUES ('{study.uid}', 0, 0)")
            for decision in "ab":
                connection.exec_driver_sql(LOG_OF_0001.format(**values, decision=decision))
        store.migrate()
        assert store.get_study(study.name) == study
        batch = DecisionBatch(study, [a_decision("a"), a_decision("c", arm=2**40)], None)
        (results,) = store.record_decisions([batch], NOW)
        assert [type(result).__name__ for result in results] == ["ObservationConflict", "Recorded"]  # type: ignore[union-attr]
        first, _, last = store.tail(study, "", 10).rows
        failed = Observation(Outcome.FAILED)
        assert first == LogRow(first.sequence, failed, {}, NOW, decision="a", arm=3, propensity=0.5)
        assert (last.arm, store.get_counts(study, NOW).observations) == (2**40, 3)


def test_a_newer_version_is_left_alone(database_url: str) -> None:
    """An old server doesn't touch what it doesn't know."""
    with opened(database_url) as store:
        store.migrate()
        execute(store, "UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(StoreUnavailable, match="a newer Trimtab made it"):
            store.migrate()


def test_servers_that_start_together_make_the_tables_once(database_url: str) -> None:
    """None of them fails."""
    stores = [open_store(database_url, 2) for _ in range(6)]
    answers = race([store.migrate for store in stores])
    studies = [stores[index].create_study(a_study(f"s{index}"), None) for index in range(6)]
    for store in stores:
        store.close()
    assert (answers, len(studies)) == ([None] * 6, 6)


def test_processes_that_start_together_make_the_tables_once(database_url: str) -> None:
    """The lock is in the database, not in the process."""
    program = (
        "import sys; from trimtab_service.store.catalog import open_store; "
        "store = open_store(sys.argv[1], 1); sys.stdin.readline(); store.migrate(); store.close()"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, database_url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    errors = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        _, said = process.communicate(timeout=60)
        errors.append((process.returncode, said.decode()))
    assert errors == [(0, "")] * 4


def test_a_start_does_without_what_it_does_not_need(database_url: str) -> None:
    """Neither Alembic, nor SQLAlchemy's mapper, nor the other engine's driver: they take longer than all else."""
    program = (
        "import sys; from trimtab_service.store.catalog import open_store; "
        "store = open_store(sys.argv[1], 1); store.migrate(); store.close(); "
        "print(*(name for name in ('alembic', 'sqlalchemy.orm', 'psycopg', 'mako') if name in sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, database_url], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split() == (["psycopg"] if database_url.startswith("postgresql") else [])

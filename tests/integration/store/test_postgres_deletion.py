"""Deleting a long study on PostgreSQL, whose statistics may know nothing of it yet."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Executable

from store_values import DECISIONS, NOW, a_decision, a_study
from trimtab_service.store import sql_studies
from trimtab_service.store.base import DecisionBatch
from trimtab_service.store.catalog import open_store
from trimtab_service.store.connection import DriverCursor, Values
from trimtab_service.store.postgres import PostgresConnection


def test_a_portion_is_read_from_an_index(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is left isn't read and sorted for each: that would take longer than to delete it at once."""
    monkeypatch.setattr(sql_studies, "DELETED_AT_ONCE", 10)
    store = open_store(postgres_url, 2)
    store.migrate()
    study = store.create_study(a_study(algorithm=DECISIONS), None)
    store.record_decisions([DecisionBatch(study, [a_decision(f"d{number}") for number in range(2_000)], None)], NOW)
    plans: list[str] = []
    execute = PostgresConnection._execute

    def explaining(self: PostgresConnection, statement: Executable, values: Values) -> DriverCursor:
        prepared = self._statements.prepared(statement)
        if "OFFSET" in prepared.text:
            explained: Any = self.driver.execute(f"EXPLAIN {prepared.text}", prepared.bound(values))
            plans.extend(line for (line,) in explained.fetchall())
        return execute(self, statement, values)

    monkeypatch.setattr(PostgresConnection, "_execute", explaining)
    store.delete_study(study, None)
    assert store.clear_deleted() == 10
    store.close()
    assert any("observations_log_ix" in line for line in plans)
    assert not any("Sort" in line for line in plans)

"""No call takes longer because tables have grown: SQLite says how it would find the rows of every statement."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Executable

from contract.store.rewards import REWARDED, an_answer, an_expectation
from store_values import DECISIONS, LATER, NOW, a_decision, a_request, a_study, a_trial, completed
from trimtab_service.domain.study import Study, TrialName
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.store.base import Checkpoint, DecisionBatch, ExpectationBatch, TrialObservation
from trimtab_service.store.connection import DriverCursor, Statements, Values
from trimtab_service.store.queue import Claim, Expected, ForeignTrial, QueuedTrial
from trimtab_service.store.sqlite import SqliteConnection, SqliteStore


def call_everything(store: SqliteStore) -> None:
    """At least one call of each method that has statements, on the path with the most of them."""
    study = store.create_study(a_study(), a_request())
    bandit = store.create_study(a_study("router", algorithm=DECISIONS), None)
    request, late = a_request(), a_request()
    for _ in range(2):
        store.append_trials(study, [a_trial(1), a_trial(2), a_trial(3)], request)
        store.observe_trials(study, [TrialObservation(1, completed()), TrialObservation(2, completed())], NOW, late)
        store.record_decisions([DecisionBatch(bandit, [a_decision()], late)], NOW)
        store.extend_lease(study, 3, LATER, request=replace(late, key="lease"))
    call_what_waits(store, study)
    for trials in (True, False):
        store.snapshot(study.name, NOW, request, trials=trials)
    store.snapshot(study.name, NOW, request, trials=True, after=1)
    for states in (frozenset[TrialState](), frozenset({TrialState.PENDING, TrialState.EXPIRED})):
        store.list_trials(study, NOW, 0, 10, states)
    store.get_trial(TrialName(study.name, 1), NOW)
    for owner in (study, bandit):
        store.get_counts(owner, NOW)
        store.tail(owner, "", 10)
        store.list_observations(owner, 0, 10)
    store.list_studies("lab", bandit.name, 10)
    store.list_studies(None, bandit.name, 10)
    store.count_pending(NOW)
    call_what_decisions_need(store, bandit)
    store.signing_key(b"key")
    store.forget_requests(NOW)
    store.delete_study(store.replace_study(study, replace(study, revision=2), a_request()), a_request())


def call_what_waits(store: SqliteStore, study: Study) -> None:
    """The queue, and trials from elsewhere."""
    point = {"rate": 0.5, "depth": 2}
    store.queue_trials(study, [QueuedTrial(a_trial(4, TrialState.QUEUED), 2, 1)])
    request = a_request()
    for _ in range(2):
        store.claim_trials(study.name, Claim(1, NOW), NOW, request)
    expected = Expected(study, QueuedTrial(a_trial(4, TrialState.QUEUED), 2, 1))
    store.claim_trials(study.name, Claim(1, NOW, expected=expected), NOW, request)
    store.enqueue_trials(study, [(point, {})], NOW, a_request())
    store.import_trials(study, [ForeignTrial(point, {}, completed())], NOW, None)
    store.take_off(study, NOW, LATER)
    store.land(study, LATER)


def call_what_decisions_need(store: SqliteStore, bandit: Study) -> None:
    """Default rewards, checkpoints, and what is asked of many studies at once."""
    study = store.create_study(a_study("rewarded", spec=REWARDED, algorithm=DECISIONS), None)
    for _ in range(2):
        store.expect_decisions([ExpectationBatch(study, [an_expectation("a"), an_expectation("b")])])
        store.record_decisions([DecisionBatch(study, [an_answer("a")], None)], NOW)
        store.settle(NOW, 10)
    checkpoint = Checkpoint("fingerprint", store.tail(bandit, "", 10).cursor, 1, 1, b"state")
    store.save_checkpoint(bandit, checkpoint)
    store.load_checkpoint(bandit, "fingerprint")
    store.news({bandit.uid: "", study.uid: checkpoint.cursor})
    store.revisions([bandit.uid])
    store.compact(bandit, "fingerprint", LATER, 10)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """How SQLite finds the rows, by statement."""
    plans: dict[str, list[str]] = {}

    class Explaining(SqliteConnection):
        def __init__(self, driver: Any, statements: Statements) -> None:
            super().__init__(driver, statements)
            self._known = statements

        def _execute(self, statement: Executable, values: Values) -> DriverCursor:
            prepared = self._known.prepared(statement)
            explained = self.driver.execute(f"EXPLAIN QUERY PLAN {prepared.text}", prepared.bound(values))
            plans[prepared.text] = [row[-1] for row in explained]
            return super()._execute(statement, values)

    class ExplainingStore(SqliteStore):
        connection = Explaining

    store = ExplainingStore(tmp_path_factory.mktemp("plans") / "trimtab.db", 2)
    store.migrate()
    call_everything(store)
    store.close()
    return plans


def test_every_statement_finds_its_rows_by_an_index(plans: dict[str, list[str]]) -> None:
    """None passes over all the rows of a table. (``news`` is a page of the tail, ``wanted`` one study; found by an
    index themselves.)"""
    whole = {
        text: plan
        for text, plan in plans.items()
        if any("SCAN" in step and not re.search(r"json_each|INDEX|SCAN news|SCAN wanted", step) for step in plan)
    }
    assert (len(plans) > 25, whole) == (True, {})


def test_the_members_of_a_list_are_looked_up(plans: dict[str, list[str]]) -> None:
    """One by one; not by passing over all there is of the study."""
    listed = {
        name: [step for step in plan if f"{name}=?" in step]
        for text, plan in plans.items()
        for name in re.findall(r'(\w+)"? IN \(SELECT value FROM json_each', text)
    }
    assert sorted(listed) == ["decision", "key", "number", "uid"]
    assert all(listed.values())


def test_a_claim_takes_the_first_that_waits(plans: dict[str, list[str]]) -> None:
    """In the order of the index; with many in line, sorting them would take most of the time."""
    (plan,) = (plan for text, plan in plans.items() if "fresh_enough" in text)
    assert any("trials_queued_ix" in step for step in plan)
    assert not any("ORDER BY" in step for step in plan)


@pytest.mark.parametrize(
    "index",
    [
        "trials_pending_ix",
        "trials_queued_ix",
        "trials_leased_ix",
        "observations_trial_uq",
        "observations_decision_uq",
        "observations_log_ix",
        "requests_create_time_ix",
        "expected_due_ix",
    ],
)
def test_every_index_is_of_use(plans: dict[str, list[str]], index: str) -> None:
    """One whose condition the planner can't prove would only make writing slower."""
    assert any(index in step for plan in plans.values() for step in plan)

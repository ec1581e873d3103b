"""The queue on PostgreSQL, where what waits may be replaced while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg import Connection as Driver
from sqlalchemy import Executable

from store_values import NOW, a_request, a_study, a_trial, completed
from trimtab_service.domain.errors import TrialNotFound
from trimtab_service.domain.names import TrialName
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.store import sql_claims, sql_queue, sql_trials
from trimtab_service.store.base import RECORDED, TrialObservation
from trimtab_service.store.catalog import open_store
from trimtab_service.store.connection import Connection, DriverCursor, Row, Values
from trimtab_service.store.postgres import PostgresConnection, PostgresStore
from trimtab_service.store.queue import DESIGNED, MANUAL, Claim, Expected, QueuedTrial

SECONDS = 5  # less than whoever waits for a lock waits


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    """An empty store."""
    store = open_store(postgres_url, 2)
    assert isinstance(store, PostgresStore)
    store.migrate()
    yield store
    store.close()


def acting(act: Callable[[], None], judge: Callable[..., object]) -> Callable[..., object]:
    """``judge``, which acts once before it begins."""
    waiting = [act]

    def judging(*args: object) -> object:
        if waiting:
            waiting.pop()()
        return judge(*args)

    return judging


def test_an_observation_of_a_trial_that_is_being_replaced_is_not_stored(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would count, and no trial would have it; the one beside it is stored."""
    study = store.create_study(a_study(), None)
    store.append_trials(study, [a_trial(1)], None)
    store.queue_trials(study, [QueuedTrial(a_trial(2, TrialState.QUEUED), 0, 1)])

    def replace() -> None:
        store.queue_trials(study, [QueuedTrial(a_trial(3, TrialState.QUEUED), 1, 1)])

    monkeypatch.setattr(sql_trials, "_judge", acting(replace, sql_trials._judge))
    gone, stored = store.observe_trials(
        study, [TrialObservation(2, completed()), TrialObservation(1, completed())], NOW, None
    )
    history = store.snapshot(study.name, NOW, None, trials=True).history
    assert isinstance(gone, TrialNotFound)
    assert stored is RECORDED
    assert (history.observation_count, [trial.number for trial in history.trials]) == (1, [1])


def test_a_claim_looks_at_the_first_that_waits_alone(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are in line, and whatever they are many of: the index has them in order."""
    study = store.create_study(a_study(), None)
    line = [QueuedTrial(a_trial(number, TrialState.QUEUED), 0, 1) for number in range(1, 2_001)]
    store.queue_trials(study, line)
    plans: list[dict[str, Any]] = []
    execute = PostgresConnection._execute

    def explaining(self: PostgresConnection, statement: Executable, values: Values) -> DriverCursor:
        prepared = self._statements.prepared(statement)
        if "fresh_enough" in prepared.text:
            explained = self.driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {prepared.text}", prepared.bound(values))
            plans.append(explained.fetchone()[0][0]["Plan"])
        return execute(self, statement, values)

    monkeypatch.setattr(PostgresConnection, "_execute", explaining)
    claimed = store.claim_trials(study.name, Claim(1, NOW), NOW, None)
    assert claimed is not None
    assert [trial.number for trial in claimed.trials] == [1]
    nodes = [node for plan in plans for node in every(plan)]
    assert not [node for node in nodes if node["Node Type"] == "Sort"]
    (scan,) = (node for node in nodes if node.get("Index Name") == "trials_queued_ix")
    assert scan["Actual Rows"] == 1


def test_what_is_as_expected_takes_one_round_trip(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are in line; what isn't takes one more than a claim that expects nothing."""
    study = store.create_study(a_study(), None)
    line = [QueuedTrial(a_trial(number, TrialState.QUEUED), 0, 1) for number in range(1, 2_001)]
    store.queue_trials(study, line)
    statements: list[str] = []
    execute = Driver.execute

    def counting(self: Driver, statement: str, *args: Any, **options: Any) -> Any:
        statements.append(statement)
        return execute(self, statement, *args, **options)

    monkeypatch.setattr(Driver, "execute", counting)
    trips, numbers = [], []
    for expected in (Expected(study, line[0]), None, Expected(study, line[0])):
        statements.clear()
        claimed = store.claim_trials(study.name, Claim(1, NOW, expected=expected), NOW, a_request())
        assert claimed is not None
        trips.append(len(statements))
        numbers.append(claimed.trials[0].number)
    assert (trips, numbers) == ([1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize("known", [0, DESIGNED, MANUAL])
def test_whether_something_better_waits_is_looked_up(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    """In an index, however many wait that are as good."""
    study = store.create_study(a_study(), None)
    line = [QueuedTrial(a_trial(number, TrialState.QUEUED), known, 1) for number in range(1, 2_001)]
    store.queue_trials(study, line)
    plans: list[dict[str, Any]] = []
    change = PostgresConnection.change_and_insert

    def explaining(self: PostgresConnection, statement: Executable, values: Values, *others: Any) -> Row | None:
        prepared = self._statements.prepared(statement)
        with self.driver.transaction(force_rollback=True):
            explained = self.driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {prepared.text}", prepared.bound(values))
            plans.append(explained.fetchone()[0][0]["Plan"])
        return change(self, statement, values, *others)

    monkeypatch.setattr(PostgresConnection, "change_and_insert", explaining)
    claimed = store.claim_trials(study.name, Claim(1, NOW, expected=Expected(study, line[0])), NOW, None)
    assert claimed is not None
    (plan,) = plans
    looked_at = [node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in every(plan)]
    assert max(looked_at) <= 1


def test_nobody_waits_for_what_somebody_holds(store: PostgresStore) -> None:
    """Who expected it gets another one, at once."""
    study = store.create_study(a_study(), None)
    line = [QueuedTrial(a_trial(number, TrialState.QUEUED), 0, 1) for number in (1, 2, 3)]
    store.queue_trials(study, line)
    claim = Claim(1, NOW, expected=Expected(study, line[0]))

    def hold(connection: Connection) -> list[int]:
        connection.driver.execute("SELECT FROM trials WHERE number = 1 FOR UPDATE")
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(store.claim_trials, study.name, claim, NOW, a_request())
            claimed = waiting.result(SECONDS)
        return [] if claimed is None else [trial.number for trial in claimed.trials]

    assert store.write(hold) == [2]


@pytest.mark.parametrize("same", [False, True])
def test_whoever_looked_first_may_come_second(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, *, same: bool
) -> None:
    """Then the next trial is taken; or, if it was the same request that came first, its trial is the answer."""
    study = store.create_study(a_study(), None)
    store.queue_trials(study, [QueuedTrial(a_trial(number, TrialState.QUEUED), 0, 1) for number in (1, 2, 3)])
    request = a_request()
    others: list[int] = []

    def take_first() -> None:
        other = store.claim_trials(study.name, Claim(1, NOW), NOW, request if same else a_request())
        assert other is not None
        others.extend(trial.number for trial in other.trials)

    monkeypatch.setattr(sql_claims, "_handed_out", acting(take_first, sql_claims._handed_out))
    claimed = store.claim_trials(study.name, Claim(1, NOW), NOW, request)
    again = store.claim_trials(study.name, Claim(1, NOW), NOW, request)
    assert claimed is not None
    assert again is not None
    expected = [1] if same else [2]
    assert (others, [trial.number for trial in claimed.trials]) == ([1], expected)
    assert [trial.number for trial in again.trials] == expected
    pending = {trial.number for trial in store.snapshot(study.name, NOW, None, trials=True).history.trials}
    assert pending == {1, *expected}


def test_a_claim_comes_too_late_once_at_most(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others there are, each of whom would take what it looks at: then it holds what it found."""
    study = store.create_study(a_study(), None)
    store.queue_trials(study, [QueuedTrial(a_trial(number, TrialState.QUEUED), 0, 1) for number in range(1, 31)])
    hand_out = sql_claims._handed_out
    others: list[int] = []

    def overtaken(*args: Any) -> Trial:
        monkeypatch.setattr(sql_claims, "_handed_out", hand_out)
        other = store.claim_trials(study.name, Claim(1, NOW), NOW, a_request())
        assert other is not None
        others.extend(trial.number for trial in other.trials)
        monkeypatch.setattr(sql_claims, "_handed_out", overtaken)
        return hand_out(*args)

    monkeypatch.setattr(sql_claims, "_handed_out", overtaken)
    claimed = store.claim_trials(study.name, Claim(1, NOW), NOW, a_request())
    assert claimed is not None
    assert (others, [trial.number for trial in claimed.trials]) == ([1, 3], [2])


def test_a_claim_gets_what_is_stored(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has come to have the number since the claim looked: it looks again."""
    study = store.create_study(a_study(), None)

    def queue(rate: float, known: int) -> None:
        trial = a_trial(1, TrialState.QUEUED, parameters={"rate": rate, "depth": 3})
        store.queue_trials(study, [QueuedTrial(trial, known, 1)])

    def replace() -> None:
        store.write_alone(lambda connection: connection.driver.execute("DELETE FROM trials"))
        queue(0.75, 1)

    queue(0.25, 0)
    monkeypatch.setattr(sql_claims, "_handed_out", acting(replace, sql_claims._handed_out))
    claimed = store.claim_trials(study.name, Claim(1, NOW), NOW, a_request())
    assert claimed is not None
    (trial,) = claimed.trials
    assert trial == store.get_trial(TrialName(study.name, 1), NOW)
    assert trial.parameters["rate"] == 0.75


def test_what_people_put_in_line_leaves_the_last_number(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It empties the queue, but for what came in under later numbers meanwhile."""
    study = store.create_study(a_study(), None)
    store.queue_trials(study, [QueuedTrial(a_trial(1, TrialState.QUEUED), 0, 1)])
    replace, others = sql_queue._replace, list[object]()

    def overtaken(*args: Any) -> int:
        monkeypatch.setattr(sql_queue, "_replace", replace)
        monkeypatch.setattr(PostgresStore, "write_alone", lambda _, work: others.append(work))
        # The number before it isn't committed, but will be.
        store.queue_trials(study, [QueuedTrial(a_trial(3, TrialState.QUEUED), 0, 1)])
        monkeypatch.undo()
        return replace(*args)

    monkeypatch.setattr(sql_queue, "_replace", overtaken)
    assert store.enqueue_trials(study, [({"rate": 0.5, "depth": 2}, {})], NOW, None) == (2,)
    assert len(others) == 1
    assert [trial.number for trial in store.list_trials(study, NOW, 0, 10, frozenset())] == [2, 3]


def every(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The node of a plan, and all below it."""
    yield node
    for child in node.get("Plans", ()):
        yield from every(child)

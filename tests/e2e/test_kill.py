"""SIGKILL of the server while clients work, then a restart: they go on, and nothing acknowledged is lost or doubled."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import serving
import trimtab
from serving import RunningServer

KILLS = 3
CLIENTS = 4
BETWEEN = 30  # acknowledged observations between kills
PATIENCE = 60.0  # seconds that a client rides out a restart


class Work:
    """Clients that suggest and observe in turn, and remember what was acknowledged."""

    def __init__(self, study: trimtab.Study, metric: str) -> None:
        self.study = study
        self.metric = metric
        self.acknowledged: dict[str, float] = {}
        self.failures: list[BaseException] = []
        self.progress = threading.Condition()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(index,)) for index in range(CLIENTS)]

    def __enter__(self) -> Work:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def _run(self, index: int) -> None:
        try:
            step = 0
            while not self.stopping.is_set():
                suggestion = self.study.suggest(on_unavailable="raise")
                value = float((index + step) % 2)
                suggestion.observe({self.metric: value})
                step += 1
                with self.progress:
                    self.acknowledged[suggestion.id] = value
                    self.progress.notify_all()
        except BaseException as failure:
            with self.progress:
                self.failures.append(failure)
                self.progress.notify_all()

    def wait_for_more(self, count: int) -> None:
        """Until ``count`` more observations are acknowledged, or a client failed."""
        with self.progress:
            goal = len(self.acknowledged) + count
            done: Callable[[], bool] = lambda: len(self.acknowledged) >= goal or bool(self.failures)  # noqa: E731
            assert self.progress.wait_for(done, PATIENCE), "the clients stopped working"


@pytest.fixture
def work(database_url: str, request: pytest.FixtureRequest) -> Iterator[tuple[Work, RunningServer]]:
    """Clients at work through KILLS kills of the server; the last one still runs."""
    algorithm, metric = request.param
    port = serving.free_port()
    with ExitStack() as stack:
        server = stack.enter_context(RunningServer(database_url, port=port))
        client = stack.enter_context(trimtab.Client(f"127.0.0.1:{port}", namespace="n", timeout=PATIENCE))
        study = client.create_study(
            "s", parameters=[trimtab.Integer("arm", 1, 5)], minimize=metric, algorithm=algorithm
        )
        with Work(study, metric) as clients:
            clients.wait_for_more(BETWEEN)
            for _ in range(KILLS):
                server.kill()
                server = stack.enter_context(RunningServer(database_url, port=port))
                clients.wait_for_more(BETWEEN)
        yield clients, server


@pytest.mark.parametrize("work", [("random", "cost")], indirect=True)
def test_trials_survive_kills(work: tuple[Work, RunningServer]) -> None:
    """Every acknowledged observation is stored once, on its own trial, and the study works on."""
    clients, server = work
    trials = {trial.name: trial for trial in serving.all_trials(server)}
    records = serving.all_observations(server)
    stored = {record.observation.suggestion_id: record.observation.measurements["cost"].mean for record in records}
    assert clients.failures == []
    assert len(stored) == len(records)
    assert {name: stored[name] for name in clients.acknowledged} == clients.acknowledged
    assert {name: trials[name].measurements["cost"].mean for name in stored} == stored
    assert sorted(trial.number for trial in trials.values()) == list(range(1, len(trials) + 1))
    assert len(serving.suggest(server)) == 1


@pytest.mark.parametrize("work", [("tsallis_inf", "cost")], indirect=True)
def test_decisions_survive_kills(work: tuple[Work, RunningServer]) -> None:
    """Every acknowledged observation is in the log once, and what is learned is the fold of the log."""
    clients, server = work
    records = serving.all_observations(server)
    stored = {record.observation.suggestion_id: record.observation.measurements["cost"].mean for record in records}
    acknowledged = {decision_of(token): value for token, value in clients.acknowledged.items()}
    (decision,) = serving.suggest(server)
    assert clients.failures == []
    assert len(stored) == len(records) == serving.get(server).counts.observations
    assert {name: stored[name] for name in acknowledged} == acknowledged
    assert decision.model.observation_count == len(records)


def decision_of(token: str) -> str:
    """The id of the decision that a token is of, as the log has it."""
    return base64.urlsafe_b64decode(token.split(".")[2])[18:34].hex()

"""SIGKILL of the server while clients work, then a restart: they go on, and nothing acknowledged is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import serving
import trimtab
from clients_at_work import PATIENCE, Work, decision_of
from serving import RunningServer
from trimtab.v1 import study_service_pb2

KILLS = 3
BETWEEN = 30  # acknowledged observations between kills


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
    best = server.studies.GetIncumbent(study_service_pb2.GetIncumbentRequest(study=serving.named("s")))
    assert clients.failures == []
    assert len(stored) == len(records) == serving.get(server).counts.observations
    assert {name: stored[name] for name in acknowledged} == acknowledged
    assert best.model.observation_count == len(records)

"""Two servers on one PostgreSQL are one service."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import serving
from serving import RunningServer, eventually
from trimtab.v1 import study_pb2, study_service_pb2, trial_pb2, tuning_service_pb2

CLIENTS = 8  # of each server
CYCLES = 6  # of each client
UNHEARD = "--tail-interval=60"  # a server with it hears of nothing while a test runs


def paying_spec() -> study_pb2.StudySpec:
    """A bandit study of another metric."""
    spec = serving.arms_spec()
    spec.metrics[0].name = spec.objectives[0].metric = "pay"
    return spec


def cycles(server: RunningServer, client: int, metric: str) -> list[str]:
    """Suggest and observe in turn; the ids that were acknowledged."""
    acknowledged = []
    for cycle in range(CYCLES):
        (suggestion,) = serving.suggest(server, request_id=f"{id(server)}-{client}-{cycle}")
        mean = float((client + cycle) % 2)
        (result,) = serving.observe(server, serving.measured(suggestion.id, metric, mean))
        assert not result.HasField("error")
        acknowledged.append(suggestion.id)
    return acknowledged


def driven(servers: list[RunningServer], work: Callable[[RunningServer, int], list[str]]) -> list[str]:
    """Everything acknowledged to CLIENTS clients of each server at once."""
    with ThreadPoolExecutor(2 * CLIENTS) as clients:
        running = [clients.submit(work, server, client) for server in servers for client in range(CLIENTS)]
        return [name for future in running for name in future.result()]


def test_trials_of_two_servers_never_collide(postgres_url: str) -> None:
    """No number twice, no observation lost, and both servers tell the same story."""
    with RunningServer(postgres_url) as first, RunningServer(postgres_url) as second:
        serving.create(first, serving.float_spec())
        acknowledged = driven([first, second], lambda server, client: cycles(server, client, "y"))
        trials = serving.all_trials(first)
        expected = [f"{serving.named('s')}/trials/{number}" for number in range(1, 2 * CLIENTS * CYCLES + 1)]
        assert sorted(acknowledged) == sorted(expected)
        assert [trial.name for trial in trials] == expected
        assert len({trial.parameters.values["x"].double_value for trial in trials}) == len(trials)
        assert all(trial.measurements["y"].mean in (0.0, 1.0) for trial in trials)
        assert trials == serving.all_trials(second)
        assert serving.get(first) == serving.get(second)
        assert serving.all_observations(first) == serving.all_observations(second)


def test_decisions_of_two_servers_make_one_log(postgres_url: str) -> None:
    """Every acknowledged observation is in the log once, whichever server took it."""
    with RunningServer(postgres_url) as first, RunningServer(postgres_url) as second:
        serving.create(first, serving.arms_spec())
        acknowledged = driven([first, second], lambda server, client: cycles(server, client, "click"))
        records = serving.all_observations(first)
        assert len(set(acknowledged)) == 2 * CLIENTS * CYCLES
        assert len({record.observation.suggestion_id for record in records}) == len(acknowledged)
        assert records == serving.all_observations(second)
        assert serving.get(first) == serving.get(second)


def test_a_decision_of_one_server_is_observed_at_the_other(postgres_url: str) -> None:
    """The id is the record: any replica can take it."""
    with RunningServer(postgres_url) as first, RunningServer(postgres_url) as second:
        serving.create(first, serving.arms_spec())
        (decision,) = serving.suggest(first)
        (result,) = serving.observe(second, serving.measured(decision.id, "click", 1.0))
        assert not result.HasField("error")
        assert len(serving.all_observations(first)) == 1


def test_a_name_that_is_used_again_is_another_study_at_every_server(postgres_url: str) -> None:
    """Trials, then decisions, then trials under one name: a replica that knew the old study serves the new one."""
    with RunningServer(postgres_url) as first, RunningServer(postgres_url) as second:
        for spec, metric in ((serving.float_spec(), "y"), (serving.arms_spec(), "click"), (serving.float_spec(), "y")):
            serving.create(first, spec)
            assert eventually(partial(learned, second, metric))
            assert len(serving.all_observations(first)) == 1
            first.studies.DeleteStudy(study_service_pb2.DeleteStudyRequest(name=serving.named("s")))


@pytest.mark.parametrize(
    ("spec", "metric"),
    [
        pytest.param(serving.arms_spec(), "click", id="the same"),
        pytest.param(paying_spec(), "pay", id="another metric"),
        pytest.param(serving.float_spec(), "y", id="trials"),
    ],
)
def test_what_refuses_is_the_study_that_there_is(postgres_url: str, spec: study_pb2.StudySpec, metric: str) -> None:
    """A server that knows the bandit study before takes what belongs to the one after it, and has a new policy."""
    with RunningServer(postgres_url, UNHEARD) as first, RunningServer(postgres_url, UNHEARD) as second:
        serving.create(first, serving.arms_spec())
        (old,) = serving.suggest(second)
        assert not observed(second, old.id, "click").HasField("error")
        first.studies.DeleteStudy(study_service_pb2.DeleteStudyRequest(name=serving.named("s")))
        serving.create(first, spec)
        (suggestion,) = serving.suggest(first)
        assert not observed(second, suggestion.id, metric).HasField("error")
        assert observed(second, old.id, metric).HasField("error")
        (new,) = serving.suggest(second)
        assert not observed(first, new.id, metric).HasField("error")
        assert len(serving.all_observations(first)) == 2


def test_a_decision_that_is_remembered_is_of_the_study_that_there_is(postgres_url: str) -> None:
    """A server with a policy of a deleted study with a default reward finds out, whatever has its name now."""
    rewarded = serving.arms_spec()
    rewarded.default_reward = 0.0
    rewarded.reward_wait.seconds = 60
    with RunningServer(postgres_url, UNHEARD) as first, RunningServer(postgres_url, UNHEARD) as second:
        for spec, metric in ((rewarded, "click"), (rewarded, "click"), (serving.float_spec(), "y")):
            serving.create(first, spec)
            (suggestion,) = serving.suggest(second)
            assert not observed(first, suggestion.id, metric).HasField("error")
            first.studies.DeleteStudy(study_service_pb2.DeleteStudyRequest(name=serving.named("s")))


def test_a_model_is_asked_about_the_study_that_there_is(postgres_url: str) -> None:
    """Not about the one that had the name a moment ago, until the caller's time is up."""
    with RunningServer(postgres_url) as first, RunningServer(postgres_url) as second:
        for _ in range(2):
            serving.create(first, serving.float_spec("gp"))
            (suggestion,) = serving.suggest(second, timeout=20)
            assert (suggestion.source, suggestion.id) == (trial_pb2.SOURCE_INITIAL, f"{serving.named('s')}/trials/1")
            first.studies.DeleteStudy(study_service_pb2.DeleteStudyRequest(name=serving.named("s")))


def learned(server: RunningServer, metric: str) -> bool:
    """Whether a suggestion is of the study that there is now, and its observation is taken."""
    (suggestion,) = serving.suggest(server)
    return not observed(server, suggestion.id, metric).HasField("error")


def observed(server: RunningServer, suggestion_id: str, metric: str) -> tuning_service_pb2.ObserveResult:
    """What becomes of an observation."""
    (result,) = serving.observe(server, serving.measured(suggestion_id, metric, 1.0))
    return result

"""Observations that come late: of a trial they count, of a decision only within its lifetime."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator

import pytest

import serving
from serving import RunningServer
from trimtab.v1 import trial_pb2, tuning_service_pb2

RECORDED = tuning_service_pb2.OBSERVE_OUTCOME_RECORDED


@pytest.fixture
def server(database_url: str) -> Iterator[RunningServer]:
    """A server on each engine."""
    with RunningServer(database_url) as running:
        yield running


def passed(seconds: float) -> None:
    """Lets time pass: leases and lifetimes are at least a second long."""
    threading.Event().wait(seconds)


def test_a_late_observation_of_a_trial_counts(server: RunningServer) -> None:
    """The lease is over, the trial is EXPIRED and no longer pending; then it is COMPLETED."""
    spec = serving.float_spec()
    spec.lease.FromSeconds(1)
    serving.create(server, spec)
    (suggestion,) = serving.suggest(server)
    passed(1.1)
    (expired,) = serving.all_trials(server)
    (result,) = serving.observe(server, serving.measured(suggestion.id))
    (completed,) = serving.all_trials(server)
    assert result.outcome == RECORDED
    assert [expired.state, completed.state] == [
        trial_pb2.TRIAL_STATE_EXPIRED,
        trial_pb2.TRIAL_STATE_COMPLETED,
    ]


def test_a_decision_older_than_its_lifetime_is_refused(server: RunningServer) -> None:
    """With its own reason, and nothing is stored."""
    spec = serving.arms_spec()
    spec.decision_lifetime.FromSeconds(1)
    serving.create(server, spec)
    (decision,) = serving.suggest(server)
    passed(1.1)
    (result,) = serving.observe(server, serving.measured(decision.id, "click", 1.0))
    assert result.error.reason == "DECISION_EXPIRED"
    assert serving.all_observations(server) == []


def test_a_repeated_request_gets_its_first_answer_however_late(server: RunningServer) -> None:
    """What was taken in time stays taken, what was too late stays too late, item by item."""
    spec = serving.arms_spec()
    spec.decision_lifetime.FromSeconds(1)
    serving.create(server, spec)
    (late,) = serving.suggest(server)
    passed(1.1)
    (fresh,) = serving.suggest(server)
    observations = [serving.measured(one.id, "click", 1.0) for one in (late, fresh)]
    observations.insert(0, serving.measured("nonsense", "click", 1.0))
    first = serving.observe(server, *observations, request_id="r1")
    passed(1.1)
    second = serving.observe(server, *observations, request_id="r1")
    assert [result.error.reason for result in first] == ["SUGGESTION_ID_INVALID", "DECISION_EXPIRED", ""]
    assert first == second


def test_a_repeated_request_gets_its_first_answer_whatever_keys_there_are(database_url: str) -> None:
    """What an old key signed is not known any more; what was answered about it is."""
    old, new = (f"{name}:{base64.b64encode(bytes([fill]) * 32).decode()}" for name, fill in (("old", 1), ("new", 2)))
    with RunningServer(database_url, "--token-keys", old) as before:
        serving.create(before, serving.arms_spec())
        early = serving.suggest(before)
    with RunningServer(database_url, "--token-keys", f"{new},{old}") as rotating:
        observations = [serving.measured(one.id, "click", 1.0) for one in (*early, *serving.suggest(rotating))]
        observations.insert(1, serving.measured("nonsense", "click", 1.0))
        first = serving.observe(rotating, *observations, request_id="r1")
    with RunningServer(database_url, "--token-keys", new) as after:
        second = serving.observe(after, *observations, request_id="r1")
        refused, *_ = serving.observe(after, observations[0])
    assert [result.error.reason for result in first] == ["", "SUGGESTION_ID_INVALID", ""]
    assert first == second
    assert refused.error.reason == "SUGGESTION_ID_INVALID"

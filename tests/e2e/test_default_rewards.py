"""Rewards that come late, or never, in a study with a default reward: on both engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf import duration_pb2

import serving
from serving import RunningServer, eventually, measured
from trimtab.v1 import study_pb2, trial_pb2, tuning_service_pb2

RECORDED = tuning_service_pb2.OBSERVE_OUTCOME_RECORDED
DUPLICATE = tuning_service_pb2.OBSERVE_OUTCOME_DUPLICATE


@pytest.fixture
def server(database_url: str) -> Iterator[RunningServer]:
    """One on each engine."""
    with RunningServer(database_url, "--tail-interval=0.1") as running:
        yield running


def spec(wait: int = 1, default: float = 0.0) -> study_pb2.StudySpec:
    """A decision that isn't observed within ``wait`` seconds counts as ``default``."""
    made = serving.arms_spec()
    made.reward_wait.CopyFrom(duration_pb2.Duration(seconds=wait))
    made.default_reward = default
    return made


def defaults(server: RunningServer) -> list[trial_pb2.ObservationRecord]:
    """The rows of the log that are default rewards."""
    return [row for row in serving.all_observations(server) if row.is_default]


def seen(server: RunningServer) -> int:
    """How many observations the policy rests on."""
    return serving.suggest(server)[0].model.observation_count


def test_what_is_never_observed_counts_as_the_default(server: RunningServer) -> None:
    """Each decision once, and none that was observed in time."""
    serving.create(server, spec(wait=2))
    decisions = serving.suggest(server, count=10)
    serving.observe(server, *[measured(one.id, "click", 1.0) for one in decisions[:4]])
    assert eventually(lambda: len(defaults(server)) == 6)

    rows = serving.all_observations(server)
    assert len(rows) == 10
    assert {row.observation.measurements["click"].mean for row in defaults(server)} == {0.0}
    assert sum(row.observation.measurements["click"].mean for row in rows) == 4.0
    assert all(row.suggest_time.seconds <= row.create_time.seconds for row in rows)


def test_a_late_reward_takes_the_place_of_the_default_once(server: RunningServer) -> None:
    """However often it is reported; another one then is a conflict."""
    serving.create(server, spec(default=1.0))
    (late, never) = serving.suggest(server, count=2)
    assert eventually(lambda: len(defaults(server)) == 2)
    outcomes = [serving.observe(server, measured(late.id, "click", 0.0))[0].outcome for _ in range(3)]
    (other,) = serving.observe(server, measured(late.id, "click", 1.0))

    assert outcomes == [RECORDED, DUPLICATE, DUPLICATE]
    assert other.error.reason == "OBSERVATION_CONFLICT"
    rows = serving.all_observations(server)
    assert [row.replaces_default for row in rows].count(True) == 1
    assert sorted((row.is_default, row.replaces_default) for row in rows) == [
        (False, True),
        (True, False),
        (True, False),
    ]
    (decision,) = {row.observation.suggestion_id for row in rows if row.replaces_default}
    (other_row,) = [row for row in rows if row.observation.suggestion_id != decision]
    assert other_row.is_default
    assert other_row.parameters == never.parameters


def test_a_repeated_suggest_is_one_decision(server: RunningServer) -> None:
    """It falls due once."""
    serving.create(server, spec())
    for _ in range(3):
        serving.suggest(server, count=2, request_id="again")
    assert eventually(lambda: len(defaults(server)) == 2)
    serving.suggest(server, count=2, request_id="again")
    serving.suggest(server, request_id="next")
    assert eventually(lambda: len(defaults(server)) == 3)


def test_default_rewards_fall_due_after_a_crash(database_url: str) -> None:
    """What was answered is remembered: by the database, not by the server."""
    with RunningServer(database_url) as first:
        serving.create(first, spec())
        serving.suggest(first, count=5)
        first.kill()
    with RunningServer(database_url, "--tail-interval=0.1") as second:
        assert eventually(lambda: len(defaults(second)) == 5)
        assert eventually(lambda: seen(second) >= 5)

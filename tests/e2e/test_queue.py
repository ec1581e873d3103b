"""Suggestions that were computed before they were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import serving
from serving import RunningServer, eventually
from trimtab.v1 import parameters_pb2, study_pb2, trial_pb2, tuning_service_pb2

PROGRAM = (str(Path(__file__).with_name("faulty_server.py")),)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose optimizer dawdles or fails when a file in tmp_path says so."""
    with RunningServer(serving.sqlite_in(tmp_path), program=PROGRAM) as running:
        serving.create(running, serving.float_spec("faulty", markers=str(tmp_path)))
        yield running


def queued(server: RunningServer) -> int:
    """How many suggestions wait."""
    return serving.get(server).counts.queued


def tried(server: RunningServer) -> trial_pb2.Suggestion:
    """A suggestion that was observed, after which another one waits."""
    (suggestion,) = serving.suggest(server)
    serving.observe(server, serving.measured(suggestion.id))
    assert eventually(lambda: queued(server) == 1)
    return suggestion


def test_an_observation_makes_the_next_suggestion_ready(server: RunningServer) -> None:
    """It says that it waited, and what was known when it was computed; asked for again, it is the same."""
    first = tried(server)
    waiting = serving.all_trials(server)[-1]
    (second,) = serving.suggest(server, request_id="r")
    (again,) = serving.suggest(server, request_id="r")
    assert first.source == trial_pb2.SOURCE_MODEL
    assert (waiting.state, waiting.source) == (trial_pb2.TRIAL_STATE_QUEUED, trial_pb2.SOURCE_MODEL)
    assert (second.source, second.model.observation_count) == (trial_pb2.SOURCE_QUEUE, 1)
    assert (second.id, second.parameters) == (waiting.name, waiting.parameters)
    assert again == second
    assert queued(server) == 0


def test_who_works_alone_gets_what_is_known(server: RunningServer) -> None:
    """A suggestion that doesn't know the last observation is replaced, and not handed out."""
    (first, other) = serving.suggest(server, count=2)
    serving.observe(server, serving.measured(first.id))
    assert eventually(lambda: serving.all_trials(server)[-1].model.observation_count == 1)
    serving.observe(server, serving.measured(other.id))
    (suggestion,) = serving.suggest(server)
    assert suggestion.model.observation_count == 2
    assert {trial.model.observation_count for trial in serving.all_trials(server)} <= {0, 2}


def test_nothing_is_computed_before_anybody_asks(server: RunningServer, tmp_path: Path) -> None:
    """Trials from elsewhere alone don't fill a queue."""
    request = tuning_service_pb2.ImportTrialsRequest(study=serving.named("s"))
    trial = request.trials.add(parameters=serving.parameters(x=0.5))
    trial.measurements["y"].mean = 1.0
    server.tuning.ImportTrials(request, timeout=30)
    (tmp_path / "raise").touch()  # whoever computes takes the file away
    serving.create(server, serving.float_spec("faulty"), "another")
    serving.suggest(server, "another")
    assert (tmp_path / "raise").exists()


def test_a_changed_study_hands_out_nothing_older(server: RunningServer) -> None:
    """What waits was computed for the study as it was."""
    tried(server)
    study = study_pb2.Study(name=serving.named("s"))
    study.spec.baseline.CopyFrom(serving.parameters(x=0.25))
    serving.update(server, study, "spec.baseline")
    before = serving.all_trials(server)[-1]
    (suggestion,) = serving.suggest(server)
    assert before.state == trial_pb2.TRIAL_STATE_QUEUED
    assert suggestion.id != before.name
    assert before.name not in {trial.name for trial in serving.all_trials(server)}


def test_a_stopped_study_hands_out_nothing(server: RunningServer) -> None:
    """Though something waits."""
    tried(server)
    study = study_pb2.Study(name=serving.named("s"), state=study_pb2.STUDY_STATE_STOPPED)
    serving.update(server, study, "state")
    with pytest.raises(grpc.RpcError) as refusal:
        serving.suggest(server)
    assert serving.details(refusal.value)[:2] == ("FAILED_PRECONDITION", "STUDY_STOPPED")


def test_an_answer_that_comes_too_late_waits_for_the_next_caller(server: RunningServer, tmp_path: Path) -> None:
    """Who couldn't wait got a fallback; the model's work isn't lost."""
    serving.suggest(server)
    (tmp_path / "slow").touch()
    (filled_in,) = serving.suggest(server, timeout=1.0)
    assert filled_in.source == trial_pb2.SOURCE_FALLBACK
    assert eventually(lambda: queued(server) == 1)
    (suggestion,) = serving.suggest(server)
    assert suggestion.source == trial_pb2.SOURCE_QUEUE


def test_an_older_suggestion_is_better_than_a_random_one(server: RunningServer, tmp_path: Path) -> None:
    """Where the model can't make the deadline, what it said before is handed out, and says how old it is."""
    (first, other) = serving.suggest(server, count=2)
    serving.observe(server, serving.measured(first.id))
    assert eventually(lambda: serving.all_trials(server)[-1].model.observation_count == 1)
    (tmp_path / "stuck").touch()
    serving.observe(server, serving.measured(other.id))
    assert eventually(lambda: not (tmp_path / "stuck").exists())
    (suggestion,) = serving.suggest(server, timeout=2.0)
    assert (suggestion.source, suggestion.model.observation_count) == (trial_pb2.SOURCE_QUEUE, 1)
    assert "deadline" in suggestion.detail


def test_a_server_that_dies_while_it_computes_wedges_nothing(tmp_path: Path) -> None:
    """The next one computes what is asked for."""
    database = serving.sqlite_in(tmp_path)
    with RunningServer(database, program=PROGRAM) as first:
        serving.create(first, serving.float_spec("faulty", markers=str(tmp_path)))
        (suggestion,) = serving.suggest(first)
        (tmp_path / "stuck").touch()
        serving.observe(first, serving.measured(suggestion.id))
        assert eventually(lambda: not (tmp_path / "stuck").exists())
        first.kill()
    with RunningServer(database, program=PROGRAM) as second:
        (after,) = serving.suggest(second)
        assert (after.source, after.model.observation_count) == (trial_pb2.SOURCE_MODEL, 1)


def test_nothing_waits_where_the_queue_is_off(tmp_path: Path) -> None:
    """Each suggestion is computed for the caller."""
    with RunningServer(serving.sqlite_in(tmp_path), "--queue=0", program=PROGRAM) as server:
        serving.create(server, serving.float_spec("faulty", markers=str(tmp_path)))
        for _ in range(3):
            (suggestion,) = serving.suggest(server)
            serving.observe(server, serving.measured(suggestion.id))
            assert suggestion.source == trial_pb2.SOURCE_MODEL
        assert [trial.number for trial in serving.all_trials(server)] == [1, 2, 3]


def test_an_answer_for_a_context_waits_for_who_asks_for_the_same(server: RunningServer, tmp_path: Path) -> None:
    """Once, and nobody who asks for something else gets it."""
    spec = serving.float_spec("faulty", markers=str(tmp_path))
    spec.context.add(name="load", float_range=parameters_pb2.FloatRange(min=0.0, max=10.0))
    serving.create(server, spec, "loaded")

    def asked(load: float, timeout: float = 60.0) -> trial_pb2.Suggestion:
        request = tuning_service_pb2.SuggestRequest(
            study=serving.named("loaded"), context=serving.parameters(load=load)
        )
        answer: tuning_service_pb2.SuggestResponse = server.tuning.Suggest(request, timeout=timeout)
        return answer.suggestions[0]

    asked(1.0)
    (tmp_path / "slow").touch()
    filled_in = asked(1.0, timeout=1.0)
    others = asked(2.0)  # waits until the process is free, and the late answer has come
    late, fresh = asked(1.0), asked(1.0)
    assert filled_in.source == trial_pb2.SOURCE_FALLBACK
    assert [one.source for one in (others, late, fresh)] == [
        trial_pb2.SOURCE_MODEL,
        trial_pb2.SOURCE_QUEUE,
        trial_pb2.SOURCE_MODEL,
    ]
    assert serving.plain(late.parameters) != serving.plain(filled_in.parameters)


def test_what_costs_nothing_is_not_computed_ahead(server: RunningServer) -> None:
    """A sequence that doesn't look at observations: nothing waits, and no number is left out."""
    serving.create(server, serving.float_spec("sobol"), "cheap")
    for _ in range(3):
        (suggestion,) = serving.suggest(server, "cheap")
        serving.observe(server, serving.measured(suggestion.id), study="cheap")
        assert suggestion.source == trial_pb2.SOURCE_MODEL
    assert [trial.number for trial in serving.all_trials(server, "cheap")] == [1, 2, 3]
    assert serving.get(server, "cheap").counts.queued == 0

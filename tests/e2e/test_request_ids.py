"""A write that is sent twice has one effect, over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

import serving
from serving import RunningServer
from trimtab.v1 import study_service_pb2, tuning_service_pb2


@pytest.fixture
def server(database_url: str) -> Iterator[RunningServer]:
    """A server on each engine."""
    with RunningServer(database_url) as running:
        yield running


def reused(call: pytest.ExceptionInfo[grpc.RpcError]) -> bool:
    """Whether a call was refused because of its request id."""
    return serving.details(call.value) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED", ["request_id"])


def test_create_study_twice_makes_one_study(server: RunningServer) -> None:
    """The second answer equals the first, though the seed was left to the server."""
    spec = serving.float_spec()
    spec.ClearField("seed")
    first = serving.create(server, spec, request_id="r1")
    second = serving.create(server, spec, request_id="r1")
    assert first == second


def test_create_study_with_another_body_is_refused(server: RunningServer) -> None:
    """The same request id under another study id is an error, and creates nothing."""
    serving.create(server, serving.float_spec(), request_id="r1")
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(server, serving.float_spec(), study="t", request_id="r1")
    assert reused(refusal)
    listed = server.studies.ListStudies(study_service_pb2.ListStudiesRequest(parent="namespaces/n"))
    assert [study.name for study in listed.studies] == [serving.named("s")]


def test_create_study_again_without_request_id_is_refused(server: RunningServer) -> None:
    """Another spec under a name in use is an error, not the old study in silence."""
    serving.create(server, serving.float_spec())
    with pytest.raises(grpc.RpcError) as refusal:
        serving.create(server, serving.float_spec("sobol"))
    assert serving.details(refusal.value)[:2] == ("ALREADY_EXISTS", "STUDY_EXISTS")


def test_suggest_twice_stores_the_trials_once(server: RunningServer) -> None:
    """The same trials come back, also after others were made."""
    serving.create(server, serving.float_spec())
    first = serving.suggest(server, count=3, request_id="r1")
    serving.suggest(server)
    second = serving.suggest(server, count=3, request_id="r1")
    assert first == second
    assert len(serving.all_trials(server)) == 4


def test_suggest_with_another_body_is_refused(server: RunningServer) -> None:
    """Another count under the same request id stores nothing."""
    serving.create(server, serving.float_spec())
    serving.suggest(server, count=3, request_id="r1")
    with pytest.raises(grpc.RpcError) as refusal:
        serving.suggest(server, count=2, request_id="r1")
    assert reused(refusal)
    assert len(serving.all_trials(server)) == 3


def test_observe_twice_counts_once(server: RunningServer) -> None:
    """The answers are equal, refusals included, and the log has one row."""
    serving.create(server, serving.float_spec())
    (suggestion,) = serving.suggest(server)
    missing = serving.measured(f"{serving.named('s')}/trials/99")
    first = serving.observe(server, serving.measured(suggestion.id), missing, request_id="r1")
    second = serving.observe(server, serving.measured(suggestion.id), missing, request_id="r1")
    assert [result.outcome for result in first] == [
        tuning_service_pb2.OBSERVE_OUTCOME_RECORDED,
        tuning_service_pb2.OBSERVE_OUTCOME_UNSPECIFIED,
    ]
    assert first == second
    assert len(serving.all_observations(server)) == 1


def test_observe_with_another_body_is_refused(server: RunningServer) -> None:
    """What was measured first stands."""
    serving.create(server, serving.float_spec())
    (suggestion,) = serving.suggest(server)
    serving.observe(server, serving.measured(suggestion.id, mean=0.25), request_id="r1")
    with pytest.raises(grpc.RpcError) as refusal:
        serving.observe(server, serving.measured(suggestion.id, mean=0.75), request_id="r1")
    assert reused(refusal)
    (record,) = serving.all_observations(server)
    assert record.observation.measurements["y"].mean == 0.25


def test_a_decision_sent_twice_is_one_decision(server: RunningServer) -> None:
    """A repeated Suggest of a bandit study has the same identity, so both answers observed count once."""
    serving.create(server, serving.arms_spec())
    (first,) = serving.suggest(server, request_id="r1")
    (second,) = serving.suggest(server, request_id="r1")
    assert first.parameters == second.parameters
    serving.observe(server, serving.measured(first.id, "click", 1.0))
    serving.observe(server, serving.measured(second.id, "click", 1.0))
    assert len(serving.all_observations(server)) == 1


def test_a_decision_observed_twice_counts_once(server: RunningServer) -> None:
    """The retry's answer equals the first; with another body it is refused."""
    serving.create(server, serving.arms_spec())
    (decision,) = serving.suggest(server)
    first = serving.observe(server, serving.measured(decision.id, "click", 1.0), request_id="r1")
    second = serving.observe(server, serving.measured(decision.id, "click", 1.0), request_id="r1")
    assert first == second
    with pytest.raises(grpc.RpcError) as refusal:
        serving.observe(server, serving.measured(decision.id, "click", 0.0), request_id="r1")
    assert reused(refusal)
    assert len(serving.all_observations(server)) == 1


def test_update_and_delete_can_be_sent_twice(server: RunningServer) -> None:
    """A repeated update makes one revision; a repeated delete is answered like the first."""
    study = serving.create(server, serving.float_spec())
    study.spec.description = "tuned"
    first = serving.update(server, study, "spec.description", request_id="r1")
    second = serving.update(server, study, "spec.description", request_id="r1")
    assert (first.revision, second.revision) == (2, 2)
    delete = study_service_pb2.DeleteStudyRequest(name=study.name, request_id="r2")
    server.studies.DeleteStudy(delete)
    server.studies.DeleteStudy(delete)
    delete.request_id = "r3"
    with pytest.raises(grpc.RpcError) as refusal:
        server.studies.DeleteStudy(delete)
    assert serving.details(refusal.value)[:2] == ("NOT_FOUND", "STUDY_NOT_FOUND")


def test_extend_lease_twice_moves_it_once(server: RunningServer) -> None:
    """The retry is told the same end."""
    serving.create(server, serving.float_spec())
    (suggestion,) = serving.suggest(server)
    request = tuning_service_pb2.ExtendLeaseRequest(trial=suggestion.id, request_id="r1")
    request.lease.FromSeconds(86_400)
    first = server.tuning.ExtendLease(request)
    second = server.tuning.ExtendLease(request)
    assert first == second
    assert first.expire_time.seconds > suggestion.expire_time.seconds

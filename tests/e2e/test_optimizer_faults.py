"""Faults inside an optimizer: the caller gets a labelled answer, and the next call works."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import serving
from serving import RunningServer
from trimtab.v1 import trial_pb2, tuning_service_pb2

PROGRAM = (str(Path(__file__).with_name("faulty_server.py")),)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose optimizer fails when a file in tmp_path says so."""
    with RunningServer(serving.sqlite_in(tmp_path), program=PROGRAM) as running:
        serving.create(running, serving.float_spec("faulty", markers=str(tmp_path)))
        yield running


def test_an_exception_costs_one_labelled_fallback(server: RunningServer, tmp_path: Path) -> None:
    """The Suggest that met it gets a fallback that says why, and the next one the optimizer's own answer."""
    (tmp_path / "raise").touch()
    (filled_in,) = serving.suggest(server)
    (own,) = serving.suggest(server)
    assert filled_in.source == trial_pb2.SOURCE_FALLBACK
    assert "ArithmeticError" in filled_in.detail
    assert (own.source, own.model.algorithm) == (trial_pb2.SOURCE_MODEL, "faulty")


def test_a_fallback_says_what_it_is(server: RunningServer, tmp_path: Path) -> None:
    """The first one is the study's baseline where there is one, the next one a draw; both are trials."""
    spec = serving.float_spec("faulty", markers=str(tmp_path))
    spec.baseline.CopyFrom(serving.parameters(x=0.25))
    serving.create(server, spec, "b")
    (tmp_path / "raise").touch()
    both = serving.suggest(server, "b", count=2)
    assert [(each.source, bool(each.id)) for each in both] == [(trial_pb2.SOURCE_FALLBACK, True)] * 2
    said = [(serving.plain(each.parameters)["x"] == 0.25, each.detail.partition(":")[0]) for each in both]
    assert said == [(True, "the baseline, which comes first"), (False, "drawn at random")]


def test_an_exception_is_an_error_where_no_fallback_will_do(server: RunningServer, tmp_path: Path) -> None:
    """INTERNAL with its reason, nothing is stored, and the next Suggest succeeds."""
    (tmp_path / "raise").touch()
    request = tuning_service_pb2.SuggestRequest(
        study=serving.named("s"), fallback=tuning_service_pb2.FALLBACK_POLICY_FORBID
    )
    with pytest.raises(grpc.RpcError) as refusal:
        server.tuning.Suggest(request, timeout=60)
    assert serving.details(refusal.value)[:2] == ("INTERNAL", "OPTIMIZER_FAILED")
    assert serving.all_trials(server) == []
    assert len(server.tuning.Suggest(request, timeout=60).suggestions) == 1


def test_a_killed_process_is_replaced(server: RunningServer, tmp_path: Path) -> None:
    """The call is tried again on a fresh process; neither it nor the next one fails."""
    serving.suggest(server)
    (tmp_path / "kill").touch()
    (retried,) = serving.suggest(server)
    (following,) = serving.suggest(server)
    assert (retried.source, following.source) == (trial_pb2.SOURCE_MODEL, trial_pb2.SOURCE_MODEL)
    handed_out = [one for one in serving.all_trials(server) if one.state != trial_pb2.TRIAL_STATE_QUEUED]
    assert [trial.number for trial in handed_out] == [1, 2, 3]


def test_a_deadline_is_met_by_a_fallback(server: RunningServer, tmp_path: Path) -> None:
    """A caller that can't wait for the model gets a legal point in time, marked as such."""
    serving.suggest(server)
    (tmp_path / "stuck").touch()
    (filled_in,) = serving.suggest(server, timeout=5.0)
    assert filled_in.source == trial_pb2.SOURCE_FALLBACK
    assert "deadline" in filled_in.detail

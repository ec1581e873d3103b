"""What who runs a server relies on: health, reflection, metrics, logs, start and stop."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import serving
from databases import PostgresServer
from serving import RunningServer, eventually

SERVICES = ("trimtab.v1.TuningService", "trimtab.v1.StudyService")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
FAULTY = (str(Path(__file__).with_name("faulty_server.py")),)


def health(server: RunningServer, service: str) -> int:
    """What the server says of a service."""
    answer = health_pb2_grpc.HealthStub(server.channel).Check(health_pb2.HealthCheckRequest(service=service))
    return int(answer.status)


def exposed(server: RunningServer) -> str:
    """The metrics as Prometheus reads them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=30) as page:
        return str(page.read().decode())


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
        except OSError:
            continue  # it ended while we looked
        if f"PPid:\t{pid}\n" in status and "State:\tZ" not in status:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_health_says_serving(shared_server: RunningServer, service: str) -> None:
    """For the process and for each service."""
    assert health(shared_server, service) == SERVING


def test_health_of_an_unknown_service_is_not_found(shared_server: RunningServer) -> None:
    """As grpc.health.v1 has it."""
    with pytest.raises(grpc.RpcError) as refusal:
        health(shared_server, "trimtab.v1.NoService")
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_services(shared_server: RunningServer) -> None:
    """So that grpcurl works without the proto files."""
    listed = ProtoReflectionDescriptorDatabase(shared_server.channel).get_services()
    assert {*SERVICES, "grpc.health.v1.Health"} <= set(listed)


def test_metrics_count_calls_and_name_no_study(shared_server: RunningServer) -> None:
    """Calls by method and code, suggestions by algorithm and source; labels stay bounded."""
    serving.create(shared_server, serving.float_spec(), study="secret-name")
    (suggestion,) = serving.suggest(shared_server, "secret-name")
    serving.observe(shared_server, serving.measured(suggestion.id), study="secret-name")
    with pytest.raises(grpc.RpcError):
        serving.suggest(shared_server, "no-such-study")
    page = exposed(shared_server)
    for line in (
        'trimtab_rpcs_total{code="OK",method="Suggest"} 1.0',
        'trimtab_rpcs_total{code="NOT_FOUND",method="Suggest"} 1.0',
        'trimtab_rpc_seconds_count{method="Observe"} 1.0',
        'trimtab_suggestions_total{algorithm="random",source="model"} 1.0',
        'trimtab_observations_total{result="recorded"} 1.0',
        'trimtab_suggest_phase_seconds_count{phase="read"} 1.0',
        'trimtab_store_seconds_count{operation="append_trials"} 1.0',
        "trimtab_worker_queue 0.0",
    ):
        assert line in page
    assert "secret-name" not in page


def test_pending_trials_are_counted(tmp_path: Path) -> None:
    """At the server's next look at the database."""
    with RunningServer(serving.sqlite_in(tmp_path)) as server:
        serving.create(server, serving.float_spec())
        serving.suggest(server, count=3)
        assert eventually(lambda: "trimtab_trials_pending 3.0" in exposed(server))


def test_logs_hold_no_parameters(shared_server: RunningServer) -> None:
    """Each event is one JSON object; a study's creation is one of them."""
    study = serving.create(shared_server, serving.float_spec(), study="logged")
    (suggestion,) = serving.suggest(shared_server, "logged")
    value = suggestion.parameters.values["x"].double_value
    assert eventually(lambda: any(line.get("study") == study.name for line in shared_server.lines))
    assert shared_server.noise == []
    assert str(value) not in str(shared_server.lines)


def test_sigterm_finishes_calls_in_flight(tmp_path: Path) -> None:
    """A Suggest that has begun is answered, then the server ends with 0 and leaves no process behind."""
    with RunningServer(serving.sqlite_in(tmp_path), program=FAULTY) as server:
        serving.create(server, serving.float_spec("faulty", markers=str(tmp_path)))
        serving.suggest(server)
        workers = children(server.process.pid)
        (tmp_path / "slow").touch()
        answers: list[str] = []
        call = threading.Thread(target=lambda: answers.append(serving.suggest(server)[0].id))
        call.start()
        assert eventually(lambda: not (tmp_path / "slow").exists())
        code = server.stop()
        call.join(30)
    assert workers
    assert (answers, code) == ([f"{serving.named('s')}/trials/2"], 0)
    assert eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_workers_end_with_a_killed_server(tmp_path: Path) -> None:
    """SIGKILL leaves it no time to end them; they see to it themselves."""
    with RunningServer(serving.sqlite_in(tmp_path)) as server:
        serving.create(server, serving.float_spec("sobol"))
        serving.suggest(server)
        workers = children(server.process.pid)
        server.kill()
    assert workers
    assert eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_the_serving_process_never_loads_torch(tmp_path: Path) -> None:
    """Not even while its workers fit a Gaussian process."""
    with RunningServer(serving.sqlite_in(tmp_path)) as server:
        serving.create(server, serving.float_spec("gp", initial_trials=1))
        for _ in range(2):
            (suggestion,) = serving.suggest(server)
            serving.observe(server, serving.measured(suggestion.id))
        own = Path(f"/proc/{server.process.pid}/maps").read_text()
        workers = "".join(Path(f"/proc/{worker}/maps").read_text() for worker in children(server.process.pid))
    assert "libtorch" in workers
    assert "libtorch" not in own


def test_a_database_that_goes_away_is_unavailable_until_it_is_back() -> None:
    """UNAVAILABLE and NOT_SERVING meanwhile; then the same server works on."""
    with PostgresServer() as postgres, RunningServer(postgres.url) as server:
        serving.create(server, serving.float_spec())
        postgres.stop()
        with pytest.raises(grpc.RpcError) as refusal:
            serving.suggest(server, timeout=20)
        assert serving.details(refusal.value)[:2] == ("UNAVAILABLE", "STORE_UNAVAILABLE")
        assert eventually(lambda: health(server, SERVICES[0]) == NOT_SERVING)
        assert health(server, "") == SERVING
        postgres.start()
        assert eventually(lambda: health(server, SERVICES[0]) == SERVING)
        assert len(serving.suggest(server)) == 1


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--address", "nowhere"], 2, "address must be host:port"),
        (["--workers", "many"], 2, "workers must be a whole number"),
        (["--database", "mysql://u:hush@h/d"], 2, "database"),
        (["--database", "sqlite:////no/such/folder/t.db"], 1, "/no/such/folder"),
        (["--database", "postgresql://u:hush@127.0.0.1:1/d"], 1, "127.0.0.1"),
        (["--token-keys", "a:hush"], 2, "token key"),
        (["--tls-certificate", "/no/such/file", "--tls-key", "/no/such/file"], 2, "/no/such/file"),
    ],
)
def test_a_server_that_cannot_start_says_why(tmp_path: Path, flags: list[str], code: int, words: str) -> None:
    """In one line without secrets, with an exit code that tells a wrong configuration from a world that isn't ready."""
    command = [sys.executable, "-m", "trimtab_service", "--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"]
    environment = {**os.environ, "TRIMTAB_DATABASE": serving.sqlite_in(tmp_path)}
    ended = subprocess.run(
        [*command, *flags], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == code
    assert words in ended.stderr
    assert "hush" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_misspelt_variable_is_warned_of(tmp_path: Path) -> None:
    """By name, without what it says; the server serves all the same."""
    with RunningServer(serving.sqlite_in(tmp_path), environment={"TRIMTAB_TOKEN_KYES": "a:hush"}) as server:
        warned = [line for line in server.lines if line["event"] == "unknown environment variable"]
        assert "TRIMTAB_TOKEN_KYES" in [line["variable"] for line in warned]
        assert "hush" not in str(server.lines)


def test_a_port_in_use_is_said_in_one_line(shared_server: RunningServer, tmp_path: Path) -> None:
    """And gRPC's core doesn't say it in one of its own."""
    command = [sys.executable, "-m", "trimtab_service", f"--address={shared_server.address}", "--metrics-address="]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TRIMTAB_")}
    environment["TRIMTAB_DATABASE"] = serving.sqlite_in(tmp_path)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    said = f"trimtab serve: can't listen on {shared_server.address}: Address already in use\n"
    assert (ended.returncode, ended.stderr) == (2, said)


def test_a_metrics_port_in_use_is_said(shared_server: RunningServer, tmp_path: Path) -> None:
    """The server doesn't start without its metrics, and says which address it could not have."""
    command = [sys.executable, "-m", "trimtab_service", "--address=127.0.0.1:0"]
    environment = {**os.environ, "TRIMTAB_DATABASE": serving.sqlite_in(tmp_path)}
    address = f"127.0.0.1:{shared_server.metrics_port}"
    ended = subprocess.run(
        [*command, f"--metrics-address={address}"], env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 2
    assert f"can't serve metrics on {address}" in ended.stderr
    assert "Traceback" not in ended.stderr

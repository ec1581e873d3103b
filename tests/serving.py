"""A real server in a process of its own, and the calls of the contract to drive it with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import cast

import grpc
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2, status_pb2

from trimtab.v1 import (
    parameters_pb2,
    study_pb2,
    study_service_pb2,
    study_service_pb2_grpc,
    trial_pb2,
    tuning_service_pb2,
    tuning_service_pb2_grpc,
)

START_SECONDS = 60
STOP_SECONDS = 60


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server to call, wherever it runs."""

    def attach(self, address: str) -> None:
        """Opens a channel to it."""
        self.address = address
        self.channel = grpc.insecure_channel(address)
        self.tuning = tuning_service_pb2_grpc.TuningServiceStub(self.channel)  # type: ignore[no-untyped-call]
        self.studies = study_service_pb2_grpc.StudyServiceStub(self.channel)  # type: ignore[no-untyped-call]


@contextmanager
def attached(address: str) -> Iterator[Server]:
    """A server that runs already."""
    server = Server()
    server.attach(address)
    yield server
    server.channel.close()


class RunningServer(Server):
    """``trimtab serve`` on loopback. ``lines`` are the events that it logged."""

    def __init__(
        self,
        database: str,
        *flags: str,
        port: int = 0,
        program: Sequence[str] = ("-m", "trimtab_service"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [
            sys.executable,
            *program,
            f"--address=127.0.0.1:{port}",
            "--metrics-address=127.0.0.1:0",
            "--log-format=json",
            "--workers=1",
            *flags,
        ]
        self._environment = {**os.environ, **(environment or {}), "TRIMTAB_DATABASE": database}
        self.lines: list[dict[str, object]] = []
        self.noise: list[str] = []
        self._serving = threading.Event()

    def __enter__(self) -> RunningServer:
        self.process = subprocess.Popen(self._command, env=self._environment, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._serving.wait(START_SECONDS):
            self.kill()
            raise RuntimeError(f"the server did not start: {self.noise} {self.lines}")
        if self.process.poll() is not None:
            self._ended()
            raise RuntimeError(f"the server ended: {self.noise} {self.lines}")
        (serving,) = [line for line in self.lines if line["event"] == "serving"]
        self.metrics_port = serving["metrics_port"]
        self.attach(str(serving["address"]))
        return self

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            try:
                line = json.loads(text)
            except ValueError:
                self.noise.append(text)
                continue
            self.lines.append(line)
            if line["event"] == "serving":
                self._serving.set()
        self._serving.set()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def kill(self) -> None:
        """SIGKILL: nothing can be tidied up."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()
        if self.process.poll() is None:
            self.stop()


def value(of: float | int | str | bool) -> parameters_pb2.Value:
    """A value of the contract."""
    if isinstance(of, bool):
        return parameters_pb2.Value(bool_value=of)
    if isinstance(of, int):
        return parameters_pb2.Value(int_value=of)
    if isinstance(of, float):
        return parameters_pb2.Value(double_value=of)
    return parameters_pb2.Value(string_value=of)


def parameters(**values: float | int | str | bool) -> parameters_pb2.Parameters:
    """A point, or a context."""
    return parameters_pb2.Parameters(values={name: value(of) for name, of in values.items()})


def plain(message: parameters_pb2.Parameters) -> dict[str, float | int | str | bool]:
    """The other way round."""
    return {name: getattr(of, of.WhichOneof("kind") or "") for name, of in message.values.items()}


def float_spec(algorithm: str = "random", **options: float | int | str | bool) -> study_pb2.StudySpec:
    """A study of one number x in [0, 1]; y is minimized."""
    return study_pb2.StudySpec(
        search_space=parameters_pb2.SearchSpace(
            parameters=[parameters_pb2.ParameterSpec(name="x", float_range=parameters_pb2.FloatRange(min=0.0, max=1.0))]
        ),
        metrics=[study_pb2.MetricSpec(name="y")],
        objectives=[study_pb2.Objective(metric="y", goal=study_pb2.GOAL_MINIMIZE)],
        algorithm=study_pb2.Algorithm(name=algorithm, options={name: value(of) for name, of in options.items()}),
        seed=1,
    )


def arms_spec(algorithm: str = "thompson", arms: int = 3) -> study_pb2.StudySpec:
    """A bandit study of ``arms`` arms, a metric from 0 to 1 that is maximized."""
    return study_pb2.StudySpec(
        search_space=parameters_pb2.SearchSpace(
            parameters=[
                parameters_pb2.ParameterSpec(name="arm", integer_range=parameters_pb2.IntegerRange(min=1, max=arms))
            ]
        ),
        metrics=[study_pb2.MetricSpec(name="click", kind=study_pb2.METRIC_KIND_BINARY)],
        objectives=[study_pb2.Objective(metric="click", goal=study_pb2.GOAL_MAXIMIZE)],
        algorithm=study_pb2.Algorithm(name=algorithm),
        seed=1,
    )


def create(server: Server, spec: study_pb2.StudySpec, study: str = "s", request_id: str = "") -> study_pb2.Study:
    """A new study in namespace ``n``."""
    request = study_service_pb2.CreateStudyRequest(
        parent="namespaces/n", study_id=study, study=study_pb2.Study(spec=spec), request_id=request_id
    )
    answer: study_service_pb2.CreateStudyResponse = server.studies.CreateStudy(request, timeout=30)
    return answer.study


def suggest(
    server: Server, study: str = "s", count: int = 1, request_id: str = "", timeout: float = 60.0
) -> list[trial_pb2.Suggestion]:
    """Suggestions of study ``study`` in namespace ``n``."""
    request = tuning_service_pb2.SuggestRequest(study=named(study), count=count, request_id=request_id)
    answer: tuning_service_pb2.SuggestResponse = server.tuning.Suggest(request, timeout=timeout)
    return list(answer.suggestions)


def measured(suggestion_id: str, metric: str = "y", mean: float = 0.5) -> trial_pb2.Observation:
    """A completed observation of one metric."""
    return trial_pb2.Observation(suggestion_id=suggestion_id, measurements={metric: trial_pb2.Measurement(mean=mean)})


def observe(
    server: Server, *observations: trial_pb2.Observation, study: str = "s", request_id: str = ""
) -> list[tuning_service_pb2.ObserveResult]:
    """The results of observations of study ``study`` in namespace ``n``."""
    request = tuning_service_pb2.ObserveRequest(study=named(study), observations=observations, request_id=request_id)
    answer: tuning_service_pb2.ObserveResponse = server.tuning.Observe(request, timeout=30)
    return list(answer.results)


def update(server: Server, study: study_pb2.Study, *paths: str, request_id: str = "") -> study_pb2.Study:
    """The changed study."""
    request = study_service_pb2.UpdateStudyRequest(
        study=study, update_mask=field_mask_pb2.FieldMask(paths=paths), request_id=request_id
    )
    answer: study_service_pb2.UpdateStudyResponse = server.studies.UpdateStudy(request, timeout=30)
    return answer.study


def get(server: Server, study: str = "s") -> study_pb2.Study:
    """The study as it is now, with counts."""
    request = study_service_pb2.GetStudyRequest(name=named(study))
    answer: study_service_pb2.GetStudyResponse = server.studies.GetStudy(request, timeout=30)
    return answer.study


def all_trials(server: Server, study: str = "s", page_size: int = 0) -> list[trial_pb2.Trial]:
    """Every trial, page by page."""
    trials: list[trial_pb2.Trial] = []
    token = ""
    while True:
        request = study_service_pb2.ListTrialsRequest(parent=named(study), page_size=page_size, page_token=token)
        answer: study_service_pb2.ListTrialsResponse = server.studies.ListTrials(request, timeout=30)
        trials += answer.trials
        token = answer.next_page_token
        if not token:
            return trials


def all_observations(server: Server, study: str = "s", page_size: int = 0) -> list[trial_pb2.ObservationRecord]:
    """The whole log, page by page."""
    records: list[trial_pb2.ObservationRecord] = []
    token = ""
    while True:
        request = study_service_pb2.ListObservationsRequest(parent=named(study), page_size=page_size, page_token=token)
        answer: study_service_pb2.ListObservationsResponse = server.studies.ListObservations(request, timeout=30)
        records += answer.observations
        token = answer.next_page_token
        if not token:
            return records


def named(study: str) -> str:
    """The resource name of a study in namespace ``n``."""
    return f"namespaces/n/studies/{study}"


def details(error: grpc.RpcError) -> tuple[str, str, list[str]]:
    """Code, reason, and the fields at fault of a failed call."""
    call = cast(grpc.Call, error)  # what a failed blocking call raises is a call as well
    trailing = dict(call.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    info, fields = error_details_pb2.ErrorInfo(), []
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
        else:
            bad = error_details_pb2.BadRequest()
            detail.Unpack(bad)
            fields = [violation.field for violation in bad.field_violations]
    assert info.domain == "trimtab"
    return call.code().name, info.reason, fields


def sqlite_in(directory: Path) -> str:
    """The URL of a SQLite file in a directory."""
    return f"sqlite:///{directory / 'trimtab.db'}"


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes to hold."""
    waiting = threading.Event()
    for _ in range(600):
        if condition():
            return True
        waiting.wait(0.05)
    return False

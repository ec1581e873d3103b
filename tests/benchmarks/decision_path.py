"""Suggest and durable Observe of a bandit study against a bare echo, message sizes equal, in one run.

The echo runs before and after each measurement, and the ratio is to the mean of
the two: the machine's speed drifts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import load
import serving
from databases import DURABLE, PostgresServer, fresh_database
from load import Rate
from serving import RunningServer
from trimtab._caller import fresh_request_id
from trimtab.v1 import tuning_service_pb2

CALLS = 2_000
WARM_UP = 500
ROUNDS = 3
IN_FLIGHT = (1, 16, 64)
SUGGEST, OBSERVE = "/trimtab.v1.TuningService/Suggest", "/trimtab.v1.TuningService/Observe"
GOALS = {("Suggest", 16): 0.75, ("Observe", 16): 0.45, ("Observe", 64): 0.6}
BATCH = 64


def figures() -> list[dict[str, Any]]:
    """The ratios at 1, 16 and 64 calls in flight, Observe on both engines."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(RunningServer(serving.sqlite_in(Path(folder))))
        serving.create(server, serving.arms_spec(arms=10))
        echo = stack.enter_context(echoing(suggest_requests(1)[0], server))
        for in_flight in IN_FLIGHT:
            rows += compared("Suggest", "", server, echo, in_flight)
        rows.append(batched(server))
        for in_flight in IN_FLIGHT:
            rows += compared("Observe", " on SQLite", server, echo, in_flight)
    with PostgresServer(DURABLE) as postgres, fresh_database(postgres.url) as url, ExitStack() as stack:
        server = stack.enter_context(RunningServer(url))
        serving.create(server, serving.arms_spec(arms=10))
        echo = stack.enter_context(echoing(suggest_requests(1)[0], server))
        for in_flight in IN_FLIGHT:
            rows += compared("Observe", " on PostgreSQL", server, echo, in_flight)
    return rows


def suggest_requests(count: int, decisions: int = 0) -> list[bytes]:
    """Requests as a client makes them: each with an id of its own."""
    return [
        tuning_service_pb2.SuggestRequest(
            study=serving.named("s"), count=decisions, request_id=fresh_request_id()
        ).SerializeToString()
        for _ in range(count)
    ]


def observe_requests(server: RunningServer, count: int) -> list[bytes]:
    """An observation each of as many fresh decisions."""
    requests: list[bytes] = []
    for begun in range(0, count, 1_000):
        requests += [
            tuning_service_pb2.ObserveRequest(
                study=serving.named("s"),
                observations=[serving.measured(decision.id, "click", 1.0)],
                request_id=fresh_request_id(),
            ).SerializeToString()
            for decision in serving.suggest(server, count=min(1_000, count - begun))
        ]
    return requests


@contextmanager
def echoing(request: bytes, server: RunningServer) -> Iterator[str]:
    """A bare server that answers with as many bytes as ours does."""
    suggested = server.tuning.Suggest(tuning_service_pb2.SuggestRequest.FromString(request))
    observed = server.tuning.Observe(
        tuning_service_pb2.ObserveRequest(
            study=serving.named("s"),
            observations=[serving.measured(suggested.suggestions[0].id, "click", 1.0)],
        )
    )
    sizes = (f"Suggest={suggested.ByteSize()}", f"Observe={observed.ByteSize()}")
    program = str(Path(__file__).with_name("echo_server.py"))
    with subprocess.Popen([sys.executable, program, *sizes], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def compared(name: str, where: str, server: RunningServer, echo: str, in_flight: int) -> list[dict[str, Any]]:
    """Calls a second and p99, ours over the echo's: the median of several rounds."""
    make: Callable[[int], list[bytes]] = (
        suggest_requests if name == "Suggest" else lambda count: observe_requests(server, count)
    )
    method = SUGGEST if name == "Suggest" else OBSERVE
    load.run(server.address, method, make(WARM_UP), in_flight)
    load.run(echo, f"/Echo/{name}", make(WARM_UP), in_flight)
    speeds, tails, rates = [], [], []
    for _ in range(ROUNDS):
        requests, same = make(CALLS), suggest_requests(1)
        same = requests if name == "Suggest" else [requests[0]] * CALLS
        before = load.run(echo, f"/Echo/{name}", same, in_flight)
        ours = load.run(server.address, method, requests, in_flight)
        after = load.run(echo, f"/Echo/{name}", same, in_flight)
        speeds.append(2 * ours.calls / (before.calls + after.calls))
        tails.append(2 * ours.p99 / (before.p99 + after.p99))
        rates.append(ours)
    return _rows(name, where, in_flight, speeds, tails, rates)


def _rows(
    name: str, where: str, in_flight: int, speeds: list[float], tails: list[float], rates: list[Rate]
) -> list[dict[str, Any]]:
    label = f"{name}{where}, {in_flight} in flight"
    least = GOALS.get((name, in_flight))
    speed, tail = statistics.median(speeds), statistics.median(tails)
    most = 2.0 if (name, in_flight) == ("Suggest", 16) else None
    return [
        _row(
            f"{label}: calls a second, of the echo's",
            speed,
            "x",
            least and f">= {least}",
            least is None or speed >= least,
        ),
        _row(f"{label}: p99, of the echo's", tail, "x", most and f"<= {most:g}", most is None or tail <= most),
        _row(f"{label}: calls a second", statistics.median(rate.calls for rate in rates), "1/s", None, True),
    ]


def batched(server: RunningServer) -> dict[str, Any]:
    """Decisions a second when a call asks for 64."""
    load.run(server.address, SUGGEST, suggest_requests(50, BATCH), 16)
    rates = [load.run(server.address, SUGGEST, suggest_requests(500, BATCH), 16) for _ in range(ROUNDS)]
    decisions = BATCH * statistics.median(rate.calls for rate in rates)
    return _row(f"decisions a second, {BATCH} a call", decisions, "1/s", ">= 100,000", decisions >= 100_000)


def _row(figure: str, value: float, unit: str, goal: object, holds: bool) -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "goal": goal, "holds": holds if goal else None}

"""How much a server takes on at once."""

from __future__ import annotations

from pathlib import Path

from grpc_health.v1 import health_pb2, health_pb2_grpc

import serving
from serving import RunningServer

SERVING = health_pb2.HealthCheckResponse.SERVING


def test_who_watches_the_health_takes_nobodys_place(tmp_path: Path) -> None:
    """Every idle client does; calls and probes are answered all the same."""
    with RunningServer(serving.sqlite_in(tmp_path), "--max-concurrent-rpcs=1") as server:
        health = health_pb2_grpc.HealthStub(server.channel)
        request = health_pb2.HealthCheckRequest(service="trimtab.v1.TuningService")
        watches = [health.Watch(request, timeout=60) for _ in range(3)]
        said = [next(watch).status for watch in watches]
        serving.create(server, serving.float_spec())
        assert health.Check(request, timeout=30).status == SERVING
        for watch in watches:
            watch.cancel()
    assert said == [SERVING] * 3

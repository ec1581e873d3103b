"""What happens around every call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from trimtab.v1 import study_service_pb2, study_service_pb2_grpc
from trimtab_service.metrics import Metrics
from trimtab_service.rpc.interceptors import Edge
from trimtab_service.rpc.status import DETAILS_KEY

MOST = 2


class Waiting(study_service_pb2_grpc.StudyServiceServicer):
    """Answers when told to."""

    def __init__(self) -> None:
        self.entered = asyncio.Semaphore(0)
        self.leave = asyncio.Event()

    async def ListStudies(  # noqa: N802
        self, request: study_service_pb2.ListStudiesRequest, context: object
    ) -> study_service_pb2.ListStudiesResponse:
        """Waits."""
        self.entered.release()
        await self.leave.wait()
        return study_service_pb2.ListStudiesResponse()


@asynccontextmanager
async def served(servicer: Waiting, metrics: Metrics) -> AsyncIterator[study_service_pb2_grpc.StudyServiceStub]:
    """The servicer behind an edge that lets two calls in."""
    server = grpc.aio.server()
    study_service_pb2_grpc.add_StudyServiceServicer_to_server(  # type: ignore[no-untyped-call]
        servicer, Edge(server, metrics, MOST)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield study_service_pb2_grpc.StudyServiceStub(channel)  # type: ignore[no-untyped-call]
    await server.stop(None)


def reason(refusal: grpc.aio.AioRpcError) -> str:
    """Of the ErrorInfo in the details."""
    info = error_details_pb2.ErrorInfo()
    status = status_pb2.Status.FromString(dict(refusal.trailing_metadata())[DETAILS_KEY])
    assert status.details[0].Unpack(info)
    return str(info.reason)


def counted(metrics: Metrics, code: str) -> float | None:
    """Calls that ended with the code."""
    return metrics.registry.get_sample_value("trimtab_rpcs_total", {"method": "ListStudies", "code": code})


async def test_a_call_over_the_limit_is_refused_and_counted() -> None:
    """As any other refusal is; those in flight are answered, and then there is room again."""
    servicer, metrics = Waiting(), Metrics()
    request = study_service_pb2.ListStudiesRequest()
    async with served(servicer, metrics) as studies:
        under_way = [studies.ListStudies(request, timeout=60) for _ in range(MOST)]
        for _ in under_way:
            await servicer.entered.acquire()
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await studies.ListStudies(request, timeout=60)
        assert (refusal.value.code(), reason(refusal.value)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        servicer.leave.set()
        await asyncio.gather(*under_way)
        await studies.ListStudies(request, timeout=60)
    assert (counted(metrics, "OK"), counted(metrics, "RESOURCE_EXHAUSTED")) == (MOST + 1, 1)
    assert metrics.calls_in_flight == 0

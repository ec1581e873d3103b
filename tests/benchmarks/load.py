"""A load generator: so many calls in flight, for so many calls."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import grpc
import uvloop

CHANNELS = 2  # connections that the calls in flight are spread over


Call: TypeAlias = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second, and percentiles of their latency in milliseconds."""

    calls: float
    p50: float
    p99: float


def run(address: str, method: str, requests: Sequence[bytes], in_flight: int) -> Rate:
    """Sends each of the serialized requests once. Raises grpc.RpcError where one fails."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(address, method, requests, in_flight))


async def _run(address: str, method: str, requests: Sequence[bytes], in_flight: int) -> Rate:
    channels = [
        grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(CHANNELS)
    ]
    calls: list[Call] = [channel.unary_unary(method) for channel in channels]
    for call in calls:
        await call(requests[0])  # connects; a repeated request is answered like the first
    latencies: list[float] = []
    left = iter(requests)
    begun = time.perf_counter()
    await asyncio.gather(*(_worker(calls[index % CHANNELS], left, latencies) for index in range(in_flight)))
    seconds = time.perf_counter() - begun
    for channel in channels:
        await channel.close()
    cuts = statistics.quantiles(latencies, n=100)
    return Rate(len(requests) / seconds, cuts[49] * 1e3, cuts[98] * 1e3)


async def _worker(call: Call, left: Iterator[bytes], latencies: list[float]) -> None:
    for request in left:
        begun = time.perf_counter()
        await call(request)
        latencies.append(time.perf_counter() - begun)

"""How calls leave the process: gRPC, blocking or with asyncio.

What is said, when it is said again and what becomes of the answers is written
once, in the modules above; they know a transport by the protocol here.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import grpc
import grpc.aio

from trimtab._methods import STUDY_SERVICE, TUNING_SERVICE, Method, Request, Response
from trimtab._status import error_of_call

_SERVICES = [{"service": TUNING_SERVICE}, {"service": STUDY_SERVICE}]
# What gRPC does by itself. Every write carries a request id, so every call may
# be repeated. The health of a server is only watched under round_robin; one
# without a health service counts as healthy.
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": TUNING_SERVICE},
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
    "methodConfig": [
        {
            "name": _SERVICES,
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
CHANNEL_OPTIONS: Mapping[str, Any] = {
    "grpc.service_config": json.dumps(SERVICE_CONFIG),
    # A server that comes back is found within a second; gRPC would wait up to 2 minutes.
    "grpc.initial_reconnect_backoff_ms": 100,
    # Also how long an attempt to connect may take: a handshake over a slow line must fit.
    "grpc.min_reconnect_backoff_ms": 5_000,
    "grpc.max_reconnect_backoff_ms": 1_000,
    # A peer that vanished without a word (a pulled cable, a dropped NAT entry)
    # is noticed while a call waits, rather than at the deadline of the call.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    # A page of a study's log may be larger than the 4 MiB that gRPC allows.
    "grpc.max_receive_message_length": 64 * 1024 * 1024,
}
ChannelOption = tuple[str, Any]
Metadata = Sequence[tuple[str, str | bytes]]


class Transport(Protocol):
    """What carries calls and tells the time.

    In a blocking transport the coroutines block and never suspend, so that
    ``run_blocking`` can drive whatever awaits them without an event loop.
    """

    async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
        """The answer; TrimtabError where the call fails. timeout: in seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    async def close(self) -> None:
        """Lets go of the connections."""
        ...


class BlockingTransport:
    """A gRPC channel whose calls block; safe to share between threads."""

    def __init__(self, channel: grpc.Channel, metadata: Metadata) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)
        self._stubs: dict[str, Any] = {}

    async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
        stub = self._stubs.get(method.path)
        if stub is None:
            stub = self._stubs[method.path] = _stub(self._channel, method)
        try:
            response: Response = stub(request, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as failure:
            # What a failed blocking call raises is a call as well.
            raise error_of_call(failure.code(), failure.details(), failure.trailing_metadata()) from None
        return response

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    async def close(self) -> None:
        self._channel.close()


class AsyncioTransport:
    """A gRPC channel on the event loop of the first call.

    opened: makes the channel; only at the first call is it certain which loop
        is in use.
    """

    def __init__(self, opened: Callable[[], grpc.aio.Channel], metadata: Metadata) -> None:
        self._opened = opened
        self._metadata = tuple(metadata)
        self._channel: grpc.aio.Channel | None = None
        self._stubs: dict[str, Any] = {}

    async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
        stub = self._stubs.get(method.path)
        if stub is None:
            if self._channel is None:
                self._channel = self._opened()
            stub = self._stubs[method.path] = _stub(self._channel, method)
        try:
            response: Response = await stub(request, timeout=timeout, metadata=self._metadata)
        except grpc.aio.AioRpcError as failure:
            raise error_of_call(failure.code(), failure.details(), failure.trailing_metadata()) from None
        return response

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()


def open_channel(
    target: str, credentials: grpc.ChannelCredentials | None, options: Sequence[ChannelOption]
) -> grpc.Channel:
    """A channel to ``target``; without credentials it is not encrypted."""
    if credentials is None:
        return grpc.insecure_channel(target, _merged(options))
    return grpc.secure_channel(target, credentials, _merged(options))


def open_aio_channel(
    target: str, credentials: grpc.ChannelCredentials | None, options: Sequence[ChannelOption]
) -> grpc.aio.Channel:
    """The same on the running event loop."""
    if credentials is None:
        return grpc.aio.insecure_channel(target, _merged(options))
    return grpc.aio.secure_channel(target, credentials, _merged(options))


def _merged(options: Sequence[ChannelOption]) -> list[ChannelOption]:
    return list({**CHANNEL_OPTIONS, **dict(options)}.items())


def _stub(channel: grpc.Channel | grpc.aio.Channel, method: Method[Request, Response]) -> Any:
    return channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )

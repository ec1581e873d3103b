"""One logical call: as many attempts as its time allows, under one request id."""

from __future__ import annotations

import os
import random
import time
import uuid

import grpc

from trimtab._methods import Method, Request, Response
from trimtab._transport import Transport
from trimtab.errors import (
    ClientClosedError,
    ContentionError,
    DeadlineExceededError,
    OverloadedError,
    UnavailableError,
)

# gRPC's own retries are over within half a second. These carry a call over the
# restart of a server: waits of up to 0.1 s, 0.2 s, ... 1 s, drawn evenly below
# the bound ("full jitter"), so that callers who lost one server together don't
# come back together.
FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 1.0
SHORTEST_ATTEMPT = 0.001

RETRYABLE = (UnavailableError, ContentionError, OverloadedError)


def fresh_request_id() -> str:
    """An id for one write, the same in all its attempts.

    Ids that sort by time lie side by side in the database's index, where ones
    drawn evenly would each touch a page of their own.
    """
    return str(uuid7(time.time_ns(), int.from_bytes(os.urandom(8), "big")))


def uuid7(nanoseconds: int, luck: int) -> uuid.UUID:
    """A UUID of version 7, of a time since 1970 and 64 random bits, of which 62 are used.

    The twelve bits behind the milliseconds are the fraction of one, so that
    order is kept down to a quarter of a microsecond (RFC 9562, Universally
    Unique IDentifiers, 5.7 and method 3 of 6.2).
    """
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    version, variant = 7, 0b10
    return uuid.UUID(int=milliseconds << 80 | version << 76 | fraction << 64 | variant << 62 | luck & (1 << 62) - 1)


class Caller:
    """Makes calls over a transport, each within its timeout.

    timeout: in seconds, where a call brings none of its own.
    """

    def __init__(self, transport: Transport, timeout: float) -> None:
        self.transport = transport
        self.timeout = timeout
        self._random = random.Random()
        self._closed = False

    async def close(self) -> None:
        """Lets go of the connections; calls raise ClientClosedError from now on."""
        self._closed = True
        await self.transport.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ClientClosedError(
                "this client is closed: make another one, or let its with-block end after the last call",
                code=grpc.StatusCode.FAILED_PRECONDITION,
            )

    def deadline(self, timeout: float | None) -> float:
        """The instant, on the transport's clock, at which a call that starts now ends."""
        seconds = self.timeout if timeout is None else timeout
        if not seconds > 0:
            raise ValueError(f"a timeout must be more than 0 seconds, not {seconds}")
        return self.transport.now() + seconds

    async def call(self, method: Method[Request, Response], request: Request, timeout: float | None = None) -> Response:
        """The answer; the last error where no attempt succeeds in time."""
        return await self.call_until(method, request, self.deadline(timeout))

    async def call_until(self, method: Method[Request, Response], request: Request, deadline: float) -> Response:
        """The same up to an instant on the transport's clock."""
        bound, failed = FIRST_PAUSE, None
        while True:
            self._check_open()
            # A deadline that has passed is for the transport to say, in its own way.
            left = max(deadline - self.transport.now(), SHORTEST_ATTEMPT)
            try:
                return await self.transport.call(method, request, left)
            except (ValueError, grpc.aio.UsageError):
                # What gRPC says where another thread, or task, closes the channel in between.
                self._check_open()
                raise
            except RETRYABLE as error:
                pause = self._random.uniform(0, bound)
                if self.transport.now() + pause >= deadline:
                    raise
                failed = error
            except DeadlineExceededError as late:
                if failed is None:
                    raise
                # What the attempts before ran into says more than that time ran out.
                raise DeadlineExceededError(
                    f"{late}; before that: {failed}", code=late.code, reason=late.reason, metadata=late.metadata
                ) from None
            await self.transport.sleep(pause)
            bound = min(2 * bound, LONGEST_PAUSE)

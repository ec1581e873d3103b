"""One logical call: how often it is tried, when, and what is said in the end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab import _methods as methods
from trimtab._blocking import run_blocking
from trimtab._caller import FIRST_PAUSE, LONGEST_PAUSE, Caller, fresh_request_id, uuid7
from trimtab._methods import Method, Request, Response
from trimtab.errors import (
    ContentionError,
    DeadlineExceededError,
    EtagMismatchError,
    InternalError,
    NotFoundError,
    OverloadedError,
    TrimtabError,
    UnavailableError,
)
from trimtab.v1 import study_service_pb2

REQUEST = study_service_pb2.GetStudyRequest(name="namespaces/n/studies/s")


class Scripted:
    """A transport on a clock of its own, which fails as it is told."""

    def __init__(self, script: Callable[[int], TrimtabError | None], takes: float = 0.0) -> None:
        self.script = script
        self.takes = takes
        self.clock = 100.0
        self.attempts: list[tuple[float, float]] = []
        self.pauses: list[float] = []

    async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
        """Fails as the script says for the attempt of this number; else answers."""
        self.attempts.append((self.clock, timeout))
        self.clock += min(self.takes, timeout)
        error = self.script(len(self.attempts))
        if error is not None:
            raise error
        return method.response()

    async def sleep(self, seconds: float) -> None:
        """Moves the clock."""
        self.pauses.append(seconds)
        self.clock += seconds

    def now(self) -> float:
        """The clock."""
        return self.clock

    async def close(self) -> None:
        """Nothing to do."""


def always(error: TrimtabError | None) -> Callable[[int], TrimtabError | None]:
    """A script that does the same at every attempt."""
    return lambda _attempt: error


def called(transport: Scripted, timeout: float | None = None) -> None:
    """Makes one call through a caller whose own timeout is 30 s."""
    run_blocking(Caller(transport, 30.0).call(methods.GET_STUDY, REQUEST, timeout))


@pytest.mark.parametrize("error", [UnavailableError, ContentionError, OverloadedError])
def test_a_call_is_tried_again_where_that_helps(error: type[TrimtabError]) -> None:
    """A server that is away, or too busy, for a while goes unnoticed."""
    transport = Scripted(lambda attempt: error("away") if attempt < 5 else None)
    called(transport)
    assert len(transport.attempts) == 5


@pytest.mark.parametrize("error", [NotFoundError, EtagMismatchError, InternalError, DeadlineExceededError])
def test_a_call_is_not_repeated_where_that_changes_nothing(error: type[TrimtabError]) -> None:
    """Other errors are raised at once."""
    transport = Scripted(always(error("no")))
    with pytest.raises(error, match=r"^no$"):
        called(transport)
    assert len(transport.attempts) == 1


def test_the_timeout_is_that_of_all_attempts() -> None:
    """Each attempt gets what is left, and no attempt starts after the end."""
    transport = Scripted(lambda attempt: UnavailableError(f"away {attempt}"), takes=0.05)
    with pytest.raises(UnavailableError, match=r"away \d+"):
        called(transport, timeout=10.0)
    assert transport.attempts
    for started, timeout in transport.attempts:
        assert started + timeout == pytest.approx(110.0)
    assert transport.clock <= 110.0


def test_pauses_grow_to_a_bound_and_are_drawn_below_it() -> None:
    """Full jitter: anything from nothing to the bound, so that callers don't come back together."""
    transport = Scripted(always(UnavailableError("away")))
    with pytest.raises(UnavailableError):
        called(transport, timeout=200.0)
    bounds = [min(FIRST_PAUSE * 2**power, LONGEST_PAUSE) for power in range(len(transport.pauses))]
    assert all(0 <= pause <= bound for pause, bound in zip(transport.pauses, bounds, strict=True))
    assert len(set(transport.pauses)) == len(transport.pauses)
    assert max(transport.pauses) > 0.8 * LONGEST_PAUSE
    assert min(transport.pauses[4:]) < 0.2 * LONGEST_PAUSE


def test_a_deadline_tells_what_came_before_it() -> None:
    """That time ran out says less than why the attempts before failed."""
    late = DeadlineExceededError("too late", code=grpc.StatusCode.DEADLINE_EXCEEDED)
    transport = Scripted(lambda attempt: UnavailableError("connection refused") if attempt == 1 else late)
    with pytest.raises(DeadlineExceededError, match="too late; before that: connection refused") as raised:
        called(transport)
    assert grpc.StatusCode.DEADLINE_EXCEEDED is raised.value.code


def test_the_callers_timeout_counts_where_a_call_has_none() -> None:
    """The client's timeout is the default of its calls."""
    transport = Scripted(always(None))
    called(transport)
    assert transport.attempts == [(100.0, 30.0)]


def test_a_deadline_that_has_passed_still_makes_one_short_attempt() -> None:
    """The transport says in its own words that there was no time."""
    transport = Scripted(always(None))
    run_blocking(Caller(transport, 1.0).call_until(methods.GET_STUDY, REQUEST, 99.0))
    assert transport.attempts == [(100.0, 0.001)]


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan")])
def test_a_timeout_is_positive(timeout: float) -> None:
    """No time at all is a mistake in the code, not a deadline."""
    with pytest.raises(ValueError, match="more than 0 seconds"):
        called(Scripted(always(None)), timeout=timeout)


def test_request_ids_are_fresh_and_fit() -> None:
    """Each write has one of its own, within what the contract allows."""
    ids = {fresh_request_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(each.isascii() and len(each) <= 128 for each in ids)


async def _suspended() -> None:
    await asyncio.sleep(0)


def test_a_blocking_client_needs_a_blocking_transport() -> None:
    """A coroutine that would wait for an event loop is an error, not a hang."""
    with pytest.raises(RuntimeError, match="blocking transport"):
        run_blocking(_suspended())


def test_a_request_id_is_laid_out_as_the_standard_says() -> None:
    """The example of RFC 9562, A.6; the twelve bits behind the milliseconds are 3267 / 4096 of one."""
    nanoseconds = 0x017F22E279B0 * 1_000_000 + 797_608
    assert str(uuid7(nanoseconds, 0x18C4DC0C0C07398F)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert uuid7(1, 2**64 - 1).variant == uuid.RFC_4122
    assert uuid7(1, 2**64 - 1).version == 7


@given(st.integers(0, 2**61), st.integers(1, 2**61), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_request_ids_sort_by_time(before: int, later: int, one: int, other: int) -> None:
    """As texts, whatever the luck, a quarter of a microsecond apart; the luck tells those of one instant apart."""
    assert str(uuid7(before, one)) < str(uuid7(before + 244 + later, other))
    assert (uuid7(before, one) == uuid7(before, other)) == ((one - other) % 2**62 == 0)


def test_the_milliseconds_of_a_request_id_are_in_front() -> None:
    """And the fraction of one behind them, in parts of 4,096."""
    assert str(uuid7(5_999_999, 0)).startswith("00000000-0005-7fff-")

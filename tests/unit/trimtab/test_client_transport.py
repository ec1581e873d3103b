"""Over real gRPC: what travels, what is tried again, and what a failed call says."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from trimtab import (
    AsyncClient,
    Client,
    ClientClosedError,
    ContentionError,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    Measurement,
    ObserveStatus,
    PermissionDeniedError,
    TrialState,
    TrimtabError,
)
from trimtab._methods import Method, Request, Response
from trimtab._transport import AsyncioTransport, BlockingTransport, open_aio_channel, open_channel
from trimtab.testing import FakeServer
from unit.trimtab.conftest import BASELINE, DEFINITION
from unit.trimtab.flavours import AnyClient, Blocking, MakeClient
from unit.trimtab.wire import WireServer, abort, refusing, serving


async def test_a_study_is_worked_on(wire: WireServer, connect: MakeClient) -> None:
    """Create, suggest, observe, list: everything travels."""
    async with connect(wire.target) as client:
        study = await client.create_study("gbm", **DEFINITION)
        async with study.suggest() as suggestion:
            assert suggestion.parameters == BASELINE
            await suggestion.observe(rmse=0.5)
        assert [{"rmse": Measurement(0.5)}] == [trial.measurements async for trial in study.trials()]


async def test_metadata_goes_along(wire: WireServer, connect: MakeClient) -> None:
    """With each call."""
    async with connect(wire.target, metadata=[("authorization", "Bearer x")]) as client:
        assert [study async for study in client.studies()] == []
    assert wire.metadata["authorization"] == "Bearer x"


async def test_a_secured_channel_is_used(connect: MakeClient) -> None:
    """Credentials make the channel a secure one: a server that takes no other answers."""
    with serving(credentials=grpc.local_server_credentials()) as wire:
        async with connect(wire.target, credentials=grpc.local_channel_credentials()) as client:
            assert [study async for study in client.studies()] == []


async def test_details_of_an_error_arrive(wire: WireServer, connect: MakeClient) -> None:
    """Reason and fields, read from the trailing metadata of a real call."""
    async with connect(wire.target) as client:
        with pytest.raises(InvalidArgumentError) as raised:
            await client.create_study("gbm", parameters=[], minimize="rmse")
    assert raised.value.reason == "INVALID_FIELD"
    assert [each.field for each in raised.value.violations] == ["study.spec.search_space.parameters"]
    assert grpc.StatusCode.INVALID_ARGUMENT is raised.value.code


async def test_an_error_without_details_has_its_code(wire: WireServer, connect: MakeClient) -> None:
    """A proxy's refusal is told by the status alone."""
    wire.faults += refusing(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
    async with connect(wire.target) as client:
        with pytest.raises(PermissionDeniedError, match=r"who are you\?"):
            await client.study("gbm").describe()


@pytest.mark.parametrize("times", [1, 2, 7])
async def test_an_unavailable_server_is_asked_again(wire: WireServer, connect: MakeClient, times: int) -> None:
    """First by gRPC, then by the client; always under the request id of the first attempt."""
    async with connect(wire.target) as client:
        study = await client.create_study("gbm", **DEFINITION)
        suggestion = await study.suggest()
        wire.calls.clear()
        wire.faults += refusing(grpc.StatusCode.UNAVAILABLE, times=times)
        assert ObserveStatus.RECORDED is (await suggestion.observe(rmse=1.0)).status
    assert times + 1 == len(wire.calls)
    assert len({request.SerializeToString() for _, request in wire.calls}) == 1


async def test_contention_is_waited_out(wire: WireServer, connect: MakeClient) -> None:
    """Too many writers at once: somebody must come later."""

    def contended(context: grpc.ServicerContext) -> None:
        abort(context, ContentionError("busy", code=grpc.StatusCode.ABORTED, reason="TOO_MUCH_CONTENTION"))

    wire.faults += [contended, contended]
    async with connect(wire.target) as client:
        await client.create_study("gbm", **DEFINITION)


async def test_each_call_has_a_request_id_of_its_own(wire: WireServer, connect: MakeClient) -> None:
    """Two equal calls are two calls."""
    async with connect(wire.target) as client:
        study = await client.create_study("gbm", **DEFINITION)
        await study.suggest()
        await study.suggest()
    ids: list[str] = [getattr(request, "request_id", "") for _, request in wire.calls]
    assert len(set(ids)) == 3
    assert all(ids)


async def test_a_deadline_is_kept(wire: WireServer, connect: MakeClient) -> None:
    """A server that doesn't answer doesn't hold the caller longer than asked for."""
    release = threading.Event()
    wire.faults.append(lambda _context: _waited(release))
    try:
        async with connect(wire.target) as client:
            with pytest.raises(DeadlineExceededError):
                await client.study("gbm").describe(timeout=0.2)
    finally:
        release.set()


def _waited(release: threading.Event) -> None:
    assert release.wait(60)


async def test_nobody_there_is_unavailable(connect: MakeClient) -> None:
    """An address where nothing listens is said to be that."""
    with serving() as gone:
        target = gone.target
    async with connect(target) as client:
        with pytest.raises(TrimtabError, match="onnect"):
            await client.study("gbm").describe(timeout=1.0)


@pytest.mark.parametrize("flavour", ["blocking", "asyncio"])
async def test_a_restart_of_the_server_goes_unnoticed(flavour: str) -> None:
    """An observation sent while the server is away arrives when it is back, once."""
    with serving() as first:
        fake, port = first.fake, first.port
        restarted: list[WireServer] = []

        def restart() -> None:
            if not restarted:
                restarted.append(WireServer(fake, port))

        client: Any
        if flavour == "blocking":
            client = Blocking(Client(transport=_restarting_blocking(first.target, restart)))
        else:
            client = AsyncClient(transport=_restarting_asyncio(first.target, restart))
        study = await client.create_study("gbm", **DEFINITION)
        suggestion = await study.suggest()
    try:
        assert ObserveStatus.RECORDED is (await suggestion.observe(rmse=1.0)).status
        assert [trial.state async for trial in study.trials()] == ["completed"]
    finally:
        await client.close()
        for server in restarted:
            server.stop()


def _restarting_blocking(target: str, restart: Any) -> BlockingTransport:
    class Restarting(BlockingTransport):
        async def sleep(self, seconds: float) -> None:
            restart()
            await super().sleep(seconds)

    return Restarting(open_channel(target, None, ()), ())


def _restarting_asyncio(target: str, restart: Any) -> AsyncioTransport:
    class Restarting(AsyncioTransport):
        async def sleep(self, seconds: float) -> None:
            restart()
            await super().sleep(seconds)

    return Restarting(lambda: open_aio_channel(target, None, ()), ())


async def test_calls_go_to_the_healthy_one_of_several(connect: MakeClient) -> None:
    """A server that says it can't answer gets no calls, though it still listens."""
    with serving() as sick, serving() as well:
        sick.set_healthy(health_pb2.HealthCheckResponse.NOT_SERVING)
        async with connect(f"ipv4:{sick.target},{well.target}") as client:
            for _ in range(6):
                assert [study async for study in client.studies()] == []
        assert (len(sick.calls), len(well.calls)) == (0, 6)


async def test_calls_are_spread_over_several(connect: MakeClient) -> None:
    """Each of the healthy ones takes its turn."""
    with serving() as one, serving() as other:
        async with connect(f"ipv4:{one.target},{other.target}") as client:
            # The second connection may come up after the first calls are answered.
            for _ in range(200):
                assert [study async for study in client.studies()] == []
                if one.calls and other.calls:
                    break
        assert one.calls
        assert other.calls


async def test_an_answer_may_be_large(wire: WireServer, connect: MakeClient) -> None:
    """Larger than the 4 MiB that gRPC takes by itself."""
    text = "x" * (5 * 1024 * 1024)
    wire.fake.client().create_study("gbm", **DEFINITION, description=text)
    async with connect(wire.target) as client:
        assert text == (await client.study("gbm").describe()).spec.description


async def test_the_callers_channel_options_win(wire: WireServer, connect: MakeClient) -> None:
    """An application knows its network better; and what is too large now is too large later."""
    wire.fake.client().create_study("gbm", **DEFINITION, description="x" * 4_096)
    async with connect(wire.target, options=[("grpc.max_receive_message_length", 1_024)]) as client:
        with pytest.raises(InvalidArgumentError, match="larger than max") as raised:
            await client.study("gbm").describe()
    assert raised.value.reason == "MESSAGE_TOO_LARGE"
    assert len(wire.calls) == 1


async def test_an_asyncio_client_is_closed_unused() -> None:
    """A client that never called has nothing to close."""
    await AsyncClient("127.0.0.1:1").close()


def test_an_asyncio_client_is_made_outside_of_a_loop(wire: WireServer) -> None:
    """At import time, say; its loop is that of the first call."""
    client = AsyncClient(wire.target)

    async def listed() -> int:
        async with client:
            return len([study async for study in client.studies()])

    assert asyncio.run(listed()) == 0


async def test_a_blocking_client_works_inside_of_a_running_loop(wire: WireServer) -> None:
    """It blocks the loop, as blocking code does, but it works: in a notebook, say."""
    with Client(wire.target) as client:
        study = client.create_study("gbm", **DEFINITION)
        study.suggest_many(3)
        assert [trial.number for trial in study.trials(page_size=2)] == [1, 2, 3]


async def test_an_error_is_not_buried_in_grpcs(wire: WireServer, connect: MakeClient) -> None:
    """What gRPC wraps around it isn't shown: it has nothing to add."""
    wire.faults += refusing(grpc.StatusCode.INTERNAL, "broken")
    async with connect(wire.target) as client:
        with pytest.raises(InternalError, match="broken") as raised:
            await client.study("gbm").describe()
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


async def test_a_cancelled_task_gives_its_suggestion_back(wire: WireServer) -> None:
    """The report of a task that is being cancelled still leaves the process."""
    async with AsyncClient(wire.target) as client:
        study = await client.create_study("gbm", **DEFINITION)
        working = asyncio.Event()

        async def work() -> None:
            async with study.suggest():
                working.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await working.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await study.trial(1)).state is TrialState.ABANDONED


async def test_a_closed_client_says_so(wire: WireServer, connect: MakeClient) -> None:
    """Whatever is asked of it, or of its studies and suggestions; closing it twice is fine."""
    async with connect(wire.target) as client:
        study = await client.create_study("gbm", **DEFINITION)
        suggestion = await study.suggest()
    await client.close()
    for call in (study.suggest, study.describe, lambda: suggestion.observe(rmse=1.0)):
        with pytest.raises(ClientClosedError, match="this client is closed"):
            await call()


async def test_an_asyncio_client_that_was_closed_unused_says_so_as_well() -> None:
    """It opens no connection that nobody would close."""
    client = AsyncClient("127.0.0.1:1")
    await client.close()
    with pytest.raises(ClientClosedError, match="this client is closed"):
        await client.study("gbm").describe()


async def test_a_client_of_a_fake_is_closed_alone(client: AnyClient, server: FakeServer) -> None:
    """As over gRPC; other clients of the fake go on."""
    await client.close()
    with pytest.raises(ClientClosedError):
        await client.create_study("gbm", **DEFINITION)
    assert list(server.client().studies()) == []


@pytest.mark.parametrize("flavour", ["blocking", "asyncio"])
async def test_a_client_closed_in_the_middle_of_a_call_says_so(wire: WireServer, flavour: str) -> None:
    """What gRPC raises of a channel that another thread has closed isn't shown."""
    client: Any

    class Blocked(BlockingTransport):
        async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
            await client.close()
            return await super().call(method, request, timeout)

    class Awaited(AsyncioTransport):
        async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
            await super().call(method, request, timeout)
            await client.close()
            return await super().call(method, request, timeout)

    if flavour == "blocking":
        client = Blocking(Client(transport=Blocked(open_channel(wire.target, None, ()), ())))
    else:
        client = AsyncClient(transport=Awaited(lambda: open_aio_channel(wire.target, None, ()), ()))
    wire.fake.client().create_study("gbm", **DEFINITION)
    with pytest.raises(ClientClosedError):
        await client.study("gbm").describe()

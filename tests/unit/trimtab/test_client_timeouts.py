"""What takes several calls to the server has one timeout for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from trimtab import Float
from trimtab._methods import Method, Request, Response
from trimtab.testing import FakeServer
from unit.trimtab.flavours import AnyClient, MakeClient

TAKES = 4.0  # seconds, each call of a slow server
TIMEOUT = 5.0


class Slow(FakeServer):
    """A fake server whose calls take a while; ``timeouts`` are what each of them was given."""

    def __init__(self) -> None:
        super().__init__(seed=1)
        self.timeouts: list[float] = []

    async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
        """Answers late."""
        self.timeouts.append(timeout)
        await self.sleep(TAKES)
        return await super().call(method, request, timeout)


async def created(client: AnyClient, **arguments: Any) -> Any:
    """A study of two objectives, or as the arguments say."""
    arguments = {"minimize": ["cost", "heat"], **arguments}
    return await client.create_study("s", parameters=[Float("x", 0, 1)], baseline={"x": 0.5}, **arguments)


async def observed(client: AnyClient, server: Slow) -> None:
    """A bare number, by a handle that has to ask of which metric it is."""
    suggestion = await (await created(client, minimize="cost")).suggest()
    server.timeouts.clear()
    await client.study("s").observe(suggestion.id, 1.0, timeout=TIMEOUT)


async def updated(client: AnyClient, server: Slow) -> None:
    """A reference point, for which the goals are asked first."""
    study = await created(client)
    server.timeouts.clear()
    await study.update(reference_point={"cost": 2.0}, timeout=TIMEOUT)


async def found(client: AnyClient, server: Slow) -> None:
    """A study that is there already, and is compared."""
    await created(client)
    server.timeouts.clear()
    await created(client, exist_ok=True, timeout=TIMEOUT)


@pytest.mark.parametrize("act", [observed, updated, found])
async def test_calls_share_a_timeout(
    make_client: MakeClient, act: Callable[[AnyClient, Slow], Awaitable[None]]
) -> None:
    """The second one gets what the first one left."""
    server = Slow()
    await act(make_client(server), server)
    assert server.timeouts == [TIMEOUT, TIMEOUT - TAKES]

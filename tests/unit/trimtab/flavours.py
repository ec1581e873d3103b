"""Both clients behind one face, so that one test speaks to each of them.

``Awaitable`` makes the blocking client look like the asyncio one: methods are
awaited, lists iterated with ``async for``, suggestions opened with ``async
with``. It runs them where they are called; nothing here changes what they do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeAlias

from trimtab import AsyncClient, Client, Study, Suggestion
from trimtab.testing import FakeServer

AnyClient: TypeAlias = Any  # an AsyncClient, or a Client behind Blocking
MakeClient: TypeAlias = Callable[..., AnyClient]


def plain_client(server: FakeServer, **options: Any) -> AnyClient:
    """The blocking client of a fake server, to be awaited."""
    return Blocking(server.client(**options))


def asyncio_client(server: FakeServer, **options: Any) -> AsyncClient:
    """The asyncio client of a fake server."""
    return server.async_client(**options)


FLAVOURS: Mapping[str, MakeClient] = {"blocking": plain_client, "asyncio": asyncio_client}
OVER_GRPC: Mapping[str, MakeClient] = {
    "blocking": lambda *arguments, **options: Blocking(Client(*arguments, **options)),
    "asyncio": AsyncClient,
}


class Blocking:
    """A blocking client or handle, as if it were one for asyncio."""

    def __init__(self, wrapped: Client | Study | Suggestion) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._wrapped, name)
        if not callable(attribute):
            return attribute
        if name == "study":  # asks nothing of the server in either client
            return lambda *arguments, **options: Blocking(attribute(*arguments, **options))
        if name in ("trials", "observations", "studies"):
            return lambda *arguments, **options: _iterated(attribute(*arguments, **options))
        return lambda *arguments, **options: _Call(lambda: attribute(*arguments, **options))

    def __getitem__(self, name: str) -> Any:
        assert isinstance(self._wrapped, Suggestion)
        return self._wrapped[name]

    def __repr__(self) -> str:
        return repr(self._wrapped)

    async def __aenter__(self) -> Blocking:
        assert not isinstance(self._wrapped, Study)
        self._wrapped.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert not isinstance(self._wrapped, Study)
        self._wrapped.__exit__(kind, error, trace)


class _Call(Awaitable[Any]):
    """One blocking call, made when it is awaited or opened."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._opened: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._made().__await__()

    async def _made(self) -> Any:
        return _wrapped(self._call())

    async def __aenter__(self) -> Any:
        self._opened = await self
        return await self._opened.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)


async def _iterated(items: Iterator[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def _wrapped(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_wrapped(each) for each in answer]
    return Blocking(answer) if isinstance(answer, Client | Study | Suggestion) else answer

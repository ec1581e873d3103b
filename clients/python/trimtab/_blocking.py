"""One source for the blocking and the asyncio client.

Every method is written once, as a coroutine (or an asynchronous generator) of
a core class; its asyncio class takes it as it is, its blocking class through
``blocking`` (or ``iterating``). Over a blocking transport a coroutine never
suspends: one step carries it to its end, no event loop is needed, and it
works in a thread that runs one.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

Result = TypeVar("Result")
Item = TypeVar("Item")
Arguments = ParamSpec("Arguments")
Handle = TypeVar("Handle")


def run_blocking(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that awaits nothing but a blocking transport."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast(Result, end.value)
    coroutine.close()
    raise RuntimeError("a blocking client must be given a blocking transport")


def blocking(
    method: Callable[Concatenate[Handle, Arguments], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate[Handle, Arguments], Result]:
    """The method as one that blocks."""

    @functools.wraps(method)
    def blocks(self: Handle, /, *arguments: Arguments.args, **keywords: Arguments.kwargs) -> Result:
        return run_blocking(method(self, *arguments, **keywords))

    return _public(blocks)


def iterating(
    method: Callable[Concatenate[Handle, Arguments], AsyncIterator[Item]],
) -> Callable[Concatenate[Handle, Arguments], Iterator[Item]]:
    """The method as one that gives an ordinary iterator."""

    @functools.wraps(method)
    def iterates(self: Handle, /, *arguments: Arguments.args, **keywords: Arguments.kwargs) -> Iterator[Item]:
        items = cast(AsyncGenerator[Item, None], method(self, *arguments, **keywords))
        try:
            while True:
                try:
                    item = run_blocking(anext(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            run_blocking(items.aclose())

    return _public(iterates)


Method = TypeVar("Method", bound=Callable[..., Any])


def _public(method: Method) -> Method:
    """The same under the name that users know it by."""
    method.__name__ = method.__name__.removeprefix("_")
    return method

"""A bare gRPC server: answers every call with the same bytes. What the transport alone can do."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
import uvloop


async def serve(sizes: dict[str, int]) -> None:
    """Method NAME of service Echo answers ``sizes[NAME]`` bytes."""

    def handler(size: int) -> Any:
        payload = bytes(size)

        async def echo(request: bytes, context: Any) -> bytes:
            return payload

        return grpc.unary_unary_rpc_method_handler(echo)

    server = grpc.aio.server()
    handlers = {name: handler(size) for name, size in sizes.items()}
    server.add_registered_method_handlers("Echo", handlers)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve({name: int(size) for name, size in (word.split("=") for word in sys.argv[1:])}))

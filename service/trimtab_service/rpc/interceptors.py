"""What happens around every call: counted, timed, refused where too many are in flight, and its errors translated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, cast

import grpc
from google.rpc import status_pb2

from trimtab_service.domain.errors import Overloaded, TrimtabError
from trimtab_service.metrics import Metrics
from trimtab_service.rpc import status

log = logging.getLogger(__name__)

Handler = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]


class Edge:
    """The server as our services see it when they register: puts the edge around each of their handlers.

    What an interceptor would find out anew at every call, which method it is,
    is settled here once. Health and reflection register with the server itself,
    and no limit holds for them: a client that does nothing watches the health
    all the while, and a server at its limit lives.

    most: calls in flight at once, beyond which further ones are refused.
    """

    def __init__(self, server: grpc.aio.Server, metrics: Metrics, most: int) -> None:
        self._server = server
        self._metrics = metrics
        self._most = most

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """What generated code registers besides, for servers that don't know registered methods."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Registers the methods of a service."""
        wrapped = {method: self._wrapped(method, handler) for method, handler in handlers.items()}
        self._server.add_registered_method_handlers(service, wrapped)

    def _wrapped(self, method: str, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        serialize = cast(Callable[[Any], bytes], handler.response_serializer)
        return grpc.unary_unary_rpc_method_handler(
            self._around(method, cast(Handler, handler.unary_unary)),
            request_deserializer=handler.request_deserializer,
            # Some answers come as bytes already.
            response_serializer=lambda answer: answer if type(answer) is bytes else serialize(answer),
        )

    def _around(self, method: str, handle: Handler) -> Handler:
        metrics, most = self._metrics, self._most
        seconds = metrics.rpc_seconds.labels(method)
        fine = self._metrics.rpcs.labels(method, "OK")

        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            start = perf_counter()
            metrics.calls_in_flight += 1
            try:
                if metrics.calls_in_flight > most:
                    raise Overloaded(f"{most} calls are in flight already, and this server takes no more; retry")
                answer = await handle(request, context)
                fine.inc()
                return answer
            except TrimtabError as error:
                self._count(method, status.code_of(error))
                self._note(method, request, error)
                await _abort(context, status.code_of(error), status.status_of(error))
            except asyncio.CancelledError:
                self._count(method, grpc.StatusCode.CANCELLED)
                raise
            except Exception:
                self._count(method, grpc.StatusCode.INTERNAL)
                log.exception("call failed", extra={"method": method, "request_id": _request_id(request)})
                await _abort(context, grpc.StatusCode.INTERNAL, status.internal_status())
            finally:
                metrics.calls_in_flight -= 1
                seconds.observe(perf_counter() - start)

        return call

    def _count(self, method: str, code: grpc.StatusCode) -> None:
        self._metrics.rpcs.labels(method, code.name).inc()

    @staticmethod
    def _note(method: str, request: Any, error: TrimtabError) -> None:
        ours = status.code_of(error) in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE)
        log.log(
            logging.WARNING if ours else logging.DEBUG,
            "call refused",
            extra={"method": method, "request_id": _request_id(request), "reason": error.reason},
        )


def _request_id(request: Any) -> str:
    return str(getattr(request, "request_id", ""))[:128]


async def _abort(
    context: grpc.aio.ServicerContext[Any, Any], code: grpc.StatusCode, details: status_pb2.Status
) -> None:
    await context.abort(code, details.message, ((status.DETAILS_KEY, details.SerializeToString()),))

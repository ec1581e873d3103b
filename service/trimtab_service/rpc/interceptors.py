"""What happens around every call: counted, timed, and its errors translated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, cast

import grpc
from google.rpc import status_pb2

from trimtab_service.domain.errors import TrimtabError
from trimtab_service.metrics import Metrics
from trimtab_service.rpc import status

log = logging.getLogger(__name__)

Handler = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]


class Edge(grpc.aio.ServerInterceptor):
    """Wraps the handlers of our own services; health and reflection pass through."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler of the method, with the edge around it; made once a method."""
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith("/trimtab."):
            return handler
        wrapped = grpc.unary_unary_rpc_method_handler(
            self._around(method.rpartition("/")[2], cast(Handler, handler.unary_unary)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        self._wrapped[method] = wrapped
        return wrapped

    def _around(self, method: str, handle: Handler) -> Handler:
        seconds = self._metrics.rpc_seconds.labels(method)
        fine = self._metrics.rpcs.labels(method, "OK")
        in_flight = self._metrics.rpcs_in_flight

        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            start = perf_counter()
            in_flight.inc()
            try:
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
                in_flight.dec()
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

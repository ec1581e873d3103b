"""A fake server behind real gRPC on loopback, with faults that a test can ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

from trimtab import _methods as methods
from trimtab._blocking import run_blocking
from trimtab.errors import InvalidArgumentError, TrimtabError
from trimtab.testing import FakeServer

METHODS = [each for each in vars(methods).values() if isinstance(each, methods.Method)]

Fault = Callable[[grpc.ServicerContext], None]


class WireServer:
    """Serves a fake server's answers over gRPC.

    faults: what the next calls meet instead of an answer, in this order.
    calls: the requests that came in, by the name of the method.
    metadata: what came with the last call.
    """

    def __init__(
        self, fake: FakeServer | None = None, port: int = 0, credentials: grpc.ServerCredentials | None = None
    ) -> None:
        self.fake = fake or FakeServer()
        self.faults: list[Fault] = []
        self.calls: list[tuple[str, Message]] = []
        self.metadata: dict[str, str | bytes] = {}
        self.health = HealthServicer()
        self._server = grpc.server(
            ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        self.set_healthy(health_pb2.HealthCheckResponse.SERVING)
        self._server.add_generic_rpc_handlers([self._handlers(name) for name in ("TuningService", "StudyService")])
        if credentials is None:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            self.port = self._server.add_secure_port(f"127.0.0.1:{port}", credentials)
        self.target = f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self) -> None:
        """Cuts every connection at once."""
        self.health.enter_graceful_shutdown()  # ends the threads that watch
        self._server.stop(None).wait()

    def set_healthy(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        """Says whether the services can answer."""
        self.health.set(methods.TUNING_SERVICE, status)

    def _handlers(self, service: str) -> grpc.GenericRpcHandler:
        handlers = {
            each.path.rpartition("/")[2]: grpc.unary_unary_rpc_method_handler(
                self._handler(each),
                request_deserializer=each.request.FromString,
                response_serializer=each.response.SerializeToString,
            )
            for each in METHODS
            if f".{service}/" in each.path
        }
        return grpc.method_handlers_generic_handler(f"trimtab.v1.{service}", handlers)

    def _handler(self, method: methods.Method[Any, Any]) -> Callable[[Message, grpc.ServicerContext], Any]:
        def answer(request: Message, context: grpc.ServicerContext) -> Any:
            self.calls.append((method.path.rpartition("/")[2], request))
            self.metadata = dict(context.invocation_metadata())
            if self.faults:
                self.faults.pop(0)(context)
            try:
                return run_blocking(self.fake.call(method, request, 1.0))
            except TrimtabError as error:
                abort(context, error)

        return answer


@contextmanager
def serving(
    fake: FakeServer | None = None, port: int = 0, credentials: grpc.ServerCredentials | None = None
) -> Iterator[WireServer]:
    """A server that is stopped afterwards."""
    server = WireServer(fake, port, credentials)
    try:
        yield server
    finally:
        server.stop()


def refusing(code: grpc.StatusCode, message: str = "no", times: int = 1) -> list[Fault]:
    """Faults that answer a bare status."""
    return [lambda context: context.abort(code, message)] * times


def abort(context: grpc.ServicerContext, error: TrimtabError) -> None:
    """Ends the call as the server does, with rich details."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain="trimtab", metadata=error.metadata)
    details: list[Message] = [info]
    if isinstance(error, InvalidArgumentError):
        bad = error_details_pb2.BadRequest()
        for violation in error.violations:
            bad.field_violations.add(field=violation.field, description=violation.description)
        details.append(bad)
    context.set_trailing_metadata((("grpc-status-details-bin", packed_status(error.code, error.message, details)),))
    context.abort(error.code, error.message)


def packed_status(code: grpc.StatusCode, message: str, details: Sequence[Message]) -> bytes:
    """google.rpc.Status as it travels."""
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        wrapped = any_pb2.Any()
        wrapped.Pack(detail)
        status.details.append(wrapped)
    return bytes(status.SerializeToString())

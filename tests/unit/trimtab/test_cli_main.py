"""The command line as a whole: how commands end, where they find the server, and ``serve``."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

import trimtab
from trimtab.cli import main
from trimtab.errors import NotFoundError
from unit.trimtab.conftest import DEFINITION, Command, Done
from unit.trimtab.wire import WireServer, abort, refusing, serving


def test_a_refusal_has_its_reason(run: Command, wire: WireServer) -> None:
    """The server's message and its word; exit code 1."""
    wire.faults += refusing(grpc.StatusCode.PERMISSION_DENIED, "not yours")
    done = run("study", "list")
    assert (done.code, done.err) == (1, "trimtab: not yours\n")


def test_nobody_there_says_what_to_do(run: Command) -> None:
    """Exit code 3, and where the address came from."""
    with serving() as gone:
        target = gone.target
    done = run("--timeout", "0.5", "study", "list", server=target)
    assert done.code == 3
    assert done.err.startswith(f"trimtab: no answer from {target}: ")
    assert "Start a server with `trimtab serve`" in done.err


@pytest.mark.parametrize("arguments", [[], ["study"], ["nothing"], ["trials"], ["--timeout", "0", "study", "list"]])
def test_wrong_usage_ends_with_2(run: Command, arguments: list[str]) -> None:
    """argparse says what is missing."""
    done = run(*arguments)
    assert (done.code, "usage: trimtab" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--timeout", "0", "study", "list"],
            "argument --timeout: must be a number of seconds greater than 0, not '0'",
        ),
        (["study", "list", "--timeout", "soon"], "must be a number of seconds greater than 0, not 'soon'"),
        (["explain", "gbm", "--resolution", "0"], "argument --resolution: must be a whole number, 2 or more, not '0'"),
        (["explain", "gbm", "--resolution", "few"], "must be a whole number, 2 or more, not 'few'"),
    ],
)
def test_a_number_of_no_use_is_named(run: Command, arguments: list[str], said: str) -> None:
    """With its flag, and what it must be."""
    done = run(*arguments)
    assert (done.code, done.err.splitlines()[-1].endswith(said)) == (2, True)


def test_what_is_missing_says_where_to_look(run: Command, wire: WireServer) -> None:
    """A study among the studies, a trial among those of its study."""
    wire.fake.client().create_study("gbm", **DEFINITION)
    missing = NotFoundError("no trial 7", code=grpc.StatusCode.NOT_FOUND, reason="TRIAL_NOT_FOUND")
    wire.faults += [lambda _context: None, lambda context: abort(context, missing)]
    assert run("explain", "gbm", "--trial", "7") == Done(
        1, "", "trimtab: no trial 7\n`trimtab trials gbm` shows what there is.\n"
    )
    assert run("trials", "none").err.endswith("`trimtab study list` shows what there is.\n")


def test_variables_say_where_the_server_is(
    wire: WireServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TRIMTAB_SERVER and TRIMTAB_NAMESPACE; a flag would win."""
    wire.fake.client(namespace="team").create_study("gbm", **DEFINITION)
    monkeypatch.setenv("TRIMTAB_SERVER", wire.target)
    monkeypatch.setenv("TRIMTAB_NAMESPACE", "team")
    assert main(["study", "show", "gbm"]) == 0
    assert "namespaces/team/studies/gbm" in capsys.readouterr().out


def test_files_of_tls_are_read(run: Command, tmp_path: Path) -> None:
    """A file that isn't there is named; one that is makes the channel an encrypted one."""
    missing = run("--tls-ca", str(tmp_path / "none.pem"), "study", "list")
    pem = tmp_path / "ca.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    plain_server = run("--tls-ca", str(pem), "--timeout", "0.5", "study", "list")
    assert (missing.code, "can't read" in missing.err) == (2, True)
    assert plain_server.code == 3


@pytest.mark.parametrize("given", ["--tls-certificate", "--tls-key"])
def test_a_certificate_and_its_key_go_together(run: Command, tmp_path: Path, given: str) -> None:
    """gRPC would end the whole process at one without the other."""
    pem = tmp_path / "one.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    done = run(given, str(pem), "--timeout", "0.5", "study", "list")
    assert done == Done(2, "", "trimtab: --tls-certificate and --tls-key go together: give both, or neither\n")


@pytest.mark.parametrize("server", ["", " "])
def test_an_empty_server_is_wrong_usage(run: Command, server: str) -> None:
    """Said before gRPC looks for it."""
    done = run("study", "list", server=server)
    assert done == Done(2, "", "trimtab: --server is empty: give HOST:PORT, or leave it out\n")


def test_an_empty_variable_says_nothing(
    wire: WireServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As deployments write one that isn't set."""
    monkeypatch.setattr("trimtab.cli.DEFAULT_TARGET", wire.target)
    monkeypatch.setenv("TRIMTAB_SERVER", "")
    monkeypatch.setenv("TRIMTAB_NAMESPACE", "")
    assert main(["study", "list"]) == 0
    assert "namespace default" in capsys.readouterr().out


def test_the_version_is_told(run: Command) -> None:
    """As installed."""
    done = run("--version")
    assert (done.code, done.out.startswith("trimtab ")) == (0, True)


def test_an_interruption_ends_with_130(monkeypatch: pytest.MonkeyPatch, run: Command, wire: WireServer) -> None:
    """Ctrl-C is no error to be explained."""

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trimtab.Client, "studies", interrupted)
    assert Done(130, "", "") == run("study", "list")


def test_a_closed_pipe_is_no_error(wire: WireServer) -> None:
    """`trimtab export x | head -1`: whoever read has seen enough."""
    wire.fake.client().create_study("gbm", **DEFINITION)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "trimtab.cli", "--server", wire.target, "export", "gbm"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_serve_becomes_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the flags as they are, in the same process: signals reach it."""
    replaced: list[tuple[str, list[str]]] = []

    class Replaced(BaseException):
        pass

    def execv(program: str, arguments: list[str]) -> None:
        replaced.append((program, arguments))
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(Replaced):
        main(["serve", "--address", "127.0.0.1:0", "--help"])
    command = [sys.executable, "-m", "trimtab_service", "--address", "127.0.0.1:0", "--help"]
    assert [(sys.executable, command)] == replaced


def test_serve_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where only the client is installed."""
    monkeypatch.setattr("trimtab.cli.serve.NEEDED", ("trimtab", "no_such_module"))
    assert main(["serve"]) == 2
    assert "(no_such_module missing): pip install 'trimtab[service]'" in capsys.readouterr().err


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """python -m trimtab.cli is the command."""
    monkeypatch.setattr(sys, "argv", ["trimtab", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("trimtab.cli", run_name="__main__")
    assert ended.value.code == 0

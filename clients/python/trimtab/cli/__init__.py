"""The command line ``trimtab``: studies, their trials, and the server's start.

Exit codes: 0 done; 1 the service refused; 2 the command line, or a file it
names, is at fault; 3 no server answers; 130 interrupted (Ctrl-C).
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import grpc

from trimtab._client import DEFAULT_TARGET, Client
from trimtab.cli import importing, model, study, trials
from trimtab.cli.definition import DefinitionError
from trimtab.cli.output import Output, UsageError
from trimtab.cli.serve import become_server
from trimtab.errors import DeadlineExceededError, NotFoundError, TrimtabError, UnavailableError

DONE, REFUSED, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130

DEFAULT_TIMEOUT = 10.0  # seconds; somebody is watching


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; answers its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given[:1] == ["serve"]:
            become_server(given[1:])
        code = _run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough (``trimtab trials x | head``).
        # What Python still wants to flush at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (UsageError, DefinitionError) as error:
        return _complain(str(error), USAGE)
    return code


def _run(given: Sequence[str]) -> int:
    options = _parser().parse_args(given)
    try:
        with _client(options) as client:
            options.run(options, client, Output(sys.stdout, options.json))
    except (UnavailableError, DeadlineExceededError) as error:
        return _complain(
            f"no answer from {options.server}: {error}\n"
            "Start a server with `trimtab serve`, or say where it is with --server or TRIMTAB_SERVER.",
            UNREACHABLE,
        )
    except NotFoundError as error:
        listing = f"trials {options.study}" if error.reason == "TRIAL_NOT_FOUND" else "study list"
        return _complain(f"{error}\n`trimtab {listing}` shows what there is.", REFUSED)
    except TrimtabError as error:
        return _complain(f"{error}" + (f" [{error.reason}]" if error.reason else ""), REFUSED)
    return DONE


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"trimtab: {message}\n")
    return code


def _client(options: argparse.Namespace) -> Client:
    if not options.server.strip():
        raise UsageError("--server is empty: give HOST:PORT, or leave it out")
    return Client(
        options.server,
        namespace=options.namespace,
        timeout=options.timeout or DEFAULT_TIMEOUT,
        credentials=_credentials(options),
    )


def _credentials(options: argparse.Namespace) -> grpc.ChannelCredentials | None:
    files = (options.tls_ca, options.tls_key, options.tls_certificate)
    if not any(files):
        return None
    if bool(options.tls_key) != bool(options.tls_certificate):
        raise UsageError("--tls-certificate and --tls-key go together: give both, or neither")
    try:
        return grpc.ssl_channel_credentials(*(Path(file).read_bytes() if file else None for file in files))
    except OSError as error:
        raise UsageError(f"can't read {error.filename}: {error.strerror}") from None


def _version() -> str:
    try:
        return version("trimtab")
    except PackageNotFoundError:
        return "unknown (not installed)"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds greater than 0, not {text!r}")
    return seconds


def _shared_flags() -> argparse.ArgumentParser:
    """Flags that may stand before the command or after it, without defaults: the place left empty says nothing."""
    flags = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    flags.add_argument("--server", metavar="HOST:PORT", help="the server [TRIMTAB_SERVER; default: localhost:50051]")
    flags.add_argument("--namespace", help="where studies given by id are [TRIMTAB_NAMESPACE; default: default]")
    flags.add_argument("--json", action="store_true", help="print JSON instead of tables")
    flags.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="of each call [default: 10; where a model answers: 60]"
    )
    flags.add_argument("--tls-ca", metavar="FILE", help="talk TLS; the CA of the server's certificate, in PEM")
    flags.add_argument("--tls-certificate", metavar="FILE", help="talk TLS; this side's certificate, in PEM")
    flags.add_argument("--tls-key", metavar="FILE", help="the key of --tls-certificate, in PEM")
    return flags


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trimtab",
        description="Tuning as a service: looks at studies and starts servers.",
        epilog="Exit codes: 0 done; 1 the service refused; 2 wrong usage; 3 no server answers; 130 interrupted. "
        "A STUDY is an id, or a full name: namespaces/NAMESPACE/studies/ID.",
        parents=[_shared_flags()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"trimtab {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_parser("serve", help="start a server; `trimtab serve --help` lists its flags", add_help=False)
    shared = _shared_flags()
    study.add_commands(commands, shared)
    trials.add_commands(commands, shared)
    importing.add_commands(commands, shared)
    model.add_commands(commands, shared)
    parser.set_defaults(
        server=os.environ.get("TRIMTAB_SERVER") or DEFAULT_TARGET,
        namespace=os.environ.get("TRIMTAB_NAMESPACE") or "default",
        json=False,
        timeout=None,
        tls_ca="",
        tls_certificate="",
        tls_key="",
    )
    return parser

"""The command line of the quality benchmark.

    python -m tests.benchmarks.quality ours --problems hartmann6,levy8 --seeds 10
    python -m tests.benchmarks.quality peers --peers optuna-tpe,ax

ours: plays ours, as far as this version hasn't played yet, and prints it beside what is kept of the peers.
peers: plays the peers, as far as they haven't. all: both. report: prints what is kept.
write: puts the tables into docs/benchmarks.md, and draws the pictures.
"""

from __future__ import annotations

import argparse
import ast
from dataclasses import replace

from quality import report, results
from quality.players import OURS, PLAYERS, Entry
from quality.suite import NAMED, chosen


def main(arguments: list[str]) -> int:
    """Runs the command."""
    asked = _parser().parse_args(arguments)
    problems = chosen(asked.problems)
    ours = replace(PLAYERS[OURS], options=dict(map(_option, asked.option)), sources=_sources(asked))
    peers = _peers(asked.peers)
    if asked.command in ("ours", "all"):
        results.make(ours, problems, asked.seeds, asked.jobs)
    if asked.command in ("peers", "all"):
        for peer in peers:
            results.make(peer, problems, asked.seeds, asked.jobs)
    entries = [ours, *peers]
    if asked.command == "write":
        report.write(entries, problems, asked.seeds)
    elif asked.command != "peers":
        print(report.figures(entries, problems, asked.seeds))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quality", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", choices=("ours", "peers", "report", "write", "all"))
    parser.add_argument("--problems", default="", help=f"with commas between; all of them: {', '.join(NAMED)}")
    parser.add_argument("--peers", default="", help=f"with commas between; all of them: {', '.join(PLAYERS)}")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--version", default="", help="of ours, to report on: a hash, or latest; else the sources")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of our algorithm")
    return parser


def _sources(asked: argparse.Namespace) -> str:
    if asked.version and asked.command in ("ours", "all"):
        raise SystemExit("ours plays with the sources as they are: --version goes with report and write")
    return results.latest() if asked.version == "latest" else str(asked.version)


def _peers(names: str) -> list[Entry]:
    unknown = [name for name in names.split(",") if name and name not in PLAYERS]
    if unknown:
        raise SystemExit(f"no peer {', '.join(unknown)}; there are: {', '.join(PLAYERS)}")
    wanted = names.split(",") if names else list(PLAYERS)
    return [PLAYERS[name] for name in wanted if name != OURS]


def _option(text: str) -> tuple[str, float | int | str | bool]:
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value

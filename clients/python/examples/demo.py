"""Starts a real server, tunes two real things through it, and prints what was gained.

    make demo

About a minute and a half on two idle cores. Everything that it makes lies in a
fresh directory under build/demo.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import os
import signal
import statistics
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import datetime
from multiprocessing.pool import Pool
from pathlib import Path
from time import monotonic
from typing import TypeVar

import numpy as np

import gradient_boosting
import sor
import trimtab
import tune_gradient_boosting
import tune_sor
from own_server import OwnServer, ServerFailed
from progress import bar

Result = TypeVar("Result")

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = "demo"
SEED = 1
RANDOM_SEARCHES = 3  # random search is luck: the median of this many
INTERRUPTED = 130  # exit code of a program that was told to stop by Ctrl-C


def main(arguments: Sequence[str]) -> int:
    """Runs the demo; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--solves", type=int, default=5_000, help="linear systems to solve [%(default)s]")
    parser.add_argument("--trials", type=int, default=30, help="models to try [%(default)s]")
    parser.add_argument("--variance", choices=sorted(sor.VARIANCES), default="low", help="how much the systems differ")
    parser.add_argument("--directory", type=Path, help="where to put everything [a fresh one under build/demo]")
    chosen = parser.parse_args(arguments)
    directory = chosen.directory or ROOT / "build" / "demo" / datetime.now().strftime("%Y%m%d-%H%M%S")
    directory.mkdir(parents=True, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    begun = monotonic()
    try:
        with (
            OwnServer(directory) as server,
            trimtab.Client(server.address, namespace=NAMESPACE, worker="demo") as client,
            workers() as pool,
        ):
            print(f"A server runs on {server.address} (process {server.process_id}), metrics on {server.metrics}")
            print(f"Data and log: {shown(directory)}\n", flush=True)
            solver = tune_solver(client, pool, chosen.solves, chosen.variance)
            model = tune_model(client, pool, chosen.trials)
            (directory / "metrics.txt").write_bytes(scraped(server.metrics))
    except KeyboardInterrupt:
        print(f"\nInterrupted: the server is stopped; what was observed so far is in {shown(directory)}.")
        return INTERRUPTED
    except (ServerFailed, trimtab.TrimtabError) as error:
        print(f"demo: {error}; the server's log is in {shown(directory)}", file=sys.stderr)
        return 1
    print("\n".join(["", *solver, "", *model, "", *what_next(directory), "", f"({monotonic() - begun:.0f} seconds)"]))
    return 0


def tune_solver(client: trimtab.Client, pool: Pool, solves: int, variance: str) -> list[str]:
    """Tunes SOR, solves the same systems with every fixed omega, and reports."""
    systems = sor.sequence(solves, np.random.default_rng(SEED), variance)
    comparison = pool.imap(functools.partial(fixed, systems), sor.OMEGAS)  # in the background
    tuned = tune_sor.tune(tune_sor.create(client), systems)
    columns = list(followed(comparison, "the same, every fixed omega", len(sor.OMEGAS), "omega"))
    table = np.stack(columns, axis=1)
    totals = table.sum(axis=0)
    choices = np.random.default_rng(SEED + 1).integers(len(sor.OMEGAS), size=solves)
    best = int(totals.argmin())
    total = int(tuned.iterations.sum())
    rows = [
        ("omega = 1, the baseline", int(totals[0])),
        ("an omega drawn at random for each solve", int(table[np.arange(solves), choices].sum())),
        (f"the best fixed omega, {sor.OMEGAS[best]}, known only afterwards", int(totals[best])),
        ("tuned by Trimtab while solving", total),
    ]
    late = slice(-max(solves // 5, 1), None)
    last = tuned.iterations[late].sum() / table[late, best].sum()
    return [
        f"SOR iterations for {solves:,} linear systems, each solved once ({variance} variance)",
        *(f"  {name:50}{count:>12,}{count / totals[best]:>8.2f} x best fixed" for name, count in rows),
        f"  {1 - total / totals[0]:.0%} fewer iterations than omega = 1. Over the last fifth of the solves it was "
        f"{last:.2f} x best fixed,",
        f"  once learning was paid for. Recommended in the end: omega = {tuned.best_omega}",
        *([f"  {tuned.fallbacks} solves fell back to omega = 1: the server was away."] if tuned.fallbacks else []),
    ]


def tune_model(client: trimtab.Client, pool: Pool, trials: int) -> list[str]:
    """Tunes gradient boosting with the Gaussian process and by random search, and reports."""
    study = tune_gradient_boosting.create(
        client, "gradient-boosting", "gp", baseline=gradient_boosting.DEFAULTS, seed=SEED
    )
    other = tune_gradient_boosting.create(client, "gradient-boosting-random", "random", seed=SEED)
    drawn = other.suggest_many(RANDOM_SEARCHES * trials)
    comparison = pool.imap(gradient_boosting.error, [suggestion.parameters for suggestion in drawn])
    ours = min(tune_gradient_boosting.tune(study, trials))
    recommended = study.incumbent().parameters
    losses = followed(comparison, "the same, random search", len(drawn), "trial")
    tried = []
    for suggestion, loss in zip(drawn, losses, strict=True):
        suggestion.observe(log_loss=loss)
        tried.append((loss, suggestion.parameters))
    searches = [min(tried[n::RANDOM_SEARCHES], key=lambda result: result[0]) for n in range(RANDOM_SEARCHES)]
    candidates = [gradient_boosting.DEFAULTS, recommended, *(parameters for _, parameters in searches)]
    judged = pool.imap(gradient_boosting.fresh_error, candidates)
    fresh = list(followed(judged, "the best of each, on fresh splits", len(candidates), "model"))
    default = gradient_boosting.error(gradient_boosting.DEFAULTS)
    rows = [
        ("the library's defaults", default, fresh[0]),
        (
            f"random search, {trials} trials (median of {RANDOM_SEARCHES})",
            statistics.median(loss for loss, _ in searches),
            statistics.median(fresh[2:]),
        ),
        (f"Trimtab's Gaussian process, {trials} trials", ours, fresh[1]),
    ]
    values = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in recommended.items()
    )
    return [
        "Log loss of a gradient-boosting model (breast cancer data, cross-validated)",
        f"  {'':50}{'in the search':>15}{'on fresh splits':>19}",
        *(f"  {name:50}{seen:>15.4f}{unseen:>19.4f}" for name, seen, unseen in rows),
        f"  {1 - ours / default:.0%} less than with the library's defaults. The fresh splits took no part in it.",
        f"  Recommended: {values}",
    ]


def followed(results: Iterator[Result], title: str, total: int, unit: str) -> Iterator[Result]:
    """The same results, with a progress bar."""
    with bar(title, total, unit) as progress:
        for result in results:
            progress.update()
            yield result


def what_next(directory: Path) -> list[str]:
    """Where everything is, and what to try."""
    place = shown(directory)
    command = shown(Path(sys.executable).parent / "trimtab")
    return [
        f"Data: {place}/trimtab.db; beside it the server's log (server.log) and last metrics (metrics.txt).",
        "Next, serve them again:",
        f"  {command} serve --database sqlite:///{place}/trimtab.db      (metrics: http://localhost:9464/metrics)",
        "and in another terminal:",
        f"  {command} --namespace {NAMESPACE} study list",
        f"  {command} --namespace {NAMESPACE} trials gradient-boosting",
        f"  {command} --namespace {NAMESPACE} incumbent sor",
        f"  {shown(Path(sys.executable))} clients/python/examples/tune_sor.py --variance high",
    ]


def fixed(systems: sor.Systems, omega: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """[n] the iterations that each system takes with one omega for all."""
    return sor.iterations(systems, np.full(len(systems), omega))


def scraped(url: str) -> bytes:
    """What the server's metrics say now; an excuse if it was replaced and they moved."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            metrics: bytes = answer.read()
    except OSError as error:
        return f"# {url}: {error}\n".encode()
    return metrics


def workers() -> Pool:
    """Processes for what is compared with, beside the one that tunes; Ctrl-C is left to that one."""
    processes = min(4, max(1, (os.cpu_count() or 1) - 1))
    return multiprocessing.get_context("spawn").Pool(processes, signal.signal, (signal.SIGINT, signal.SIG_IGN))


def shown(path: Path) -> str:
    """The path as one would type it."""
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

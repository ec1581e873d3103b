"""Starts a real server, tunes two real things through it, and prints what was gained.

    make demo

About a minute and a half on two cores. Everything that it makes lies in a
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
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from pathlib import Path
from time import monotonic

import gradient_boosting
import numpy as np
import sor
import tune_gradient_boosting
import tune_sor
from own_server import OwnServer, ServerFailed
from progress import bar

import trimtab

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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
    except ServerFailed as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print("\n".join(["", *solver, "", *model, "", *what_next(directory), "", f"({monotonic() - begun:.0f} seconds)"]))
    return 0


def tune_solver(client: trimtab.Client, pool: ProcessPoolExecutor, solves: int, variance: str) -> list[str]:
    """Tunes SOR, solves the same systems with every fixed omega, and reports."""
    systems = sor.sequence(solves, np.random.default_rng(SEED), variance)
    tuned = tune_sor.tune(tune_sor.create(client), systems)
    with bar("the same, every fixed omega", len(sor.OMEGAS), "omega") as progress:
        columns = []
        for column in pool.map(functools.partial(fixed, systems), sor.OMEGAS):
            columns.append(column)
            progress.update()
    table = np.stack(columns, axis=1)
    totals = table.sum(axis=0)
    choices = np.random.default_rng(SEED + 1).integers(len(sor.OMEGAS), size=solves)
    best = int(totals.argmin())
    total = int(tuned.iterations.sum())
    rows = [
        ("omega = 1 (what the study calls its baseline)", int(totals[0])),
        ("an omega drawn at random for each solve", int(table[np.arange(solves), choices].sum())),
        (f"the best fixed omega, {sor.OMEGAS[best]}, known only afterwards", int(totals[best])),
        ("tuned by Trimtab while solving", total),
    ]
    last = tuned.iterations[-solves // 5 :].sum() / table[-solves // 5 :, best].sum()
    return [
        f"SOR iterations for {solves:,} linear systems, each solved once ({variance} variance)",
        *(f"  {name:58}{count:>12,}{count / totals[best]:>8.2f} x best fixed" for name, count in rows),
        f"  That is {1 - total / totals[0]:.0%} fewer iterations than omega = 1; over the last fifth of the solves it was "
        f"{last:.2f} x best fixed.",
        f"  Recommended in the end: omega = {tuned.best_omega}",
        *([f"  {tuned.fallbacks} solves fell back to omega = 1: the server was away."] if tuned.fallbacks else []),
    ]


def tune_model(client: trimtab.Client, pool: ProcessPoolExecutor, trials: int) -> list[str]:
    """Tunes gradient boosting with the Gaussian process and by random search, and reports."""
    study = tune_gradient_boosting.create(
        client, "gradient-boosting", "gp", baseline=gradient_boosting.DEFAULTS, seed=SEED
    )
    errors = tune_gradient_boosting.tune(study, trials)
    recommended = study.incumbent().parameters
    other = tune_gradient_boosting.create(client, "gradient-boosting-random", "random", seed=SEED)
    tried = tune_gradient_boosting.search(other, RANDOM_SEARCHES * trials, pool.map)
    searches = [min(tried[n::RANDOM_SEARCHES], key=lambda result: result[0]) for n in range(RANDOM_SEARCHES)]
    candidates = [gradient_boosting.DEFAULTS, recommended, *(parameters for _, parameters in searches)]
    default, ours, *others = pool.map(gradient_boosting.fresh_error, candidates)
    rows = [
        ("the library's defaults", gradient_boosting.error(gradient_boosting.DEFAULTS), default),
        (
            f"random search, {trials} trials (median of {RANDOM_SEARCHES})",
            statistics.median(error for error, _ in searches),
            statistics.median(others),
        ),
        (f"Trimtab's Gaussian process, {trials} trials", min(errors), ours),
    ]
    values = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in recommended.items()
    )
    return [
        "Error of a gradient-boosting model (diabetes, root mean square, cross-validated)",
        f"  {'':58}{'best seen':>12}{'on fresh splits':>19}",
        *(f"  {name:58}{seen:>12.2f}{fresh:>19.2f}" for name, seen, fresh in rows),
        f"  Recommended: {values}",
        "  The fresh splits of the data took no part in the tuning; three of them, so differences of 0.3 are luck.",
    ]


def what_next(directory: Path) -> list[str]:
    """Where everything is, and what to try."""
    place = shown(directory)
    command = shown(Path(sys.executable).parent / "trimtab")
    return [
        f"Everything the server learned is in {place}/trimtab.db, its log in server.log, its last metrics in metrics.txt.",
        "Next, look at it:",
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


@contextlib.contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """Processes for what we compare with; Ctrl-C is left to this one."""
    with ProcessPoolExecutor(
        max_workers=min(4, os.cpu_count() or 1),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def shown(path: Path) -> str:
    """The path as one would type it."""
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

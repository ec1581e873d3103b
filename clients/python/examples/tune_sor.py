"""Tunes the SOR solver's omega while it works: one Suggest and one Observe a linear system.

    python tune_sor.py --server localhost:50051

The systems come one after the other and each is solved once, so a bad omega
is paid for at once: a bandit's work. Needs a running server (``trimtab serve``).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import sor
import trimtab
from progress import bar


@dataclass(frozen=True, slots=True)
class Tuned:
    """What solving a sequence took. iterations: [n]; best_omega: what the service recommends in the end."""

    iterations: NDArray[np.int64]
    best_omega: float
    fallbacks: int


def create(client: trimtab.Client, study_id: str = "sor") -> trimtab.Study:
    """The study: omega from a grid of 20, few iterations wanted, Tsallis-INF."""
    return client.create_study(
        study_id,
        parameters=[trimtab.Float("omega", 1.0, 1.95, step=0.05)],
        minimize="iterations",
        algorithm="tsallis_inf",
        baseline={"omega": 1.0},
        description="The relaxation parameter of an SOR solver over a sequence of linear systems",
    )


def tune(study: trimtab.Study, systems: sor.Systems) -> Tuned:
    """Solves every system with the omega suggested for it."""
    taken = np.zeros(len(systems), dtype=np.int64)
    fallbacks = 0
    with bar("SOR, one omega a solve", len(systems), "solve") as progress:
        for number in range(len(systems)):
            with study.suggest() as suggestion:
                omega = np.array([float(suggestion["omega"])])
                taken[number] = sor.iterations(systems[number : number + 1], omega)[0]
                suggestion.observe(iterations=int(taken[number]))
            fallbacks += suggestion.is_fallback
            if number % 100 == 99:
                recent = taken[number - 99 : number + 1].mean()
                progress.set_postfix_str(f"{recent:.0f} iterations a solve", refresh=False)
            progress.update()
    return Tuned(taken, float(study.incumbent().parameters["omega"]), fallbacks)


def main() -> None:
    """Tunes against a running server and prints what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="localhost:50051", metavar="HOST:PORT")
    parser.add_argument("--study", default="sor", help="id of the study that is made")
    parser.add_argument("--solves", type=int, default=5_000)
    parser.add_argument("--variance", choices=sorted(sor.VARIANCES), default="low", help="how much the systems differ")
    chosen = parser.parse_args()
    systems = sor.sequence(chosen.solves, np.random.default_rng(1), chosen.variance)
    with trimtab.Client(chosen.server, worker="tune_sor.py") as client:
        tuned = tune(create(client, chosen.study), systems)
    print(f"{tuned.iterations.sum():,} iterations for {chosen.solves:,} solves; best omega: {tuned.best_omega}")


if __name__ == "__main__":
    main()

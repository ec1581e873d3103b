"""Tunes six hyperparameters of a gradient-boosting model, mixed ones: log, whole, categorical.

    python tune_gradient_boosting.py --server localhost:50051

Each trial trains the model anew, so few trials must do: a Gaussian process's
work. Needs a running server (``trimtab serve``).
"""

from __future__ import annotations

import argparse
from typing import Any

import gradient_boosting
import trimtab
from progress import bar


def create(client: trimtab.Client, study_id: str, algorithm: str, **more: Any) -> trimtab.Study:
    """The study: the six parameters, a small log loss wanted."""
    return client.create_study(
        study_id,
        parameters=gradient_boosting.PARAMETERS,
        minimize="log_loss",
        algorithm=algorithm,
        description="Gradient boosting on the breast cancer data set: cross-validated log loss",
        **more,
    )


def tune(study: trimtab.Study, trials: int) -> list[float]:
    """The losses of ``trials`` trials, one after the other."""
    losses: list[float] = []
    with bar("gradient boosting, trial by trial", trials, "trial") as progress:
        for _ in range(trials):
            with study.suggest() as suggestion:
                losses.append(gradient_boosting.error(suggestion.parameters))
                suggestion.observe(log_loss=losses[-1])
            progress.set_postfix_str(f"best {min(losses):.4f}", refresh=False)
            progress.update()
    return losses


def main() -> None:
    """Tunes against a running server and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="localhost:50051", metavar="HOST:PORT")
    parser.add_argument("--study", default="gradient-boosting", help="id of the study that is made")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--algorithm", default="gp")
    chosen = parser.parse_args()
    with trimtab.Client(chosen.server, worker="tune_gradient_boosting.py") as client:
        study = create(client, chosen.study, chosen.algorithm, baseline=gradient_boosting.DEFAULTS)
        losses = tune(study, chosen.trials)
        best = study.incumbent()
    default = gradient_boosting.error(gradient_boosting.DEFAULTS)
    print(f"log loss {min(losses):.4f}, the library's defaults {default:.4f}; recommended: {dict(best.parameters)}")


if __name__ == "__main__":
    main()

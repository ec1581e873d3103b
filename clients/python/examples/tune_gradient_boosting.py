"""Tunes six hyperparameters of a gradient-boosting model, mixed ones: log, whole, categorical.

    python tune_gradient_boosting.py --server localhost:50051

Each trial trains the model anew, so few trials must do: a Gaussian process's
work. Needs a running server (``trimtab serve``).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import gradient_boosting
from gradient_boosting import Value
from progress import bar

import trimtab

Mapper: TypeAlias = Callable[[Callable[[Mapping[str, Value]], float], Iterable[Mapping[str, Value]]], Iterator[float]]
"""Like ``map``; that of a process pool evaluates several at once."""


def create(client: trimtab.Client, study_id: str, algorithm: str, **more: Any) -> trimtab.Study:
    """The study: the six parameters, the cross-validated error wanted small."""
    return client.create_study(
        study_id,
        parameters=gradient_boosting.PARAMETERS,
        minimize="error",
        algorithm=algorithm,
        description="Gradient boosting on the diabetes data set: cross-validated error",
        **more,
    )


def tune(study: trimtab.Study, trials: int) -> list[float]:
    """The errors of ``trials`` trials, one after the other."""
    errors: list[float] = []
    with bar("gradient boosting, Gaussian process", trials, "trial") as progress:
        for _ in range(trials):
            with study.suggest() as suggestion:
                errors.append(gradient_boosting.error(suggestion.parameters))
                suggestion.observe(error=errors[-1])
            progress.update()
            progress.set_postfix_str(f"best error {min(errors):.2f}")
    return errors


def search(study: trimtab.Study, trials: int, evaluate: Mapper = map) -> list[tuple[float, dict[str, Value]]]:
    """Error and parameters of ``trials`` trials that are all suggested at once."""
    suggestions = study.suggest_many(trials)
    results = []
    with bar("the same, random search", trials, "trial") as progress:
        errors = evaluate(gradient_boosting.error, [suggestion.parameters for suggestion in suggestions])
        for suggestion, error in zip(suggestions, errors, strict=True):
            suggestion.observe(error=error)
            results.append((error, suggestion.parameters))
            progress.update()
    return results


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
        errors = tune(study, chosen.trials)
        best = study.incumbent()
    default = gradient_boosting.error(gradient_boosting.DEFAULTS)
    print(f"best error {min(errors):.2f}, the library's defaults {default:.2f}; recommended: {best.parameters}")


if __name__ == "__main__":
    main()

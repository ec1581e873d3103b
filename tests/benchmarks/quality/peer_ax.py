"""Ax as a player; runs in an environment of its own.

Used through its client as the documentation shows, with its default (fast) strategy: the centre and Sobol
points first, then a Gaussian process. Constraints are outcome constraints, reference points bounds on objectives,
a context fixed parameters, and parameters that don't always exist dependent ones. Ax recommends by its model.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

from ax.api.client import Client  # type: ignore[import-not-found, unused-ignore]
from ax.api.configs import (  # type: ignore[import-not-found, unused-ignore]
    ChoiceParameterConfig,
    RangeParameterConfig,
)

from quality.conversation import INITIAL, Player, Spec, serve


class Ax:
    """A client with an experiment in memory."""

    def __init__(self, problem: Spec, seed: int) -> None:
        self.problem = problem
        self.client = Client(random_seed=seed)
        declared = (*problem["parameters"], *problem["context"])
        self.client.configure_experiment(parameters=[_declared(one, declared) for one in declared])
        bounds = [f"{_metric(name)} <= 0" for name in problem["constraints"]]
        bounds += [
            f"{_metric(name)} <= {worst}"
            for name, worst in zip(problem["objectives"], problem["reference"], strict=False)
        ]
        self.client.configure_optimization(
            objective=", ".join(f"-{_metric(name)}" for name in problem["objectives"]), outcome_constraints=bounds
        )
        self.client.configure_generation_strategy(initialization_budget=INITIAL, initialization_random_seed=seed)

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        ((self.index, point),) = self.client.get_next_trials(
            max_trials=1, fixed_parameters=dict(context) or None
        ).items()
        return {name: value for name, value in point.items() if name not in context and value is not None}

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """See ``Player``."""
        self.client.complete_trial(self.index, raw_data={_metric(name): value for name, value in outcomes.items()})

    def recommend(self) -> Mapping[str, Any]:
        """See ``Player``."""
        best, _, _, _ = self.client.get_best_parameterization(use_model_predictions=True)
        return {parameter["name"]: best[parameter["name"]] for parameter in self.problem["parameters"]}


def _metric(name: str) -> str:
    """What can't be taken for a function of its expressions, as ``limit`` is."""
    return f"metric_{name}"


def _declared(parameter: Spec, others: tuple[Spec, ...]) -> RangeParameterConfig | ChoiceParameterConfig:
    name = parameter["name"]
    if parameter["kind"] != "categorical":
        kind = "int" if parameter["kind"] == "integer" else "float"
        scaling = "log" if parameter["log"] else "linear"
        return RangeParameterConfig(name, (parameter["low"], parameter["high"]), kind, scaling=scaling)
    dependent = {
        value: [other["name"] for other in others if _hangs(other, name, value)]
        for value in parameter["values"]
        if any(_hangs(other, name, value) for other in others)
    }
    return ChoiceParameterConfig(
        name, parameter["values"], "str", is_ordered=False, dependent_parameters=dependent or None
    )


def _hangs(parameter: Spec, name: str, value: str) -> bool:
    """Whether it exists where the parameter ``name`` has this value."""
    when = parameter.get("when")
    return when is not None and when["parameter"] == name and value in when["values"]


def start(problem: Spec, _: str, seed: int) -> Player:
    """A new experiment."""
    return Ax(problem, seed)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    serve(start)

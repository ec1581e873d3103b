"""SMAC as a player; runs in an environment of its own.

Asked and told as its documentation shows: the facade of Gaussian processes where all parameters are real
numbers, that of random forests elsewhere, ParEGO for several objectives. It has to be told whether measurements
are noisy; where they are, it measures again what may be the best. It recommends its incumbent.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ConfigSpace  # type: ignore[import-not-found, unused-ignore]
from smac import (  # type: ignore[import-not-found, unused-ignore]
    BlackBoxFacade,
    HyperparameterOptimizationFacade,
    Scenario,
)
from smac.multi_objective.parego import ParEGO  # type: ignore[import-not-found, unused-ignore]
from smac.runhistory.dataclasses import TrialValue  # type: ignore[import-not-found, unused-ignore]

from quality.conversation import INITIAL, Player, Spec, Unable, serve


class Smac:
    """A facade that is asked and told."""

    def __init__(self, problem: Spec, seed: int) -> None:
        self.problem = problem
        several = len(problem["objectives"]) > 1
        self.scenario = Scenario(
            _space(problem, seed),
            output_directory=Path(tempfile.mkdtemp()),
            deterministic=not problem["noisy"],
            objectives=problem["objectives"] if several else problem["objectives"][0],
            n_trials=problem["trials"],
            seed=seed,
        )
        smooth = all(parameter["kind"] == "float" for parameter in problem["parameters"]) and not several
        facade = BlackBoxFacade if smooth else HyperparameterOptimizationFacade
        self.facade = facade(
            self.scenario,
            _never,
            initial_design=facade.get_initial_design(self.scenario, n_configs=INITIAL, max_ratio=1.0),
            multi_objective_algorithm=ParEGO(self.scenario) if several else None,
            logging_level=False,
            overwrite=True,
        )

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        self.asked = self.facade.ask()
        return dict(self.asked.config)

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """See ``Player``."""
        costs = [outcomes[name] for name in self.problem["objectives"]]
        self.facade.tell(self.asked, TrialValue(cost=costs if len(costs) > 1 else costs[0]))

    def recommend(self) -> Mapping[str, Any] | None:
        """See ``Player``."""
        incumbent = self.facade.intensifier.get_incumbent()
        return None if incumbent is None else dict(incumbent)


def _never(config: Any, seed: int = 0) -> float:
    raise RuntimeError("it is asked and told")


def _space(problem: Spec, seed: int) -> Any:
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for parameter in problem["parameters"]:
        space.add(_declared(parameter))
    for parameter in problem["parameters"]:
        if "when" in parameter:
            when = parameter["when"]
            space.add(ConfigSpace.InCondition(space[parameter["name"]], space[when["parameter"]], list(when["values"])))
    return space


def _declared(parameter: Spec) -> Any:
    name = parameter["name"]
    if parameter["kind"] == "categorical":
        return ConfigSpace.Categorical(name, list(parameter["values"]))
    declare = ConfigSpace.Integer if parameter["kind"] == "integer" else ConfigSpace.Float
    return declare(name, (parameter["low"], parameter["high"]), log=parameter["log"])


def start(problem: Spec, _: str, seed: int) -> Player:
    """A new facade."""
    if problem["constraints"]:
        raise Unable("no constraints on outcomes")
    if problem["context"]:
        raise Unable("no way to fix parameters in a call")
    return Smac(problem, seed)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(start)

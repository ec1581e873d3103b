"""OSS Vizier as a player; runs in an environment of its own.

Its default algorithm, GP-UCB-PE, as a designer that is asked and updated, without a server. It takes several
objectives; constraints, conditions and fixed parameters it doesn't take. It recommends the best measurement.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import Any

import jax  # type: ignore[import-not-found, unused-ignore]
from vizier import algorithms as vza  # type: ignore[import-not-found, unused-ignore]
from vizier import pyvizier as vz  # type: ignore[import-not-found, unused-ignore]
from vizier._src.algorithms.designers.gp_ucb_pe import (  # type: ignore[import-not-found, unused-ignore]
    VizierGPUCBPEBandit,
)

from quality.conversation import INITIAL, Player, Spec, Unable, serve


class Vizier:
    """A designer."""

    def __init__(self, problem: Spec, seed: int) -> None:
        self.problem = problem
        statement = vz.ProblemStatement()
        for name in problem["objectives"]:
            statement.metric_information.append(vz.MetricInformation(name=name, goal=vz.ObjectiveMetricGoal.MINIMIZE))
        for parameter in problem["parameters"]:
            _declare(statement.search_space.root, parameter)
        self.designer = VizierGPUCBPEBandit(statement, num_seed_trials=INITIAL, rng=jax.random.PRNGKey(seed))
        self.number = 0

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        self.number += 1
        (suggestion,) = self.designer.suggest(1)
        self.trial = suggestion.to_trial(self.number)
        point = self.trial.parameters.as_dict()
        return {
            one["name"]: int(point[one["name"]]) if one["kind"] == "integer" else point[one["name"]]
            for one in self.problem["parameters"]
        }

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """See ``Player``."""
        self.trial.complete(vz.Measurement({name: outcomes[name] for name in self.problem["objectives"]}))
        self.designer.update(vza.CompletedTrials([self.trial]), vza.ActiveTrials())

    def recommend(self) -> None:
        """See ``Player``."""


def _declare(root: Any, parameter: Spec) -> None:
    name = parameter["name"]
    if parameter["kind"] == "categorical":
        root.add_categorical_param(name, parameter["values"])
        return
    scale = vz.ScaleType.LOG if parameter["log"] else vz.ScaleType.LINEAR
    add = root.add_int_param if parameter["kind"] == "integer" else root.add_float_param
    add(name, parameter["low"], parameter["high"], scale_type=scale)


def start(problem: Spec, _: str, seed: int) -> Player:
    """A new designer."""
    if problem["constraints"]:
        raise Unable("no constraints on outcomes")
    if problem["context"]:
        raise Unable("no way to fix parameters in a call")
    if any("when" in parameter for parameter in problem["parameters"]):
        raise Unable("the default algorithm takes flat spaces only")
    return Vizier(problem, seed)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    serve(start)

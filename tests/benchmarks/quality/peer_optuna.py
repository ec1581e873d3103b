"""Optuna as a player; runs in an environment of its own. Algorithms: tpe, gp.

Asked and told as its documentation shows, with its own defaults but for the number of first points. A
context is a fixed parameter (``PartialFixedSampler``), constraints go by ``constraints_func``, parameters that
don't always exist are simply not asked for. Optuna recommends the trial with the best measurement.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna  # type: ignore[import-not-found, unused-ignore]

from quality.conversation import INITIAL, Player, Spec, Unable, exists, serve

SAMPLERS = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}


class Optuna:
    """A study that is asked and told."""

    def __init__(self, problem: Spec, algorithm: str, seed: int) -> None:
        self.problem = problem
        options: dict[str, Any] = {"n_startup_trials": INITIAL, "seed": seed}
        if problem["constraints"]:
            options["constraints_func"] = _constraints
        self.sampler = SAMPLERS[algorithm](**options)
        directions = ["minimize"] * len(problem["objectives"])
        self.study = optuna.create_study(sampler=self.sampler, directions=directions)

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        if context:
            self.study.sampler = optuna.samplers.PartialFixedSampler(dict(context), self.sampler)
        self.trial = self.study.ask()
        for parameter in self.problem["context"]:
            self._value(parameter)
        point: dict[str, Any] = {}
        for parameter in self.problem["parameters"]:
            if exists(parameter, point):
                point[parameter["name"]] = self._value(parameter)
        return point

    def _value(self, parameter: Spec) -> Any:
        name = parameter["name"]
        if parameter["kind"] == "categorical":
            return self.trial.suggest_categorical(name, parameter["values"])
        suggest = self.trial.suggest_int if parameter["kind"] == "integer" else self.trial.suggest_float
        return suggest(name, parameter["low"], parameter["high"], log=parameter["log"])

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """See ``Player``."""
        self.trial.set_user_attr("constraints", [outcomes[name] for name in self.problem["constraints"]])
        self.study.tell(self.trial, [outcomes[name] for name in self.problem["objectives"]])

    def recommend(self) -> None:
        """See ``Player``."""


def _constraints(trial: Any) -> Sequence[float]:
    return list(trial.user_attrs["constraints"])


def start(problem: Spec, algorithm: str, seed: int) -> Player:
    """A new study. The sampler of Gaussian processes draws parameters that don't always exist at random."""
    if algorithm == "gp" and any("when" in parameter for parameter in problem["parameters"]):
        raise Unable("GPSampler doesn't support dynamic search spaces")
    return Optuna(problem, algorithm, seed)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    serve(start)

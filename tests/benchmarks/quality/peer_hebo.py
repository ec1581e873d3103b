"""HEBO as a player; runs in an environment of its own.

Used as its documentation shows: ``HEBO`` for one objective, ``GeneralBO`` where there are constraints or several
objectives, a context by ``fix_input``. It recommends the point with the best measurement.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from hebo.design_space.design_space import DesignSpace  # type: ignore[import-not-found, unused-ignore]
from hebo.optimizers.general import GeneralBO  # type: ignore[import-not-found, unused-ignore]
from hebo.optimizers.hebo import HEBO  # type: ignore[import-not-found, unused-ignore]

from quality.conversation import INITIAL, Player, Spec, Unable, serve

KINDS = {("float", False): "num", ("float", True): "pow", ("integer", False): "int", ("integer", True): "pow_int"}


class Hebo:
    """One of its optimizers, observed as it is asked."""

    def __init__(self, problem: Spec, seed: int) -> None:
        np.random.seed(seed)  # what its search draws from
        torch.manual_seed(seed)
        self.problem = problem
        space = DesignSpace().parse([_declared(one) for one in (*problem["parameters"], *problem["context"])])
        several = len(problem["objectives"])
        if several > 1 or problem["constraints"]:
            self.optimizer = GeneralBO(
                space, num_obj=several, num_constr=len(problem["constraints"]), rand_sample=INITIAL
            )
        else:
            self.optimizer = HEBO(space, rand_sample=INITIAL, scramble_seed=seed)

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        self.row = self.optimizer.suggest(n_suggestions=1, fix_input=dict(context) or None)
        return {one["name"]: self.row.iloc[0][one["name"]] for one in self.problem["parameters"]}

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """See ``Player``."""
        names = (*self.problem["objectives"], *self.problem["constraints"])
        self.optimizer.observe(self.row, np.array([[outcomes[name] for name in names]]))

    def recommend(self) -> None:
        """See ``Player``."""


def _declared(parameter: Spec) -> dict[str, Any]:
    if parameter["kind"] == "categorical":
        return {"name": parameter["name"], "type": "cat", "categories": list(parameter["values"])}
    kind = KINDS[parameter["kind"], parameter["log"]]
    return {"name": parameter["name"], "type": kind, "lb": parameter["low"], "ub": parameter["high"]}


def start(problem: Spec, _: str, seed: int) -> Player:
    """A new optimizer."""
    if any("when" in parameter for parameter in problem["parameters"]):
        raise Unable("a design space has no parameters that don't always exist")
    return Hebo(problem, seed)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    serve(start)

"""Problems and runs whose scores can be told by looking at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quality.comparison import Played
from quality.problem import Float, Outcomes, Point, Problem, Situation
from quality.scores import Score

LEAST = 1.0  # of every problem here


def bowl(point: Point, _: Situation) -> Outcomes:
    """Its least value is 1, at 0.5."""
    return {"loss": LEAST + (float(point["x"]) - 0.5) ** 2}


def a_problem(name: str = "bowl", **fields: Any) -> Problem:
    """One number is tuned; regret below 0.01 is no difference."""
    given = {"family": "bowls", "best": LEAST, "resolution": 0.01, "trials": 3, **fields}
    return Problem(name, name.capitalize(), parameters=(Float("x", 0.0, 1.0),), outcomes=bowl, **given)


def a_run(*true: Outcomes, seed: int = 0, **fields: Any) -> dict[str, Any]:
    """As ``play`` keeps it; measured as it is unless it is said otherwise."""
    return {"seed": seed, "true": list(true), "measured": list(true), "seconds": [0.5] * len(true), **fields}


def losses(*values: float) -> list[Outcomes]:
    """The outcomes of trials."""
    return [{"loss": value} for value in values]


def a_score(final: float, seconds: Sequence[float] = (0.5,)) -> Score:
    """A run that ended with this regret, in one trial."""
    return Score(np.array([final]), final, final, final, np.array(seconds))


def finished(*finals: float) -> Played:
    """Runs with these regrets, by seed from 0."""
    return Played({seed: a_score(final) for seed, final in enumerate(finals)})

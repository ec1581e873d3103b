"""Points that are good in several conditions at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.outcomes import Robustness
from trimtab_service.domain.space import Float
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.encoding import Rows
from trimtab_service.optimizers.gp_posterior import Posterior
from trimtab_service.optimizers.gp_robust import MOST_PENDING
from trimtab_service.optimizers.incumbent import incumbent

# Not representable along the scale to all digits, so that what comes back must be the declared value itself.
LOADS = (0.1, 0.3, 0.7)
LINE = Problem("line", (Float("x", 0.0, 1.0),), context=(Float("load", 0.0, 1.1),))


def study(share: float, weights: tuple[float, ...] = ()) -> Study:
    """To be good under each load."""
    made = LINE.study("gp", 3)
    conditions = tuple({"load": load} for load in LOADS)
    return replace(made, spec=replace(made.spec, robustness=Robustness(conditions, weights, share)))


def loss(x: float, load: float) -> float:
    """Best at the load itself, and costlier under a large one."""
    return (1.0 + load) * (x - load) ** 2


def tuned(made: Study, count: int) -> list[Trial]:
    """Trials as the optimizer wants them; the first ones in turns, as a server chooses them."""
    chosen, trials = optimizer(made.algorithm), list[Trial]()
    for number in range(count):
        past = history_of(trials)
        (one,) = chosen.suggest(made, past, {}, 1, generator(made, past))
        context = one.context or {"load": LOADS[number % 3]}
        value = loss(float(one.parameters["x"]), float(context["load"]))
        trials.append(trial(1, one.parameters, TrialState.COMPLETED, Measurement(value), context))
    return trials


@pytest.mark.parametrize(
    ("share", "weights"), [(1.0, ()), (1.0, (8.0, 1.0, 1.0)), (0.2, ())], ids=["mean", "weighted", "worst"]
)
def test_the_best_over_all_conditions_is_found(share: float, weights: tuple[float, ...]) -> None:
    """Within a few trials, whatever counts; and what is expected of it is what it has."""
    made = study(share, weights)
    trials = tuned(made, 18)
    grid = np.linspace(0.0, 1.0, 2_001)
    table = np.stack([[loss(x, load) for load in LOADS] for x in grid])
    counted = table.max(axis=1) if share < 1.0 else np.average(table, axis=1, weights=weights or None)
    found = incumbent(made, history_of(trials), {})
    assert float(found.parameters["x"]) == pytest.approx(grid[counted.argmin()], abs=0.05)
    assert found.mean == pytest.approx(counted.min(), abs=0.02)
    assert all(one.context["load"] in LOADS for one in trials)


def test_a_batch_is_spread() -> None:
    """Pending trials count, and so do the points of the same call."""
    made = study(1.0)
    past = history_of(tuned(made, 9))
    points = optimizer(made.algorithm).suggest(made, past, {}, 4, generator(made, past))
    places = {(one.parameters["x"], one.context["load"]) for one in points if one.context is not None}
    assert len(places) == 4


def test_what_fails_in_one_condition_is_not_good_in_all() -> None:
    """Neither tried again and again nor recommended, though it would be the best one where it works."""
    made = study(1.0)
    chosen, trials = optimizer(made.algorithm), list[Trial]()
    for number in range(20):
        past = history_of(trials)
        (one,) = chosen.suggest(made, past, {}, 1, generator(made, past))
        context = one.context or {"load": LOADS[number % 3]}
        x, load = float(one.parameters["x"]), float(context["load"])
        fails = load == LOADS[2] and x > 0.3  # the best mean is at 0.42
        state = TrialState.FAILED if fails else TrialState.COMPLETED
        trials.append(trial(1, one.parameters, state, None if fails else Measurement(loss(x, load)), context))
    best = float(incumbent(made, history_of(trials), {}).parameters["x"])
    assert max(float(one.parameters["x"]) for one in trials[-6:]) < 0.35
    assert 0.2 < best <= 0.3


def test_points_of_the_same_call_are_taken_for_granted_in_a_bounded_number_of_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many conditions there are in which they may be measured; each point in some."""
    made = study(1.0)
    conditions = tuple({"load": index / 40.0} for index in range(40))
    made = replace(made, spec=replace(made.spec, robustness=Robustness(conditions)))
    rng = np.random.default_rng(0)
    trials = [
        trial(1, {"x": x}, TrialState.COMPLETED, Measurement(loss(x, 0.5)), {"load": 0.5})
        for x in rng.random(6).tolist()
    ]
    past, given, original = history_of(trials), list[Rows](), Posterior.given

    def spied(posterior: Posterior, points: Rows, normal: Rows) -> Posterior:
        given.append(points)
        return original(posterior, points, normal)

    monkeypatch.setattr(Posterior, "given", spied)
    chosen = optimizer(replace(made, algorithm=replace(made.algorithm, options={"initial_trials": 12})).algorithm)
    assert len(chosen.suggest(made, past, {}, 7, generator(made, past))) == 7
    assert [len(points) for points in given] == [MOST_PENDING]
    assert len(np.unique(given[0][:, 0])) == 6

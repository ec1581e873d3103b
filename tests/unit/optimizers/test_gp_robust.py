"""Points that are good in several conditions at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contract.optimizers.problems import Problem, history_of, trial
from trimtab_service.domain.errors import SpaceExhausted
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.outcomes import Robustness
from trimtab_service.domain.space import Categorical, Float, Integer
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Source, Suggested, Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.gp_robust import REPEATED, UNCERTAIN
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


STEPS = Problem("steps", (Integer("k", 0, 7),), context=(Categorical("day", ("x", "y")),))


def stepped(**options: bool) -> Study:
    """To be good on both days, with sixteen trials to make."""
    made = STEPS.study("gp", 1, **options)
    return replace(made, spec=replace(made.spec, robustness=Robustness(({"day": "x"}, {"day": "y"}))))


def gone_on(made: Study, trials: list[Trial], count: int) -> list[Suggested]:
    """As many suggestions, observed one by one."""
    answers = list[Suggested]()
    for _ in range(count):
        past = history_of(trials)
        answers += optimizer(made.algorithm).suggest(made, past, {}, 1, generator(made, past))
        one = answers[-1]
        value = (float(one.parameters["k"]) - 3.0) ** 2 / 10.0
        trials.append(trial(1, one.parameters, TrialState.COMPLETED, Measurement(value), one.context))
    return answers


def pair(one: Suggested | Trial) -> tuple[object, object]:
    """What is tried, and in which condition."""
    return one.parameters["k"], (one.context or {})["day"]


def test_no_point_is_measured_in_a_condition_again_while_there_are_new_pairs() -> None:
    """Neither of the design nor of the model; after that the best ones are, and are said to be repeats."""
    made, trials = stepped(repeats=False), list[Trial]()
    answers = gone_on(made, trials, 18)
    assert len({pair(one) for one in answers[:16]}) == 16
    assert {one.source for one in answers[:16]} == {Source.INITIAL, Source.MODEL}
    assert [(one.source, one.detail) for one in answers[16:]] == [(Source.INCUMBENT, REPEATED)] * 2


def test_a_batch_holds_each_pair_once() -> None:
    """Those that are new come first, and there are as many as points times conditions, pending ones or not."""
    made, trials = stepped(repeats=False), list[Trial]()
    gone_on(made, trials, 7)
    trials.append(trial(1, {"k": 3}, TrialState.PENDING, None, {"day": "x"}))
    past, tried = history_of(trials), {pair(one) for one in trials} | {(3, "x")}
    answers = optimizer(made.algorithm).suggest(made, past, {}, 16, generator(made, past))
    new = 16 - len(tried)
    assert len({pair(one) for one in answers}) == 16
    assert not {pair(one) for one in answers[:new]} & tried
    assert {one.source for one in answers[new:]} == {Source.INCUMBENT}
    with pytest.raises(SpaceExhausted, match="8 points, to try in 2 conditions, and 17"):
        optimizer(made.algorithm).suggest(made, past, {}, 17, generator(made, past))


def test_the_design_covers_small_spaces_in_all_conditions() -> None:
    """A batch before anything is known, as large as can be."""
    made = stepped()
    past = history_of([trial(1, {"k": 3}, TrialState.PENDING, None, {"day": "x"})])
    first = optimizer(made.algorithm).suggest(made, past, {}, 15, generator(made, past))
    assert len({pair(one) for one in first} | {(3, "x")}) == 16
    assert {one.source for one in first} == {Source.INITIAL}


@pytest.mark.parametrize("repeats", [True, False])
def test_under_noise_the_most_promising_point_may_be_measured_again(repeats: bool) -> None:
    """Before others were, where that is wanted; it is said."""
    made = stepped(repeats=repeats)
    measured = [(3, day, value) for value in (-1.0, 0.5, 2.0) for day in ("x", "y")]
    measured += [(k, day, 5.0 + index % 2) for index, k in enumerate((0, 1, 2, 4, 5, 6)) for day in ("x", "y")]
    trials = [trial(1, {"k": k}, TrialState.COMPLETED, Measurement(value), {"day": day}) for k, day, value in measured]
    trials.append(trial(1, {"k": 7}, TrialState.COMPLETED, Measurement(5.5), {"day": "x"}))
    past = history_of(trials)
    (one,) = optimizer(made.algorithm).suggest(made, past, {}, 1, generator(made, past))
    if repeats:
        assert (one.parameters["k"], one.source, one.detail) == (3, Source.INCUMBENT, UNCERTAIN)
    else:
        assert (pair(one), one.source) == ((7, "y"), Source.MODEL)

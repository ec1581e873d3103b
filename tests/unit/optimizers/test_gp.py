"""When the Gaussian process is asked, and what it may answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from contract.optimizers.problems import PROBLEMS, SIX, Problem, history, history_of, trial, tried
from trimtab_service.domain.errors import InvalidArgument, SpaceExhausted
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Categorical, Float, Integer, Parameters
from trimtab_service.domain.suggestion import History, Source, Suggested, Trial, TrialState
from trimtab_service.optimizers import gp_question, gp_suggest
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.gp import GaussianProcess

DONE, FAILED, PENDING, ABANDONED = (TrialState[name] for name in ("COMPLETED", "FAILED", "PENDING", "ABANDONED"))
BY_NAME = {problem.name: problem for problem in PROBLEMS}
PLANE = Problem("plane", (Float("x", 0.0, 1.0), Float("y", 0.0, 1.0)))
GRID = Problem("grid", (Integer("n", 1, 3), Categorical("c", ("a", "b"))))


def suggest(
    problem: Problem, past: History, count: int = 1, initial_trials: int = 5, here: Parameters | None = None
) -> list[Suggested]:
    """What the Gaussian process says."""
    study = problem.study("gp")
    context = here or problem.here or {}
    optimizer = GaussianProcess(initial_trials)
    return list(optimizer.suggest(study, past, context, count, generator(study, past)))


def completed(points: list[dict[str, float]]) -> list[Trial]:
    """Measured on a bowl around (0.3, 0.7)."""
    return [trial(1, point, DONE, Measurement((point["x"] - 0.3) ** 2 + (point["y"] - 0.7) ** 2)) for point in points]


def spread(count: int, seed: int = 0) -> list[dict[str, float]]:
    """Points of the plane."""
    return [{"x": x, "y": y} for x, y in np.random.default_rng(seed).random((count, 2)).tolist()]


@pytest.mark.parametrize("initial_trials", [0, -1, 1_001])
def test_the_initial_design_has_a_sensible_size(initial_trials: int) -> None:
    """The field at fault is named."""
    with pytest.raises(InvalidArgument, match="initial_trials"):
        GaussianProcess(initial_trials)


def test_without_a_baseline_the_first_trial_is_the_centre() -> None:
    """And no other is."""
    first, second = suggest(PLANE, history_of([]), 2)
    assert (first.source, first.parameters) == (Source.INITIAL, {"x": 0.5, "y": 0.5})
    assert second.parameters != first.parameters


def test_the_initial_design_is_one_sequence() -> None:
    """Asked at once, or one by one: the same points."""
    at_once = [one.parameters for one in suggest(PLANE, history_of([]), 5)]
    past: list[Trial] = []
    for _ in range(5):
        past += [trial(1, one.parameters, PENDING) for one in suggest(PLANE, history_of(past))]
    assert [one.parameters for one in past] == at_once


def test_the_model_is_asked_after_the_initial_design() -> None:
    """From trial 6 on, or as the option says; a call may begin in one and end in the other."""
    past = completed(spread(4))
    assert [one.source for one in suggest(PLANE, history_of(past), 3)] == [Source.INITIAL, Source.MODEL, Source.MODEL]
    assert [one.source for one in suggest(PLANE, history_of(past), 1, initial_trials=4)] == [Source.MODEL]
    assert [one.source for one in suggest(PLANE, history_of(past), 1, initial_trials=9)] == [Source.INITIAL]


@pytest.mark.parametrize(
    ("states", "source"),
    [
        ([PENDING] * 8, Source.INITIAL),
        ([FAILED] * 8, Source.INITIAL),
        ([DONE, DONE] + [PENDING] * 6, Source.INITIAL),
        ([DONE, DONE, DONE] + [PENDING] * 5, Source.MODEL),
        ([DONE, FAILED, FAILED] + [ABANDONED] * 5, Source.MODEL),
    ],
)
def test_the_design_goes_on_while_too_little_is_measured(states: list[TrialState], source: Source) -> None:
    """A model of nothing isn't asked; a failure is a measurement, but not without one that worked."""
    past = [
        replace(one, state=state, observation=one.observation if state is DONE else None)
        for one, state in zip(completed(spread(8)), states, strict=True)
    ]
    assert [one.source for one in suggest(PLANE, history_of(past))] == [source]


def test_a_bowl_is_climbed_down() -> None:
    """Some trials after the design, the bottom is found."""
    past = completed(spread(5))
    for _ in range(10):
        (one,) = suggest(PLANE, history_of(past))
        past += completed([{name: float(value) for name, value in one.parameters.items()}])
    best = min(one.observation.measurements["loss"].mean for one in past if one.observation is not None)
    assert best < 1e-4


def test_what_is_maximized_is_climbed_up() -> None:
    """The same trials with the other goal lead elsewhere."""
    past = completed(spread(12))
    down = suggest(PLANE, history_of(past))[0].parameters
    problem = BY_NAME["binary"]
    up = suggest(problem, history_of(past))[0].parameters
    bowl = [(float(point["x"]) - 0.3) ** 2 + (float(point["y"]) - 0.7) ** 2 for point in (down, up)]
    assert bowl[0] < 0.05 < bowl[1]


def test_failures_push_the_search_away() -> None:
    """Where trials fail, the search stops going, though all that worked points there."""
    line = Problem("line", (Float("x", 0.0, 1.0),))
    worked = [trial(1, {"x": x}, DONE, Measurement(-x)) for x in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)]
    (towards,) = suggest(line, history_of(worked))
    assert float(towards.parameters["x"]) > 0.5
    failed = [trial(1, {"x": x}, FAILED) for x in (0.6, 0.7, 0.8, 0.9, 1.0)]
    (away,) = suggest(line, history_of([*worked, *failed]))
    assert float(away.parameters["x"]) < 0.6


def test_abandoned_trials_change_nothing() -> None:
    """But for the number of the trial, which seeds the draws; so they are put where numbers stay the same."""
    past = completed(spread(9))
    with_abandoned = [*past, *(trial(1, point, ABANDONED) for point in spread(3, seed=1))]
    shorter = replace(history_of(with_abandoned), trials=history_of(past).trials)
    assert suggest(PLANE, history_of(with_abandoned)) == suggest(PLANE, shorter)


def test_the_context_decides() -> None:
    """The best point moves with the context, and what is suggested moves along."""
    problem = Problem("moving", (Float("x", 0.0, 1.0),), context=(Float("where", 0.0, 1.0),))
    rng = np.random.default_rng(0)
    past = [
        trial(1, {"x": x}, DONE, Measurement((x - where) ** 2), {"where": where})
        for x, where in rng.random((30, 2)).tolist()
    ]
    for where in (0.2, 0.8):
        (one,) = suggest(problem, history_of(past), here={"where": where})
        assert float(one.parameters["x"]) == pytest.approx(where, abs=0.1)


def test_a_point_may_be_tried_again_in_another_context() -> None:
    """It is new there."""
    problem = Problem("switch", (Categorical("on", (False, True)),), context=(Integer("hour", 0, 23),))
    past = [trial(1, {"on": on}, DONE, Measurement(float(on)), {"hour": 3}) for on in (False, True)] * 3
    assert suggest(problem, history_of(past), here={"hour": 3})[0].source is Source.INCUMBENT
    assert suggest(problem, history_of(past), here={"hour": 4})[0].source is Source.MODEL


def test_every_point_of_a_finite_space_is_tried_once_before_any_twice() -> None:
    """Then the best one is measured again, and labelled so."""
    past: list[Trial] = []
    for number in range(9):
        (one,) = suggest(GRID, history_of(past))
        again = one.parameters in [old.parameters for old in past]
        assert again is (number >= 6)
        assert (one.source is Source.INCUMBENT) is again
        loss = float(one.parameters["n"]) + (one.parameters["c"] == "b")
        past.append(trial(1, one.parameters, DONE, Measurement(loss)))
    assert past[-1].parameters == {"n": 1, "c": "a"}


def test_only_failures_in_a_finite_space_are_repeated_in_turn() -> None:
    """With nothing to go by, the design goes round."""
    past = [trial(1, point, FAILED) for point in GRID.study("gp").spec.space.points()]
    assert len(suggest(GRID, history_of(past), 6)) == 6


def test_one_call_never_gives_a_point_twice() -> None:
    """All six points of a space at once, or an error for seven."""
    for past in ([], completed([]), [trial(1, {"n": 1, "c": "a"}, DONE, Measurement(1.0))] * 7):
        points = [one.parameters for one in suggest(GRID, history_of(past), 6)]
        assert all(point not in points[:index] for index, point in enumerate(points))
        with pytest.raises(SpaceExhausted, match="6 points"):
            suggest(GRID, history_of(past), 7)


def test_no_point_is_suggested_twice_in_a_large_finite_space() -> None:
    """One too large to look at every point, with the best region tried already."""
    problem = BY_NAME["finite_and_large"]
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.integers(0, 100, (10, 4)), rng.integers(0, 2, (100, 4))])
    past = [
        trial(1, {f"n{index}": int(value) for index, value in enumerate(row)}, DONE, Measurement(float(row.sum())))
        for row in rows
    ]
    (one,) = suggest(problem, history_of(past))
    assert one.parameters not in [old.parameters for old in past]
    assert one.source is Source.MODEL


def test_every_fifth_trial_exploits_where_measurements_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where they are noisy, nor while other trials are pending."""
    used: list[str] = []
    for name in ("ExpectedGain", "LogNoisyExpectedImprovement"):
        original = getattr(gp_question, name)

        def spied(*arguments: object, original: type = original) -> object:
            used.append(original.__name__)
            return original(*arguments)

        monkeypatch.setattr(gp_question, name, spied)
    exact = completed(spread(29))
    rng = np.random.default_rng(1)
    twice = [*exact[:15], *exact[:14]]  # that one point has two values can only be noise
    noisy = [trial(1, one.parameters, DONE, Measurement(float(rng.standard_normal()))) for one in twice]
    pending = [*exact[:-1], trial(1, {"x": 0.1, "y": 0.1}, PENDING)]
    for past in (exact, exact[:-1], noisy, pending):
        suggest(PLANE, history_of(past))
    assert used == ["ExpectedGain", *["LogNoisyExpectedImprovement"] * 3]


def test_a_history_is_thinned_before_a_model_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model sees a bounded number of rows, and as many pending points at most."""
    monkeypatch.setattr(gp_suggest, "MOST_ROWS", 20)
    monkeypatch.setattr(gp_question, "MOST_PENDING", 5)
    past = [*completed(spread(40)), *(trial(1, point, PENDING) for point in spread(30, seed=2))]
    (one,) = suggest(PLANE, history_of(past))
    assert one.source is Source.MODEL


def test_pending_points_in_another_context_are_no_rivals() -> None:
    """What is tried elsewhere says what is known there, and isn't something to improve on here."""
    problem = BY_NAME["context"]
    past = list(history(problem, "completed").trials)
    elsewhere: Parameters = {"load": 90.0, "tenant": "north", "hour": 20}
    past += [trial(1, point, PENDING, None, elsewhere) for point in tried(problem, 4, seed=8)]
    (one,) = suggest(problem, history_of(past))
    assert one.source is Source.MODEL


def test_a_batch_spreads() -> None:
    """Points of one call keep a distance that a repeated argmax wouldn't."""
    problem = Problem("six", SIX)
    points = [list(one.parameters.values()) for one in suggest(problem, history(problem, "completed"), 4)]
    rows = np.array(points, dtype=float)
    distances = np.abs(rows[:, None] - rows[None]).max(axis=2) + np.eye(4) * 100
    assert distances.min() > 0.05

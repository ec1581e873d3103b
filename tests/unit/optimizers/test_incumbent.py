"""The best parameters known."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from contract.optimizers.problems import KINDS, PROBLEMS, Problem, history, history_of, trial
from trimtab_service.domain.errors import NoIncumbent
from trimtab_service.domain.metric import Goal
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.space import Float
from trimtab_service.domain.suggestion import Incumbent, Source, TrialState
from trimtab_service.optimizers import incumbent as module
from trimtab_service.optimizers.catalog import CATALOG
from trimtab_service.optimizers.incumbent import incumbent

DONE, FAILED = TrialState.COMPLETED, TrialState.FAILED
LINE = Problem("line", (Float("x", 0.0, 1.0),))
BY_NAME = {problem.name: problem for problem in PROBLEMS}


def noisy_bowl(goal: Goal = Goal.MINIMIZE) -> tuple[Problem, list[float], list[float]]:
    """Trials of a bowl with its bottom, 10, at 0.5, under noise; one far away was very lucky."""
    rng = np.random.default_rng(0)
    places = np.linspace(0.0, 1.0, 41)
    costs = 10.0 + 8.0 * (places - 0.5) ** 2 + 0.2 * rng.standard_normal(41)
    costs[2] = 9.0
    sign = 1.0 if goal is Goal.MINIMIZE else -1.0
    return Problem("noisy", LINE.parameters, goal=goal), places.tolist(), (sign * costs).tolist()


@pytest.mark.parametrize("goal", list(Goal))
def test_the_luckiest_measurement_does_not_win(goal: Goal) -> None:
    """The model knows the neighbours of a lucky point, and trusts them more."""
    problem, places, values = noisy_bowl(goal)
    past = history_of(trial(1, {"x": x}, DONE, Measurement(y)) for x, y in zip(places, values, strict=True))
    found = incumbent(problem.study("random"), past, {})
    assert found.source is Source.INCUMBENT
    assert float(found.parameters["x"]) == pytest.approx(0.5, abs=0.15)
    assert found.mean == pytest.approx(problem.study("gp").spec.objective.sign * 10.0, abs=0.2)
    assert found.standard_error == pytest.approx(0.1, abs=0.08)
    assert found.number is not None
    assert past.trials[found.number - 1].parameters == found.parameters


@pytest.mark.parametrize("baseline", [None, {"x": 0.25}])
@pytest.mark.parametrize("states", [[], [FAILED, TrialState.PENDING, TrialState.ABANDONED]])
def test_with_nothing_measured_the_baseline_is_all_that_is_known(
    baseline: dict[str, float] | None, states: list[TrialState]
) -> None:
    """Nothing is known of it either; without one there is no answer."""
    problem = Problem("line", LINE.parameters, baseline=baseline)
    past = history_of(trial(1, {"x": 0.5}, state) for state in states)
    if baseline is None:
        with pytest.raises(NoIncumbent, match="baseline"):
            incumbent(problem.study("gp"), past, {})
    else:
        assert incumbent(problem.study("gp"), past, {}) == Incumbent(baseline, Source.BASELINE)


def test_one_measurement_is_the_best_one() -> None:
    """And what is expected of it is about what was measured."""
    found = incumbent(LINE.study("gp"), history_of([trial(1, {"x": 0.4}, DONE, Measurement(7.0))]), {})
    assert (found.parameters, found.number) == ({"x": 0.4}, 1)
    assert found.mean == pytest.approx(7.0)


def test_the_better_of_two_measurements_wins() -> None:
    """Nothing speaks for the other."""
    trials = [trial(1, {"x": 0.2}, DONE, Measurement(7.0)), trial(1, {"x": 0.8}, DONE, Measurement(3.0))]
    found = incumbent(LINE.study("gp"), history_of(trials), {})
    assert (found.parameters, found.number) == ({"x": 0.8}, 2)
    assert found.mean is not None
    assert 3.0 <= found.mean <= 5.0


def test_many_measurements_beat_one() -> None:
    """Given standard errors, a slightly worse mean of many beats a lucky one of few."""
    trials = [
        trial(1, {"x": 0.1}, DONE, Measurement(1.0, 1_000, 0.01)),
        trial(1, {"x": 0.9}, DONE, Measurement(0.9, 1, 5.0)),
    ]
    trials += [trial(1, {"x": 0.88}, DONE, Measurement(3.0, 1_000, 0.01))]
    found = incumbent(LINE.study("gp"), history_of(trials), {})
    assert found.number == 1


def test_a_failure_is_never_the_incumbent() -> None:
    """It doesn't work there."""
    trials = [trial(1, {"x": 0.5}, FAILED)] * 5 + [trial(1, {"x": 0.1}, DONE, Measurement(100.0))]
    assert incumbent(LINE.study("gp"), history_of(trials), {}).parameters == {"x": 0.1}


def test_the_incumbent_depends_on_the_context() -> None:
    """Of what was tried anywhere, the best here; without a context, the best where it was tried."""
    problem = Problem("moving", LINE.parameters, context=(Float("where", 0.0, 1.0),))
    rng = np.random.default_rng(0)
    trials = [
        trial(1, {"x": x}, DONE, Measurement((x - where) ** 2 + where), {"where": where})
        for x, where in rng.random((40, 2)).tolist()
    ]
    study = problem.study("gp")
    for where in (0.2, 0.8):
        found = incumbent(study, history_of(trials), {"where": where})
        assert float(found.parameters["x"]) == pytest.approx(where, abs=0.1)
    found = incumbent(study, history_of(trials), {})
    assert found.number is not None
    assert float(trials[found.number - 1].context["where"]) < 0.1


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("only") and kind != "empty"])
@pytest.mark.parametrize("algorithm", sorted(CATALOG))
def test_there_is_one_for_every_algorithm_and_history(algorithm: str, kind: str, problem: Problem) -> None:
    """A completed trial with finite numbers, the same one each time, and no argument is changed."""
    study, past = problem.study(algorithm), history(problem, kind)
    before = copy.deepcopy((study, past))
    found = incumbent(study, past, problem.here or {})
    assert found.number is not None
    assert past.trials[found.number - 1].state is DONE
    assert found.mean is not None
    assert found.standard_error is not None
    assert np.isfinite([found.mean, found.standard_error]).all()
    assert (study, past) == before


def test_the_cost_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the history, a model of a bounded number of trials is made; the best stays among them."""
    monkeypatch.setattr(module, "MOST_ROWS", 30)
    rng = np.random.default_rng(0)
    trials = [trial(1, {"x": x}, DONE, Measurement((x - 0.5) ** 2)) for x in rng.random(500).tolist()]
    found = incumbent(LINE.study("gp"), history_of(trials), {})
    assert float(found.parameters["x"]) == pytest.approx(0.5, abs=0.02)


def test_what_mostly_fails_is_not_recommended() -> None:
    """Though it was the best one, once; and nothing is to be gained where trials fail."""
    places = np.linspace(0.3, 1.0, 15).tolist()
    trials = [trial(1, {"x": x}, DONE, Measurement(x)) for x in [0.1, *places]]
    lucky = history_of([*trials, *(trial(1, {"x": 0.1}, FAILED) for _ in range(10))])
    assert incumbent(LINE.study("gp"), lucky, {}).parameters == {"x": 0.3}
    walled = history_of([*trials[1:], *(trial(1, {"x": x}, FAILED) for x in np.linspace(0.0, 0.29, 12).tolist())])
    open_gain = incumbent(LINE.study("gp"), history_of(trials[1:]), {}).expected_gain
    walled_gain = incumbent(LINE.study("gp"), walled, {}).expected_gain
    assert open_gain is not None
    assert walled_gain is not None
    assert walled_gain < 0.2 * open_gain

"""The laws of every optimizer hold for every acquisition function that the Gaussian process may be asked for."""

from __future__ import annotations

import copy
import pickle
import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from contract.optimizers.all_problems import PROBLEMS
from contract.optimizers.answers import Call
from contract.optimizers.problems import Problem, cost, history, history_of, trial
from contract.optimizers.test_optimizers import in_fresh_process
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.optimizers.acquisitions import ACQUISITIONS, DEFAULT

EXAMPLES = {
    "six_floats": "exact",
    "one_value": "completed",
    "finite_and_large": "errors_known",
    "mixed": "all_states",
    "context": "all_states",
    "conditional": "all_states",
    "a_narrow_strip": "completed",
    "twenty_parts": "completed",
    "beliefs": "huge_costs",
    "all_fixed": "completed",
    "a_branch_is_fixed": "all_states",
}
BY_NAME = {problem.name: problem for problem in PROBLEMS}
every_acquisition = pytest.mark.parametrize("acquisition", [name for name in ACQUISITIONS if name != DEFAULT])
every_problem = pytest.mark.parametrize("problem", [BY_NAME[name] for name in EXAMPLES], ids=lambda one: one.name)


def call(acquisition: str, problem: Problem, kind: str, count: int) -> Call:
    """A call of the Gaussian process with this option."""
    past = replace(history(problem, kind), fixed=problem.fixed)
    return Call(problem.study("gp", acquisition=acquisition), past, problem.here or {}, count)


@every_problem
@every_acquisition
def test_points_are_legal_and_new(acquisition: str, problem: Problem) -> None:
    """Three points of the space with what is fixed, no two the same; of a continuum, none that is at work."""
    count = min(3, problem.size or 3)
    one = call(acquisition, problem, EXAMPLES[problem.name], count)
    points = [suggested.parameters for suggested in one.answer()]
    assert len(points) == count
    for index, point in enumerate(points):
        checked = problem.space.check(point)
        assert list(point.items()) == list(checked.items())
        assert {name: checked[name] for name in problem.fixed} == problem.fixed
        assert point not in points[:index]
    if problem.roomy:
        pending = [trial(1, point, TrialState.PENDING, None, problem.here) for point in points]
        past = replace(history_of([*one.history.trials, *pending]), fixed=problem.fixed)
        (again,) = replace(one, history=past, count=1).answer()
        assert again.parameters not in points


def test_the_same_snapshot_has_the_same_answer_in_a_fresh_process() -> None:
    """No global generator is asked and none is changed, nor are the arguments."""
    names = ("six_floats", "conditional")
    calls = [call(one, BY_NAME[name], EXAMPLES[name], 2) for one in ACQUISITIONS for name in names]
    before = copy.deepcopy(calls)
    states = (random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().tolist())
    answers = [one.answer() for one in calls]
    assert (random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state().tolist()) == states
    assert calls == before
    assert in_fresh_process(calls) == answers


@every_acquisition
def test_failures_are_kept_away_from(acquisition: str) -> None:
    """Where trials fail on one side of the space, most of those asked for are on the other."""
    problem = Problem("half", BY_NAME["six_floats"].parameters[:2])
    rng = np.random.default_rng(2)
    past = []
    for x0, x1 in rng.uniform(-5.0, 10.0, (24, 2)):
        point = {"x0": float(x0), "x1": float(x1)}
        works = x0 < 2.0
        state = TrialState.COMPLETED if works else TrialState.FAILED
        past.append(trial(1, point, state, Measurement(-float(x0) + 0.1 * float(x1)) if works else None))
    study = problem.study("gp", acquisition=acquisition)
    answer = Call(study, history_of(past), {}, 4).answer()
    assert sum(float(one.parameters["x0"]) < 5.0 for one in answer) >= 3


@every_acquisition
def test_the_least_of_a_bowl_is_found(acquisition: str) -> None:
    """Within 20 trials of two parameters the best one is far better than the best of 20 random ones."""
    problem = Problem("bowl", BY_NAME["six_floats"].parameters[:2])
    found = [_least(problem, "gp", seed, acquisition=acquisition) for seed in (1, 2, 3)]
    at_random = [_least(problem, "random", seed) for seed in (1, 2, 3)]
    assert np.median(found) < 0.1 * np.median(at_random)


def _least(problem: Problem, algorithm: str, seed: int, **options: str) -> float:
    study = problem.study(algorithm, seed, **options)
    past: list[Trial] = []
    least = np.inf
    for _ in range(20):
        (one,) = Call(study, history_of(past), {}, 1).answer()
        value = sum((float(x) - 3.7) ** 2 for x in one.parameters.values())
        past.append(trial(1, one.parameters, TrialState.COMPLETED, Measurement(value)))
        least = min(least, value)
    return float(least)


@every_acquisition
def test_the_context_counts(acquisition: str) -> None:
    """With measurements in two contexts, what is asked for in each goes to where it is better there."""
    problem = replace(BY_NAME["context"], here={"load": 12.5, "tenant": "south", "hour": 7})
    assert problem.here is not None
    rng = np.random.default_rng(5)
    past = []
    for x in rng.random(30):
        tenant = "north" if rng.random() < 0.5 else "south"
        point = {"x": float(x), "n": int(rng.integers(1, 64))}
        value = abs(float(x) - (0.2 if tenant == "north" else 0.8)) + 0.01 * cost(point)
        past.append(trial(1, point, TrialState.COMPLETED, Measurement(value), {**problem.here, "tenant": tenant}))
    study = problem.study("gp", acquisition=acquisition)
    (north,) = Call(study, history_of(past), {**problem.here, "tenant": "north"}, 1).answer()
    (south,) = Call(study, history_of(past), {**problem.here, "tenant": "south"}, 1).answer()
    assert float(north.parameters["x"]) < 0.5 < float(south.parameters["x"])

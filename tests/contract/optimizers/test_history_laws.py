"""What every optimizer keeps to in studies that drift, borrow, fail, or are to be good in several conditions."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from contract.optimizers.answers import Call
from contract.optimizers.problems import NOW, PROBLEMS, Problem, cost, history_of, trial, tried
from trimtab_service.domain.observation import Measurement
from trimtab_service.domain.outcomes import Robustness
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Related, Source, Trial, TrialState
from trimtab_service.optimizers.catalog import CATALOG

BY_NAME = {problem.name: problem for problem in PROBLEMS}
every_algorithm = pytest.mark.parametrize("algorithm", sorted(CATALOG))
several_problems = pytest.mark.parametrize("name", ["six_floats", "mixed", "discrete", "context", "categorical"])


def measured(problem: Problem, count: int = 10, seed: int = 3) -> History:
    """Completed trials, one a day."""
    trials = [
        replace(
            trial(1, point, TrialState.COMPLETED, Measurement(cost(point), 1 + day % 3), problem.here),
            complete_time=NOW + timedelta(days=day),
        )
        for day, point in enumerate(tried(problem, count, seed))
    ]
    return history_of(trials)


def answered(study: Study, history: History, problem: Problem, count: int = 2) -> list[object]:
    """Legal points, the same ones twice, with no argument changed."""
    call = Call(study, history, {} if study.spec.robustness else problem.here or {}, count)
    before = copy.deepcopy(call)
    points = call.answer()
    assert [study.spec.space.check(one.parameters) for one in points] == [one.parameters for one in points]
    assert len(points) == count
    assert call == before
    assert call.answer() == points
    return [one.context for one in points]


@several_problems
@every_algorithm
def test_a_drifting_study_gets_points(algorithm: str, name: str) -> None:
    """Legal ones, and the same ones at any time: age is told by the history alone."""
    problem = BY_NAME[name]
    study = problem.study(algorithm)
    study = replace(study, spec=replace(study.spec, half_life=timedelta(days=2)))
    assert answered(study, measured(problem), problem) == [None, None]


@several_problems
@every_algorithm
def test_related_studies_never_lead_outside(algorithm: str, name: str) -> None:
    """Whatever their space, and however large their numbers are."""
    problem = BY_NAME[name]
    study = problem.study(algorithm)
    strange = history_of(
        trial(1, point, TrialState.COMPLETED, Measurement(1e300 * (-1) ** index), problem.here)
        for index, point in enumerate(tried(problem, 8, seed=9))
    )
    others = (
        Related(study, measured(problem, 20, seed=5)),
        Related(study, strange),
        Related(BY_NAME["one_float"].study(algorithm), measured(BY_NAME["one_float"])),
    )
    for own in (History((), 1, 0, 0), measured(problem)):
        answered(study, replace(own, related=others), problem)


@pytest.mark.parametrize("share", [0.3, 1.0])
@every_algorithm
def test_a_robust_study_gets_conditions_of_its_own(algorithm: str, share: float) -> None:
    """Where an optimizer chooses the condition, it is one of those that were declared."""
    problem = BY_NAME["context"]
    study = problem.study(algorithm)
    assert problem.here is not None
    conditions = tuple({**problem.here, "hour": hour, "load": 4.0 * hour} for hour in (0, 7, 23))
    spec = replace(study.spec, robustness=Robustness(conditions, (1.0, 2.0, 1.0), share))
    trials = [replace(one, context=conditions[index % 3]) for index, one in enumerate(measured(problem, 9).trials)]
    pending = replace(trials[0], state=TrialState.PENDING, observation=None)
    found = answered(replace(study, spec=spec), history_of([*trials, pending]), problem, 3)
    assert all(context is None or context in conditions for context in found)


@several_problems
@every_algorithm
def test_many_failures_are_survived(algorithm: str, name: str) -> None:
    """More than of anything else, and at points that also worked."""
    problem = BY_NAME[name]
    points = tried(problem, 8)
    done = measured(problem, 4).trials
    failed = [trial(1, point, TrialState.FAILED, None, problem.here) for point in points]
    answered(problem.study(algorithm), history_of([*done, *failed]), problem)


@pytest.mark.parametrize("seed", range(3))
def test_without_noise_no_trial_is_spent_on_a_point_again(seed: int) -> None:
    """A study of a smooth function that is measured exactly never repeats a point."""
    problem = Problem("square", BY_NAME["six_floats"].parameters[:2])
    study = problem.study("gp", seed)
    trials: list[Trial] = []
    for _ in range(20):
        past = history_of(trials)
        (one,) = Call(study, past, {}, 1).answer()
        assert one.source is not Source.INCUMBENT
        value = float(np.sum([(float(x) - 1.0) ** 2 for x in one.parameters.values()]))
        trials.append(trial(1, one.parameters, TrialState.COMPLETED, Measurement(value)))

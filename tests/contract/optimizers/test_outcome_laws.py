"""The laws of optimizers, the incumbent and the front under everything that a study can ask of outcomes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.optimizers.problems import KINDS, PROBLEMS, Problem, history
from trimtab_service.domain.desirability import Desirability, Desire
from trimtab_service.domain.errors import NoIncumbent, NothingObserved
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation
from trimtab_service.domain.outcomes import OutcomeConstraint
from trimtab_service.domain.study import Study, StudySpec
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import CATALOG, check, optimizer
from trimtab_service.optimizers.incumbent import incumbent
from trimtab_service.optimizers.pareto import pareto_front

MINIMIZE, MAXIMIZE = Goal.MINIMIZE, Goal.MAXIMIZE
BY_NAME = {problem.name: problem for problem in PROBLEMS}
PLAIN = BY_NAME["six_floats"]
OTHERS = ("mixed", "context", "categorical")
LOSS, SPEED = Objective("loss", MINIMIZE), Objective("speed", MAXIMIZE)
SMALL = OutcomeConstraint("size", max=0.5)


def asked(spec: StudySpec, name: str) -> StudySpec:
    """The spec with everything that one of ``ASKED`` means."""
    wanted: dict[str, dict[str, Any]] = {
        "bounded": {"objectives": (LOSS,), "outcome_constraints": (SMALL,)},
        "impossible": {"objectives": (LOSS,), "outcome_constraints": (OutcomeConstraint("size", max=-1e6),)},
        "between": {"objectives": (SPEED,), "outcome_constraints": (OutcomeConstraint("size", 0.25, 0.75),)},
        "bounded objective": {"objectives": (LOSS,), "outcome_constraints": (OutcomeConstraint("loss", min=0.3),)},
        "two": {"objectives": (LOSS, SPEED)},
        "two, far reference": {"objectives": (replace(LOSS, reference_point=1e9), SPEED)},
        "two, near reference": {"objectives": (replace(LOSS, reference_point=-1e9), SPEED)},
        "two, farthest reference": {"objectives": (replace(LOSS, reference_point=1.7e308), SPEED)},
        "two, bounded": {"objectives": (LOSS, SPEED), "outcome_constraints": (SMALL,)},
        "three": {"objectives": (LOSS, SPEED, Objective("size", MINIMIZE))},
        "four, priced": {
            "objectives": (LOSS, SPEED, Objective("size", MINIMIZE), Objective("worth", MAXIMIZE)),
            "cost_metric": "seconds",
        },
        "priced": {"objectives": (LOSS,), "cost_metric": "seconds"},
        "priced, bounded": {"objectives": (LOSS,), "cost_metric": "seconds", "outcome_constraints": (SMALL,)},
        "desired": {"objectives": (Objective("worth", MAXIMIZE),)},
    }
    worth = Desirability((Desire("size", 0.0, high=1.0), Desire("speed", 1.0, low=-1.0, weight=2.0)))
    metrics = (*(Metric(one) for one in ("loss", "speed", "size", "seconds")), Metric("worth", formula=worth))
    return replace(spec, metrics=metrics, **wanted[name])


ASKED = (
    *("bounded", "impossible", "between", "bounded objective", "two", "two, far reference", "two, near reference"),
    *("two, farthest reference", "two, bounded", "three", "four, priced", "priced", "priced, bounded", "desired"),
)


def told(trial: Trial) -> Trial:
    """The trial with every metric measured."""
    if trial.observation is None or trial.state is not TrialState.COMPLETED:
        return trial
    loss = trial.observation.measurements["loss"]
    value = max(-1e12, min(1e12, loss.mean))
    others = {"speed": math.sin(3.0 * value), "size": abs(math.cos(5.0 * value)), "seconds": 0.1 + abs(value)}
    measured = {name: Measurement(other, loss.count, loss.standard_error) for name, other in others.items()}
    return replace(trial, observation=Observation(trial.observation.outcome, {"loss": loss, **measured}))


def case(problem: Problem, name: str, kind: str, algorithm: str = "gp") -> tuple[Study, History]:
    """A study that asks for this, and its history."""
    study = problem.study(algorithm)
    past = history(problem, kind)
    return replace(study, spec=asked(study.spec, name)), replace(past, trials=tuple(map(told, past.trials)))


CASES = [(PLAIN, name) for name in ASKED]
CASES += [(BY_NAME[problem], name) for problem in OTHERS for name in ("two, bounded", "priced, bounded")]
PRICED = [(problem, name) for problem, name in CASES if name in ("priced", "priced, bounded")]
every_wish = pytest.mark.parametrize("name", ASKED)
every_case = pytest.mark.parametrize(("problem", "name"), CASES, ids=lambda one: getattr(one, "name", one))


@every_case
@pytest.mark.parametrize("algorithm", sorted(CATALOG))
def test_points_are_legal_and_exactly_as_many_as_asked_for(algorithm: str, problem: Problem, name: str) -> None:
    """Whatever is asked of outcomes, and whatever the history; no two of one call of a model are the same."""
    for kind in KINDS:
        study, past = case(problem, name, kind, algorithm)
        chosen = optimizer(study.algorithm)
        for count in (1, 2):
            answer = chosen.suggest(study, past, problem.here or {}, count, generator(study, past))
            points = [study.spec.space.check(one.parameters) for one in answer]
            assert len(points) == count
            if algorithm == "gp":
                assert all(point not in points[:place] for place, point in enumerate(points))


@pytest.mark.parametrize(("problem", "name"), PRICED, ids=lambda one: getattr(one, "name", one))
def test_points_along_the_front_of_result_and_cost_are_legal(problem: Problem, name: str) -> None:
    """Whatever the history, and the same ones for the same history."""
    for kind in KINDS:
        study, past = case(problem, name, kind)
        along = replace(study, algorithm=replace(study.algorithm, options={"along_costs": True}))
        check(along.algorithm, along.spec)
        chosen = optimizer(along.algorithm)
        for count in (1, 3):
            answer, again = (
                chosen.suggest(along, past, problem.here or {}, count, generator(along, past)) for _ in range(2)
            )
            points = [study.spec.space.check(one.parameters) for one in answer]
            assert len(points) == count
            assert all(point not in points[:place] for place, point in enumerate(points))
            assert answer == again


@every_wish
def test_the_same_history_has_the_same_answer(name: str) -> None:
    """Of the suggestion and of the incumbent."""
    study, past = case(PLAIN, name, "all_states")
    chosen = optimizer(study.algorithm)
    first, second = (chosen.suggest(study, past, {}, 2, generator(study, past)) for _ in range(2))
    assert first == second
    assert incumbent(study, past, {}) == incumbent(study, past, {})


@every_case
def test_the_incumbent_is_a_completed_trial_with_finite_predictions(problem: Problem, name: str) -> None:
    """Of every modelled metric, with intervals around them and probabilities that are some."""
    for kind in KINDS:
        study, past = case(problem, name, kind)
        if not past.in_state(TrialState.COMPLETED):
            if problem.baseline is None:
                with pytest.raises(NoIncumbent):
                    incumbent(study, past, {})
            continue
        found = incumbent(study, past, problem.here or {})
        assert found.number is not None
        assert past.trials[found.number - 1].state is TrialState.COMPLETED
        assert list(found.predictions) == list(study.spec.needed)
        for one in found.predictions.values():
            assert np.isfinite([one.mean, one.standard_error, one.low, one.high]).all()
            assert one.low <= one.high
        assert (found.probability_feasible is None) == (not study.spec.outcome_constraints)
        for probability in (found.probability_feasible, found.probability_better):
            assert probability is None or 0.0 <= probability <= 1.0
        assert found.expected_gain is None or 0.0 <= found.expected_gain < math.inf


@every_case
def test_the_front_is_of_completed_trials_and_its_history_only_grows(problem: Problem, name: str) -> None:
    """No point of it is expected to be beaten in everything by another one."""
    for kind in KINDS:
        study, past = case(problem, name, kind)
        completed = [trial.number for trial in past.in_state(TrialState.COMPLETED)]
        if not completed:
            with pytest.raises(NothingObserved):
                pareto_front(study, past)
            continue
        front = pareto_front(study, past)
        assert {point.number for point in front.points} <= set(completed)
        signs = {objective.metric: objective.sign for objective in study.spec.objectives}
        costs = [[sign * point.predictions[each].mean for each, sign in signs.items()] for point in front.points]
        if len(signs) == 1 and study.spec.cost_metric is not None:
            # What a trial costs is weighed by its logarithm, which is normal: by its median.
            signs[study.spec.cost_metric] = 1.0
            ends = [point.predictions[study.spec.cost_metric] for point in front.points]
            costs = [[*cost, math.sqrt(end.low * end.high)] for cost, end in zip(costs, ends, strict=True)]
        assert front.reference_point.keys() == signs.keys()
        assert not any(all(a < b for a, b in zip(one, other, strict=True)) for one in costs for other in costs)
        assert [number for number, _ in front.history] == completed
        volumes = [volume for _, volume in front.history]
        assert volumes == sorted(volumes)
        assert front.hypervolume >= 0.0

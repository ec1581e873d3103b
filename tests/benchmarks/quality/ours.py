"""Our default algorithm as a player: the optimizer itself, given what the tuner would give it. No server."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import trimtab_service.optimizers
from quality.conversation import Unable
from quality.problem import Categorical, Integer, Parameter, Problem
from trimtab_service.domain import space
from trimtab_service.domain.condition import Condition
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.outcomes import OutcomeConstraint
from trimtab_service.domain.space import ParameterValue, Scale, SearchSpace
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudySpec
from trimtab_service.domain.suggestion import History, ModelInfo, Source, Trial, TrialState
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.catalog import optimizer
from trimtab_service.optimizers.incumbent import incumbent

START = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=1)  # from one trial to the next
ALGORITHM = "gp"


class Trimtab:
    """A study in memory."""

    def __init__(self, problem: Problem, seed: int, options: Mapping[str, ParameterValue]) -> None:
        try:
            spec = _spec(problem, seed)
        except InvalidArgument as refused:
            raise Unable(str(refused)) from None
        chosen = ChosenAlgorithm(ALGORITHM, options, "asked for", decisions=False)
        self.study = Study(StudyName("quality", "study"), "0" * 32, spec, chosen, START, START)
        self.optimizer = optimizer(chosen)
        self.trials: list[Trial] = []
        self.context: Mapping[str, float] = {}

    def suggest(self, context: Mapping[str, float]) -> Mapping[str, Any]:
        """See ``Player``."""
        self.context = context
        history = self.history()
        (suggested,) = self.optimizer.suggest(self.study, history, context, 1, generator(self.study, history))
        return suggested.parameters

    def learn(self, point: Mapping[str, Any], context: Mapping[str, float], outcomes: Mapping[str, float]) -> None:
        """See ``Player``."""
        number = len(self.trials) + 1
        now = START + number * STEP
        measured = Observation(Outcome.COMPLETED, {name: Measurement(value) for name, value in outcomes.items()})
        info = ModelInfo(ALGORITHM, number - 1, number - 1)
        self.trials.append(
            Trial(
                number,
                TrialState.COMPLETED,
                dict(point),
                Source.MODEL,
                info,
                now,
                now + timedelta(hours=1),
                dict(context),
                observation=measured,
                complete_time=now,
            )
        )

    def recommend(self) -> Mapping[str, Any]:
        """See ``Player``."""
        return incumbent(self.study, self.history(), self.context).parameters

    def history(self) -> History:
        """Of all trials so far."""
        seen = len(self.trials)
        return History(tuple(self.trials), seen + 1, seen, seen)


def _spec(problem: Problem, seed: int) -> StudySpec:
    several = len(problem.objectives) > 1
    return StudySpec(
        space=SearchSpace(tuple(_declared(parameter) for parameter in problem.parameters)),
        metrics=tuple(Metric(name) for name in (*problem.objectives, *problem.constraints)),
        objectives=tuple(
            Objective(name, Goal.MINIMIZE, problem.reference[index] if several else None)
            for index, name in enumerate(problem.objectives)
        ),
        context=tuple(_declared(parameter) for parameter in problem.context),
        seed=seed,
        outcome_constraints=tuple(OutcomeConstraint(name, max=0.0) for name in problem.constraints),
        half_life=None if problem.half_life is None else problem.half_life * STEP,
    )


def _declared(parameter: Parameter) -> space.Parameter:
    when = () if parameter.when is None else (Condition(parameter.when.parameter, parameter.when.values),)
    if isinstance(parameter, Categorical):
        return space.Categorical(parameter.name, parameter.values, conditions=when)
    scale = Scale.LOG if parameter.log else Scale.LINEAR
    if isinstance(parameter, Integer):
        return space.Integer(parameter.name, parameter.low, parameter.high, scale, conditions=when)
    return space.Float(parameter.name, parameter.low, parameter.high, scale, conditions=when)


@cache
def version() -> str:
    """A short hash of the sources of the optimizers, as they were when it was first asked for."""
    folder = Path(trimtab_service.optimizers.__path__[0])
    sources = b"\0".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(sources).hexdigest()[:10]

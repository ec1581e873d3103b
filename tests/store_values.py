"""Studies, trials and observations for tests of the store; every argument has a default."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Float, Integer, ParameterValue, SearchSpace
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudySpec
from trimtab_service.domain.suggestion import ModelInfo, Source, Trial, TrialState
from trimtab_service.store.base import DecisionObservation, Request

NOW = datetime(2031, 5, 17, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

SPEC = StudySpec(
    space=SearchSpace((Float("rate", 1e-4, 1.0), Integer("depth", 1, 12))),
    metrics=(Metric("loss"),),
    objectives=(Objective("loss", Goal.MINIMIZE),),
    seed=7,
)
TRIALS = ChosenAlgorithm("random", {}, "asked for", decisions=False)
DECISIONS = ChosenAlgorithm("thompson", {"discount": 0.99}, "asked for", decisions=True)


def a_study(
    study: str = "oven", namespace: str = "lab", spec: StudySpec = SPEC, algorithm: ChosenAlgorithm = TRIALS
) -> Study:
    """A study with a uid of its own."""
    return Study(StudyName(namespace, study), uuid.uuid4().hex, spec, algorithm, NOW, NOW)


def a_trial(
    number: int = 1,
    state: TrialState = TrialState.PENDING,
    expire_time: datetime = LATER,
    parameters: Mapping[str, ParameterValue] | None = None,
) -> Trial:
    """A trial that has not been observed."""
    return Trial(
        number=number,
        state=state,
        parameters=parameters or {"rate": 0.125 * number, "depth": 3},
        source=Source.MODEL,
        model=ModelInfo("random", number - 1, number - 1),
        create_time=NOW,
        expire_time=expire_time,
    )


def completed(loss: float = 0.5) -> Observation:
    """It was tried, and this is the loss."""
    return Observation(Outcome.COMPLETED, {"loss": Measurement(loss, 3, 0.25)})


FAILED = Observation(Outcome.FAILED, reason="out of memory")
ABANDONED = Observation(Outcome.ABANDONED)


def a_decision(decision: str = "d1", loss: float = 0.5, arm: int = 2) -> DecisionObservation:
    """An observed decision."""
    return DecisionObservation(decision, arm, 0.25, completed(loss), {"hour": 7})


_keys = itertools.count(1)


def a_request(key: str | None = None, method: str = "Observe", fingerprint: bytes = b"body") -> Request:
    """A request, of a key of its own unless one is given."""
    return Request(key or f"request-{next(_keys)}", method, fingerprint)

"""Studies with a default reward, for tests of the store; every argument has a default."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from store_values import NOW, SPEC, completed
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.store.base import DecisionObservation, Expectation

REWARD = 9.0
REWARDED = replace(SPEC, reward_wait=timedelta(minutes=10), default_reward=REWARD)
DEFAULT = Observation(Outcome.COMPLETED, {"loss": Measurement(REWARD)})
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def milliseconds(time: datetime) -> int:
    """Since 1970."""
    return round(time.timestamp() * 1_000)


def an_expectation(decision: str = "d1", due: datetime = NOW, arm: int = 2) -> Expectation:
    """A decision that was handed out ten minutes before it is due."""
    issued = milliseconds(due) - 600_000
    return Expectation(decision, milliseconds(due), arm, 0.25, {"hour": 7}, issued, 41, -1)


def an_answer(decision: str = "d1", loss: float = 0.5, arm: int = 2) -> DecisionObservation:
    """What was observed of it."""
    return DecisionObservation(decision, arm, 0.25, completed(loss), {"hour": 7}, milliseconds(NOW) - 600_000, 41, -1)

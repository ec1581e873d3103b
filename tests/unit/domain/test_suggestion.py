"""Trials and histories seen at an instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from trimtab_service.domain.observation import Outcome
from trimtab_service.domain.suggestion import STATE_AFTER, History, ModelInfo, Source, Trial, TrialState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PENDING = Trial(
    number=1,
    state=TrialState.PENDING,
    parameters={"x": 1},
    source=Source.MODEL,
    model=ModelInfo("random", 0, 0),
    create_time=NOW,
    expire_time=NOW + timedelta(hours=1),
)


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (timedelta(0), TrialState.PENDING),
        (timedelta(hours=1) - timedelta(microseconds=1), TrialState.PENDING),
        (timedelta(hours=1), TrialState.EXPIRED),
    ],
)
def test_a_pending_trial_expires_when_its_lease_ends(after: timedelta, state: TrialState) -> None:
    """At that instant, and not before; what is stored doesn't change."""
    assert PENDING.at(NOW + after) == replace(PENDING, state=state)


@pytest.mark.parametrize("state", [state for state in TrialState if state is not TrialState.PENDING])
def test_no_other_trial_expires(state: TrialState) -> None:
    """What is queued has no lease yet, and what has ended needs none."""
    trial = replace(PENDING, state=state)
    assert trial.at(NOW + timedelta(days=9)) == trial


def test_every_outcome_leads_to_a_state_of_its_own() -> None:
    """None of them leaves a trial pending."""
    assert set(STATE_AFTER) == set(Outcome)
    assert set(STATE_AFTER.values()) == {TrialState.COMPLETED, TrialState.FAILED, TrialState.ABANDONED}


def test_a_history_keeps_its_order_within_a_state() -> None:
    """By number."""
    states = [TrialState.PENDING, TrialState.FAILED, TrialState.PENDING]
    trials = tuple(replace(PENDING, number=number, state=state) for number, state in enumerate(states, 1))
    history = History(trials, next_number=4, revision=0, observation_count=1)
    assert [trial.number for trial in history.in_state(TrialState.PENDING)] == [1, 3]

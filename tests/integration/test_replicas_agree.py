"""Every bandit, over a real store: whatever the order, the batches, the repeats, the replicas, the state is one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_service.bandits import catalog, states
from trimtab_service.domain.metric import Goal, Metric, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.options import to_options
from trimtab_service.domain.space import Categorical, Float, SearchSpace
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudySpec
from trimtab_service.live import Live
from trimtab_service.store.base import DecisionBatch, DecisionObservation, Store
from trimtab_service.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARMS = 4
# Options that an algorithm can't do without.
NEEDED: dict[str, dict[str, Any]] = {
    "sequential_halving": {"budget": 100},
    "discounted_thompson": {"half_life_observations": 20.0},
    "discounted_ucb": {"half_life_observations": 20.0},
}


def study_of(name: str) -> Study:
    """A study that the algorithm can run."""
    record = catalog.CATALOG[name]
    letters = Categorical("letter", ("a", "b", "c", "d"))
    spec = StudySpec(
        space=SearchSpace((letters,)),
        metrics=(Metric("cost"),),
        objectives=(Objective("cost", Goal.MINIMIZE),),
        context=(Float("load", 0.0, 10.0),) if record.contextual else (),
        seed=1,
    )
    options = to_options(record(**NEEDED.get(name, {})))
    chosen = ChosenAlgorithm(name, options, "asked for", True)
    return Study(StudyName("default", "s"), "0" * 32, spec, chosen, NOW, NOW)


@contextmanager
def stored(study: Study) -> Iterator[Store]:
    """A store with the study in it."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "trimtab.db", 1)
        store.migrate()
        store.create_study(study, None)
        yield store
        store.close()


@st.composite
def observed(draw: st.DrawFn, study: Study) -> list[DecisionObservation]:
    """Decisions with what became of them, in any order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    outcomes = st.sampled_from([Outcome.COMPLETED] * 8 + [Outcome.FAILED, Outcome.ABANDONED])
    found = []
    for number in range(draw(st.integers(1, 25))):
        outcome = draw(outcomes)
        cost = {"cost": Measurement(float(rng.normal(3.0, 2.0)))} if outcome is Outcome.COMPLETED else {}
        found.append(
            DecisionObservation(
                decision=f"{number:032x}",
                arm=int(rng.integers(ARMS)),
                propensity=float(rng.uniform(0.05, 1.0)),
                observation=Observation(outcome, cost),
                context={"load": float(rng.uniform(0, 10))} if study.spec.context else {},
                issued=1_700_000_000_000 + int(rng.integers(10**6)),
                step=int(rng.integers(number + 1)),
                tag=int(rng.integers(2)) if catalog.CATALOG[study.algorithm.name].joint else 0,
            )
        )
    return found


class Replica:
    """What one server makes of the log."""

    def __init__(self, store: Store, live: Live) -> None:
        self.store = store
        self.live = live

    def follow(self, page: int) -> bool:
        """Folds a page of what is new; whether there is more."""
        tail = self.store.tail(self.live.study, self.live.cursor, page)
        if tail.rows:
            self.live = self.live.folded(tail.rows)
        self.live = replace(self.live, cursor=tail.cursor)
        return tail.more

    def catch_up(self) -> None:
        """Folds everything."""
        while self.follow(7):
            pass


def assert_same(expected: Live, actual: Live) -> None:
    """Equal up to rounding, and equally much observed."""
    for left, right in zip(states.leaves(expected.state), states.leaves(actual.state), strict=True):
        scale = float(np.abs(np.nan_to_num(left, posinf=0.0, neginf=0.0)).max(initial=0.0))
        np.testing.assert_allclose(right, left, rtol=1e-9, atol=1e-9 * scale)
    assert (actual.revision, actual.observation_count) == (expected.revision, expected.observation_count)


@pytest.mark.parametrize("name", catalog.CATALOG)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_replicas_agree(name: str, data: st.DataObject) -> None:
    """Three of them that follow at their own pace, one that starts from a checkpoint, and one that reads it all."""
    study = study_of(name)
    decisions = data.draw(observed(study))
    sent = data.draw(st.permutations(decisions + data.draw(st.lists(st.sampled_from(decisions), max_size=10))))
    with stored(study) as store:
        replicas = [Replica(store, Live.begun(study)) for _ in range(3)]
        saver = data.draw(st.integers(0, len(sent)))
        while sent:
            size = data.draw(st.integers(1, 6))
            batch, sent = sent[:size], sent[size:]
            store.record_decisions(
                [DecisionBatch(study, list({one.decision: one for one in batch}.values()), None)], NOW
            )
            for replica in replicas:
                if data.draw(st.booleans()):
                    replica.follow(data.draw(st.integers(1, 5)))
            if len(sent) <= saver:
                store.save_checkpoint(study, replicas[0].live.checkpoint())
                saver = -1
        checkpoint = store.load_checkpoint(study, replicas[0].live.fingerprint)
        if checkpoint is not None:
            replicas.append(Replica(store, Live.begun(study).resumed(checkpoint)))
        reader = Replica(store, Live.begun(study))
        reader.catch_up()
        for replica in replicas:
            replica.catch_up()
            assert_same(reader.live, replica.live)

        assert reader.live.observation_count == len(decisions)
        # And as if they had come all at once, in the order in which they were made.
        rows = sorted(store.list_observations(study, 0, 1_000), key=lambda row: row.decision or "")
        assert_same(reader.live, replace(Live.begun(study).folded(rows), cursor=reader.live.cursor))

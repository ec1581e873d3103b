"""Every domain value comes back from the database exactly as it went in, with its types."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.store.rewards import DEFAULT, LATEST, REWARDED
from store_values import DECISIONS, NOW, a_request, a_study
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import Study, TrialName
from trimtab_service.domain.suggestion import Trial
from trimtab_service.store.base import (
    Checkpoint,
    DecisionBatch,
    DecisionObservation,
    Expectation,
    ExpectationBatch,
    LogRow,
    Store,
    TrialObservation,
)
from unit.domain.parameters_strategies import NAMES
from unit.store.study_strategies import COUNTS, TIMES, decisions, expectations, observations, studies, trials

EXAMPLES = 25
one_store = settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@one_store
@given(study=studies())
def test_a_study_comes_back(store: Store, study: Study) -> None:
    """From every call that gives studies."""
    study = replace(study, revision=1)
    if any(other.name == study.name for other in store.list_studies(None, None, 1_000)):
        store.delete_study(store.get_study(study.name), None)
    store.create_study(study, None)
    read = store.get_study(study.name)
    assert (read, repr(read)) == (study, repr(study))
    assert repr(store.snapshot(study.name, NOW, None, trials=False).study) == repr(study)
    new = replace(study, revision=2)
    store.replace_study(study, new, None)
    assert repr(store.list_studies(study.name.namespace, None, 1_000)).count(repr(new)) == 1


@one_store
@given(trial=trials(1), observation=observations(), time=TIMES)
def test_a_trial_comes_back(store: Store, trial: Trial, observation: Observation, time: datetime) -> None:
    """Before and after its observation, and through a replay."""
    study = store.create_study(a_study(f"s{uuid.uuid4().hex}"), None)
    name = TrialName(study.name, 1)
    request = a_request(f"r{uuid.uuid4().hex}", "Suggest")
    store.append_trials(study, [trial], request)
    snapshot = store.snapshot(study.name, NOW, request, trials=True)
    assert repr([store.get_trial(name, NOW), *(snapshot.replay or ())]) == repr([trial, trial])
    store.observe_trials(study, [TrialObservation(1, observation)], time, None)
    (ended,) = store.snapshot(study.name, NOW, None, trials=True).history.trials
    assert repr(ended) == repr(replace(trial, state=ended.state, observation=observation, complete_time=time))
    (row,) = store.list_observations(study, 0, 10)
    assert repr((row.observation, row.parameters, row.context)) == repr((observation, trial.parameters, trial.context))


@one_store
@given(observed=st.lists(decisions(), min_size=1, max_size=5), time=TIMES)
def test_a_decision_comes_back(store: Store, observed: list[DecisionObservation], time: datetime) -> None:
    """From the tail, and the same again is recognized as the same."""
    study = store.create_study(a_study(f"s{uuid.uuid4().hex}", algorithm=DECISIONS), None)
    batch = DecisionBatch(study, observed, None)
    first, again = (store.record_decisions([batch], time)[0] for _ in range(2))
    assert repr((first, again)) == repr((["RECORDED"] * len(observed), ["DUPLICATE"] * len(observed))).replace("'", "")
    rows = {row.decision: row for row in store.tail(study, "", 10).rows}
    assert repr([_observed(rows[item.decision]) for item in observed]) == repr(observed)
    assert {row.create_time for row in rows.values()} == {time}


def _observed(row: LogRow) -> DecisionObservation:
    return DecisionObservation(
        decision=row.decision or "",
        arm=row.arm or 0,
        propensity=row.propensity or 0,
        observation=row.observation,
        context=row.context,
        issued=row.issued,
        step=row.step,
        tag=row.tag,
    )


@one_store
@given(expected=st.lists(expectations(), min_size=1, max_size=5))
def test_an_expected_decision_comes_back(store: Store, expected: list[Expectation]) -> None:
    """From the tail, as the default reward."""
    study = store.create_study(a_study(f"s{uuid.uuid4().hex}", spec=REWARDED, algorithm=DECISIONS), None)
    store.expect_decisions([ExpectationBatch(study, expected)])
    assert store.settle(LATEST, 10) == len(expected)
    read = [_observed(row) for row in store.tail(study, "", 10).rows]
    names = ("decision", "arm", "propensity", "context", "issued", "step", "tag")
    assert sorted(repr([getattr(item, name) for name in names]) for item in read) == sorted(
        repr([getattr(item, name) for name in names]) for item in expected
    )
    assert {repr(item.observation) for item in read} == {repr(DEFAULT)}


@one_store
@given(state=st.binary(max_size=200), place=st.tuples(COUNTS, COUNTS), revision=COUNTS, count=COUNTS, name=NAMES)
def test_a_checkpoint_comes_back(
    store: Store, state: bytes, place: tuple[int, int], revision: int, count: int, name: str
) -> None:
    """To the last byte."""
    study = store.create_study(a_study(f"s{uuid.uuid4().hex}", algorithm=DECISIONS), None)
    checkpoint = Checkpoint(name, "{}-{}".format(*place), revision, count, state)
    store.save_checkpoint(study, checkpoint)
    assert repr(store.load_checkpoint(study, name)) == repr(checkpoint)

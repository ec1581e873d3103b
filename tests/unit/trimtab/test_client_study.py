"""Clients and studies: creating, finding, changing, listing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from trimtab import (
    AlreadyExistsError,
    EtagMismatchError,
    FailedPreconditionError,
    Float,
    Integer,
    InvalidArgumentError,
    Measurement,
    NotFoundError,
    Observation,
    ObserveStatus,
    Outcome,
    Source,
    StudyMismatchError,
    StudySpec,
    StudyState,
    TrialState,
)
from trimtab._calls import MOST_OBSERVATIONS
from trimtab.testing import FakeServer
from unit.trimtab.conftest import BASELINE
from unit.trimtab.flavours import AnyClient, MakeClient


async def test_a_study_is_created_as_defined(client: AnyClient) -> None:
    """Every argument arrives, and the server's description says what it filled in."""
    study = await client.create_study(
        "gbm",
        parameters=[Float("x", 0, 1)],
        maximize="share",
        context=[Integer("hour", 0, 23)],
        algorithm="gp",
        options={"restarts": 2},
        baseline={"x": 0.5},
        lease=90,
        decision_lifetime=timedelta(days=2),
        seed=7,
        description="why",
        labels={"team": "search"},
    )
    description = await study.describe()
    expected = StudySpec(
        parameters=[Float("x", 0, 1)],
        maximize="share",
        context=[Integer("hour", 0, 23)],
        algorithm="gp",
        options={"restarts": 2},
        baseline={"x": 0.5},
        lease=timedelta(seconds=90),
        decision_lifetime=timedelta(days=2),
        seed=7,
        description="why",
        labels={"team": "search"},
    )
    assert (study.name, study.id) == ("namespaces/default/studies/gbm", "gbm")
    assert expected == description.spec


async def test_a_definition_can_be_made_before(client: AnyClient, definition: dict[str, Any]) -> None:
    """One definition, several studies."""
    spec = StudySpec(**definition)
    for name in ("a", "b"):
        study = await client.create_study_from(name, replace(spec, seed=1))
        assert study.baseline == BASELINE
    assert [study.id async for study in client.studies()] == ["a", "b"]


async def test_a_study_that_exists_is_an_error(client: AnyClient, study: Any, definition: dict[str, Any]) -> None:
    """Unless the caller says that an existing one will do."""
    with pytest.raises(AlreadyExistsError):
        await client.create_study("gbm", **definition)


async def test_an_equal_study_will_do(client: AnyClient, study: Any, definition: dict[str, Any]) -> None:
    """The handle is on the existing study, with its trials and its baseline."""
    await study.suggest()
    again = await client.create_study("gbm", **definition, exist_ok=True)
    assert len([trial async for trial in again.trials()]) == 1
    assert again.baseline == BASELINE


async def test_another_study_will_not_do(client: AnyClient, study: Any, definition: dict[str, Any]) -> None:
    """The old study is never handed out silently under a new definition; the error says what differs."""
    parameters = [replace(definition["parameters"][0], max=2.0), *definition["parameters"][1:]]
    with pytest.raises(StudyMismatchError, match="is defined otherwise: parameters") as raised:
        await client.create_study("gbm", **(definition | {"parameters": parameters, "lease": 5}), exist_ok=True)
    assert [each.partition(":")[0] for each in raised.value.differences] == ["parameters['rate']", "lease"]


async def test_faults_of_a_definition_are_found_at_once(client: AnyClient) -> None:
    """The server's word on the definition is raised, with the fields."""
    with pytest.raises(InvalidArgumentError) as raised:
        await client.create_study("gbm", parameters=[], minimize="rmse")
    assert [each.field for each in raised.value.violations] == ["study.spec.search_space.parameters"]


async def test_a_handle_asks_nothing(make_client: MakeClient, server: FakeServer) -> None:
    """A study is found by id in the client's namespace, or by its full name; without a call."""
    client = make_client(server, namespace="team")
    with server.unavailable():
        names = [client.study(name).name for name in ("gbm", "namespaces/other/studies/gbm")]
    assert names == ["namespaces/team/studies/gbm", "namespaces/other/studies/gbm"]


async def test_a_study_that_is_not_there_is_not_found(client: AnyClient) -> None:
    """At the first call."""
    with pytest.raises(NotFoundError):
        await client.study("none").describe()


async def test_studies_are_listed_page_by_page(make_client: MakeClient, server: FakeServer) -> None:
    """All of them, however small the pages; of one namespace, another, or all."""
    mine, theirs = make_client(server, namespace="mine"), make_client(server, namespace="theirs")
    for client, count in ((mine, 5), (theirs, 2)):
        for number in range(count):
            await client.create_study(f"s{number}", parameters=[Float("x", 0, 1)], minimize="y")
    listed = [study async for study in mine.studies(page_size=2)]
    assert [f"s{number}" for number in range(5)] == [study.id for study in listed]
    assert {None} == {study.counts for study in listed}
    assert len([study async for study in mine.studies(namespace="theirs")]) == 2
    assert len([study async for study in mine.studies(namespace="-", page_size=3)]) == 7


async def test_iteration_may_stop_early(client: AnyClient, study: Any) -> None:
    """Whoever has seen enough leaves; the rest isn't fetched, and nothing complains."""
    await study.suggest_many(5)
    async for trial in study.trials(page_size=1):
        assert trial.number == 1
        break


async def test_trials_are_listed_by_state(study: Any) -> None:
    """All of them, or those in the states asked for, by word or by member."""
    first, second, *_ = await study.suggest_many(5)
    await first.observe(1.0)
    await second.fail()
    numbers = {
        states: [trial.number async for trial in study.trials(states, page_size=2)]
        for states in [(), ("completed",), ("failed", TrialState.PENDING)]
    }
    assert numbers == {(): [1, 2, 3, 4, 5], ("completed",): [1], ("failed", "pending"): [2, 3, 4, 5]}


async def test_a_misspelled_state_is_an_error(study: Any) -> None:
    """It isn't a state that no trial is in."""
    with pytest.raises(ValueError, match="complete"):
        assert [trial async for trial in study.trials(["complete"])] == []


@pytest.mark.parametrize("by", ["number", "name"])
async def test_one_trial_is_found(study: Any, by: str) -> None:
    """By number or by name."""
    suggestion = await study.suggest()
    trial = await study.trial(1 if by == "number" else suggestion.id)
    assert (suggestion.id, TrialState.PENDING) == (trial.name, trial.state)


async def test_a_lease_is_extended_by_number(study: Any) -> None:
    """Whoever watches a study can give a trial more time."""
    await study.suggest()
    until = await study.extend_lease(1, 60)
    assert until == (await study.trial(1)).expire_time


async def test_the_log_is_read_in_order(study: Any) -> None:
    """Every observation with the parameters that it is about, page by page."""
    for suggestion in await study.suggest_many(3):
        await suggestion.observe(0.5)
    records = [record async for record in study.observations(page_size=2)]
    assert [record.sequence for record in records] == [1, 2, 3]
    assert records[0].parameters == BASELINE
    assert {"rmse": Measurement(0.5)} == records[0].observation.measurements


async def test_several_observations_have_a_result_each(study: Any) -> None:
    """One that is refused doesn't keep the others from being stored."""
    good, failed, bad = await study.suggest_many(3)
    results = await study.observe_many(
        [
            Observation(good.id, {"rmse": 1.0}),
            Observation(bad.id, {"rsme": 1.0}),
            Observation(failed.id, outcome=Outcome.FAILED),
        ]
    )
    assert [good.id, bad.id, failed.id] == [result.suggestion_id for result in results]
    expected = [ObserveStatus.RECORDED, ObserveStatus.REFUSED, ObserveStatus.RECORDED]
    assert expected == [result.status for result in results]
    assert isinstance(results[1].error, InvalidArgumentError)


async def test_more_observations_than_fit_in_a_call_take_several(study: Any) -> None:
    """The caller needs to know nothing of the limit."""
    suggestions = await study.suggest_many(MOST_OBSERVATIONS + 1)
    results = await study.observe_many([Observation(each.id, {"rmse": 1.0}) for each in suggestions])
    assert [each.id for each in suggestions] == [result.suggestion_id for result in results]
    assert {ObserveStatus.RECORDED} == {result.status for result in results}


async def test_no_observations_are_no_call(server: FakeServer, study: Any) -> None:
    """An empty list is answered by one, even without a server."""
    with server.unavailable():
        assert await study.observe_many([]) == []


async def test_an_equal_request_id_gets_the_equal_answer(client: AnyClient, study: Any) -> None:
    """A caller that keeps the id may crash and ask again without taking a second trial."""
    first = await study.suggest(request_id="job-7")
    second = await client.study("gbm").suggest(request_id="job-7")
    assert first.id == second.id


async def test_a_worker_leaves_its_name(
    make_client: MakeClient, server: FakeServer, definition: dict[str, Any]
) -> None:
    """People who read the list see who tries what."""
    study = await make_client(server, worker="host-3").create_study("gbm", **definition)
    await study.suggest()
    assert (await study.trial(1)).worker == "host-3"


async def test_a_context_goes_along(client: AnyClient) -> None:
    """What the caller knows reaches the server and the trial."""
    study = await client.create_study(
        "s", parameters=[Float("x", 0, 1)], minimize="y", context=[Integer("hour", 0, 23)]
    )
    await study.suggest({"hour": 3})
    assert (await study.trial(1)).context == {"hour": 3}


async def test_the_incumbent_is_the_best_known(study: Any) -> None:
    """The baseline before anything was observed; then what was best."""
    before = await study.incumbent()
    good, bad = await study.suggest_many(2)
    await good.observe(1.0)
    await bad.observe(2.0)
    after = await study.incumbent()
    assert (before.source, before.predicted_mean, before.parameters) == (Source.BASELINE, None, BASELINE)
    assert (Source.INCUMBENT, 1.0, good.id) == (after.source, after.predicted_mean, after.trial)


async def test_nothing_known_is_an_error(client: AnyClient) -> None:
    """Without observation and baseline there is no incumbent."""
    study = await client.create_study("s", parameters=[Float("x", 0, 1)], minimize="y")
    with pytest.raises(FailedPreconditionError):
        await study.incumbent()


async def test_a_study_can_be_changed(study: Any) -> None:
    """What may change changes, the rest stays."""
    before = await study.describe()
    after = await study.update(
        description="new",
        labels={"a": "b"},
        algorithm="random",
        options={"x": 1},
        baseline=BASELINE | {"depth": 2},
        lease=60,
        decision_lifetime=timedelta(days=1),
    )
    expected = replace(
        before.spec,
        description="new",
        labels={"a": "b"},
        algorithm="random",
        options={"x": 1},
        baseline=BASELINE | {"depth": 2},
        lease=timedelta(minutes=1),
        decision_lifetime=timedelta(days=1),
    )
    assert expected == after.spec == (await study.describe()).spec
    assert before.revision + 1 == after.revision


async def test_a_change_of_one_thing_leaves_the_others(study: Any) -> None:
    """Only what is named is sent."""
    before = await study.describe()
    after = await study.update(description="new")
    assert replace(before.spec, description="new") == after.spec


async def test_a_change_can_insist_on_what_it_saw(study: Any) -> None:
    """An etag from before somebody else's change is refused."""
    etag = (await study.describe()).etag
    await study.update(description="theirs", etag=etag)
    with pytest.raises(EtagMismatchError):
        await study.update(description="mine", etag=etag)
    with pytest.raises(EtagMismatchError):
        await study.delete(etag=etag)


async def test_a_study_is_stopped_and_resumed(study: Any) -> None:
    """And says so."""
    states = [(await study.stop()).state, (await study.describe()).state, (await study.resume()).state]
    assert states == [StudyState.STOPPED, StudyState.STOPPED, StudyState.ACTIVE]


async def test_a_deleted_study_is_gone(study: Any) -> None:
    """With all that was in it."""
    await study.delete()
    with pytest.raises(NotFoundError):
        await study.describe()


async def test_handles_are_told_by_their_text(client: AnyClient, study: Any) -> None:
    """What a debugger shows."""
    assert "Client namespaces/default>" in repr(client)
    assert "Study namespaces/default/studies/gbm>" in repr(study)


async def test_a_client_is_a_context_manager(client: AnyClient) -> None:
    """Leaving the block closes it."""
    async with client as entered:
        assert entered.namespace == "default"

"""Suggestions: what they say, what they report, and what leaving their block reports."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from trimtab import (
    InvalidArgumentError,
    Measurement,
    Metric,
    NotFoundError,
    ObservationConflictError,
    ObserveStatus,
    Source,
    Trial,
    TrialState,
    UnavailableError,
)
from trimtab.testing import FakeServer
from unit.trimtab.flavours import AnyClient, MakeClient


async def last_trial(study: Any) -> Trial:
    """The trial suggested last."""
    trials: list[Trial] = [trial async for trial in study.trials()]
    return trials[-1]


async def test_a_suggestion_says_what_it_is(study: Any) -> None:
    """Parameters by name and as a whole, id, source, expire time; no propensity of a trial."""
    suggestion = await study.suggest()
    assert suggestion.parameters == {"rate": 0.1, "depth": 6, "loss": "squared", "leaves": 31}
    assert suggestion["depth"] == 6
    assert f"{study.name}/trials/1" == suggestion.id
    assert (suggestion.source, suggestion.is_fallback, suggestion.propensity) == (Source.BASELINE, False, None)
    trial = await last_trial(study)
    assert trial.expire_time == suggestion.expire_time
    assert trial.model == suggestion.model


async def test_parameters_are_a_copy(study: Any) -> None:
    """Changing what was handed out changes nothing else."""
    suggestion = await study.suggest()
    suggestion.parameters["depth"] = 99
    assert suggestion["depth"] == 6


async def test_a_suggestion_is_told_by_its_text(study: Any) -> None:
    """What a log line shows: id, source, parameters."""
    text = repr(await study.suggest())
    assert f"Suggestion {study.name}/trials/1 baseline {{'depth': 6," in text


@pytest.mark.parametrize(
    ("arguments", "metrics", "expected"),
    [
        ((), {"rmse": 0.5}, {"rmse": Measurement(0.5)}),
        ((0.5,), {}, {"rmse": Measurement(0.5)}),
        ((Measurement(0.5, count=3),), {}, {"rmse": Measurement(0.5, count=3)}),
        ((0.5,), {"seconds": 2}, {"rmse": Measurement(0.5), "seconds": Measurement(2.0)}),
        (({"rmse": 0.5},), {}, {"rmse": Measurement(0.5)}),
        (({"rmse": 0.5},), {"seconds": 2}, {"rmse": Measurement(0.5), "seconds": Measurement(2.0)}),
    ],
)
async def test_measurements_are_said_in_several_ways(
    client: AnyClient, definition: dict[str, Any], arguments: Any, metrics: Any, expected: object
) -> None:
    """By name, as a mapping, or one bare number, which belongs to the objective."""
    study = await client.create_study("gbm", **definition, metrics=[Metric("seconds")])
    result = await (await study.suggest()).observe(*arguments, **metrics)
    assert ObserveStatus.RECORDED is result.status
    assert expected == (await last_trial(study)).measurements


async def test_a_bare_number_finds_the_objective_of_any_study(client: AnyClient, study: Any) -> None:
    """A handle on an existing study asks the server once what the objective is."""
    handle = client.study(study.name)
    suggestion = (await handle.suggest_many(1, on_unavailable="raise"))[0]
    await suggestion.observe(0.25)
    assert {"rmse": Measurement(0.25)} == (await last_trial(study)).measurements


async def test_observing_nothing_is_a_mistake(study: Any) -> None:
    """An empty observation would be a completed trial without a measurement."""
    with pytest.raises(TypeError, match="nothing was measured"):
        await (await study.suggest()).observe()


async def test_the_same_observation_again_is_a_duplicate(study: Any) -> None:
    """Saying the same twice changes nothing and says so."""
    suggestion = await study.suggest()
    await suggestion.observe(rmse=1.0)
    assert ObserveStatus.DUPLICATE is (await suggestion.observe(rmse=1.0)).status


async def test_another_observation_is_a_conflict(study: Any) -> None:
    """The first one stands, and the caller hears of it."""
    suggestion = await study.suggest()
    await suggestion.observe(rmse=1.0)
    with pytest.raises(ObservationConflictError):
        await suggestion.observe(rmse=2.0)
    assert {"rmse": Measurement(1.0)} == (await last_trial(study)).measurements


async def test_an_unknown_metric_is_refused_with_its_path(study: Any) -> None:
    """The error of the one observation is raised, fields and all."""
    with pytest.raises(InvalidArgumentError) as raised:
        await (await study.suggest()).observe(rsme=1.0)
    assert [each.field for each in raised.value.violations] == ['observations[0].measurements["rsme"]']


@pytest.mark.parametrize(("verb", "state"), [("fail", TrialState.FAILED), ("abandon", TrialState.ABANDONED)])
async def test_a_suggestion_can_end_without_a_measurement(study: Any, verb: str, state: TrialState) -> None:
    """Failed or abandoned, with the reason for people."""
    await getattr(await study.suggest(), verb)("the disk was full")
    trial = await last_trial(study)
    assert (state, "the disk was full") == (trial.state, trial.reason)


async def test_a_lease_can_be_made_longer(study: Any) -> None:
    """The new end is answered, and the suggestion's from then on."""
    suggestion = await study.suggest()
    before = suggestion.expire_time
    until = await suggestion.extend_lease(timedelta(hours=2))
    assert before + timedelta(hours=1) == until == suggestion.expire_time
    assert until == await suggestion.extend_lease(7_200)
    assert before == await suggestion.extend_lease()


async def test_a_block_that_observes_reports_nothing_else(study: Any) -> None:
    """The observation stands."""
    async with study.suggest() as suggestion:
        await suggestion.observe(rmse=1.0)
    assert TrialState.COMPLETED is (await last_trial(study)).state


async def test_a_block_that_raises_reports_a_failure(study: Any) -> None:
    """The exception goes on, and its type and message are the reason."""
    with pytest.raises(ZeroDivisionError) as raised:
        async with study.suggest():
            raise ZeroDivisionError("by nothing")
    trial = await last_trial(study)
    assert (trial.state, trial.reason) == (TrialState.FAILED, "ZeroDivisionError: by nothing")
    assert not hasattr(raised.value, "__notes__")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
async def test_a_block_that_is_interrupted_abandons(study: Any, interruption: type[BaseException]) -> None:
    """Being told to stop says nothing about the parameters."""
    with pytest.raises(interruption):
        async with study.suggest():
            raise interruption
    trial = await last_trial(study)
    assert (TrialState.ABANDONED, f"{interruption.__name__}: ") == (trial.state, trial.reason)


async def test_a_block_left_without_a_word_abandons(study: Any) -> None:
    """A forgotten observation doesn't stay pending until its lease ends."""
    async with study.suggest():
        pass
    trial = await last_trial(study)
    assert (trial.state, trial.reason) == (TrialState.ABANDONED, "the with-block was left without an observation")


async def test_a_block_that_raises_after_observing_keeps_the_observation(study: Any) -> None:
    """What was measured was measured."""

    async def work() -> None:
        async with study.suggest() as suggestion:
            await suggestion.observe(rmse=1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert TrialState.COMPLETED is (await last_trial(study)).state


async def test_a_block_that_ends_by_the_services_error_abandons(study: Any) -> None:
    """A misspelled metric doesn't teach the algorithm to keep away from the parameters."""
    with pytest.raises(InvalidArgumentError):
        async with study.suggest() as suggestion:
            await suggestion.observe(rsme=1.0)
    assert TrialState.ABANDONED is (await last_trial(study)).state


async def test_a_block_that_met_a_conflict_reports_no_more(study: Any) -> None:
    """Somebody else observed the suggestion: there is nothing to abandon."""

    async def work() -> None:
        async with study.suggest() as suggestion:
            await study.observe(suggestion.id, rmse=1.0)
            await suggestion.observe(rmse=2.0)

    with pytest.raises(ObservationConflictError) as raised:
        await work()
    assert not hasattr(raised.value, "__notes__")
    assert TrialState.COMPLETED is (await last_trial(study)).state


async def test_a_block_may_end_after_somebody_else_reported(study: Any) -> None:
    """By the id, from another process say: there is nothing to abandon, and nothing went wrong."""
    async with study.suggest() as suggestion:
        await study.observe(suggestion.id, rmse=1.0)
    assert TrialState.COMPLETED is (await last_trial(study)).state


async def test_a_report_that_fails_does_not_hide_the_exception(server: FakeServer, study: Any) -> None:
    """The caller's own exception goes on, with a note of what could not be reported."""
    suggestion = await study.suggest()
    with server.unavailable(), pytest.raises(ZeroDivisionError) as raised:
        async with suggestion:
            raise ZeroDivisionError
    assert raised.value.__notes__ == ["trimtab: this could not be reported: the fake server is unavailable"]
    assert TrialState.PENDING is (await last_trial(study)).state


async def test_an_interrupted_process_does_not_wait_long(server: FakeServer, study: Any) -> None:
    """Ctrl-C while the server is away ends within seconds, not after the whole timeout."""
    suggestion = await study.suggest()
    before = server.now()
    with server.unavailable(), pytest.raises(KeyboardInterrupt):
        async with suggestion:
            raise KeyboardInterrupt
    assert server.now() - before <= 2.0


async def test_leaving_without_a_word_during_an_outage_raises(server: FakeServer, study: Any) -> None:
    """Where there is no exception to keep, the failed report is one."""
    suggestion = await study.suggest()
    with server.unavailable(), pytest.raises(UnavailableError):
        async with suggestion:
            pass


async def test_a_suggestion_can_be_observed_by_its_id(client: AnyClient, study: Any) -> None:
    """Another process reports with nothing but study and id."""
    first, second, third = await study.suggest_many(3)
    other = client.study("gbm")
    await other.observe(first.id, rmse=0.5)
    await other.fail(second.id, "it crashed")
    await other.abandon(third.id)
    states = [trial.state async for trial in study.trials()]
    assert states == [TrialState.COMPLETED, TrialState.FAILED, TrialState.ABANDONED]


async def test_an_unknown_id_is_not_found(study: Any) -> None:
    """A report on what was never suggested is an error."""
    with pytest.raises(NotFoundError):
        await study.observe(f"{study.name}/trials/77", rmse=0.5)


async def test_a_suggestion_on_its_way_is_a_coroutine(server: FakeServer, definition: dict[str, Any]) -> None:
    """It can be given to a task group, and closed unused without a warning."""
    async with server.async_client() as client:
        study = await client.create_study("gbm", **definition)
        first, second = await asyncio.gather(asyncio.create_task(study.suggest()), study.suggest())
        assert first.id != second.id
        study.suggest().close()
        with pytest.raises(ValueError, match="thrown"):
            study.suggest().throw(ValueError("thrown"))


async def test_a_cancelled_task_abandons(server: FakeServer, definition: dict[str, Any]) -> None:
    """A task that is cancelled while it works gives its suggestion back."""
    async with server.async_client() as client:
        study = await client.create_study("gbm", **definition)
        working = asyncio.Event()

        async def work() -> None:
            async with study.suggest():
                working.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await working.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert TrialState.ABANDONED is (await last_trial(study)).state


async def test_a_block_whose_suggestion_never_came_reports_nothing(
    server: FakeServer, make_client: MakeClient, definition: dict[str, Any]
) -> None:
    """The error of the suggest itself is the only one."""
    client = make_client(server, timeout=1.0)
    study = await client.create_study("gbm", **definition)
    with server.unavailable(), pytest.raises(UnavailableError):
        async with study.suggest(on_unavailable="raise"):
            pytest.fail("there is no suggestion to work with")

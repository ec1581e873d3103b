"""What a caller gets when the service can't answer in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trimtab import (
    ContentionError,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    Observation,
    ObserveStatus,
    OverloadedError,
    Source,
    StudyStoppedError,
    TrimtabError,
    UnavailableError,
)
from trimtab._methods import GET_STUDY, SUGGEST, Method, Request, Response
from trimtab.testing import FakeServer
from trimtab.v1 import tuning_service_pb2
from unit.trimtab.conftest import BASELINE
from unit.trimtab.flavours import AnyClient


class Failing(FakeServer):
    """A fake server that fails at some methods, and remembers the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, Callable[[], TrimtabError]] = {}
        self.requests: list[Any] = []

    async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:
        """Fails where it is told to."""
        self.requests.append(request)
        if method.path in self.errors:
            raise self.errors[method.path]()
        return await super().call(method, request, timeout)


@pytest.fixture
def server() -> Failing:
    """The server of the clients in this file."""
    return Failing()


@pytest.mark.parametrize(
    "error", [UnavailableError, DeadlineExceededError, ContentionError, OverloadedError, InternalError]
)
async def test_the_baseline_is_given_instead_of_an_error(
    server: Failing, study: Any, error: type[TrimtabError]
) -> None:
    """Whatever keeps the service from answering, production goes on with the baseline, marked as such."""
    server.errors[SUGGEST.path] = lambda: error("out of order")
    suggestion = await study.suggest(timeout=0.05)
    assert (suggestion.parameters, suggestion.id) == (BASELINE, "")
    assert (suggestion.source, suggestion.is_fallback) == (Source.FALLBACK, True)
    assert "out of order" in suggestion.detail


async def test_the_baseline_comes_within_the_timeout(server: Failing, study: Any) -> None:
    """Attempts end when the caller's time does."""
    before = server.now()
    with server.unavailable():
        assert (await study.suggest(timeout=0.05)).is_fallback
    assert server.now() - before <= 0.05


async def test_a_short_outage_is_waited_out(server: Failing, study: Any) -> None:
    """With time left, the algorithm's own answer is worth the wait."""
    attempts = iter(range(4))

    def away() -> TrimtabError:
        if next(attempts) == 2:
            del server.errors[SUGGEST.path]
        return UnavailableError("away")

    server.errors[SUGGEST.path] = away
    assert not (await study.suggest()).is_fallback


async def test_every_one_of_several_is_the_baseline(server: Failing, study: Any) -> None:
    """As many as were asked for."""
    with server.unavailable():
        suggestions = await study.suggest_many(3)
    assert [each.parameters for each in suggestions] == [BASELINE] * 3


async def test_observing_a_fallback_sends_nothing(server: Failing, study: Any) -> None:
    """The server doesn't know of it: the result says so, and no error."""
    with server.unavailable():
        async with study.suggest(timeout=0.1) as suggestion:
            server.requests.clear()
            results = [await suggestion.observe(0.5), await suggestion.observe(rmse=0.5), await suggestion.fail("x")]
            assert suggestion.expire_time is await suggestion.extend_lease(60)
        async with study.suggest(timeout=0.1):
            server.requests.clear()
    assert [each.status for each in results] == [ObserveStatus.NOT_SENT] * 3
    assert server.requests == []


async def test_a_fallback_that_raises_keeps_its_exception(server: Failing, study: Any) -> None:
    """There is nothing to report, and nothing to add."""
    with server.unavailable(), pytest.raises(ZeroDivisionError) as raised:
        async with study.suggest(timeout=0.1):
            raise ZeroDivisionError
    assert not hasattr(raised.value, "__notes__")


async def test_fallbacks_among_several_observations_are_left_out(server: Failing, study: Any) -> None:
    """The others are stored, and each result stands in its place."""
    with server.unavailable():
        fallback = await study.suggest(timeout=0.1)
    real = await study.suggest()
    results = await study.observe_many([Observation(each.id, {"rmse": 1.0}) for each in (fallback, real, fallback)])
    expected = [ObserveStatus.NOT_SENT, ObserveStatus.RECORDED, ObserveStatus.NOT_SENT]
    assert expected == [each.status for each in results]


async def test_raise_raises(server: Failing, study: Any) -> None:
    """Asked to, the client tells the error instead."""
    with server.unavailable(), pytest.raises(UnavailableError):
        await study.suggest(on_unavailable="raise")


@pytest.mark.parametrize(
    ("on_unavailable", "expected"),
    [
        ("baseline", tuning_service_pb2.FALLBACK_POLICY_ALLOW),
        ("raise", tuning_service_pb2.FALLBACK_POLICY_FORBID),
    ],
)
async def test_the_server_is_told(server: Failing, study: Any, on_unavailable: str, expected: int) -> None:
    """Who wants no fallback wants none of the server's either."""
    await study.suggest(on_unavailable=on_unavailable)
    (request,) = [each for each in server.requests if isinstance(each, tuning_service_pb2.SuggestRequest)]
    assert expected == request.fallback


async def test_another_word_is_a_mistake(study: Any) -> None:
    """A misspelling is not taken for one of the two."""
    with pytest.raises(ValueError, match="'baseline' or 'raise', not 'error'"):
        await study.suggest(on_unavailable="error")


async def test_bad_requests_raise(server: Failing, client: AnyClient, study: Any) -> None:
    """The baseline covers for the service, not for mistakes."""
    with pytest.raises(InvalidArgumentError):
        await study.suggest({"hour": 3})
    with pytest.raises(NotFoundError):
        await client.study("other", baseline=BASELINE).suggest()
    await study.stop()
    with pytest.raises(StudyStoppedError):
        await study.suggest()


async def test_without_a_known_baseline_the_error_is_raised(client: AnyClient, study: Any, server: Failing) -> None:
    """A handle that never reached the server has nothing to give."""
    handle = client.study(study.name)
    assert handle.baseline is None
    with server.unavailable(), pytest.raises(UnavailableError):
        await handle.suggest()


async def test_a_given_baseline_needs_no_server(client: AnyClient, server: Failing) -> None:
    """A process that starts while the server is away works from its first request on."""
    handle = client.study("gbm", baseline={"rate": 0.5})
    with server.unavailable():
        assert (await handle.suggest(timeout=0.1)).parameters == {"rate": 0.5}


async def test_the_studys_baseline_is_learnt_from_the_first_answer(
    client: AnyClient, study: Any, server: Failing
) -> None:
    """After one good answer the handle is prepared for the server's absence; it asks only once."""
    handle = client.study(study.name)
    await handle.suggest()
    await handle.suggest()
    assert sum(type(each) is GET_STUDY.request for each in server.requests) == 1
    with server.unavailable():
        assert (await handle.suggest(timeout=0.1)).parameters == BASELINE


@pytest.mark.parametrize("error", [InternalError, NotFoundError])
async def test_looking_for_a_baseline_loses_no_suggestion(
    client: AnyClient, study: Any, server: Failing, error: type[TrimtabError]
) -> None:
    """Where the question fails the answer in hand is given all the same, and the next one asks again."""
    handle = client.study(study.name)
    server.errors[GET_STUDY.path] = lambda: error("no")
    assert not (await handle.suggest()).is_fallback
    del server.errors[GET_STUDY.path]
    await handle.suggest()
    assert handle.baseline == BASELINE


async def test_a_study_without_a_baseline_is_asked_once(
    client: AnyClient, definition: dict[str, Any], server: Failing
) -> None:
    """That there is none is worth remembering too."""
    await client.create_study("bare", parameters=definition["parameters"], minimize="rmse")
    handle = client.study("bare")
    await handle.suggest()
    await handle.suggest()
    assert sum(type(each) is GET_STUDY.request for each in server.requests) == 1


async def test_an_updated_baseline_is_the_fallback(server: Failing, study: Any) -> None:
    """What the study's baseline is now counts, not what it was given as."""
    await study.update(baseline=BASELINE | {"depth": 3})
    with server.unavailable():
        assert (await study.suggest(timeout=0.1))["depth"] == 3


async def test_a_baseline_that_is_allowed_is_a_fallback(server: Failing, study: Any) -> None:
    """One pattern that it fits is enough."""
    with server.unavailable():
        suggestion = await study.suggest(allowed=[{"depth": 1}, {"loss": "squared", "leaves": 31.0}], timeout=0.05)
    assert (suggestion.parameters, suggestion.is_fallback) == (BASELINE, True)


async def test_a_baseline_that_is_not_allowed_is_no_fallback(server: Failing, study: Any) -> None:
    """The caller said that it must not be had."""
    with server.unavailable(), pytest.raises(UnavailableError):
        await study.suggest(allowed=[{"depth": 1}, {"loss": "absolute"}], timeout=0.05)

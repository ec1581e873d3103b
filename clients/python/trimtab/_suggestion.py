"""The handle on a suggestion: parameters to apply, and the way to say what came of them."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from trimtab._blocking import blocking, run_blocking
from trimtab._calls import Measured, StudyCalls
from trimtab._plain import ParameterValue
from trimtab.answers import ModelInfo, ObserveResult, Source, Suggested
from trimtab.errors import ObservationConflictError, TrimtabError
from trimtab.space import MeasurementLike, Observation, Outcome
from trimtab.spec import duration

# A process that was told to stop doesn't stay for the whole timeout of a call.
STOPPING_TIMEOUT = 2.0  # seconds


class SuggestionCore:
    """What the blocking and the asyncio handle have in common."""

    def __init__(self, calls: StudyCalls, suggested: Suggested) -> None:
        self._calls = calls
        self._suggested = suggested
        self._expire_time = suggested.expire_time
        self._settled = False

    def __getitem__(self, name: str) -> ParameterValue:
        return self._suggested.parameters[name]

    def __repr__(self) -> str:
        given = self._suggested
        return f"<{type(self).__name__} {given.id or 'not stored'} {given.source} {dict(given.parameters)!r}>"

    @property
    def id(self) -> str:
        """What an observation refers to; with it, ``study.observe(id, ...)`` can
        report from another process. Empty for the client's own fallback."""
        return self._suggested.id

    @property
    def parameters(self) -> dict[str, ParameterValue]:
        """The parameters to apply, by name."""
        return dict(self._suggested.parameters)

    @property
    def context(self) -> dict[str, ParameterValue]:
        """The condition to measure them in, in a study with a ``robustness``,
        where the server chooses it; else empty."""
        return dict(self._suggested.context)

    @property
    def source(self) -> Source:
        """Where the parameters come from."""
        return self._suggested.source

    @property
    def is_fallback(self) -> bool:
        """Whether these are not the algorithm's: it, or the server, couldn't answer in time."""
        return self._suggested.source is Source.FALLBACK

    @property
    def propensity(self) -> float | None:
        """The probability of the choice, given the context; bandits only."""
        return self._suggested.propensity

    @property
    def model(self) -> ModelInfo:
        """What the answer rests on."""
        return self._suggested.model

    @property
    def expire_time(self) -> datetime | None:
        """Until when an observation is expected; None: not known."""
        return self._expire_time

    @property
    def detail(self) -> str:
        """A sentence for people about the source, the reason of a fallback say."""
        return self._suggested.detail

    async def _observe(
        self, measured: Measured | None = None, /, *, timeout: float | None = None, **metrics: MeasurementLike
    ) -> ObserveResult:
        """Reports what was measured; returns after it is stored durably.

        ``observe(rmse=0.3, seconds=Measurement(1.2, count=5))``; a mapping for
        names that aren't Python's (or are "timeout"); a bare number or
        Measurement is the study's objective. Rides out a restart of the server
        within the timeout. Observing a fallback of the client's own sends
        nothing and says so: the result is NOT_SENT.
        """
        deadline = self._calls.caller.deadline(timeout)
        measurements = await self._calls.measurements(self.id, measured, metrics, deadline)
        return await self._report(Observation(self.id, measurements), deadline)

    async def _fail(self, reason: str = "", *, timeout: float | None = None) -> ObserveResult:
        """Reports that it can't work with these parameters: the algorithm keeps away."""
        failed = Observation(self.id, outcome=Outcome.FAILED, reason=reason)
        return await self._report(failed, self._calls.caller.deadline(timeout))

    async def _abandon(self, reason: str = "", *, timeout: float | None = None) -> ObserveResult:
        """Reports that nobody tried it: the algorithm learns nothing."""
        abandoned = Observation(self.id, outcome=Outcome.ABANDONED, reason=reason)
        return await self._report(abandoned, self._calls.caller.deadline(timeout))

    async def _extend_lease(
        self, lease: timedelta | float | None = None, *, timeout: float | None = None
    ) -> datetime | None:
        """Asks for more time, from now (numbers are seconds; None: the study's
        lease); returns until when. Trials only; a fallback has no lease: None."""
        if self.id:
            span = None if lease is None else duration(lease)
            self._expire_time = await self._calls.extend_lease(self.id, span, timeout)
        return self._expire_time

    async def _report(self, observation: Observation, deadline: float) -> ObserveResult:
        try:
            result = await self._calls.observe_one(observation, deadline)
        except ObservationConflictError:
            self._settled = True  # somebody reported on it before
            raise
        self._settled = True
        return result

    async def _leave(self, error: BaseException | None) -> None:
        """Reports what the with-block left unsaid; never hides its exception.

        Left by an Exception: failed. By KeyboardInterrupt, SystemExit or a
        cancellation, or by an error of the service itself, which says nothing
        about the parameters: abandoned. By its end: abandoned, unless somebody
        else has reported on it, by its id.
        """
        if self._settled:
            return
        if error is None:
            with suppress(ObservationConflictError):
                await self._abandon("the with-block was left without an observation")
            return
        reason = f"{type(error).__name__}: {error}"
        try:
            if not isinstance(error, Exception):
                await self._abandon(reason, timeout=min(STOPPING_TIMEOUT, self._calls.caller.timeout))
            elif isinstance(error, TrimtabError):
                await self._abandon(reason)
            else:
                await self._fail(reason)
        except TrimtabError as unreported:
            error.add_note(f"trimtab: this could not be reported: {unreported}")


class Suggestion(SuggestionCore):
    """Parameters to apply, and the way to say what came of them.

    As a context manager it always reports: failed when the block raises,
    abandoned when it is interrupted or left without a word.
    """

    observe = blocking(SuggestionCore._observe)
    fail = blocking(SuggestionCore._fail)
    abandon = blocking(SuggestionCore._abandon)
    extend_lease = blocking(SuggestionCore._extend_lease)

    def __enter__(self) -> Suggestion:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_blocking(self._leave(error))


class AsyncSuggestion(SuggestionCore):
    """Parameters to apply, and the way to say what came of them; for asyncio.

    As a context manager it always reports: failed when the block raises,
    abandoned when it is cancelled or left without a word.
    """

    observe = SuggestionCore._observe
    fail = SuggestionCore._fail
    abandon = SuggestionCore._abandon
    extend_lease = SuggestionCore._extend_lease

    async def __aenter__(self) -> AsyncSuggestion:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave(error)


class Suggesting(Coroutine[Any, Any, AsyncSuggestion]):
    """A suggestion on its way: await it, or open it with ``async with``."""

    def __init__(self, coroutine: Coroutine[Any, Any, AsyncSuggestion]) -> None:
        self._coroutine = coroutine
        self._suggestion: AsyncSuggestion | None = None

    def __await__(self) -> Generator[Any, None, AsyncSuggestion]:
        return self._coroutine.__await__()

    def send(self, value: Any, /) -> Any:
        """As of any coroutine: it can be given to ``asyncio.create_task``."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """As of any coroutine."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """As of any coroutine."""
        self._coroutine.close()

    async def __aenter__(self) -> AsyncSuggestion:
        self._suggestion = await self._coroutine
        return await self._suggestion.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._suggestion is not None:
            await self._suggestion.__aexit__(kind, error, trace)

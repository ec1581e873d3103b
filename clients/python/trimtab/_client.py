"""The client: where everything starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import Generic, TypeVar

import grpc

from trimtab import _methods as methods
from trimtab._blocking import blocking, iterating
from trimtab._caller import Caller, fresh_request_id
from trimtab._calls import StudyCalls
from trimtab._convert_study import spec_from_message, spec_to_message, study_from_message
from trimtab._plain import ValueLike, plain_value
from trimtab._study import PAGE_SIZE, AsyncStudy, Study
from trimtab._suggestion import AsyncSuggestion, Suggestion
from trimtab._transport import (
    AsyncioTransport,
    BlockingTransport,
    ChannelOption,
    Metadata,
    Transport,
    open_aio_channel,
    open_channel,
)
from trimtab.answers import StudyDescription
from trimtab.errors import AlreadyExistsError, StudyMismatchError
from trimtab.laws import LinearConstraint, Simplex
from trimtab.outcomes import OutcomeConstraint, Robustness
from trimtab.space import Metric, Parameter
from trimtab.spec import StudySpec, differences, duration, duration_or_forever
from trimtab.v1 import study_pb2, study_service_pb2

Handle = TypeVar("Handle")

DEFAULT_TARGET = "localhost:50051"
DEFAULT_TIMEOUT = 60.0  # seconds; a model over a long history may take some


class ClientCore(Generic[Handle]):
    """What the blocking and the asyncio client have in common."""

    def __init__(
        self,
        transport: Transport,
        handle: Callable[[StudyCalls], Handle],
        namespace: str,
        timeout: float,
        worker: str,
    ) -> None:
        self._caller = Caller(transport, timeout)
        self._handle = handle
        self._namespace = namespace
        self._worker = worker

    def __repr__(self) -> str:
        return f"<{type(self).__name__} namespaces/{self._namespace}>"

    @property
    def namespace(self) -> str:
        """Where studies that are given by id are looked for."""
        return self._namespace

    def study(self, name: str, *, baseline: Mapping[str, ValueLike] | None = None) -> Handle:
        """A handle on a study that exists; asks nothing of the server.

        name: its id in the client's namespace, or its full name.
        baseline: what suggest falls back to before the server was ever
            reached; afterwards the study's own is known.
        """
        plain = None if baseline is None else {key: plain_value(value) for key, value in baseline.items()}
        return self._handle(StudyCalls(self._caller, self._full_name(name), self._worker, plain))

    async def _create_study(
        self,
        study_id: str,
        *,
        parameters: Sequence[Parameter],
        linear_constraints: Sequence[LinearConstraint] = (),
        simplexes: Sequence[Simplex] = (),
        minimize: str | Sequence[str] | None = None,
        maximize: str | Sequence[str] | None = None,
        reference_point: Mapping[str, float] | None = None,
        metrics: Sequence[Metric] = (),
        outcome_constraints: Sequence[OutcomeConstraint] = (),
        cost_metric: str | None = None,
        context: Sequence[Parameter] = (),
        algorithm: str = "auto",
        options: Mapping[str, ValueLike] | None = None,
        baseline: Mapping[str, ValueLike] | None = None,
        lease: timedelta | float | None = None,
        decision_lifetime: timedelta | float | None = None,
        reward_wait: timedelta | float | None = None,
        default_reward: float | None = None,
        retention: timedelta | float | None = None,
        half_life: timedelta | float | None = None,
        robustness: Robustness | None = None,
        transfer_from: Sequence[str] = (),
        disabled_arms: Sequence[Mapping[str, ValueLike]] = (),
        seed: int | None = None,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        exist_ok: bool = False,
        timeout: float | None = None,
    ) -> Handle:
        """Creates a study. What the arguments mean: see ``StudySpec``.

        study_id: a lowercase letter, then lowercase letters, digits and -.
        lease, decision_lifetime, reward_wait, retention, half_life: numbers are
            seconds.
        exist_ok: a study of this name and of this definition will do; one of
            another definition raises StudyMismatchError, which says what
            differs. What is left out here isn't compared.
        """
        spec = StudySpec(
            parameters=parameters,
            linear_constraints=linear_constraints,
            simplexes=simplexes,
            minimize=minimize,
            maximize=maximize,
            reference_point=reference_point or {},
            metrics=metrics,
            outcome_constraints=outcome_constraints,
            cost_metric=cost_metric,
            context=context,
            algorithm=algorithm,
            options=options or {},
            baseline=baseline,
            lease=None if lease is None else duration(lease),
            decision_lifetime=None if decision_lifetime is None else duration(decision_lifetime),
            reward_wait=None if reward_wait is None else duration(reward_wait),
            default_reward=default_reward,
            retention=None if retention is None else duration_or_forever(retention),
            half_life=None if half_life is None else duration(half_life),
            robustness=robustness,
            transfer_from=transfer_from,
            disabled_arms=disabled_arms,
            seed=seed,
            description=description,
            labels=labels or {},
        )
        return await self._create_study_from(study_id, spec, exist_ok=exist_ok, timeout=timeout)

    async def _create_study_from(
        self, study_id: str, spec: StudySpec, *, exist_ok: bool = False, timeout: float | None = None
    ) -> Handle:
        """Creates a study from a definition made before. See ``create_study``."""
        calls = StudyCalls(self._caller, self._full_name(study_id), self._worker)
        spec = replace(spec, transfer_from=tuple(map(self._full_name, spec.transfer_from)))
        parent, _, last = calls.name.rpartition("/studies/")
        request = study_service_pb2.CreateStudyRequest(
            parent=parent,
            study_id=last,
            study=study_pb2.Study(spec=spec_to_message(spec)),
            request_id=fresh_request_id(),
        )
        deadline = self._caller.deadline(timeout)
        try:
            response = await self._caller.call_until(methods.CREATE_STUDY, request, deadline)
        except AlreadyExistsError:
            if not exist_ok:
                raise
            _check_same(spec, await calls.describe(deadline))
        else:
            calls.remember(response.study)
        return self._handle(calls)

    async def _studies(
        self, *, namespace: str | None = None, page_size: int = PAGE_SIZE, timeout: float | None = None
    ) -> AsyncIterator[StudyDescription]:
        """The studies by name, without counts, fetched page by page.

        namespace: None: the client's; "-": of all. timeout: of each page.
        """
        token = ""
        parent = f"namespaces/{self._namespace if namespace is None else namespace}"
        while True:
            request = study_service_pb2.ListStudiesRequest(parent=parent, page_size=page_size, page_token=token)
            page = await self._caller.call(methods.LIST_STUDIES, request, timeout)
            for study in page.studies:
                yield study_from_message(study)
            token = page.next_page_token
            if not token:
                return

    async def _close(self) -> None:
        """Lets go of the connections; the client can't be used afterwards."""
        await self._caller.close()

    def _full_name(self, name: str) -> str:
        return name if "/" in name else f"namespaces/{self._namespace}/studies/{name}"


def _check_same(wanted: StudySpec, existing: StudyDescription) -> None:
    # Read back from its own message, what is wanted has the kinds that the server answers.
    found = differences(spec_from_message(spec_to_message(wanted)), existing.spec, existing.algorithm)
    if found:
        raise StudyMismatchError(
            f"{existing.name} exists already and is defined otherwise: {'; '.join(found)}; "
            "take another id, or delete the study first",
            found,
        )


class Client(ClientCore[Study]):
    """A client of a Trimtab server, for code that blocks; safe to share between threads.

    target: host:port, or any name that gRPC resolves; several addresses behind
        one name are used in turn, and those that aren't healthy left out.
    namespace: where studies that are given by id are looked for.
    timeout: seconds that a call may take, all attempts together, where it
        brings none of its own. Within it a call that finds no server is
        repeated under the same request id, with growing pauses, so a restart
        of the server goes unnoticed and nothing happens twice.
    credentials: for TLS (``grpc.ssl_channel_credentials()``); None: not
        encrypted.
    metadata: sent with each call, an authorization header say.
    worker: who tries the suggestions, for people who read the list of trials.
    options: of the gRPC channel, on top of the client's own.
    transport: what carries the calls instead of gRPC, a fake of
        ``trimtab.testing`` say; the target is not used then.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        namespace: str = "default",
        timeout: float = DEFAULT_TIMEOUT,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Metadata = (),
        worker: str = "",
        options: Sequence[ChannelOption] = (),
        transport: Transport | None = None,
    ) -> None:
        carrier = transport or BlockingTransport(open_channel(target, credentials, options), metadata)
        super().__init__(carrier, _study, namespace, timeout, worker)

    create_study = blocking(ClientCore[Study]._create_study)
    create_study_from = blocking(ClientCore[Study]._create_study_from)
    studies = iterating(ClientCore[Study]._studies)
    close = blocking(ClientCore[Study]._close)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(ClientCore[AsyncStudy]):
    """A client of a Trimtab server, for asyncio; its arguments are those of ``Client``.

    Can be made anywhere; belongs to the event loop of its first call.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        namespace: str = "default",
        timeout: float = DEFAULT_TIMEOUT,
        credentials: grpc.ChannelCredentials | None = None,
        metadata: Metadata = (),
        worker: str = "",
        options: Sequence[ChannelOption] = (),
        transport: Transport | None = None,
    ) -> None:
        def opened() -> grpc.aio.Channel:
            return open_aio_channel(target, credentials, options)

        super().__init__(transport or AsyncioTransport(opened, metadata), _async_study, namespace, timeout, worker)

    create_study = ClientCore[AsyncStudy]._create_study
    create_study_from = ClientCore[AsyncStudy]._create_study_from
    studies = ClientCore[AsyncStudy]._studies
    close = ClientCore[AsyncStudy]._close

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _study(calls: StudyCalls) -> Study:
    return Study(calls, Suggestion)


def _async_study(calls: StudyCalls) -> AsyncStudy:
    return AsyncStudy(calls, AsyncSuggestion)

"""A fake server for the tests of applications that use Trimtab.

    server = trimtab.testing.FakeServer()
    client = server.client()
    study = client.create_study("cache", parameters=[...], minimize="misses")
    ...
    with server.unavailable():
        assert study.suggest().is_fallback

It lives in the process, keeps everything in memory, needs no network, no
port and no time: pauses between attempts only move its own clock. The same
seed and the same calls give the same answers. Clients, handles, values and
errors are the real ones.

What it does not do: it optimizes nothing (suggestions are random, the
incumbent is the best measurement); every study is one of stored trials, so
there are no propensities and no default rewards, whatever was asked for; a
definition, an option or a point that a real server would refuse is taken;
leases don't run out; having no model, it raises NotImplementedError for
``explain`` and ``pareto_front``. Suggestions are drawn among the arms that are allowed and not
disabled, and measurements must be those that the study's formulas need.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from trimtab import _methods as methods
from trimtab._client import DEFAULT_TIMEOUT, AsyncClient, Client
from trimtab._fake import FakeStudy
from trimtab._fake_elsewhere import brought, put_in_line
from trimtab._fake_errors import invalid, item_error, not_found
from trimtab._methods import Method, Request, Response
from trimtab.errors import AlreadyExistsError, EtagMismatchError, TrimtabError, UnavailableError
from trimtab.v1 import study_pb2, study_service_pb2, tuning_service_pb2

__all__ = ["FakeServer"]

Item = TypeVar("Item")

_EPOCH = 1_000_000_000  # seconds; where the fake's calendar starts
_DEFAULT_LEASE = 3_600  # seconds, as the server's
_DEFAULT_LIFETIME = 7 * 86_400
_PAGE_SIZE = 100


class FakeServer:
    """A Trimtab server in memory. See the module for what it doesn't do.

    seed: of every random draw.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._studies: dict[str, FakeStudy] = {}
        self._answered: dict[tuple[str, str], tuple[Message, Message]] = {}
        self._clock = 0.0
        self._outages = 0
        self._lock = threading.RLock()
        self._handlers: dict[str, Callable[[Any], Message]] = {
            methods.SUGGEST.path: self._suggest,
            methods.OBSERVE.path: self._observe,
            methods.EXTEND_LEASE.path: self._extend_lease,
            methods.IMPORT_TRIALS.path: self._import_trials,
            methods.ENQUEUE_TRIALS.path: self._enqueue_trials,
            methods.CREATE_STUDY.path: self._create_study,
            methods.GET_STUDY.path: self._get_study,
            methods.LIST_STUDIES.path: self._list_studies,
            methods.UPDATE_STUDY.path: self._update_study,
            methods.DELETE_STUDY.path: self._delete_study,
            methods.GET_TRIAL.path: self._get_trial,
            methods.LIST_TRIALS.path: self._list_trials,
            methods.LIST_OBSERVATIONS.path: self._list_observations,
            methods.GET_INCUMBENT.path: self._get_incumbent,
            methods.GET_PARETO_FRONT.path: _ask_the_model,
            methods.EXPLAIN.path: _ask_the_model,
        }

    def client(self, *, namespace: str = "default", timeout: float = DEFAULT_TIMEOUT, worker: str = "") -> Client:
        """A client of this server, for code that blocks."""
        return Client(namespace=namespace, timeout=timeout, worker=worker, transport=self)

    def async_client(
        self, *, namespace: str = "default", timeout: float = DEFAULT_TIMEOUT, worker: str = ""
    ) -> AsyncClient:
        """A client of this server, for asyncio."""
        return AsyncClient(namespace=namespace, timeout=timeout, worker=worker, transport=self)

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        """While it lasts, no call reaches the server."""
        with self._lock:
            self._outages += 1
        try:
            yield
        finally:
            with self._lock:
                self._outages -= 1

    # As a transport

    async def call(self, method: Method[Request, Response], request: Request, timeout: float) -> Response:  # noqa: ARG002 - it never waits
        """Answers as the server would; never waits."""
        with self._lock:
            if self._outages:
                raise UnavailableError("the fake server is unavailable", code=grpc.StatusCode.UNAVAILABLE)
            key = (method.path, getattr(request, "request_id", ""))
            if key in self._answered:
                asked, answer = self._answered[key]
                if asked != request:
                    raise invalid("request_id", "was used before, for another request")
                return cast(Response, answer)
            answer = self._handlers[method.path](request)
            if key[1]:
                self._answered[key] = (request, answer)
            return cast(Response, answer)

    async def sleep(self, seconds: float) -> None:
        """Moves the fake's clock."""
        with self._lock:
            self._clock += seconds

    def now(self) -> float:
        """The fake's clock; only ``sleep`` moves it."""
        return self._clock

    async def close(self) -> None:
        """Nothing to let go of: other clients may go on."""

    # As a server

    def _stamp(self, later: float = 0.0) -> Timestamp:
        moment = Timestamp()
        moment.FromMicroseconds(round((_EPOCH + self._clock + later) * 1e6))
        return moment

    def _study(self, name: str) -> FakeStudy:
        if name not in self._studies:
            raise not_found("STUDY_NOT_FOUND", name)
        return self._studies[name]

    def _study_of(self, trial: str) -> FakeStudy:
        return self._study(trial.rpartition("/trials/")[0])

    def _suggest(self, request: tuning_service_pb2.SuggestRequest) -> Message:
        study = self._study(request.study)
        suggestions = [study.suggest(request, self._stamp()) for _ in range(request.count or 1)]
        return tuning_service_pb2.SuggestResponse(suggestions=suggestions)

    def _observe(self, request: tuning_service_pb2.ObserveRequest) -> Message:
        study = self._study(request.study)
        response = tuning_service_pb2.ObserveResponse()
        for index, observation in enumerate(request.observations):
            result = response.results.add(suggestion_id=observation.suggestion_id)
            try:
                result.outcome = study.observe(observation, f"observations[{index}]", self._stamp())
            except TrimtabError as error:
                result.error.CopyFrom(item_error(error))
        return response

    def _extend_lease(self, request: tuning_service_pb2.ExtendLeaseRequest) -> Message:
        study = self._study_of(request.trial)
        trial = study.trial(request.trial)
        lease = request.lease if request.HasField("lease") else study.message.spec.lease
        trial.expire_time.CopyFrom(self._stamp(lease.seconds + lease.nanos / 1e9))
        return tuning_service_pb2.ExtendLeaseResponse(expire_time=trial.expire_time)

    def _import_trials(self, request: tuning_service_pb2.ImportTrialsRequest) -> Message:
        study = self._study(request.study)
        response = tuning_service_pb2.ImportTrialsResponse()
        for index, trial in enumerate(request.trials):
            result = response.results.add()
            try:
                result.trial = brought(study, trial, f"trials[{index}]", self._stamp())
            except TrimtabError as error:
                result.error.CopyFrom(item_error(error))
        return response

    def _enqueue_trials(self, request: tuning_service_pb2.EnqueueTrialsRequest) -> Message:
        names = put_in_line(self._study(request.study), list(request.points), self._stamp())
        return tuning_service_pb2.EnqueueTrialsResponse(trials=names)

    def _create_study(self, request: study_service_pb2.CreateStudyRequest) -> Message:
        name = f"{request.parent}/studies/{request.study_id}"
        if name in self._studies:
            raise AlreadyExistsError(
                f"{name} exists already", code=grpc.StatusCode.ALREADY_EXISTS, reason="STUDY_EXISTS"
            )
        spec = request.study.spec
        if not spec.search_space.parameters:
            raise invalid("study.spec.search_space.parameters", "a study needs at least one parameter")
        message = study_pb2.Study(name=name, spec=spec, state=study_pb2.STUDY_STATE_ACTIVE, revision=1, etag="1")
        self._fill(message)
        self._studies[name] = FakeStudy(message, self._seed)
        return study_service_pb2.CreateStudyResponse(study=self._studies[name].described())

    def _fill(self, message: study_pb2.Study) -> None:
        """What a server fills in."""
        spec = message.spec
        if not spec.HasField("lease"):
            spec.lease.FromSeconds(_DEFAULT_LEASE)
        if not spec.HasField("decision_lifetime"):
            spec.decision_lifetime.FromSeconds(_DEFAULT_LIFETIME)
        if not spec.HasField("seed"):
            spec.seed = self._seed
        asked = spec.algorithm.name
        message.algorithm.name = asked if asked not in ("", "auto") else "random"
        message.algorithm.reason = "a fake server draws at random, whatever is asked for"
        for name, value in spec.algorithm.options.items():
            message.algorithm.options[name].CopyFrom(value)
        message.create_time.CopyFrom(self._stamp())
        message.update_time.CopyFrom(self._stamp())

    def _get_study(self, request: study_service_pb2.GetStudyRequest) -> Message:
        return study_service_pb2.GetStudyResponse(study=self._study(request.name).described())

    def _list_studies(self, request: study_service_pb2.ListStudiesRequest) -> Message:
        prefix = "namespaces/" if request.parent == "namespaces/-" else f"{request.parent}/studies/"
        studies = [self._studies[name].message for name in sorted(self._studies) if name.startswith(prefix)]
        page, token = _page(studies, request.page_size, request.page_token)
        return study_service_pb2.ListStudiesResponse(studies=page, next_page_token=token)

    def _update_study(self, request: study_service_pb2.UpdateStudyRequest) -> Message:
        study = self._study(request.study.name)
        _check_etag(study, request.study.etag)
        message = study_pb2.Study()
        message.CopyFrom(study.message)
        for path in request.update_mask.paths:
            message_part, asked, field = message, request.study, path
            if path.startswith("spec."):
                message_part, asked, field = message.spec, request.study.spec, path.removeprefix("spec.")  # type: ignore[assignment]
            message_part.ClearField(field)
            if not asked.DESCRIPTOR.fields_by_name[field].has_presence or asked.HasField(field):
                message_part.MergeFrom(type(asked)(**{field: getattr(asked, field)}))
        message.revision += 1
        message.etag = str(message.revision)
        message.update_time.CopyFrom(self._stamp())
        study.message = message
        return study_service_pb2.UpdateStudyResponse(study=study.described())

    def _delete_study(self, request: study_service_pb2.DeleteStudyRequest) -> Message:
        _check_etag(self._study(request.name), request.etag)
        del self._studies[request.name]
        return study_service_pb2.DeleteStudyResponse()

    def _get_trial(self, request: study_service_pb2.GetTrialRequest) -> Message:
        return study_service_pb2.GetTrialResponse(trial=self._study_of(request.name).trial(request.name))

    def _list_trials(self, request: study_service_pb2.ListTrialsRequest) -> Message:
        trials = [
            trial for trial in self._study(request.parent).trials if not request.states or trial.state in request.states
        ]
        page, token = _page(trials, request.page_size, request.page_token)
        return study_service_pb2.ListTrialsResponse(trials=page, next_page_token=token)

    def _list_observations(self, request: study_service_pb2.ListObservationsRequest) -> Message:
        page, token = _page(self._study(request.parent).log, request.page_size, request.page_token)
        return study_service_pb2.ListObservationsResponse(observations=page, next_page_token=token)

    def _get_incumbent(self, request: study_service_pb2.GetIncumbentRequest) -> Message:
        return self._study(request.study).incumbent()


def _ask_the_model(request: Message) -> Message:
    raise NotImplementedError(f"a fake server has no model, and can't answer a {type(request).__name__}")


def _check_etag(study: FakeStudy, etag: str) -> None:
    if etag and etag != study.message.etag:
        raise EtagMismatchError(
            f"{study.message.name} has changed", code=grpc.StatusCode.ABORTED, reason="ETAG_MISMATCH"
        )


def _page(items: Sequence[Item], size: int, token: str) -> tuple[Sequence[Item], str]:
    start = int(token or 0)
    end = start + (size or _PAGE_SIZE)
    return items[start:end], str(end) if end < len(items) else ""

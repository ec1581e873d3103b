"""Every error that the client raises of its own.

    TrimtabError                      .code .reason .message .metadata
     +- InvalidArgumentError          the request is at fault; .violations say where
     +- NotFoundError                 there is no such study or trial
     +- AlreadyExistsError            there is one already
     |   +- StudyMismatchError        exist_ok met a study of another spec; .differences
     |   +- ObservationConflictError  the suggestion has another observation already
     +- FailedPreconditionError       the study's state doesn't allow it; a retry won't help
     |   +- StudyStoppedError         the study is stopped and suggests nothing
     |   +- SpaceExhaustedError       one call asked for more points than the finite space has
     +- EtagMismatchError             somebody changed the study since the etag was read
     +- ClientClosedError             the client was closed before the call
     +- PermissionDeniedError         the server doesn't let this caller do it
     +- ServiceError                  the service couldn't answer; the request is not at fault
         +- UnavailableError          no server is reachable, or it is going away
         +- DeadlineExceededError     no answer within the timeout
         +- ContentionError           too many callers write to one study at once
         +- OverloadedError           more work is waiting than the server takes on
         +- InternalError             the server failed

``reason`` is the stable word to branch on where a class is too coarse:
STUDY_NOT_FOUND and TRIAL_NOT_FOUND, say. An error that a newer server names
and this client doesn't know is raised as the class of its status code.

TypeError and ValueError are raised as everywhere in Python, for arguments
that can't be sent at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc


@dataclass(frozen=True, slots=True)
class Violation:
    """One field at fault: its path in the request, and what is wrong with it."""

    field: str
    description: str


class TrimtabError(Exception):
    """The call didn't do what it should.

    message: what is wrong and what to do, for people.
    code: the gRPC status code.
    reason: the same in one stable UPPER_SNAKE_CASE word; empty where the
        answer didn't come from a Trimtab server.
    metadata: details of the reason by name.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})


class InvalidArgumentError(TrimtabError):
    """The request is at fault, whatever the state of the service.

    violations: the fields at fault, by their paths in the request; empty where
        it is no single field (the reason MESSAGE_TOO_LARGE: ask for less, or
        for smaller pages).
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        super().__init__(message, code=code, reason=reason, metadata=metadata)
        self.violations = tuple(violations)


class NotFoundError(TrimtabError):
    """There is no such study or trial."""


class AlreadyExistsError(TrimtabError):
    """What was to be created exists already."""


class StudyMismatchError(AlreadyExistsError):
    """The study exists already and is defined otherwise than asked for.

    differences: the arguments of create_study that differ, in words.
    """

    def __init__(self, message: str, differences: Sequence[str] = ()) -> None:
        super().__init__(message, code=grpc.StatusCode.ALREADY_EXISTS, reason="STUDY_EXISTS")
        self.differences = tuple(differences)


class ObservationConflictError(AlreadyExistsError):
    """The suggestion has another observation already; the first one stands."""


class FailedPreconditionError(TrimtabError):
    """The state of the study doesn't allow it; a retry won't help."""


class StudyStoppedError(FailedPreconditionError):
    """The study is stopped and suggests nothing; ``study.resume()`` changes that."""


class SpaceExhaustedError(FailedPreconditionError):
    """One call asked for more different points than the finite space has. Points that were tried come again."""


class EtagMismatchError(TrimtabError):
    """Somebody changed the study since the etag was read: read, decide, try again."""


class ClientClosedError(TrimtabError):
    """The client was closed, by ``close`` or by the end of its with-block; make another one, or close it later."""


class PermissionDeniedError(TrimtabError):
    """The server, or a proxy before it, doesn't let this caller do it."""


class ServiceError(TrimtabError):
    """The service couldn't answer; the request is not at fault.

    These are what ``suggest`` answers with the baseline instead of raising.
    """


class UnavailableError(ServiceError):
    """No server is reachable, or the one asked is going away; a retry may help."""


class DeadlineExceededError(ServiceError):
    """No answer came within the timeout; the call may have had its effect."""


class ContentionError(ServiceError):
    """Too many callers write to one study at once; a retry may help."""


class OverloadedError(ServiceError):
    """More work is waiting than the server takes on; a retry may help."""


class InternalError(ServiceError):
    """The server failed; its log says why."""

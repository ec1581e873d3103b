"""Every error that a caller of the service can meet.

Raised, never set; named for what went wrong and not for a status code, which
the RPC floor looks up in one table. The tree:

    TrimtabError
     +- InvalidArgument            a field is at fault; violations say which
     |   +- UnknownAlgorithm
     |   +- RequestIdReused
     |   +- SuggestionIdInvalid
     +- NotFound
     |   +- StudyNotFound
     |   +- TrialNotFound
     +- AlreadyExists
     |   +- StudyExists
     |   +- ObservationConflict
     +- FailedPrecondition
     |   +- StudyStopped
     |   +- SpaceExhausted
     |   +- TrialEnded
     |   +- TrialQueued
     |   +- LineFull
     |   +- DecisionExpired
     |   +- NoIncumbent
     |   +- StudyOfDecisions
     |   +- NothingObserved
     +- Aborted
     |   +- EtagMismatch
     |   +- TooMuchContention
     +- DeadlineExceeded
     +- Unavailable
     |   +- StoreUnavailable
     |   +- ShuttingDown
     +- Overloaded
     +- OptimizerFailed
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One field at fault: its path in the request, and what is wrong."""

    field: str
    description: str


class TrimtabError(Exception):
    """Something that the caller should know about went wrong."""

    reason: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class InvalidArgument(TrimtabError):
    """The request is at fault, whatever the state of the service."""

    reason = "INVALID_FIELD"

    def __init__(self, field: str, description: str, **metadata: str) -> None:
        super().__init__(f"{field}: {description}" if field else description, **metadata)
        self.violations: tuple[Violation, ...] = (Violation(field, description),)

    def __reduce__(self) -> tuple[object, ...]:
        """It may be raised in another process."""
        (violation,) = self.violations
        return partial(type(self), **self.metadata), (violation.field, violation.description)

    def under(self, prefix: str) -> InvalidArgument:
        """The same error seen from the message that holds the field."""
        (violation,) = self.violations
        inner = violation.field
        joined = prefix + inner if inner.startswith("[") else f"{prefix}.{inner}" if inner else prefix
        return type(self)(joined, violation.description, **self.metadata)


class UnknownAlgorithm(InvalidArgument):
    """No optimizer or bandit has this name."""

    reason = "UNKNOWN_ALGORITHM"


class RequestIdReused(InvalidArgument):
    """The request id was used before, for another request."""

    reason = "REQUEST_ID_REUSED"


class SuggestionIdInvalid(InvalidArgument):
    """The id is not one that this service gave out for this study."""

    reason = "SUGGESTION_ID_INVALID"


class NotFound(TrimtabError):
    """What was named doesn't exist."""

    reason = "NOT_FOUND"


class StudyNotFound(NotFound):
    """There is no study of this name."""

    reason = "STUDY_NOT_FOUND"


class TrialNotFound(NotFound):
    """The study has no trial of this number."""

    reason = "TRIAL_NOT_FOUND"


class AlreadyExists(TrimtabError):
    """What was to be created exists already."""

    reason = "ALREADY_EXISTS"


class StudyExists(AlreadyExists):
    """A study of this name exists already."""

    reason = "STUDY_EXISTS"


class ObservationConflict(AlreadyExists):
    """The suggestion has another observation already; the first one stands."""

    reason = "OBSERVATION_CONFLICT"


class FailedPrecondition(TrimtabError):
    """The state of the study doesn't allow it; a retry won't help."""

    reason = "FAILED_PRECONDITION"


class StudyStopped(FailedPrecondition):
    """The study is stopped and suggests nothing."""

    reason = "STUDY_STOPPED"


class SpaceExhausted(FailedPrecondition):
    """One call asked for more different points than the finite space has."""

    reason = "SPACE_EXHAUSTED"


class TrialEnded(FailedPrecondition):
    """The trial has an observation; its lease is over."""

    reason = "TRIAL_ENDED"


class TrialQueued(FailedPrecondition):
    """The trial waits to be handed out, and has no context before it is."""

    reason = "TRIAL_QUEUED"


class LineFull(FailedPrecondition):
    """As many points wait in line as may."""

    reason = "LINE_FULL"


class DecisionExpired(FailedPrecondition):
    """The decision is older than the study's decision lifetime."""

    reason = "DECISION_EXPIRED"


class NoIncumbent(FailedPrecondition):
    """Nothing was observed and there is no baseline."""

    reason = "NO_INCUMBENT"


class StudyOfDecisions(FailedPrecondition):
    """Only trial studies can do this, and the study is a bandit study."""

    reason = "STUDY_OF_DECISIONS"


class NothingObserved(FailedPrecondition):
    """No trial is completed yet, and there is nothing that a model could say."""

    reason = "NOTHING_OBSERVED"


class Aborted(TrimtabError):
    """Somebody else was first; read again and retry."""

    reason = "ABORTED"


class EtagMismatch(Aborted):
    """The study has changed since the etag was read."""

    reason = "ETAG_MISMATCH"


class TooMuchContention(Aborted):
    """Too many callers write to one study at once; retry."""

    reason = "TOO_MUCH_CONTENTION"


class DeadlineExceeded(TrimtabError):
    """The answer could not be ready within the caller's deadline."""

    reason = "DEADLINE_EXCEEDED"


class Unavailable(TrimtabError):
    """The service can't work at the moment; a retry may help."""

    reason = "UNAVAILABLE"


class StoreUnavailable(Unavailable):
    """The database doesn't answer."""

    reason = "STORE_UNAVAILABLE"


class ShuttingDown(Unavailable):
    """This server is going away; another replica can answer."""

    reason = "SHUTTING_DOWN"


class Overloaded(TrimtabError):
    """More work is waiting than this server takes on; retry later."""

    reason = "OVERLOADED"


class OptimizerFailed(TrimtabError):
    """The optimizer raised or its process died, and no fallback was allowed."""

    reason = "OPTIMIZER_FAILED"


@contextmanager
def field(path: str) -> Iterator[None]:
    """Puts ``path`` before the field of any InvalidArgument raised inside."""
    try:
        yield
    except InvalidArgument as error:
        raise error.under(path) from None

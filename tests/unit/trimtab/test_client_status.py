"""From the status of a failed call to an error, details included."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2

from trimtab import errors
from trimtab._status import DETAILS_KEY, error_of_call, error_of_item
from unit.trimtab.wire import packed_status

INFO = error_details_pb2.ErrorInfo(reason="STUDY_STOPPED", domain="trimtab", metadata={"study": "s"})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, errors.InvalidArgumentError),
        (grpc.StatusCode.OUT_OF_RANGE, errors.InvalidArgumentError),
        (grpc.StatusCode.NOT_FOUND, errors.NotFoundError),
        (grpc.StatusCode.ALREADY_EXISTS, errors.AlreadyExistsError),
        (grpc.StatusCode.FAILED_PRECONDITION, errors.FailedPreconditionError),
        (grpc.StatusCode.ABORTED, errors.ContentionError),
        (grpc.StatusCode.PERMISSION_DENIED, errors.PermissionDeniedError),
        (grpc.StatusCode.UNAUTHENTICATED, errors.PermissionDeniedError),
        (grpc.StatusCode.UNAVAILABLE, errors.UnavailableError),
        (grpc.StatusCode.CANCELLED, errors.UnavailableError),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.DeadlineExceededError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.OverloadedError),
        (grpc.StatusCode.INTERNAL, errors.InternalError),
        (grpc.StatusCode.DATA_LOSS, errors.InternalError),
        (grpc.StatusCode.UNKNOWN, errors.InternalError),
        (grpc.StatusCode.UNIMPLEMENTED, errors.TrimtabError),
    ],
)
def test_every_code_has_its_class(code: grpc.StatusCode, expected: type[errors.TrimtabError]) -> None:
    """A status without details, from a proxy say, is told by its code, which it keeps."""
    error = error_of_call(code, "why", None)
    assert (expected, code, "why", "") == (type(error), error.code, error.message, error.reason)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("OBSERVATION_CONFLICT", errors.ObservationConflictError),
        ("STUDY_STOPPED", errors.StudyStoppedError),
        ("SPACE_EXHAUSTED", errors.SpaceExhaustedError),
        ("ETAG_MISMATCH", errors.EtagMismatchError),
        ("SOMETHING_NEW", errors.FailedPreconditionError),
    ],
)
def test_a_reason_is_finer_than_a_code(reason: str, expected: type[errors.TrimtabError]) -> None:
    """A reason that has a class of its own gets it; another one the class of the code."""
    info = error_details_pb2.ErrorInfo(reason=reason, domain="trimtab")
    status = packed_status(grpc.StatusCode.FAILED_PRECONDITION, "why", [info])
    error = error_of_call(grpc.StatusCode.FAILED_PRECONDITION, "why", [(DETAILS_KEY, status)])
    assert (expected, reason) == (type(error), error.reason)


def test_details_are_read() -> None:
    """Reason, metadata and the fields at fault, as google.rpc has them on the wire."""
    bad = error_details_pb2.BadRequest()
    bad.field_violations.add(field="study.spec", description="is empty")
    bad.field_violations.add(field="study_id", description="is missing")
    info = error_details_pb2.ErrorInfo(reason="INVALID_FIELD", domain="trimtab", metadata={"a": "b", "c": "d"})
    help_ = error_details_pb2.Help()
    status = packed_status(grpc.StatusCode.INVALID_ARGUMENT, "why", [help_, info, bad])
    error = error_of_call(grpc.StatusCode.INVALID_ARGUMENT, "why", [("other", "x"), (DETAILS_KEY, status)])
    assert isinstance(error, errors.InvalidArgumentError)
    assert (error.reason, error.metadata) == ("INVALID_FIELD", {"a": "b", "c": "d"})
    assert (errors.Violation("study.spec", "is empty"), errors.Violation("study_id", "is missing")) == error.violations


def test_another_domain_says_nothing() -> None:
    """A reason of somebody else's service may be spelled like one of ours."""
    info = error_details_pb2.ErrorInfo(reason="STUDY_STOPPED", domain="example.com")
    status = packed_status(grpc.StatusCode.UNAVAILABLE, "why", [info])
    error = error_of_call(grpc.StatusCode.UNAVAILABLE, "why", [(DETAILS_KEY, status)])
    assert (errors.UnavailableError, "") == (type(error), error.reason)


@pytest.mark.parametrize("value", [b"\xff\xff\xff", "text"])
def test_details_that_are_none_say_nothing(value: str | bytes) -> None:
    """What isn't a status doesn't hide the error behind another one."""
    error = error_of_call(grpc.StatusCode.UNAVAILABLE, None, [(DETAILS_KEY, value)])
    assert (error.message, error.reason) == ("UNAVAILABLE", "")


def test_an_item_has_the_error_of_its_code() -> None:
    """A number that no code has is an unknown error, not a failure to say so."""
    conflict = error_of_item(6, "why", "OBSERVATION_CONFLICT", [])
    unheard = error_of_item(99, "why", "", [])
    assert (errors.ObservationConflictError, errors.InternalError) == (type(conflict), type(unheard))

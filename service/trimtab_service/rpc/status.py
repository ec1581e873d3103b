"""Errors as gRPC statuses: one table, and the rich details that go with it."""

from __future__ import annotations

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from trimtab.v1 import tuning_service_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument, TrimtabError

DOMAIN = "trimtab"
DETAILS_KEY = "grpc-status-details-bin"

CODES: dict[type[TrimtabError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.OptimizerFailed: grpc.StatusCode.INTERNAL,
}
"""The code of each error, or of the nearest class above it."""

# What gRPC lets a status carry in its headers is about 8 KiB.
_MOST_MESSAGE = 2_000


def code_of(error: TrimtabError) -> grpc.StatusCode:
    """The code of an error. KeyError where neither it nor a class above it is in the table."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    raise KeyError(type(error).__name__)


def status_of(error: TrimtabError) -> status_pb2.Status:
    """The error as google.rpc.Status, with ErrorInfo and, for bad input, BadRequest."""
    status = status_pb2.Status(code=code_of(error).value[0], message=error.message[:_MOST_MESSAGE])
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    for name, value in error.metadata.items():
        info.metadata[name] = value[:_MOST_MESSAGE]
    status.details.add().Pack(info)
    if isinstance(error, InvalidArgument):
        request = error_details_pb2.BadRequest()
        for violation in error.violations:
            request.field_violations.add(
                field=violation.field[:_MOST_MESSAGE], description=violation.description[:_MOST_MESSAGE]
            )
        status.details.add().Pack(request)
    return status


def internal_status() -> status_pb2.Status:
    """What a caller learns of a fault of ours: that it is ours, and in the log."""
    status = status_pb2.Status(code=code_pb2.INTERNAL, message="internal error; the server's log says more")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN))
    return status


def item_error(error: TrimtabError) -> tuning_service_pb2.ItemError:
    """The error as the result of one item of a call."""
    item = tuning_service_pb2.ItemError(
        code=code_of(error).value[0], reason=error.reason, message=error.message[:_MOST_MESSAGE]
    )
    if isinstance(error, InvalidArgument):
        for violation in error.violations:
            item.field_violations.add(field=violation.field, description=violation.description)
    return item

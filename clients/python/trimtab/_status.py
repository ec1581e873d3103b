"""From what gRPC says of a failed call to the client's errors.

Details travel as google.rpc.Status in the trailing metadata. The few messages
needed to read it are declared here, in a pool of their own: the client then
needs no package for them, and can't clash with an application that has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from trimtab import errors
from trimtab.errors import TrimtabError, Violation

DETAILS_KEY = "grpc-status-details-bin"
DOMAIN = "trimtab"
TOO_LARGE = "essage larger than max"  # what gRPC says of a message that it doesn't send, or take

_BY_REASON: Mapping[str, type[TrimtabError]] = {
    "OBSERVATION_CONFLICT": errors.ObservationConflictError,
    "STUDY_STOPPED": errors.StudyStoppedError,
    "SPACE_EXHAUSTED": errors.SpaceExhaustedError,
    "ETAG_MISMATCH": errors.EtagMismatchError,
}
_BY_CODE: Mapping[grpc.StatusCode, type[TrimtabError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgumentError,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: errors.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPreconditionError,
    grpc.StatusCode.ABORTED: errors.ContentionError,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDeniedError,
    grpc.StatusCode.UNAUTHENTICATED: errors.PermissionDeniedError,
    grpc.StatusCode.UNAVAILABLE: errors.UnavailableError,
    # The server gave the call up: it is being shut down.
    grpc.StatusCode.CANCELLED: errors.UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceededError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.OverloadedError,
    grpc.StatusCode.INTERNAL: errors.InternalError,
    grpc.StatusCode.DATA_LOSS: errors.InternalError,
    grpc.StatusCode.UNKNOWN: errors.InternalError,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def _detail_classes() -> dict[str, type[Any]]:
    """Classes that read the messages of google.rpc, compatible on the wire."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="trimtab/details.proto", package="trimtab.details", syntax="proto3")

    def add(parent: Any, name: str, *members: tuple[str, int, str]) -> Any:
        message = parent.add(name=name)
        for number, (member, label, kind) in enumerate(members, start=1):
            entry = message.field.add(name=member, number=number, label=label)
            if kind in ("string", "bytes", "int32"):
                entry.type = field.Type.Value(f"TYPE_{kind.upper()}")
            else:
                entry.type = field.TYPE_MESSAGE
                entry.type_name = f".trimtab.details.{kind}"
        return message

    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    add(file.message_type, "Any", ("type_url", one, "string"), ("value", one, "bytes"))
    add(file.message_type, "Status", ("code", one, "int32"), ("message", one, "string"), ("details", many, "Any"))
    info = add(
        file.message_type,
        "ErrorInfo",
        ("reason", one, "string"),
        ("domain", one, "string"),
        ("metadata", many, "ErrorInfo.MetadataEntry"),
    )
    entry = add(info.nested_type, "MetadataEntry", ("key", one, "string"), ("value", one, "string"))
    entry.options.map_entry = True
    add(file.message_type, "Violation", ("field", one, "string"), ("description", one, "string"))
    add(file.message_type, "BadRequest", ("field_violations", many, "Violation"))

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"trimtab.details.{name}"))
        for name in ("Status", "ErrorInfo", "BadRequest")
    }


_DETAILS = _detail_classes()


def error_of_call(code: grpc.StatusCode, message: str | None, trailing_metadata: Iterable[Any] | None) -> TrimtabError:
    """The error of a failed call, with the details if the server sent any."""
    reason, metadata, violations = "", {}, []
    for detail in _details(trailing_metadata):
        kind = detail.type_url.rpartition("/")[2]
        if kind == "google.rpc.ErrorInfo":
            info = _DETAILS["ErrorInfo"].FromString(detail.value)
            if info.domain == DOMAIN:
                reason, metadata = info.reason, dict(info.metadata)
        elif kind == "google.rpc.BadRequest":
            bad = _DETAILS["BadRequest"].FromString(detail.value)
            violations = [Violation(each.field, each.description) for each in bad.field_violations]
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and TOO_LARGE in (message or ""):
        # gRPC's word for it is that of an overload too, but no wait will help.
        code, reason = grpc.StatusCode.OUT_OF_RANGE, reason or "MESSAGE_TOO_LARGE"
    return _error(code, message or code.name, reason, metadata, violations)


def error_of_item(code: int, message: str, reason: str, violations: Sequence[Violation]) -> TrimtabError:
    """The error of one item in a call that was answered; code: a google.rpc.Code."""
    return _error(_CODES.get(code, grpc.StatusCode.UNKNOWN), message, reason, {}, violations)


def _error(
    code: grpc.StatusCode, message: str, reason: str, metadata: Mapping[str, str], violations: Sequence[Violation]
) -> TrimtabError:
    kind = _BY_REASON.get(reason) or _BY_CODE.get(code, TrimtabError)
    if issubclass(kind, errors.InvalidArgumentError):
        return kind(message, code=code, reason=reason, metadata=metadata, violations=violations)
    return kind(message, code=code, reason=reason, metadata=metadata)


def _details(trailing_metadata: Iterable[Any] | None) -> Sequence[Any]:
    """What is in the status; nothing where a proxy sent what isn't one."""
    for key, value in trailing_metadata or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                details: Sequence[Any] = _DETAILS["Status"].FromString(value).details
            except DecodeError:
                return ()
            return details
    return ()

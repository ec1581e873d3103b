"""Values, parameters, times, names and request ids: proto <-> domain."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import grpc
from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from trimtab.v1 import parameters_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import ParameterValue
from trimtab_service.domain.study import StudyName, TrialName, check_identifier
from trimtab_service.store.base import Request

MOST_COUNT = 1_000  # suggestions, or observations, of one call
MOST_PAGE = 1_000
DEFAULT_PAGE = 100
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


def value_from(message: parameters_pb2.Value) -> ParameterValue:
    """Raises InvalidArgument (field empty) for a value without a kind."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise InvalidArgument("", "a value needs a kind: double_value, int_value, string_value or bool_value")
    value: ParameterValue = getattr(message, kind)
    return value


def value_to(value: ParameterValue) -> parameters_pb2.Value:
    """bool before int: to Python a bool is one."""
    if isinstance(value, bool):
        return parameters_pb2.Value(bool_value=value)
    if isinstance(value, int):
        return parameters_pb2.Value(int_value=value)
    if isinstance(value, float):
        return parameters_pb2.Value(double_value=value)
    return parameters_pb2.Value(string_value=value)


def values_from(values: Mapping[str, parameters_pb2.Value], field: str) -> dict[str, ParameterValue]:
    """A map of values; errors name the entry ``field["name"]``."""
    converted: dict[str, ParameterValue] = {}
    for name, message in values.items():
        try:
            converted[name] = value_from(message)
        except InvalidArgument as error:
            raise error.under(f'{field}["{name[:130]}"]') from None
    return converted


def patterns_from(messages: Sequence[parameters_pb2.Parameters], field: str) -> tuple[dict[str, ParameterValue], ...]:
    """Values of some parameters each; errors name the entry ``field[i].values["name"]``."""
    patterns = []
    for index, message in enumerate(messages):
        with errors.field(f"{field}[{index}]"):
            patterns.append(values_from(message.values, "values"))
    return tuple(patterns)


def parameters_to(values: Mapping[str, ParameterValue]) -> parameters_pb2.Parameters:
    """One point, as a message."""
    return parameters_pb2.Parameters(values={name: value_to(value) for name, value in values.items()})


def moment_to(moment: datetime) -> timestamp_pb2.Timestamp:
    """A time, as a message."""
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))
    return stamp


def span_from(message: duration_pb2.Duration) -> timedelta:
    """Raises InvalidArgument (field empty) for what can't be a length of time."""
    try:
        return timedelta(seconds=message.seconds, microseconds=message.nanos / 1000)
    except OverflowError:
        raise InvalidArgument("", f"{message.seconds} seconds are too long") from None


def span_to(span: timedelta) -> duration_pb2.Duration:
    """A length of time, as a message."""
    message = duration_pb2.Duration()
    message.FromTimedelta(span)
    return message


def study_name(text: str, field: str) -> StudyName:
    """Raises InvalidArgument at ``field``."""
    try:
        return _study_name(text)
    except InvalidArgument as error:
        raise error.under(field) from None


# Every call names a study, and most name one of a few.
_study_name = lru_cache(4_096)(StudyName.parse)


def trial_name(text: str, field: str) -> TrialName:
    """Raises InvalidArgument at ``field``."""
    with errors.field(field):
        return TrialName.parse(text)


def namespace(text: str, field: str) -> str:
    """The id in ``namespaces/{id}``. Raises InvalidArgument at ``field``."""
    head, _, name = text.partition("/")
    if head != "namespaces":
        raise InvalidArgument(field, f"{text[:200]!r} is not of the form namespaces/{{namespace}}")
    with errors.field(field):
        return check_identifier(name)


def count_from(count: int) -> int:
    """How many suggestions: 1 where unset. Raises InvalidArgument at ``count``."""
    if not 0 <= count <= MOST_COUNT:
        raise InvalidArgument("count", f"must be from 1 to {MOST_COUNT}, not {count}")
    return count or 1


def check_request_id(key: str) -> None:
    """Raises InvalidArgument at ``request_id`` unless it is empty or well formed."""
    if key and not _REQUEST_ID.fullmatch(key):
        raise InvalidArgument("request_id", "must be 1 to 128 printable ASCII characters without blanks")


def seconds_left(context: grpc.aio.ServicerContext[Any, Any], most: float) -> float:
    """Seconds until the caller stops waiting; ``most`` where that is longer, or never."""
    left = context.time_remaining()
    return most if left is None else min(left, most)


def request_from(message: Any, method: str) -> Request | None:
    """The identity of a write, None where the caller gave none. Raises InvalidArgument at ``request_id``."""
    key: str = message.request_id
    if not key:
        return None
    check_request_id(key)
    # The key is in it as well, which does no harm: fingerprints are compared of equal keys only.
    return Request(key, method, hashlib.sha256(message.SerializeToString(deterministic=True)).digest())


def page_size(size: int) -> int:
    """How many items of a page. Raises InvalidArgument at ``page_size``."""
    if size < 0:
        raise InvalidArgument("page_size", f"must be at least 0, not {size}")
    return min(size, MOST_PAGE) or DEFAULT_PAGE


def page_token_to(query: str, after: str) -> str:
    """Where the next page starts, bound to the query that it belongs to."""
    return base64.urlsafe_b64encode(json.dumps([query, after]).encode()).decode()


def page_token_from(token: str, query: str) -> str:
    """Where the page starts; empty for the first one. Raises InvalidArgument at ``page_token``."""
    if not token:
        return ""
    try:
        content = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        content = None
    match content:
        case [str(asked), str(after)] if asked == query:
            return after
    raise InvalidArgument("page_token", "not a next_page_token of this very list")


def check_known(message: Message, path: str) -> None:
    """Raises InvalidArgument where a field is set that this server doesn't know.

    A newer client's field, dropped without a word, could change what a study
    means.
    """
    unknown = UnknownFieldSet(message)
    if len(unknown):
        raise InvalidArgument(
            path, f"field number {unknown[0].field_number} is not known to this server; is the client newer than it?"
        )
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        inner = f"{path}.{descriptor.name}"
        if isinstance(value, Message):
            check_known(value, inner)
        elif isinstance(value, Mapping):
            for name, entry in value.items():
                if isinstance(entry, Message):
                    check_known(entry, f'{inner}["{str(name)[:130]}"]')
        else:
            for index, entry in enumerate(value):
                check_known(entry, f"{inner}[{index}]")

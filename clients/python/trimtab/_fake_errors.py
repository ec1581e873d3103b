"""The errors of the fake server, made as a server makes them."""

from __future__ import annotations

import grpc

from trimtab.errors import InvalidArgumentError, NotFoundError, TrimtabError, Violation
from trimtab.v1 import tuning_service_pb2


def invalid(field: str, description: str) -> InvalidArgumentError:
    """A field is at fault."""
    violation = Violation(field, description)
    return InvalidArgumentError(f"{field}: {description}", reason="INVALID_FIELD", violations=[violation])


def not_found(reason: str, name: str) -> NotFoundError:
    """There is nothing of this name."""
    return NotFoundError(f"{name} doesn't exist", code=grpc.StatusCode.NOT_FOUND, reason=reason)


def item_error(error: TrimtabError) -> tuning_service_pb2.ItemError:
    """The error as the result of one observation."""
    item = tuning_service_pb2.ItemError(code=error.code.value[0], reason=error.reason, message=error.message)
    if isinstance(error, InvalidArgumentError):
        for violation in error.violations:
            item.field_violations.add(field=violation.field, description=violation.description)
    return item

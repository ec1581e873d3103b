"""The one table from errors to status codes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2

from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument, TrimtabError
from trimtab_service.rpc import status


def tree(root: type[TrimtabError]) -> Iterator[type[TrimtabError]]:
    """Every error below the root."""
    for kind in root.__subclasses__():
        yield kind
        yield from tree(kind)


KINDS = sorted(set(tree(TrimtabError)), key=lambda kind: kind.__name__)


def made(kind: type[TrimtabError]) -> TrimtabError:
    """An error of that kind."""
    if issubclass(kind, InvalidArgument):
        return kind("a.b", "is wrong")
    return kind("went wrong", study="s")


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_code_and_details(kind: type[TrimtabError]) -> None:
    """The table covers the whole tree, and ErrorInfo carries the reason."""
    error = made(kind)
    answer = status.status_of(error)
    info = error_details_pb2.ErrorInfo()
    assert answer.details[0].Unpack(info)
    assert (info.reason, info.domain) == (error.reason, "trimtab")
    assert answer.code == status.code_of(error).value[0]
    assert status.code_of(error) is not grpc.StatusCode.UNKNOWN


def test_no_two_errors_have_one_reason() -> None:
    """A client can tell them apart by reason alone."""
    reasons = [kind.reason for kind in KINDS]
    assert sorted(set(reasons)) == sorted(reasons)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """What the module draws is what it defines."""
    drawn = {line.split("+- ")[1].split()[0] for line in (errors.__doc__ or "").splitlines() if "+- " in line}
    assert {kind.__name__ for kind in KINDS if inspect.getmodule(kind) is errors} == drawn


def test_an_error_outside_the_table_is_a_fault() -> None:
    """It is not answered as if it were known."""
    with pytest.raises(KeyError):
        status.code_of(TrimtabError("unknown"))


def test_bad_input_names_its_field() -> None:
    """As google.rpc.BadRequest, in the status and in an item."""
    error = InvalidArgument("count", "must be at least 1").under("request")
    bad = error_details_pb2.BadRequest()
    assert status.status_of(error).details[1].Unpack(bad)
    assert [violation.field for violation in bad.field_violations] == ["request.count"]
    assert [violation.field for violation in status.item_error(error).field_violations] == ["request.count"]

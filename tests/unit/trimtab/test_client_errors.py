"""The tree of errors: as drawn, and complete."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from trimtab import errors
from trimtab.errors import TrimtabError, Violation

TREE = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, TrimtabError)]


def drawn() -> dict[str, str]:
    """Each error in the drawing and the one it hangs on."""
    parents: dict[str, str] = {}
    above: dict[int, str] = {-1: ""}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([ |]*)(?:\+- )?(\w+Error)\s{2,}", line)
        if found:
            depth = line.index(found[2])
            above = {column: name for column, name in above.items() if column < depth}
            parents[found[2]] = above[max(above)]
            above[depth] = found[2]
    return parents


def test_the_drawing_is_the_tree() -> None:
    """Every class is drawn, under the class that it derives from."""
    actual = {kind.__name__: "" if kind is TrimtabError else kind.__bases__[0].__name__ for kind in TREE}
    assert actual == drawn()


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_explains_itself(kind: type[TrimtabError]) -> None:
    """What a class means is said where it is defined."""
    assert kind.__doc__


def test_an_error_reads_as_its_message() -> None:
    """What a traceback shows is what the server said."""
    error = errors.InvalidArgumentError("depth: too deep", violations=[Violation("depth", "too deep")])
    assert str(error) == "depth: too deep"


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_errors_cross_processes(kind: type[TrimtabError]) -> None:
    """An error raised in a worker process arrives with its words."""
    error = kind("no server")
    error.reason = "SHUTTING_DOWN"
    back = pickle.loads(pickle.dumps(error))
    assert (kind, "no server", "SHUTTING_DOWN", error.code) == (type(back), str(back), back.reason, back.code)

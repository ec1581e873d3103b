"""The tree of errors: complete, documented, and its fields joined to paths."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator

import pytest

from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument, TrimtabError, UnknownAlgorithm, field


def descendants(error: type[TrimtabError]) -> Iterator[type[TrimtabError]]:
    """Every class below, depth first, in the order of the source."""
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from descendants(child)


def depth(error: type[TrimtabError]) -> int:
    """How many classes stand above it in the tree."""
    return error.__mro__.index(TrimtabError)


def test_the_picture_shows_the_tree() -> None:
    """The module's docstring draws every error, each below its parent."""
    drawn = re.findall(r"^     ([ |]*)\+- (\w+)", errors.__doc__ or "", re.MULTILINE)
    expected = [("" if depth(error) == 1 else "    ", error.__name__) for error in descendants(TrimtabError)]
    assert [(indent.replace("|", " "), name) for indent, name in drawn] == expected


def test_every_error_has_a_reason_of_its_own() -> None:
    """Programs tell errors apart by it."""
    reasons = [TrimtabError.reason, *(error.reason for error in descendants(TrimtabError))]
    assert len(set(reasons)) == len(reasons)
    assert all(re.fullmatch(r"[A-Z][A-Z_]*[A-Z]", reason) for reason in reasons)


def test_an_error_says_where_and_what() -> None:
    """Its text is for people, its violation for programs, its metadata goes along."""
    error = InvalidArgument("step", "must be positive", parameter="x")
    assert str(error) == error.message == "step: must be positive"
    assert error.violations == (errors.Violation("step", "must be positive"),)
    assert error.metadata == {"parameter": "x"}


def test_an_error_about_the_whole_has_no_field_in_its_text() -> None:
    """The one who holds the value knows its name."""
    assert str(InvalidArgument("", "must be a number")) == "must be a number"


@pytest.mark.parametrize(
    ("inner", "prefix", "joined"),
    [
        ("name", "study", "study.name"),
        ("", "study", "study"),
        ("[3].name", "parameters", "parameters[3].name"),
        ('["x"]', "values", 'values["x"]'),
    ],
)
def test_a_path_grows_from_inside_out(inner: str, prefix: str, joined: str) -> None:
    """An index joins without a dot."""
    assert InvalidArgument(inner, "wrong").under(prefix).violations[0].field == joined


def test_a_field_is_put_before_any_error_raised_inside() -> None:
    """The kind of error and its metadata stay."""
    with pytest.raises(UnknownAlgorithm) as caught, field("study"), field("spec"):
        raise UnknownAlgorithm("algorithm.name", "no such algorithm", known="gp")
    assert caught.value.violations[0].field == "study.spec.algorithm.name"
    assert caught.value.metadata == {"known": "gp"}


def test_an_error_that_is_not_about_a_field_passes_unchanged() -> None:
    """A mistake in the program stays what it is."""
    with pytest.raises(ZeroDivisionError), field("study"):
        _ = 1 / 0


def test_errors_cross_processes() -> None:
    """A worker raises them, and the server says what the worker said."""
    for error in (
        errors.InvalidArgument("spec.x", "must be positive", study="s"),
        errors.UnknownAlgorithm("algorithm.name", "not known"),
        errors.SpaceExhausted("nothing left"),
        errors.StudyNotFound("gone", study="s"),
    ):
        back = pickle.loads(pickle.dumps(error))
        assert (type(back), back.message, back.metadata) == (type(error), error.message, error.metadata)
        assert getattr(back, "violations", None) == getattr(error, "violations", None)

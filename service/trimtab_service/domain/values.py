"""Values of parameters, and how they are named and shown in errors."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TypeAlias

from trimtab_service.domain.errors import InvalidArgument

ParameterValue: TypeAlias = float | int | str | bool
Parameters: TypeAlias = Mapping[str, ParameterValue]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
MOST_TEXT = 1_024  # bytes of one categorical value or description


def check_name(name: str) -> None:
    """Raises InvalidArgument (field ``name``) unless ``name`` is well formed."""
    if not NAME.fullmatch(name):
        raise InvalidArgument(
            "name",
            f"{name[:130]!r} is not a name: a letter or underscore, then letters, digits and . _ -, 128 at most",
        )


def check_description(description: str) -> None:
    """Raises InvalidArgument (field ``description``) where it is too long."""
    if len(description.encode()) > MOST_TEXT:
        raise InvalidArgument("description", f"longer than {MOST_TEXT} bytes")


def number(value: ParameterValue) -> float:
    """The value as a float; InvalidArgument with an empty field otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument("", f"must be a number, not {_kind(value)} {shown(value)}")
    try:
        converted = float(value)
    except OverflowError:
        raise InvalidArgument("", f"{shown(value)} is too large") from None
    if not math.isfinite(converted):
        raise InvalidArgument("", f"must be finite, not {value}")
    return converted


def same(first: ParameterValue, second: ParameterValue) -> bool:
    """Equality that keeps truth values and numbers apart."""
    return isinstance(first, bool) == isinstance(second, bool) and first == second


def _kind(value: ParameterValue) -> str:
    return {bool: "the truth value", int: "the integer", float: "the number", str: "the text"}[type(value)]


def shown(value: ParameterValue) -> str:
    """The value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

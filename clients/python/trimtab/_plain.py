"""Values as Python's own, whatever they come as."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import SupportsFloat, SupportsIndex, TypeAlias

ParameterValue: TypeAlias = float | int | str | bool
"""A value as the client hands it out."""
ValueLike: TypeAlias = ParameterValue | SupportsIndex | SupportsFloat
"""A value as the client takes it: NumPy's scalars are welcome too."""


def plain_number(value: SupportsFloat | SupportsIndex) -> float:
    """The number as a float; TypeError for a text or anything else."""
    if type(value) is float:  # the usual case, without the slow look at protocols
        return value
    if isinstance(value, SupportsFloat | SupportsIndex):
        return float(value)
    raise TypeError(f"a number is needed, not {value!r:.80}")


@contextmanager
def at(name: str) -> Iterator[None]:
    """A TypeError from inside begins with the name of the field at fault."""
    try:
        yield
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def set_numbers(record: object, *names: str, or_none: bool = False) -> None:
    """Puts fields of a frozen record into the form of numbers; TypeError, by the field's name, for anything else."""
    for name in names:
        value = getattr(record, name)
        if not (or_none and value is None):
            with at(name):
                object.__setattr__(record, name, plain_number(value))


def whole_number(value: SupportsIndex) -> int:
    """The number as an int; TypeError for a float, a text or anything else."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"a whole number is needed, not {value!r:.80}") from None


def plain_weights(weights: Mapping[str, SupportsFloat | SupportsIndex]) -> dict[str, float]:
    """Numbers by name, in the order of the names, so that the same sum has the same text."""
    plain = {}
    for name in sorted(weights):
        with at(f"weights.{name}"):
            plain[name] = plain_number(weights[name])
    return plain


def plain_values(given: Mapping[str, ValueLike], field: str) -> dict[str, ParameterValue]:
    """Values by name, of a field that has this name."""
    plain = {}
    for name, value in given.items():
        with at(f"{field}.{name}"):
            plain[name] = plain_value(value)
    return plain


def plain_value(value: ValueLike) -> ParameterValue:
    """The value as a bool, int, float or str of Python's own; TypeError otherwise."""
    if type(value) in (float, int, str, bool):
        return value  # type: ignore[return-value]
    item = getattr(value, "item", None)
    if callable(item):  # a NumPy scalar; only this way is numpy.bool told from a number
        value = item()
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, SupportsIndex):
        return operator.index(value)
    if isinstance(value, SupportsFloat):
        return float(value)
    raise TypeError(f"a value must be a number, a text or a truth value, not {value!r:.80}")

"""Values as Python's own, whatever they come as."""

from __future__ import annotations

import operator
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

"""Options of an algorithm: a frozen record's fields, checked by name and type.

An algorithm is a frozen dataclass whose fields are its options, each a float,
int, str or bool with a default. What else must hold of them its constructor
says, raising InvalidArgument with the name of the field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import ParameterValue

Record = TypeVar("Record")


def from_options(record: type[Record], options: Mapping[str, ParameterValue]) -> Record:
    """The record with these options, the others at their defaults.

    Raises InvalidArgument, the field being ``options["name"]``.
    """
    kinds = get_type_hints(record)
    names = [field.name for field in fields(record)]  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in options.items():
        path = f'options["{name[:130]}"]'
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise InvalidArgument(path, f"unknown option; this algorithm has: {known}")
        values[name] = _checked(path, kinds[name], value)
    try:
        return record(**values)
    except InvalidArgument as error:
        (violation,) = error.violations
        raise InvalidArgument(f'options["{violation.field}"]', violation.description) from None


def to_options(record: object) -> dict[str, ParameterValue]:
    """Every option of the record with the value in force."""
    return {field.name: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]


def _checked(path: str, kind: type, value: ParameterValue) -> ParameterValue:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise InvalidArgument(path, f"must be finite, not {value}")
        return float(value)
    if type(value) is not kind:
        noun = {float: "a number", int: "an integer", str: "a text", bool: "a truth value"}[kind]
        raise InvalidArgument(path, f"must be {noun}, not {value!r:.80}")
    return value

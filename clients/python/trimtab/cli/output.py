"""What commands print: aligned tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TextIO

from trimtab.space import Parameter

GAP = "  "


class UsageError(Exception):
    """The command line is at fault."""


def plain(value: object) -> Any:
    """The value as JSON can hold it: times in ISO 8601, lengths of time in seconds.

    Parameters say their type, as in files that define a study.
    """
    if is_dataclass(value) and not isinstance(value, type):
        kind = {"type": type(value).__name__.lower()} if isinstance(value, Parameter) else {}
        return kind | {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    return value


def cell(value: object) -> str:
    """A value for people: six digits of a number, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.10g} s"  # whole, for years
    return " ".join(str(value).split())


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; columns of numbers to the right."""
    values = [list(row) for row in rows]
    texts = [[cell(value) for value in row] for row in values]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    numeric = [
        any(_is_number(row[index]) for row in values)
        and all(row[index] is None or _is_number(row[index]) for row in values)
        for index in range(len(header))
    ]
    lines = []
    for line in ([*header], *texts):
        cells = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ]
        lines.append(GAP.join(cells).rstrip())
    return "\n".join(lines)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Output:
    """Where commands print; json: whether for programs."""

    stream: TextIO
    json: bool

    def line(self, text: str) -> None:
        """One line, or several."""
        self.stream.write(text + "\n")

    def value(self, value: object) -> None:
        """One value as indented JSON."""
        self.line(json.dumps(plain(value), indent=2, ensure_ascii=False))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
        """A table; the sentence ``empty`` where there are no rows."""
        listed = list(rows)
        self.line(table(header, listed) if listed else empty)

    def pairs(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Names and values, aligned; values of None are left out."""
        listed = [(name, cell(value)) for name, value in pairs if value is not None]
        width = max(len(name) for name, _ in listed)
        for name, text in listed:
            self.line(f"{name.ljust(width)}{GAP}{text}".rstrip())

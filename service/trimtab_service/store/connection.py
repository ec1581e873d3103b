"""A connection within a transaction: runs SQLAlchemy's statements on the driver itself.

SQLAlchemy writes the SQL, once for each statement and engine, and keeps the
pool. Executing through it as well costs several times what SQLite or psycopg
take for a short statement, and this is the path of every call; so rows go in
and come out here as the driver has them, JSON as text (see ``rows``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Dialect, Executable, Table

MOST_PREPARED = 256
"""Statements that are kept as text; there are about fifty that last."""

Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Mapping[str, Any]


class DriverCursor(Protocol):
    """The part of a DB-API cursor that is used."""

    rowcount: int

    def fetchone(self) -> Row | None:
        """The next row."""
        ...

    def fetchall(self) -> list[Row]:
        """All of them."""
        ...


@dataclass(frozen=True, slots=True)
class Insertion:
    """Rows of one table, of these columns in this order."""

    table: Table
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as the driver takes it.

    order: the names of the values where the driver takes them by position.
    constants: the values that the statement itself brings.
    """

    text: str
    order: tuple[str, ...] | None
    constants: Values

    def bound(self, values: Values) -> Values | list[Any]:
        """The values as the driver takes them."""
        every = {**self.constants, **values}
        return every if self.order is None else [every[name] for name in self.order]


class Statements:
    """The statements of one engine, as text."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.prepared: Callable[[Executable], Prepared] = lru_cache(MOST_PREPARED)(self._prepare)

    def _prepare(self, statement: Executable) -> Prepared:
        compiled: Any = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined]
        order = tuple(compiled.positiontup) if compiled.positional else None
        return Prepared(compiled.string, order, {k: v for k, v in compiled.params.items() if v is not None})


class Connection(ABC):
    """Executes statements in the transaction that is open."""

    __slots__ = ("_statements", "driver")

    def __init__(self, driver: Any, statements: Statements) -> None:
        self.driver: Any = driver  # sqlite3's or psycopg's
        self._statements = statements

    @abstractmethod
    def insert(self, *parts: tuple[Insertion, Sequence[Row]]) -> None:
        """Inserts rows of one or several tables; all of them in one statement if the database is far."""

    def _execute(self, statement: Executable, values: Values) -> DriverCursor:
        prepared = self._statements.prepared(statement)
        cursor: DriverCursor = self.driver.execute(prepared.text, prepared.bound(values))
        return cursor

    def first(self, statement: Executable, values: Values) -> Row | None:
        """The first row, or None."""
        return self._execute(statement, values).fetchone()

    def all(self, statement: Executable, values: Values) -> list[Row]:
        """Every row."""
        return self._execute(statement, values).fetchall()

    @abstractmethod
    def change_and_insert(
        self, change: Executable, values: Values, insertion: Insertion, rows: Sequence[Row], answer: Executable
    ) -> Row | None:
        """Changes rows, and inserts others if there were any; what ``answer`` selects then, None if there were none.

        One statement if the database is far, so that it needs no transaction around it.
        answer: selects one value.
        """

    def go_by_indexes(self) -> None:
        """Until the end of the transaction, has rows that are wanted in order read in that order, from an index.

        For whoever wants the first of very many, where the database may not know yet how many there are.
        """
        return

    def change(self, statement: Executable, values: Values) -> int:
        """How many rows it changed."""
        return self._execute(statement, values).rowcount

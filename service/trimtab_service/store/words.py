"""What each engine says in other words. All other SQL is the same for every engine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, bindparam, cast
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class TransactionId(FunctionElement[int]):
    """The number of the transaction that is writing; 0 where they commit in the order in which they write."""

    type = BigInteger()
    inherit_cache = True


class Horizon(FunctionElement[int]):
    """The number of the oldest transaction that is still open, in whatever is visible; all below it have ended."""

    type = BigInteger()
    inherit_cache = True


# These two have no type: SQLAlchemy would write "= 1" behind a Boolean, and
# SQLite would then look past its indexes.
class AmongIntegers(FunctionElement[bool]):
    """Whether a column is one of the integers in a JSON array; so a list is one value, however long."""

    inherit_cache = True


class AmongTexts(FunctionElement[bool]):
    """Whether a column is one of the texts in a JSON array."""

    inherit_cache = True


class Listed(FunctionElement[Any]):
    """The elements of a JSON array as rows of one column: ``Listed(...).table_valued("value")``."""

    inherit_cache = True


# The position comes as a literal column.
class TextAt(FunctionElement[str]):
    """The text at a position of a JSON array."""

    type = String()
    inherit_cache = True


class IntegerAt(FunctionElement[int]):
    """The integer at a position of a JSON array."""

    type = BigInteger()
    inherit_cache = True


@compiles(TransactionId, "sqlite")
def _(_element: TransactionId, _compiler: SQLCompiler, **_: Any) -> str:
    return "0"


@compiles(TransactionId, "postgresql")
def _(_element: TransactionId, _compiler: SQLCompiler, **_: Any) -> str:
    return "(pg_current_xact_id()::text::bigint)"


@compiles(Horizon, "sqlite")
def _(_element: Horizon, _compiler: SQLCompiler, **_: Any) -> str:
    return "1"


@compiles(Horizon, "postgresql")
def _(_element: Horizon, _compiler: SQLCompiler, **_: Any) -> str:
    return "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


@compiles(AmongIntegers, "sqlite")
@compiles(AmongTexts, "sqlite")
def _(element: FunctionElement[bool], compiler: SQLCompiler, **options: Any) -> str:
    column, listed = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({listed}))"


# An array, because PostgreSQL looks its elements up in an index; a subquery it
# may join by reading the whole table.
@compiles(AmongIntegers, "postgresql")
def _(element: AmongIntegers, compiler: SQLCompiler, **options: Any) -> str:
    column, listed = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY(ARRAY(SELECT value::bigint FROM json_array_elements_text(({listed})::json)))"


@compiles(AmongTexts, "postgresql")
def _(element: AmongTexts, compiler: SQLCompiler, **options: Any) -> str:
    column, listed = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY(ARRAY(SELECT value FROM json_array_elements_text(({listed})::json)))"


@compiles(Listed, "sqlite")
def _(element: Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each{_array(element, compiler, options)}"


@compiles(Listed, "postgresql")
def _(element: Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements({_array(element, compiler, options)}::json)"


def _array(element: Listed, compiler: SQLCompiler, options: dict[str, Any]) -> str:
    return f"({compiler.process(element.clauses, **options)})"


@compiles(TextAt, "sqlite")
@compiles(IntegerAt, "sqlite")
def _(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    array, position = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({array}, '$[{position}]')"


@compiles(TextAt, "postgresql")
def _(element: TextAt, compiler: SQLCompiler, **options: Any) -> str:
    array, position = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({array} ->> {position})"


@compiles(IntegerAt, "postgresql")
def _(element: IntegerAt, compiler: SQLCompiler, **options: Any) -> str:
    array, position = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({array} ->> {position})::bigint"


def as_text(document: ColumnElement[Any]) -> ColumnElement[str]:
    """A JSON column as the text that was written; some drivers would parse it."""
    return cast(document, String())


def among_integers(column: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """Whether the column is one of the integers in the JSON array that is bound as ``name``."""
    return AmongIntegers(column, bindparam(name, type_=String()))


def among_texts(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether the column is one of the texts in the JSON array that is bound as ``name``."""
    return AmongTexts(column, bindparam(name, type_=String()))

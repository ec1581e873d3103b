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


class ListedIntegers(FunctionElement[int]):
    """The integers in a JSON array, to be used with IN; so a list is one value, however long."""

    type = BigInteger()
    inherit_cache = True


class ListedTexts(FunctionElement[str]):
    """The texts in a JSON array, to be used with IN."""

    type = String()
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


@compiles(ListedIntegers, "sqlite")
@compiles(ListedTexts, "sqlite")
def _(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"


@compiles(ListedIntegers, "postgresql")
def _(element: ListedIntegers, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT value::bigint FROM json_array_elements_text(({array})::json))"


@compiles(ListedTexts, "postgresql")
def _(element: ListedTexts, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT value FROM json_array_elements_text(({array})::json))"


def as_text(document: ColumnElement[Any]) -> ColumnElement[str]:
    """A JSON column as the text that was written; some drivers would parse it."""
    return cast(document, String())


def among_integers(column: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """Whether the column is one of the integers in the JSON array that is bound as ``name``."""
    return column.bool_op("IN")(ListedIntegers(bindparam(name, type_=String())))


def among_texts(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether the column is one of the texts in the JSON array that is bound as ``name``."""
    return column.bool_op("IN")(ListedTexts(bindparam(name, type_=String())))

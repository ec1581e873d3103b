"""Tables and JSON."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from trimtab import Float, ObserveResult, ObserveStatus
from trimtab.cli.output import Output, cell, plain, table


def test_columns_are_aligned() -> None:
    """Texts to the left, numbers to the right, nothing after the last one."""
    lines = table(["NAME", "N", "X"], [["a", 1, 0.5], ["long", 100, None], ["b", 20, 1234567.0]]).splitlines()
    assert lines == [
        "NAME    N            X",
        "a       1          0.5",
        "long  100",
        "b      20  1.23457e+06",
    ]


def test_a_column_of_mixed_kinds_is_text() -> None:
    """Only a column of numbers alone is set to the right."""
    assert table(["X"], [[1], ["a"]]).splitlines() == ["X", "1", "a"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (0.1 + 0.2, "0.3"),
        (3, "3"),
        ("two\nlines\t and  more", "two lines and more"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02 03:04:05"),
        (timedelta(minutes=10), "600 s"),
        (ObserveStatus.NOT_SENT, "not_sent"),
    ],
)
def test_a_cell_is_readable(value: object, expected: str) -> None:
    """One line, few digits."""
    assert expected == cell(value)


def test_json_keeps_everything() -> None:
    """All digits, times and lengths of time in one form, and the type of a parameter."""
    value = {
        "x": 0.1 + 0.2,
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "for": timedelta(seconds=1.5),
        "parameters": (Float("x", 0, 1),),
        "result": ObserveResult("id", ObserveStatus.RECORDED),
    }
    assert json.loads(json.dumps(plain(value))) == {
        "x": 0.30000000000000004,
        "at": "2026-01-02T00:00:00Z",
        "for": 1.5,
        "parameters": [
            {
                "type": "float",
                "name": "x",
                "description": "",
                "when": {},
                "prior": None,
                "min": 0.0,
                "max": 1.0,
                "scale": "linear",
                "step": None,
            }
        ],
        "result": {"suggestion_id": "id", "status": "recorded", "error": None},
    }


def test_pairs_leave_out_what_is_not_there() -> None:
    """And align the rest."""
    stream = io.StringIO()
    Output(stream, json=False).pairs([("name", "a"), ("description", None), ("seed", 1)])
    assert stream.getvalue() == "name  a\nseed  1\n"


def test_an_empty_table_is_a_sentence() -> None:
    """A header over nothing would leave people guessing."""
    stream = io.StringIO()
    Output(stream, json=False).table(["A"], [], empty="nothing here")
    assert stream.getvalue() == "nothing here\n"

"""Files of trials, as tables and programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab import Categorical, Discrete, Float, ImportedTrial, Integer, Measurement, Outcome
from trimtab.cli import importing
from trimtab.cli.output import UsageError
from trimtab.spec import StudySpec

SPEC = StudySpec(
    parameters=[
        Float("rate", 0.0, 1.0),
        Integer("depth", 1, 12),
        Discrete("rows", [16, 64]),
        Categorical("on", [True, False]),
    ],
    context=[Integer("hour", 0, 23)],
    minimize="loss",
)


def read(path: Path, text: str) -> list[ImportedTrial | None]:
    """The trials of a file."""
    path.write_text(text, encoding="utf-8", newline="")
    return [trial for _, trial in importing._read(path, SPEC)]


def test_a_table_of_cells_is_read_by_the_study(tmp_path: Path) -> None:
    """Whole numbers as tables with empty cells write them, truth values in either spelling, what is empty left out."""
    first, second = read(
        tmp_path / "t.csv",
        "rate,depth,rows,on,hour,loss,outcome,reason\n0.5,3.0,64,true,7,0.25,,\n,12,16.0,False,,,failed,too hot\n",
    )
    assert first == ImportedTrial(
        {"rate": 0.5, "depth": 3, "rows": 64, "on": True}, {"loss": Measurement(0.25)}, {"hour": 7}
    )
    assert second == ImportedTrial({"depth": 12, "rows": 16, "on": False}, outcome=Outcome.FAILED, reason="too hot")
    assert type(first.parameters["depth"]) is int


def test_a_trial_that_has_not_ended_brings_nothing(tmp_path: Path) -> None:
    """An export may hold some."""
    assert read(tmp_path / "t.csv", "depth,state\n3,pending\n4,queued\n5,expired\n") == [None, None, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("depth,loss\n3.5,1\n", "t.csv:2: depth must be a whole number, not '3.5'"),
        ("depth,loss\ninf,1\n", "t.csv:2: depth must be a whole number, not 'inf'"),
        ("metric.loss.mean,metric.loss.count\n1,2.5\n", "t.csv:2: loss: the count must be a whole number, not '2.5'"),
        ("metric.loss.mean,metric.loss.count\n1,inf\n", "t.csv:2: loss: the count must be a whole number, not 'inf'"),
        ("metric.loss.count\n3\n", "t.csv:2: loss has count and no mean"),
        (
            "metric.loss.mean,metric.loss.standard_error,metric.loss.variance\n1,2,3\n",
            "t.csv:2: loss: give the standard error of the mean or the variance, not both",
        ),
        ('rate\n"' + "x" * 200_000 + '"\n', "field larger than field limit"),
        ("", "t.csv is empty"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    """In words that say what to mend."""
    with pytest.raises(UsageError) as fault:
        read(tmp_path / "t.csv", text)
    assert said in str(fault.value)

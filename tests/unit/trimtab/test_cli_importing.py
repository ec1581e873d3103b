"""Files of trials, as tables and programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab import Categorical, Discrete, Float, ImportedTrial, Integer, Measurement, Outcome
from trimtab._elsewhere import MOST_TRIALS
from trimtab.cli import importing
from trimtab.cli.output import UsageError
from trimtab.cli.trials import ABOUT_RECORD, ABOUT_TRIAL
from trimtab.spec import StudySpec
from unit.trimtab.conftest import Command
from unit.trimtab.wire import WireServer

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


def test_columns_that_say_nothing_are_taken(tmp_path: Path) -> None:
    """All that an export writes, blanks around names, and a column without one, as tables number their rows."""
    about = ",".join(dict.fromkeys([*ABOUT_TRIAL, *ABOUT_RECORD]))
    (trial,) = read(tmp_path / "t.csv", f", depth ,metric.loss.mean,{about}\n0,3,0.5,{',' * about.count(',')}\n")
    assert trial == ImportedTrial({"depth": 3}, {"loss": Measurement(0.5)})


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    """As an unknown column is."""
    with pytest.raises(UsageError, match=r"t\.jsonl:1: unknown key params; there is parameters, measurements, "):
        read(tmp_path / "t.jsonl", '{"parameters": {}, "params": {}}\n')


def test_the_same_file_is_imported_once(run: Command, wire: WireServer, tmp_path: Path) -> None:
    """Under any name: the second time the server answers as the first time. Other trials count."""
    study = wire.fake.client().create_study("gbm", parameters=SPEC.parameters, context=SPEC.context, minimize="loss")
    text = "rate,depth,rows,on,hour,loss\n" + "0.5,3,16,true,7,0.25\n" * (MOST_TRIALS + 2)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(text)
        done = run("import", "gbm", str(tmp_path / name))
        assert done.out == f"1,002 trials imported into {study.name}, 0 refused\n"
    assert len(list(study.trials())) == MOST_TRIALS + 2
    (tmp_path / "c.csv").write_text(text.replace("0.25", "0.125"))
    run("import", "gbm", str(tmp_path / "c.csv"))
    assert len(list(study.trials())) == 2 * (MOST_TRIALS + 2)


def test_a_trial_that_has_not_ended_brings_nothing(tmp_path: Path) -> None:
    """An export may hold some."""
    assert read(tmp_path / "t.csv", "depth,state\n3,pending\n4,queued\n5,expired\n") == [None, None, None]


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ('{"mean": "low"}', "loss: a number is needed, not 'low'"),
        ('{"count": 3}', "loss has no mean"),
        ('{"mean": 1, "count": 2.5}', "loss: a whole number is needed, not 2.5"),
        ('"low"', "loss must be a number, or an object of mean, count, standard_error, variance"),
    ],
)
def test_a_fault_of_a_measurement_is_told_with_its_metric(tmp_path: Path, measured: str, said: str) -> None:
    """And the line."""
    with pytest.raises(UsageError) as fault:
        read(tmp_path / "t.jsonl", '{"parameters": {}, "measurements": {"loss": ' + measured + "}}\n")
    assert str(fault.value).endswith(f"t.jsonl:1: {said}")


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
        (
            "depth,los,hours\n3,1,2\n",
            "t.csv: unknown columns los, hours; there is rate, depth, rows, on, hour, loss, outcome, state, reason, "
            "and what `trimtab export` writes",
        ),
        ("depth,metric.loss.median\n3,1\n", "t.csv: unknown column metric.loss.median; "),
        ("depth,loss,depth\n3,1,4\n", "t.csv: the column depth is there twice"),
        ("depth,loss\n3,1,4\n", "t.csv:2: the row has more cells than there are columns, 2"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    """In words that say what to mend."""
    with pytest.raises(UsageError) as fault:
        read(tmp_path / "t.csv", text)
    assert said in str(fault.value)

"""The commands, against a server on loopback: what they print, and how they end."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import trimtab
from trimtab import Measurement
from unit.trimtab.conftest import BASELINE, DEFINITION, Command
from unit.trimtab.wire import WireServer

YAML = """
id: gbm
parameters:
  - {name: rate, type: float, min: 1e-3, max: 1, scale: log}
  - {name: depth, type: integer, min: 1, max: 12}
  - {name: share, type: float, min: 0, max: 1, step: 0.25}
  - {name: loss, type: categorical, values: [squared, absolute]}
minimize: rmse
baseline: {rate: 0.1, depth: 6, share: 0.5, loss: squared}
seed: 1
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A definition."""
    path = tmp_path / "gbm.yaml"
    path.write_text(YAML)
    return str(path)


@pytest.fixture
def study(wire: WireServer) -> trimtab.Study:
    """A study with a completed, a failed and a pending trial."""
    study = wire.fake.client().create_study("gbm", **DEFINITION)
    completed, failed, _ = study.suggest_many(3)
    completed.observe(rmse=Measurement(0.123456789, count=3, standard_error=0.01))
    failed.fail("it did not\nconverge, said a long message that goes on and on and on and on")
    return study


def test_a_study_is_created_and_shown(run: Command, file: str) -> None:
    """From a file; what there is to know of it is then readable."""
    created = run("study", "create", file)
    shown = run("study", "show", "gbm")
    assert (created.code, created.err) == (0, "")
    assert created.out.startswith("namespaces/default/studies/gbm is there; algorithm random: ")
    lines = shown.out.splitlines()
    assert lines[0] == "name          namespaces/default/studies/gbm"
    assert "objective     minimize rmse" in lines
    assert "lease         3600 s" in lines
    assert "PARAMETER  TYPE         VALUES             SCALE   BASELINE" in lines
    assert "rate       float        0.001 to 1         log     0.1" in lines
    assert "depth      integer      1 to 12            linear  6" in lines
    assert "share      float        0 to 1 by 0.25     linear  0.5" in lines
    assert "loss       categorical  squared, absolute          squared" in lines


def test_the_id_of_the_command_line_counts(run: Command, file: str) -> None:
    """Before the file's; one of the two must be there."""
    assert run("study", "create", file, "--id", "other").code == 0
    assert run("study", "show", "other").code == 0
    text = YAML.replace("id: gbm\n", "")
    Path(file).write_text(text)
    nameless = run("study", "create", file)
    assert (nameless.code, "gives no id: add one there, or say --id ID" in nameless.err) == (2, True)


def test_a_study_that_exists_is_refused(run: Command, file: str) -> None:
    """Unless it is the same and that is said to do."""
    run("study", "create", file)
    again = run("study", "create", file)
    same = run("study", "create", file, "--exist-ok")
    Path(file).write_text(YAML.replace("max: 12", "max: 13"))
    other = run("study", "create", file, "--exist-ok")
    assert [again.code, same.code, other.code] == [1, 0, 1]
    assert "[STUDY_EXISTS]" in again.err
    assert "parameters['depth']" in other.err


def test_a_faulty_file_is_named(run: Command, tmp_path: Path) -> None:
    """With the key at fault, before anything is sent."""
    path = tmp_path / "bad.yaml"
    path.write_text(YAML + "sede: 1\n")
    done = run("study", "create", str(path))
    assert (done.code, done.out, "bad.yaml: unknown key sede" in done.err) == (2, "", True)


def test_studies_are_listed(run: Command, wire: WireServer) -> None:
    """Of the namespace, or of all; none are said to be none."""
    none = run("study", "list")
    for namespace in ("default", "team"):
        wire.fake.client(namespace=namespace).create_study("gbm", **DEFINITION)
    mine, theirs, every = (
        run("study", "list"),
        run("study", "list", "--namespace", "team"),
        run("study", "list", "--all-namespaces"),
    )
    assert none.out == "no studies in namespace default; `trimtab study create FILE` makes one\n"
    assert mine.out.splitlines()[:1] == ["STUDY  STATE   ALGORITHM  OBJECTIVE      PARAMETERS  CREATED"]
    assert mine.out == theirs.out
    assert mine.out.splitlines()[1].startswith("gbm    active  random     minimize rmse           4  ")
    assert len(every.out.splitlines()) == 3
    assert "namespaces/team/studies/gbm" in every.out


def test_json_is_for_programs(run: Command, study: trimtab.Study) -> None:
    """Every command that prints prints JSON where asked to, wherever the flag stands."""
    listed = json.loads(run("--json", "study", "list").out)
    shown = json.loads(run("study", "show", "gbm", "--json").out)
    trials = json.loads(run("trials", "gbm", "--json").out)
    incumbent = json.loads(run("incumbent", "gbm", "--json").out)
    stopped = json.loads(run("study", "stop", "gbm", "--json").out)
    deleted = json.loads(run("study", "delete", "gbm", "--yes", "--json").out)
    assert [study.name] == [each["name"] for each in listed]
    assert {"type": "integer", "name": "depth"}.items() <= shown["spec"]["parameters"][1].items()
    assert [each["state"] for each in trials] == ["completed", "failed", "pending"]
    assert incumbent["parameters"] == BASELINE
    assert stopped["state"] == "stopped"
    assert {"name": study.name, "deleted": True} == deleted


def test_what_was_created_is_printed_as_json(run: Command, file: str) -> None:
    """With what the server filled in."""
    created = json.loads(run("study", "create", file, "--json").out)
    assert (created["name"], created["spec"]["seed"]) == ("namespaces/default/studies/gbm", 1)


def test_a_study_is_stopped_and_resumed(run: Command, study: trimtab.Study) -> None:
    """And the command says how it is now."""
    assert f"{study.name} is stopped\n" == run("study", "stop", "gbm").out
    assert f"{study.name} is active\n" == run("study", "resume", study.name).out


def test_deleting_needs_a_word(run: Command, study: trimtab.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal --yes; at a terminal the study's id."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", io.StringIO())
    unattended = run("study", "delete", "gbm")
    monkeypatch.setattr(sys, "stdin", Terminal("no\n"))
    declined = run("study", "delete", "gbm")
    assert len(list(study.trials())) == 3
    monkeypatch.setattr(sys, "stdin", Terminal("gbm\n"))
    agreed = run("study", "delete", "gbm")
    gone = run("study", "show", "gbm")
    assert [each.code for each in (unattended, declined, agreed, gone)] == [2, 2, 0, 1]
    assert "say --yes if that is meant" in unattended.err
    assert "its 2 observations for good? Type its id, gbm, to go on: " in declined.err
    assert f"{study.name} is left as it was" in declined.err
    assert f"{study.name} is deleted\n" == agreed.out
    assert "`trimtab study list` shows what there is." in gone.err


def test_trials_are_listed(run: Command, study: trimtab.Study) -> None:
    """A line each, all or by state; a long reason is cut."""
    every = run("trials", "gbm").out.splitlines()
    some = run("trials", "gbm", "--state", "failed", "--state", "pending").out.splitlines()
    none = run("trials", "gbm", "--state", "expired").out
    assert every[0].split() == ["TRIAL", "STATE", "SOURCE", "rate", "depth", "loss", "leaves", "rmse", "REASON"]
    assert every[1].split() == ["1", "completed", "baseline", "0.1", "6", "squared", "31", "0.123457"]
    assert every[2].endswith("it did not converge, said a long message that goes on and on")
    assert [line.split()[0] for line in some[1:]] == ["2", "3"]
    assert none == "no such trials\n"


def test_a_study_without_trials_says_so(run: Command, wire: WireServer) -> None:
    """In a sentence."""
    wire.fake.client().create_study("gbm", **DEFINITION)
    assert run("trials", "gbm").out == "no trials yet\n"


def test_a_state_that_is_none_is_wrong_usage(run: Command) -> None:
    """The states that there are are listed."""
    done = run("trials", "gbm", "--state", "done")
    assert (done.code, "'queued', 'pending', 'completed'" in done.err) == (2, True)


def test_trials_are_exported_as_csv(run: Command, study: trimtab.Study, tmp_path: Path) -> None:
    """Every trial with all its digits, to the standard output or to a file."""
    printed = run("export", "gbm").out
    done = run("export", "gbm", "--output", str(tmp_path / "gbm.csv"))
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert (done.code, done.out) == (0, "")
    assert printed == (tmp_path / "gbm.csv").read_text()
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    expected = {
        "state": "completed",
        "source": "baseline",
        "parameter.rate": "0.1",
        "parameter.loss": "squared",
        "metric.rmse.mean": "0.123456789",
        "metric.rmse.count": "3",
        "metric.rmse.standard_error": "0.01",
        "metric.rmse.variance": "",
        "reason": "",
    }
    assert expected == {name: rows[0][name] for name in expected}
    assert (rows[1]["state"], rows[1]["metric.rmse.mean"]) == ("failed", "")


def test_trials_are_exported_as_json_lines(run: Command, study: trimtab.Study) -> None:
    """One object a line."""
    rows = [json.loads(line) for line in run("export", "gbm", "--format", "jsonl").out.splitlines()]
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert rows[0]["parameters"] == BASELINE


def test_a_file_that_cannot_be_written_is_named(run: Command, study: trimtab.Study, tmp_path: Path) -> None:
    """Before a traceback."""
    done = run("export", "gbm", "--output", str(tmp_path / "none" / "gbm.csv"))
    assert (done.code, "can't write " in done.err) == (2, True)


def test_the_incumbent_is_shown(run: Command, study: trimtab.Study) -> None:
    """Parameters in the order of the space, what is expected of them, and where they come from."""
    lines = run("incumbent", "gbm").out.splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["PARAMETER", "rate", "depth", "loss", "leaves"]
    assert "expected      rmse = 0.123457" in lines
    assert "trial         1" in lines
    assert "source        incumbent" in lines


def test_the_incumbent_before_any_observation_is_the_baseline(run: Command, wire: WireServer) -> None:
    """Without an expectation, since nothing is known."""
    wire.fake.client().create_study("gbm", **DEFINITION)
    out = run("incumbent", "gbm").out
    assert "source        baseline" in out
    assert "expected" not in out


@pytest.mark.parametrize(("flags", "expected"), [([], 60.0), (["--timeout", "5"], 5.0)])
def test_a_model_may_take_longer(
    run: Command, study: trimtab.Study, monkeypatch: pytest.MonkeyPatch, flags: list[str], expected: float
) -> None:
    """A server may have to start a process first; unless the caller says how long is too long."""
    timeouts = []
    incumbent = trimtab.Study.incumbent

    def noted(self: trimtab.Study, *arguments: Any, timeout: float) -> trimtab.Incumbent:
        timeouts.append(timeout)
        return incumbent(self, *arguments, timeout=timeout)

    monkeypatch.setattr(trimtab.Study, "incumbent", noted)
    assert run("incumbent", "gbm", *flags).code == 0
    assert timeouts == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3), ("0.5", 0.5), ("true", True), ("night", "night"), ('"3"', '"3"'), ("null", "null"), ("a=b", "a=b")],
)
def test_a_context_is_read(run: Command, wire: WireServer, study: trimtab.Study, text: str, expected: object) -> None:
    """Numbers and truth values as such, everything else as a text."""
    run("incumbent", "gbm", "--context", f"hour={text}")
    (request,) = [request for name, request in wire.calls if name == "GetIncumbent"]
    value = request.context.values["hour"]  # type: ignore[attr-defined]
    assert expected == getattr(value, value.WhichOneof("kind"))


def test_a_context_without_a_value_is_wrong_usage(run: Command, study: trimtab.Study) -> None:
    """It takes NAME=VALUE."""
    assert run("incumbent", "gbm", "--context", "hour").code == 2

"""Files that define a study: what they may say, and how their faults are told."""

from __future__ import annotations

import builtins
import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from trimtab import Categorical, Discrete, Float, Integer, Metric, Ratio, StudySpec, WeightedSum
from trimtab.cli import definition as cli_definition
from trimtab.cli.definition import DefinitionError, definition, read_definition
from trimtab.cli.output import plain

FULL = """
id: gbm
parameters:
  - {name: rate, type: float, min: 1e-3, max: 1, scale: log, description: a rate}
  - {name: share, type: float, min: 0, max: 1, step: .25}
  - {name: depth, type: integer, min: 1, max: 12}
  - {name: loss, type: categorical, values: [on, off, yes]}
  - {name: early, type: categorical, values: [true, false]}
  - {name: leaves, type: discrete, values: [15, 31, 63]}
context:
  - {name: hour, type: integer, min: 0, max: 23}
minimize: rmse
metrics:
  - {name: rmse, formula: {weights: {bias: 1, spread: 2.5}}, min: 0}
  - {name: bias, max: 9, outside_range: clip}
  - {name: spread}
  - {name: pace, formula: {numerator: bias, denominator: spread}}
algorithm: gp
options: {restarts: 2}
baseline: {rate: 1e-1, share: 0.5, depth: 6, loss: on, early: false, leaves: 31}
lease: 600
decision_lifetime: 3600.5
reward_wait: 90
default_reward: 0.5
retention: 86400
disabled_arms: [{loss: on, early: true}, {depth: 12}]
seed: 1
description: |
  Why.
labels: {team: search}
"""
SPEC = StudySpec(
    parameters=[
        Float("rate", 1e-3, 1.0, scale="log", description="a rate"),
        Float("share", 0, 1, step=0.25),
        Integer("depth", 1, 12),
        Categorical("loss", ["on", "off", "yes"]),
        Categorical("early", [True, False]),
        Discrete("leaves", [15, 31, 63]),
    ],
    context=[Integer("hour", 0, 23)],
    minimize="rmse",
    metrics=[
        Metric("rmse", min=0, formula=WeightedSum({"bias": 1, "spread": 2.5})),
        Metric("bias", max=9, outside_range="clip"),
        Metric("spread"),
        Metric("pace", formula=Ratio("bias", "spread")),
    ],
    algorithm="gp",
    options={"restarts": 2},
    baseline={"rate": 0.1, "share": 0.5, "depth": 6, "loss": "on", "early": False, "leaves": 31},
    lease=timedelta(minutes=10),
    decision_lifetime=timedelta(seconds=3600.5),
    reward_wait=timedelta(seconds=90),
    default_reward=0.5,
    retention=timedelta(days=1),
    disabled_arms=[{"loss": "on", "early": True}, {"depth": 12}],
    seed=1,
    description="Why.\n",
    labels={"team": "search"},
)
SMALL: dict[str, Any] = {"parameters": [{"name": "x", "type": "float", "min": 0, "max": 1}], "minimize": "y"}


def test_a_yaml_file_says_everything(tmp_path: Path) -> None:
    """Every argument of create_study; 1e-3 is a number, on is a text, false is a truth value."""
    file = tmp_path / "gbm.yaml"
    file.write_text(FULL)
    assert read_definition(str(file)) == ("gbm", SPEC)


@pytest.mark.parametrize("name", ["gbm.json", "gbm.txt"])
def test_json_says_the_same(tmp_path: Path, name: str) -> None:
    """What `trimtab study show --json` prints of a definition can be read again, whatever the file is called."""
    file = tmp_path / name
    file.write_text(json.dumps(plain(SPEC)))
    assert read_definition(str(file)) == (None, SPEC)


def test_a_study_as_it_is_shown_is_a_definition() -> None:
    """All of it: the id is the last part of its name; what the study had done isn't taken along."""
    shown = {"name": "namespaces/n/studies/gbm", "spec": plain(SPEC), "state": "stopped", "revision": 3, "counts": {}}
    assert definition(shown) == ("gbm", SPEC)
    assert definition({"spec": plain(SPEC)}) == (None, SPEC)


def test_the_standard_input_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """- reads it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(FULL))
    assert read_definition("-") == ("gbm", SPEC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameter": []}, "unknown key parameter; there is algorithm, baseline, context"),
        (
            {"parameters": [{"name": "x", "type": "float", "maximum": 1}]},
            r"unknown key parameters\[0\]\.maximum; there is",
        ),
        ({"metrics": [{"name": "y", "unit": "s"}]}, r"unknown key metrics\[0\]\.unit"),
        ({"parameters": [{"name": "x", "type": "float", "min": 0}]}, r"parameters\[0\]: missing: 'max'"),
        ({"parameters": [{"name": "x", "min": 0}]}, r"parameters\[0\]\.type: must be one of float, integer, cat"),
        ({"parameters": [{"name": "x", "type": "real"}]}, "must be one of float, .*, not 'real'"),
        ({"spec": {}}, "unknown key parameters; there is algorithm, counts, create_time"),
        ({"parameters": None}, "parameters: missing"),
        ({"parameters": {"x": {}}}, "parameters: must be a list"),
        ({"parameters": ["x"]}, r"parameters\[0\]: must be a mapping"),
        (
            {"context": [{"name": "x", "type": "integer", "min": 0.5, "max": 1}]},
            r"context\[0\]: min: a whole number is needed, not 0\.5",
        ),
        ({"parameters": [{"name": "x", "type": "float", "min": "zero", "max": 1}]}, r"\[0\]: min: a number .*'zero'"),
        ({"parameters": [{"name": "x", "type": "float", "min": 0, "max": None}]}, r"\[0\]: max: a number .* not None"),
        ({"parameters": [{"name": "x", "type": "discrete", "values": [1, None]}]}, r"\[0\]: values: a value must be"),
        ({"metrics": [{"name": "y", "max": "high"}]}, r"metrics\[0\]: max: a number is needed, not 'high'"),
        ({"outcome_constraints": [{"metric": "y", "max": "low"}]}, r"outcome_constraints\[0\]: max: a number"),
        ({"robustness": {"conditions": [{"x": []}]}}, r"robustness: conditions\[0\]\.x: a value must be"),
        ({"baseline": {"x": [1]}}, r"baseline\.x: a value must be"),
        ({"default_reward": "none"}, "default_reward: a number is needed, not 'none'"),
        ({"baseline": [1]}, "baseline: must be a mapping"),
        ({"baseline": {True: 1}}, "baseline: the key True must be a text: put it in quotes"),
        ({"options": {"x": [1]}}, r"options\.x: a value must be a number, a text or a truth value"),
        ({"maximize": "y", "minimize": "y"}, "'y' can't go both ways"),
        ({"minimize": None}, "minimize=METRIC or maximize=METRIC"),
        ({"outcome_constraints": [{"metric": "y", "most": 1}]}, r"unknown key outcome_constraints\[0\]\.most"),
        ({"robustness": {"weights": [1]}}, "robustness: missing: 'conditions'"),
        (
            {"metrics": [{"name": "d", "formula": {"desires": [{"metric": "y"}]}}]},
            r"metrics\[0\]\.formula\.desires\[0\]: missing: 'target'",
        ),
        ({"lease": "soon"}, "lease: must be a number of seconds, not 'soon'"),
        ({"lease": True}, "lease: must be a number of seconds, not True"),
        ({"lease": float("inf")}, "lease: inf seconds is no length of time"),
        ({"half_life": 1e300}, r"half_life: 1e\+300 seconds is no length of time"),
        ({"retention": "1d"}, "retention: must be a number of seconds, not '1d'"),
        ({"disabled_arms": {"x": 1}}, "disabled_arms: must be a list"),
        ({"disabled_arms": [1]}, r"disabled_arms\[0\]: must be a mapping"),
        ({"metrics": [{"name": "y", "formula": "a + b"}]}, r"metrics\[0\]\.formula: must be a mapping"),
        ({"metrics": [{"name": "y", "formula": {"weights": 1}}]}, r"metrics\[0\]\.formula\.weights: must be a mapping"),
        (
            {"metrics": [{"name": "y", "formula": {"weights": {"a": "b"}}}]},
            r"metrics\[0\]\.formula: weights\.a: a number is needed, not 'b'",
        ),
        ({"metrics": [{"name": "y", "formula": {"numerator": "a"}}]}, r"metrics\[0\]\.formula: missing: 'denominator'"),
        ({"metrics": [{"name": "y", "formula": {"product": "a"}}]}, r"unknown key metrics\[0\]\.formula\.product"),
    ],
)
def test_faults_are_named(change: dict[str, Any], words: str) -> None:
    """Each with the path of what is at fault."""
    with pytest.raises(DefinitionError, match=words):
        definition(SMALL | change)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "parameters: [", r"a\.yaml: not YAML: "),
        ("a.yaml", "seed: 1\nseed: 2\n", "the key 'seed' is there twice"),
        ("a.json", "{", r"a\.json: not JSON: "),
        ("a.json", '{"seed": 1, "seed": 2}', "the key 'seed' is there twice"),
        ("a.yaml", "- 1", "the file: must be a mapping"),
        ("a.yaml", "", r"a\.yaml: there is nothing in it: a study needs parameters, and minimize or maximize"),
        ("a.yaml", "# to do\n", r"a\.yaml: there is nothing in it"),
        ("a.json", "", r"a\.json: there is nothing in it"),
    ],
)
def test_files_that_define_nothing_are_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    """With the file's name, and what is wrong in it."""
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(DefinitionError, match=words):
        read_definition(str(file))


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    """In words, not as a traceback."""
    with pytest.raises(DefinitionError, match=r"can't read .*none\.yaml: No such file"):
        read_definition(str(tmp_path / "none.yaml"))


def test_a_file_of_bytes_is_refused(tmp_path: Path) -> None:
    """A file that isn't UTF-8 isn't guessed at."""
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionError, match="not UTF-8"):
        read_definition(str(file))


def test_without_pyyaml_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML is an extra; JSON is read without."""
    importing = builtins.__import__

    def without_yaml(name: str, *rest: Any, **more: Any) -> Any:
        if name == "yaml" or name.endswith("yaml_reader"):
            raise ImportError(name)
        return importing(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    (tmp_path / "a.yaml").write_text(FULL)
    (tmp_path / "a.json").write_text(json.dumps(SMALL))
    with pytest.raises(DefinitionError, match=r"pip install 'trimtab\[cli\]'"):
        read_definition(str(tmp_path / "a.yaml"))
    assert read_definition(str(tmp_path / "a.json"))[1].minimize == "y"


def test_the_keys_are_explained_where_they_are_read() -> None:
    """The example at the top of the module is one that works."""
    from trimtab.cli.yaml_reader import parse

    text = (cli_definition.__doc__ or "").partition("    id:")[2].partition("\nThe keys")[0]
    study_id, spec = definition(parse("    id:" + text))
    assert (study_id, len(spec.parameters), spec.minimize) == ("gbm", 4, "rmse")

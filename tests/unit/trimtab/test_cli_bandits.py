"""What commands print of bandit studies, and of studies whose reward is made of several metrics."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

import trimtab
from trimtab import Categorical, Integer, Metric, Ratio, WeightedSum
from unit.trimtab.conftest import Command
from unit.trimtab.wire import WireServer


def _study_of(wire: WireServer, study: str) -> Any:
    return wire.fake._studies[f"namespaces/default/studies/{study}"]


@pytest.fixture
def arms(wire: WireServer) -> trimtab.Study:
    """A bandit study that says everything that one can."""
    study = wire.fake.client().create_study(
        "arms",
        parameters=[Categorical("policy", ["lru", "lfu", "arc"]), Integer("shards", 1, 2)],
        maximize="gain",
        metrics=[
            Metric("gain", formula=WeightedSum({"hits": 2.0, "misses": -0.5})),
            Metric("pace", formula=Ratio("hits", "misses")),
            Metric("hits"),
            Metric("misses"),
        ],
        reward_wait=1_800,
        default_reward=-1,
        retention=86_400 * 90,
        disabled_arms=[{"policy": "arc"}, {"policy": "lru", "shards": 2}],
    )
    _study_of(wire, "arms").message.algorithm.decisions = True
    return study


def test_the_log_of_a_bandit_is_exported(run: Command, wire: WireServer) -> None:
    """A bandit study has no trials: its log is what there is, with context and truth values."""
    study = wire.fake.client().create_study(
        "flags",
        parameters=[Categorical("flag", [True, False])],
        context=[Integer("hour", 0, 23)],
        maximize="click",
    )
    for hour in range(3):
        study.suggest({"hour": hour}).observe(click=1)
    _study_of(wire, "flags").message.algorithm.decisions = True
    rows = list(csv.DictReader(io.StringIO(run("export", "flags").out)))
    lines = [json.loads(line) for line in run("export", "flags", "--format", "jsonl").out.splitlines()]
    shown = run("study", "show", "flags").out
    assert [(row["sequence"], row["context.hour"]) for row in rows] == [("1", "0"), ("2", "1"), ("3", "2")]
    assert {"true", "false"} >= {row["parameter.flag"] for row in rows}
    assert [row["outcome"] for row in rows] == ["completed"] * 3
    assert [line["sequence"] for line in lines] == [1, 2, 3]
    assert "decision lifetime  604800 s" in shown
    assert "CONTEXT  TYPE     VALUES   SCALE" in shown


def test_a_bandit_study_is_shown(run: Command, arms: trimtab.Study) -> None:
    """With what its reward is made of, what counts where none comes, and what isn't suggested."""
    lines = run("study", "show", "arms").out.splitlines()
    assert "metrics            gain = 2 hits - 0.5 misses, pace = hits / misses, hits, misses" in lines
    assert "default reward     -1 after 1800 s" in lines
    assert "retention          7776000 s" in lines
    assert "disabled arms      policy=arc; policy=lru shards=2" in lines


def test_what_is_shown_as_json_is_a_definition(run: Command, arms: trimtab.Study) -> None:
    """It can be created again under another id."""
    shown = json.loads(run("study", "show", "arms", "--json").out)["spec"]
    assert shown["metrics"][0]["formula"] == {"weights": {"hits": 2.0, "misses": -0.5}}
    assert shown["metrics"][1]["formula"] == {"numerator": "hits", "denominator": "misses"}
    assert (shown["default_reward"], shown["reward_wait"], shown["retention"]) == (-1.0, 1_800.0, 7_776_000.0)


def test_metrics_that_are_computed_have_no_column(run: Command, arms: trimtab.Study) -> None:
    """They are never measured; the log says of each row whether it is a default reward, and when it was suggested."""
    arms.suggest().observe(hits=3.0, misses=1.0)
    header, row = csv.reader(io.StringIO(run("export", "arms").out))
    cells = dict(zip(header, row, strict=True))
    assert [name for name in header if name.endswith(".mean")] == ["metric.hits.mean", "metric.misses.mean"]
    assert (cells["metric.hits.mean"], cells["is_default"], cells["replaces_default"]) == ("3.0", "false", "false")
    assert cells["suggest_time"] == ""
    assert run("trials", "arms").out.splitlines()[0].split() == [
        *("TRIAL", "STATE", "SOURCE", "policy", "shards", "hits", "misses", "REASON")
    ]


@pytest.mark.parametrize(
    ("probability", "shown"), [(0.875, "probability   0.875 of being the best"), (None, "source        incumbent")]
)
def test_the_incumbent_says_how_sure_it_is(
    run: Command, arms: trimtab.Study, monkeypatch: pytest.MonkeyPatch, probability: float | None, shown: str
) -> None:
    """Where the algorithm can tell."""
    arms.suggest().observe(hits=3.0, misses=1.0)
    incumbent = arms.incumbent()

    def answered(self: trimtab.Study, *arguments: Any, **keywords: Any) -> trimtab.Incumbent:
        return replace(incumbent, probability_best=probability)

    monkeypatch.setattr(trimtab.Study, "incumbent", answered)
    lines = run("incumbent", "arms").out.splitlines()
    assert shown in lines
    assert "expected      gain = 5.5" in lines
    assert any(line.startswith("probability") for line in lines) == (probability is not None)


def test_a_bandit_has_no_trials_to_list(run: Command, arms: trimtab.Study) -> None:
    """It isn't that none was made yet; programs get an empty list."""
    said = run("trials", "arms")
    assert said.out == (
        f"{arms.name} makes decisions, which are no trials; `trimtab export` writes what was observed\n"
    )
    assert json.loads(run("trials", "arms", "--json").out) == []

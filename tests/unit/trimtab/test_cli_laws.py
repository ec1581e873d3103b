"""The command line: search spaces that say more than ranges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trimtab import Between, LinearConstraint, NormalPrior, Simplex, WeightsPrior
from trimtab.cli.definition import DefinitionError, definition
from trimtab.cli.output import plain
from trimtab.cli.study import _parameter, _sum

GIVEN: dict[str, Any] = {
    "parameters": [
        {"name": "model", "type": "categorical", "values": ["tree", "net"], "prior": {"weights": [3, 1]}},
        {"name": "layers", "type": "integer", "min": 1, "max": 4, "when": {"model": "net"}},
        {
            "name": "width",
            "type": "float",
            "min": 8,
            "max": 512,
            "scale": "log",
            "when": {"layers": {"min": 2}, "model": ["net"]},
            "prior": {"mean": 64, "spread": 0.2},
        },
        {"name": "a", "type": "float", "min": 0, "max": 1},
        {"name": "b", "type": "float", "min": 0, "max": 1},
    ],
    "linear_constraints": [{"weights": {"a": 1, "b": -2}, "max": 0.5}],
    "simplexes": [{"parameters": ["a", "b"], "total": 0.8}],
    "minimize": "loss",
}


def test_a_file_says_what_a_study_can() -> None:
    """Conditions, priors and sums by the fields of their classes; and what is printed as JSON reads again."""
    _, spec = definition(GIVEN)
    model, layers, width, *_ = spec.parameters
    assert model.prior == WeightsPrior([3.0, 1.0])
    assert layers.when == {"model": ("net",)}
    assert width.when == {"layers": Between(min=2), "model": ("net",)}
    assert width.prior == NormalPrior(64, 0.2)
    assert spec.linear_constraints == (LinearConstraint({"a": 1, "b": -2}, max=0.5),)
    assert spec.simplexes == (Simplex(["a", "b"], 0.8),)
    again = json.loads(json.dumps(plain({name: getattr(spec, name) for name in GIVEN})))
    assert definition(again)[1] == spec


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"linear_constraints": [{"max": 1}]}, r"linear_constraints\[0\]\.weights: must be a mapping"),
        (
            {"linear_constraints": [{"weights": {"a": "1"}, "max": 1}]},
            r"linear_constraints\[0\]: weights\.a: a number is needed",
        ),
        ({"simplexes": [{"parts": ["a", "b"]}]}, r"unknown key simplexes\[0\]\.parts"),
        ({"parameters": [{**GIVEN["parameters"][1], "when": "net"}]}, r"parameters\[0\]\.when: must be a mapping"),
        (
            {"parameters": [{**GIVEN["parameters"][1], "when": {"model": {"least": 1}}}]},
            r"unknown key parameters\[0\]\.when\.model\.least",
        ),
        (
            {"parameters": [{**GIVEN["parameters"][1], "prior": {"mean": 2}}]},
            r"parameters\[0\]\.prior: missing",
        ),
    ],
)
def test_faults_are_named(change: dict[str, object], words: str) -> None:
    """Each with the path of what is at fault."""
    with pytest.raises(DefinitionError, match=words):
        definition({**GIVEN, **change})


def test_people_see_when_a_parameter_exists_and_what_adds_up() -> None:
    """In the words of the definition."""
    _, spec = definition(GIVEN)
    assert [_parameter(each, None)[2] for each in spec.parameters[:3]] == [
        "tree, net",
        "1 to 4 where model = net",
        "8 to 512 where 2 <= layers and model = net",
    ]
    sums = [*map(_sum, spec.linear_constraints), *map(_sum, spec.simplexes)]
    assert sums == ["1 a + -2 b <= 0.5", "a + b = 0.8"]

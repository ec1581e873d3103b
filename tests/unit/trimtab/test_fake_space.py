"""What the fake server draws from: arms that are allowed and not disabled."""

from __future__ import annotations

from typing import Any

import pytest

from trimtab import Categorical, Discrete, Float, Integer, InvalidArgumentError, Study
from trimtab.testing import FakeServer

ARMS = [Categorical("policy", ["lru", "lfu"]), Integer("shards", 1, 4), Float("share", 0, 0.5, step=0.1)]


def made(**definition: Any) -> Study:
    """A study of a new server."""
    return FakeServer().client().create_study("s", minimize="y", **{"parameters": ARMS, **definition})


def drawn(study: Study, *allowed: dict[str, Any]) -> set[tuple[Any, ...]]:
    """The points that come up."""
    names = [each.name for each in study.describe().spec.parameters]
    suggestions = study.suggest_many(300, allowed=allowed or None)
    return {tuple(suggestion.parameters[name] for name in names) for suggestion in suggestions}


def test_every_arm_that_is_allowed_comes_up_and_no_other() -> None:
    """In the numbers that people write, which is how they name them."""
    study = made()
    assert drawn(study, {"policy": "lfu", "share": 0.3}) == {("lfu", shards, 0.3) for shards in (1, 2, 3, 4)}
    assert drawn(study, {"policy": "lru", "shards": 1, "share": 0.5}, {"policy": "lfu", "shards": 2.0, "share": 0}) == {
        ("lru", 1, 0.5),
        ("lfu", 2, 0.0),
    }


def test_a_disabled_arm_does_not_come_up() -> None:
    """Nor does the baseline where it is one; and what is allowed must be enabled as well."""
    study = made(
        parameters=ARMS[:2], baseline={"policy": "lru", "shards": 1}, disabled_arms=[{"policy": "lru"}, {"shards": 3}]
    )
    assert drawn(study) == {("lfu", shards) for shards in (1, 2, 4)}
    assert drawn(study, {"shards": 1}) == {("lfu", 1)}
    with pytest.raises(InvalidArgumentError, match="allowed: lets no arm in that is enabled"):
        study.suggest(allowed=[{"policy": "lru"}, {"shards": 3}])


def test_a_baseline_that_is_not_allowed_does_not_come_first() -> None:
    """It waits for nobody: the next one is drawn."""
    study = made(parameters=ARMS[:2], baseline={"policy": "lru", "shards": 1})
    assert study.suggest(allowed=[{"shards": 4}])["shards"] == 4


@pytest.mark.parametrize(
    ("allowed", "field"),
    [
        ([{"shards": 1}, {"policies": "lru"}], 'allowed[1].values["policies"]'),
        ([{}], "allowed[0].values"),
        ([{"shards": 5}], "allowed"),
        ([{"policy": True}], "allowed"),
    ],
)
def test_a_pattern_that_lets_nothing_in_is_refused(allowed: list[dict[str, Any]], field: str) -> None:
    """A name that isn't a parameter's, no value at all, and a value that there isn't."""
    with pytest.raises(InvalidArgumentError) as refusal:
        made().suggest(allowed=allowed)
    assert [violation.field for violation in refusal.value.violations] == [field]


def test_a_space_too_large_to_list_is_drawn_from_all_the_same() -> None:
    """What a pattern says is fixed, the rest is drawn; what is disabled is drawn again."""
    study = made(
        parameters=[Float("x", 0, 1), Integer("n", 1, 1_000_000), Discrete("k", [1, 2])], disabled_arms=[{"k": 1}]
    )
    points = drawn(study, {"n": 7}, {"n": 8})
    assert {(n, k) for _, n, k in points} == {(7, 2), (8, 2)}
    assert len({x for x, _, _ in points}) == 300
    with pytest.raises(InvalidArgumentError, match="no arm"):
        study.suggest(allowed=[{"k": 1}])

"""Several metrics that make one reward, and arms that come and go: the client against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

import trimtab
from serving import RunningServer
from trimtab import Categorical, Discrete, InvalidArgumentError, Measurement, Metric, Ratio, TrialState, WeightedSum

POLICIES = Categorical("policy", ["lru", "lfu", "arc"])
SCORE = Metric("score", formula=WeightedSum({"hits": 1.0, "bytes": -0.5}), min=-10, max=10, outside_range="clip")


@pytest.fixture
def client(shared_server: RunningServer) -> Iterator[trimtab.Client]:
    """A client of the server."""
    with trimtab.Client(shared_server.address, namespace="metrics") as client:
        yield client


def test_a_bandit_learns_from_a_sum(client: trimtab.Client) -> None:
    """The arm of the best sum becomes the incumbent, though each of its parts is best elsewhere."""
    study = client.create_study(
        "sum", parameters=[POLICIES], maximize="score", metrics=[SCORE, Metric("hits"), Metric("bytes")], seed=1
    )
    parts = {"lru": (9.0, 16.0), "lfu": (6.0, 2.0), "arc": (1.0, 0.0)}
    for suggestion in study.suggest_many(60):
        hits, size = parts[str(suggestion["policy"])]
        suggestion.observe(hits=hits, bytes=size)
    best = study.incumbent()
    assert best.parameters == {"policy": "lfu"}
    assert best.predicted_mean == pytest.approx(5.0, abs=0.5)
    assert best.probability_best is not None
    assert best.probability_best > 0.9


def test_trials_learn_from_a_ratio(client: trimtab.Client) -> None:
    """What was measured is kept as it came; the model sees the ratio."""
    study = client.create_study(
        "ratio",
        parameters=[Discrete("size", [1, 2, 3, 4, 5, 6, 7, 8])],
        minimize="pace",
        algorithm="sobol",
        seed=1,
        metrics=[Metric("pace", formula=Ratio("seconds", "items")), Metric("seconds"), Metric("items", min=0)],
    )
    for suggestion in study.suggest_many(8):
        size = int(suggestion["size"])
        suggestion.observe(seconds=Measurement(10.0, 4), items=Measurement(float(size), 4))
    best = study.incumbent(timeout=120)
    assert best.parameters == {"size": 8}
    assert best.predicted_mean == pytest.approx(10.0 / 8.0, abs=0.5)
    kept = [trial.measurements for trial in study.trials([TrialState.COMPLETED])]
    assert [sorted(measured) for measured in kept] == [["items", "seconds"]] * 8


@pytest.mark.parametrize("algorithm", ["thompson", "random"])
def test_a_report_that_makes_no_reward_names_its_field(client: trimtab.Client, algorithm: str) -> None:
    """Of decisions and of trials alike."""
    study = client.create_study(
        f"refused-{algorithm}",
        parameters=[POLICIES],
        minimize="pace",
        metrics=[Metric("pace", formula=Ratio("seconds", "items"), max=5), Metric("seconds"), Metric("items", min=0)],
        algorithm=algorithm,
    )
    suggestion = study.suggest()
    faults = [
        ({"pace": 1.0}, '.measurements["pace"]'),
        ({"seconds": 1.0}, '.measurements["items"]'),
        ({"seconds": 1.0, "items": 0.0}, '.measurements["items"].mean'),
        ({"seconds": 1.0, "items": -1.0}, '.measurements["items"].mean'),
        ({"seconds": 6.0, "items": 1.0}, ".measurements"),
        ({"seconds": 1.0, "items": Measurement(1.0, 2)}, '.measurements["items"].count'),
    ]
    for measured, field in faults:
        with pytest.raises(InvalidArgumentError) as refusal:
            suggestion.observe(measured)  # type: ignore[arg-type]
        assert [violation.field for violation in refusal.value.violations] == [f"observations[0]{field}"]
    suggestion.observe(seconds=1.0, items=2.0)


def test_arms_come_and_go(client: trimtab.Client) -> None:
    """Allowed for a call, disabled for all, and new ones; the log still names each by its values."""
    study = client.create_study(
        "arms",
        parameters=[POLICIES],
        maximize="hit",
        metrics=[Metric("hit", "binary")],
        disabled_arms=[{"policy": "arc"}],
        retention=timedelta(days=8),
    )
    assert {each["policy"] for each in study.suggest_many(100)} == {"lru", "lfu"}
    allowed = study.suggest(allowed=[{"policy": "lfu"}])
    assert (allowed["policy"], allowed.propensity) == ("lfu", 1.0)
    with pytest.raises(InvalidArgumentError, match="allowed"):
        study.suggest(allowed=[{"policy": "arc"}])
    grown = Categorical("policy", ["new", "lru", "lfu", "arc"])
    changed = study.update(parameters=[grown], disabled_arms=[{"policy": "lru"}, {"policy": "lfu"}, {"policy": "arc"}])
    assert (changed.spec.parameters, changed.spec.retention) == ((grown,), timedelta(days=8))
    added = study.suggest()
    for suggestion in (allowed, added):
        suggestion.observe(hit=1)
    records = list(study.observations())
    assert [record.parameters["policy"] for record in records] == ["lfu", "new"]
    assert all(record.suggest_time is not None for record in records)
    assert not any(record.is_default or record.replaces_default for record in records)


def test_the_same_definition_is_found_again(client: trimtab.Client) -> None:
    """Everything that the server says back of it is what was asked for."""

    def created(default: float) -> trimtab.Study:
        return client.create_study(
            "again",
            parameters=[POLICIES],
            maximize="score",
            metrics=[SCORE, Metric("hits"), Metric("bytes", min=0, outside_range="clip")],
            reward_wait=60,
            default_reward=default,
            retention=86_400 * 30,
            disabled_arms=[{"policy": "lru"}],
            exist_ok=True,
        )

    assert created(-20.0).name == created(-20.0).name
    with pytest.raises(trimtab.StudyMismatchError, match=r"default_reward: -20\.0 there, 0\.0 asked for"):
        created(0.0)

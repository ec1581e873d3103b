"""Drift, failures, related studies and several conditions at once, through a running server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

import trimtab
from serving import RunningServer

SLOW = 60.0  # seconds that a call may take on a busy machine


@pytest.fixture
def client(shared_server: RunningServer, request: pytest.FixtureRequest) -> Iterator[trimtab.Client]:
    """A client with a namespace of the test's own."""
    namespace = re.sub("[^a-z]+", "-", request.node.name.lower()).strip("-")[:60].strip("-")
    with trimtab.Client(shared_server.address, namespace=namespace, timeout=SLOW) as client:
        yield client


CLOSE = 1e-3  # to the least there is
SPACE = [trimtab.Float("x", 0.0, 1.0), trimtab.Float("y", 0.0, 1.0)]


def bowl(point: Mapping[str, float | int | str | bool]) -> float:
    """With its bottom at (0.3, 0.7)."""
    return (float(point["x"]) - 0.3) ** 2 + (float(point["y"]) - 0.7) ** 2


def tuned(study: trimtab.Study, trials: int, worst: float = 9.0) -> list[float]:
    """Runs trials; what was measured, ``worst`` for those that fail: where x is above 0.6."""
    values = []
    for _ in range(trials):
        suggestion = study.suggest(on_unavailable="raise")
        if float(suggestion["x"]) > 0.6:
            suggestion.fail("crashed")
            values.append(worst)
        else:
            values.append(bowl(suggestion.parameters))
            suggestion.observe(loss=values[-1])
    return values


def test_a_region_that_fails_is_left(client: trimtab.Client) -> None:
    """After a few failures hardly a trial is lost, and the best point is found."""
    study = client.create_study("crashes", parameters=SPACE, minimize="loss", algorithm="gp", seed=1)
    values = tuned(study, 24)
    assert values[12:].count(9.0) <= 3
    assert min(values) < 0.01


def test_related_studies_say_where_to_look(client: trimtab.Client) -> None:
    """Half as many trials find a point nearly as good; one that was deleted meanwhile is ignored.

    Some trials go their own way, by their numbers, which depend on what was queued meanwhile. Alone, eight trials
    come within 0.004.
    """
    first = client.create_study("first", parameters=SPACE, minimize="loss", algorithm="gp", seed=1)
    second = client.create_study("second", parameters=SPACE, minimize="loss", algorithm="sobol", seed=2)
    before = min(tuned(first, 16))
    tuned(second, 4)
    third = client.create_study(
        "third", parameters=SPACE, minimize="loss", algorithm="gp", seed=3, transfer_from=["first", "second"]
    )
    second.delete()
    with pytest.raises(trimtab.InvalidArgumentError, match="there is no study"):
        third.update(transfer_from=[first.name, second.id])
    described = third.describe()
    values = tuned(third, 8)
    assert [name.rpartition("/")[2] for name in described.spec.transfer_from] == ["first", "second"]
    assert min(values) <= max(before, CLOSE)
    third.update(transfer_from=[])
    assert list(third.describe().spec.transfer_from) == []


def test_old_observations_weigh_less(client: trimtab.Client) -> None:
    """The half-life is kept, may change, and the study goes on."""
    study = client.create_study("drift", parameters=SPACE, minimize="loss", algorithm="gp", seed=1, half_life=3_600)
    tuned(study, 8)
    assert study.incumbent().predicted_mean is not None
    study.update(half_life=60)
    assert study.describe().spec.half_life is not None
    tuned(study, 2)


def test_a_robust_study_chooses_its_conditions(client: trimtab.Client) -> None:
    """Each suggestion says where to measure it; the answer is the best over all of them, not in any one."""
    loads = [{"load": 0.0}, {"load": 0.5}, {"load": 1.0}]
    study = client.create_study(
        "robust",
        parameters=[trimtab.Float("x", 0.0, 1.0)],
        context=[trimtab.Float("load", 0.0, 1.0)],
        minimize="loss",
        algorithm="gp",
        seed=1,
        robustness=trimtab.Robustness(loads),
    )
    seen = []
    for _ in range(14):
        suggestion = study.suggest(on_unavailable="raise")
        seen.append(suggestion.context)
        suggestion.observe(loss=(float(suggestion["x"]) - float(suggestion.context["load"])) ** 2)
    assert all(context in loads for context in seen)
    assert all(load in seen for load in loads)
    assert [trial.context for trial in study.trials()][:14] == seen
    with pytest.raises(trimtab.InvalidArgumentError, match="best over all of its conditions"):
        study.incumbent(loads[0])
    best = study.incumbent()
    assert float(best.parameters["x"]) == pytest.approx(0.5, abs=0.1)
    assert best.predicted_mean == pytest.approx(1 / 6, abs=0.05)
    with pytest.raises(trimtab.InvalidArgumentError, match="chooses it by itself"):
        study.suggest({"load": 0.5}, on_unavailable="raise")


def test_an_outlier_is_measured_again(client: trimtab.Client) -> None:
    """What would be the best of all, and can't be believed, is looked at once more, and says why."""
    study = client.create_study("outlier", parameters=SPACE, minimize="loss", algorithm="gp", seed=1)
    worst = []
    for number in range(1, 21):
        suggestion = study.suggest(on_unavailable="raise")
        if suggestion.source is trimtab.Source.INCUMBENT:
            worst.append(suggestion.detail)
        # Trial 14 measures what can't be.
        suggestion.observe(loss=bowl(suggestion.parameters) - (30.0 if number == 14 else 0.0))
    assert worst[:1] == ["measured far better than all others let expect; measured again to tell whether that is so"]
    assert bowl(study.incumbent().parameters) < 0.02

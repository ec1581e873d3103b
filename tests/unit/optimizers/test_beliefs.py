"""What is believed beforehand: where the search begins, and how it fades."""

from __future__ import annotations

import numpy as np
import pytest

from contract.optimizers.problems import Problem
from trimtab_service.domain.prior import NormalPrior, WeightsPrior
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Scale, SearchSpace
from trimtab_service.domain.suggestion import History
from trimtab_service.optimizers.base import generator
from trimtab_service.optimizers.beliefs import DOUBT, Beliefs, sharpness, sharpness_after
from trimtab_service.optimizers.lifted import Believed
from trimtab_service.optimizers.random import RandomSearch
from trimtab_service.optimizers.region import Region
from unit.optimizers.test_feasible import Bowl

RATE = Float("rate", 1e-4, 1.0, Scale.LOG, prior=NormalPrior(0.01, 0.1))
DEPTH = Integer("depth", 1, 1_000, Scale.LOG, prior=NormalPrior(30.0, 0.1))
BINS = Discrete("bins", (15, 31, 63, 127), prior=NormalPrior(63.0, 0.2))
KIND = Categorical("kind", ("a", "b"), prior=WeightsPrior((1.0, 4.0)))
SPACE = SearchSpace((RATE, DEPTH, BINS, KIND))


def values(power: float) -> dict[str, list[float | str]]:
    """What is drawn, by parameter."""
    region = Region(SPACE)
    uniforms = np.random.default_rng(0).random((2_000, 4))
    rows = region.draw(uniforms, [(index,) for index in range(2_000)], np.full(2_000, power))
    points = region.points(rows)
    return {name: [point[name] for point in points] for name in points[0]}


def test_draws_follow_the_belief() -> None:
    """By its mean and its spread along the scale, by its weights."""
    found = values(1.0)
    rates = np.log10(np.array(found["rate"], dtype=float))
    assert rates.mean() == pytest.approx(-2.0, abs=0.03)
    assert rates.std() == pytest.approx(0.4, abs=0.03)
    assert np.median(np.array(found["depth"], dtype=float)) == pytest.approx(30, abs=2)
    assert found["kind"].count("b") / 2_000 == pytest.approx(0.8, abs=0.03)
    assert found["bins"].count(63) > 0.6 * 2_000


def test_a_belief_to_the_power_of_nothing_says_nothing() -> None:
    """The draws are even."""
    found = values(0.0)
    assert np.log10(np.array(found["rate"], dtype=float)).std() == pytest.approx(4 / 12**0.5, abs=0.05)
    assert found["kind"].count("b") / 2_000 == pytest.approx(0.5, abs=0.03)


def test_the_search_begins_where_most_is_believed() -> None:
    """At the mode of each."""
    (point,) = Region(SPACE).points(Region(SPACE).first())
    assert point["rate"] == pytest.approx(0.01)
    assert (point["depth"], point["bins"], point["kind"]) == (30, 63, "b")


def test_a_belief_fades() -> None:
    """All of it at first, then in inverse proportion to what was observed."""
    assert [sharpness_after(count) for count in (0, 5, 10, 50)] == [1.0, 1.0, 0.5, 0.1]
    assert (np.diff(sharpness(np.arange(100.0))) <= 0.0).all()
    study = Problem("told", SPACE.parameters).study("random")
    early, late = (
        [float(one.parameters["rate"]) for one in RandomSearch().suggest(study, past, {}, 10, generator(study, past))]
        for past in (History((), 1, 0, 0), History((), 5_000, 0, 0))
    )
    assert np.log10(early).std() < 0.8 * np.log10(late).std()


def test_nothing_is_ruled_out() -> None:
    """The logarithm of a belief is bounded, and its slope is that of its values."""
    beliefs = Beliefs.of(SPACE.parameters)
    rows = np.array([[0.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.6, 1.0], [0.45, 0.3, 1 / 3, 1.0]])
    logs, slopes = beliefs.log_density(rows)
    assert (logs >= 4 * np.log(DOUBT)).all()
    assert (logs <= 0.0).all()
    for column in (0, 1):
        step = 1e-6 * np.eye(4)[column]
        expected = (beliefs.log_density(rows + step)[0] - beliefs.log_density(rows - step)[0]) / 2e-6
        np.testing.assert_allclose(slopes[:, column], expected, atol=1e-5)


def test_a_gain_is_weighed_by_the_belief() -> None:
    """On a logarithmic scale, to a power."""
    beliefs, bowl = Beliefs.of(SPACE.parameters), Bowl(np.full(4, 0.5))
    rows = np.random.default_rng(0).random((3, 4))
    weighed = Believed(bowl, beliefs, 0.25)
    np.testing.assert_allclose(weighed.values(rows), bowl.values(rows) + 0.25 * beliefs.log_density(rows)[0])
    both = weighed.values_and_slopes(rows)
    np.testing.assert_allclose(both[0], weighed.values(rows))
    np.testing.assert_allclose(both[1], bowl.values_and_slopes(rows)[1] + 0.25 * beliefs.log_density(rows)[1])

"""The bandits of several parameters, and lattices, studies and outcomes to try them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.bandits.bandit_problems import METRICS, NOW, REAL, outcomes_of, study_of
from trimtab_service.bandits.base import JointBandit, Outcomes
from trimtab_service.bandits.catalog import CATALOG
from trimtab_service.domain.arms import Lattice
from trimtab_service.domain.metric import Goal, Metric
from trimtab_service.domain.space import Integer, Parameters, SearchSpace
from trimtab_service.domain.study import Study

FLOOR_TAG = -1  # of what belongs to the floor
SIZES = (2, 3, 2)
JOINT = [pytest.param(record(), id=name) for name, record in CATALOG.items() if record.joint]
every_bandit = pytest.mark.parametrize("bandit", JOINT)
every_metric = pytest.mark.parametrize("metric", [pytest.param(metric, id=name) for name, metric in METRICS.items()])


def lattice_study(
    sizes: Sequence[int], metric: Metric = REAL, goal: Goal = Goal.MINIMIZE, baseline: Parameters | None = None
) -> Study:
    """A study of parameters p0, p1, ... with so many values each, from 0."""
    space = SearchSpace(tuple(Integer(f"p{index}", 0, size - 1) for index, size in enumerate(sizes)))
    study = study_of(1, metric, goal)
    return replace(study, spec=replace(study.spec, space=space, baseline=baseline))


def lattice_of(sizes: Sequence[int]) -> Lattice:
    """The points of that study."""
    return Lattice.of(lattice_study(sizes).spec.space, 0)


def begin(bandit: JointBandit, sizes: Sequence[int], metric: Metric = REAL, baseline: Parameters | None = None) -> Any:
    """The state that knows nothing."""
    return bandit.initial(lattice_study(sizes, metric, baseline=baseline), lattice_of(sizes))


def tagged(outcomes: Outcomes, tags: Sequence[int] | NDArray[np.intp] | int) -> Outcomes:
    """The outcomes with these tags."""
    return replace(outcomes, tags=np.broadcast_to(np.asarray(tags, dtype=np.intp), outcomes.arms.size))


def learned(bandit: JointBandit, sizes: tuple[int, ...], outcomes: Outcomes, metric: Metric = REAL) -> Any:
    """The state that knows the outcomes."""
    return bandit.fold(begin(bandit, sizes, metric), outcomes)


def trials(rng: np.random.Generator, number: int, sizes: tuple[int, ...] = SIZES) -> Outcomes:
    """Changes of every parameter, their costs rising with the first two parameters' values."""
    arms = rng.integers(0, int(np.prod(sizes)), number)
    costs = np.array([sum(lattice_of(sizes).indices(int(arm))[:2]) for arm in arms]) + rng.standard_normal(number)
    return tagged(outcomes_of(arms, costs, steps=np.arange(number, dtype=float)), 1 + np.arange(number) % len(sizes))


def law(bandit: JointBandit, state: Any, sizes: Sequence[int]) -> NDArray[np.float64]:
    """The probability of every point."""
    policy = bandit.policy(state, NOW)
    return np.array([policy.probability(arm) for arm in range(lattice_of(sizes).count)])


def drawn(bandit: JointBandit, state: Any, number: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], ...]:
    """Arms [n] and tags [n] of ``number`` choices, without the floor."""
    policy = bandit.policy(state, NOW)
    draws = [policy.draw(luck) for luck in rng.random((number, policy.draws))]
    return np.array([draw.arm for draw in draws]), np.array([draw.tag for draw in draws])


def played(
    bandit: JointBandit,
    sizes: Sequence[int],
    mean: Callable[[tuple[int, ...]], float],
    rounds: int,
    batch: int,
    seed: int,
    noise: float = 0.1,
    baseline: Parameters | None = None,
) -> tuple[Any, NDArray[np.intp]]:
    """The state after so many rounds of ``batch`` choices each, and the arms; ``mean`` of value indices is the cost."""
    rng = np.random.default_rng(seed)
    lattice = lattice_of(sizes)
    state = begin(bandit, sizes, baseline=baseline)
    history = []
    for step in range(0, rounds * batch, batch):
        arms, tags = drawn(bandit, state, batch, rng)
        costs = np.array([mean(lattice.indices(int(arm))) for arm in arms]) + noise * rng.standard_normal(batch)
        state = bandit.fold(state, tagged(outcomes_of(arms, costs, steps=float(step)), tags))
        history.append(arms)
    return state, np.concatenate(history)


def arrays_of(state: Any) -> list[NDArray[Any]]:
    """Every array of a state, itself."""
    if is_dataclass(state):
        return [array for field in fields(state) for array in arrays_of(getattr(state, field.name))]
    return [state] if isinstance(state, np.ndarray) else []


@st.composite
def joint_histories(draw: st.DrawFn, metric: Metric, magnitudes: int = 9) -> tuple[tuple[int, ...], Outcomes]:
    """Sizes of the parameters, and what happened; counts go to 10 to the power of ``magnitudes``."""
    sizes = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    number = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    counts = rng.integers(1, 10 ** draw(st.integers(0, magnitudes)), number, endpoint=True).astype(float)
    if metric.min is None or metric.max is None:
        spread = 10.0 ** draw(st.sampled_from([-12, -3, 0, 6, 12]))
        costs = spread * (draw(st.sampled_from([0.0, 1.0, -30.0])) + rng.standard_normal(number))
    else:
        spread = metric.max - metric.min
        costs = metric.min + spread * rng.integers(0, 3, number) / 2
    costs[rng.random(number) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = np.nan
    counts[np.isnan(costs)] = 1
    variances = np.where(rng.random(number) < 0.5, np.nan, spread**2 * rng.random(number))
    arms = rng.integers(0, np.prod(sizes), number)
    tags = rng.integers(FLOOR_TAG, len(sizes) + 1, number)
    steps = np.sort(rng.integers(0, 1_000, number)).astype(float)
    return sizes, tagged(outcomes_of(arms, costs, rng.uniform(1e-3, 1, number), counts, variances, steps), tags)

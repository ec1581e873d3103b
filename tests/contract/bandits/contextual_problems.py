"""The contextual bandits, contexts that they can look at, and histories to try them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.bandits.bandit_problems import NOW, REAL, outcomes_of, study_of
from trimtab_service.bandits.base import Outcomes, Table
from trimtab_service.bandits.binned import Binned
from trimtab_service.bandits.catalog import CATALOG
from trimtab_service.bandits.lin_ucb import LinUcb
from trimtab_service.bandits.linear import LinearBandit
from trimtab_service.domain.metric import Goal, Metric
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, Scale
from trimtab_service.domain.study import Study

Context = tuple[Parameter, ...]

ONE: Context = (Float("size", 1.0, 1e6, Scale.LOG),)
MIXED: Context = (
    Float("load", 0.0, 100.0),
    Categorical("tenant", ("a", "b", "c")),
    Integer("size", 1, 4096, Scale.LOG),
    Categorical("night", (False, True)),
    Discrete("level", (1, 2, 5)),
    Float("hits", 0.01, 0.99, Scale.LOGIT),
)
LINEAR: list[Any] = [record() for record in CATALOG.values() if issubclass(record, LinearBandit)]
OTHERS = [record() for record in CATALOG.values() if record.contextual and not issubclass(record, LinearBandit)]
VARIANTS = [LinUcb(interactions=True), Binned(learner="tsallis_inf", bins=3)]
"""Bandits with options that make another bandit of them."""

ARMS = 5


def _all(context: Context, bandits: Sequence[Any]) -> list[Any]:
    """Each of the bandits that takes this context, as a parameter of a test."""
    noun = "one" if context is ONE else "mixed"
    return [pytest.param(bandit, context, id=f"{bandit}-{noun}") for bandit in bandits]


every_contextual = pytest.mark.parametrize(
    ("bandit", "context"), [*_all(ONE, [*LINEAR, *OTHERS, VARIANTS[1]]), *_all(MIXED, [*LINEAR, VARIANTS[0]])]
)
every_linear = pytest.mark.parametrize("bandit", [pytest.param(bandit, id=bandit.name) for bandit in LINEAR])


def study_with(context: Context, arms: int, metric: Metric = REAL, goal: Goal = Goal.MINIMIZE) -> Study:
    """A study with ``arms`` points and this context."""
    study = study_of(arms, metric, goal)
    return replace(study, spec=replace(study.spec, context=context))


def begin(bandit: Any, context: Context, arms: int, metric: Metric = REAL) -> Any:
    """The state that knows nothing of ``arms`` arms."""
    return bandit.initial(study_with(context, arms, metric), arms)


def drawn_contexts(context: Context, number: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """[number, c] legal contexts as they are coded, the ends of their ranges among them."""
    columns = []
    for parameter in context:
        if isinstance(parameter, Categorical):
            columns.append(rng.integers(0, len(parameter.choices), number).astype(float))
        elif isinstance(parameter, Discrete):
            columns.append(rng.choice(parameter.choices, number).astype(float))
        else:
            low, high = float(parameter.min), float(parameter.max)
            values = low * (high / low) ** rng.random(number) if low > 0 else low + (high - low) * rng.random(number)
            columns.append(np.clip(rng.choice([0.0, 1.0], number, p=[0.95, 0.05]) * high + values, low, high))
    return np.stack(columns, axis=1)


def observed(
    contexts: NDArray[np.float64],
    arms: Sequence[int] | NDArray[np.intp],
    costs: Sequence[float] | NDArray[np.float64],
    **others: Any,
) -> Outcomes:
    """Outcomes in these contexts [n, c], or all in one [c]; single numbers stand for all."""
    number = len(arms)
    return replace(outcomes_of(arms, costs, **others), contexts=np.broadcast_to(contexts, (number, contexts.shape[-1])))


def chances_at(
    bandit: Any, state: Any, arms: Sequence[int] | NDArray[np.intp], context: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The probability of each of ``arms``, without the floor."""
    chances: NDArray[np.float64] = bandit.policy(state, NOW).chances(np.asarray(arms, dtype=np.intp), context)
    return chances


def table_at(bandit: Any, state: Any, arms: int, context: NDArray[np.float64]) -> Table:
    """What is drawn from in one context while all ``arms`` arms may be played."""
    everyone = np.arange(arms)
    return Table.of(everyone, chances_at(bandit, state, everyone, context), bandit.floor)


def learned(bandit: Any, context: Context, rounds: int = 60, seed: int = 3) -> tuple[Any, NDArray[np.float64]]:
    """A state that has seen something of ARMS arms, and a context like those that it saw."""
    rng = np.random.default_rng(seed)
    contexts = drawn_contexts(context, rounds, rng)
    arms = rng.integers(0, ARMS, rounds)
    costs = arms / 4 + np.log1p(contexts[:, 0]) * (arms - 2) / 8 + rng.standard_normal(rounds)
    return bandit.fold(begin(bandit, context, ARMS), observed(contexts, arms, costs)), contexts[0]


@st.composite
def contextual_histories(draw: st.DrawFn, context: Context, magnitudes: int = 4) -> tuple[int, Outcomes]:
    """How many arms, and what happened to them; counts go to 10 to the power of ``magnitudes``."""
    arms = draw(st.integers(1, 6))
    number = draw(st.integers(0, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.sampled_from([-12, 0, 12]))
    counts = rng.integers(1, 10 ** draw(st.integers(0, magnitudes)), number, endpoint=True).astype(float)
    costs = scale * (draw(st.sampled_from([0.0, 1.0, -30.0])) + rng.standard_normal(number))
    costs[rng.random(number) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = np.nan
    counts[np.isnan(costs)] = 1
    return arms, observed(
        drawn_contexts(context, number, rng),
        rng.integers(0, arms, number),
        costs,
        propensities=rng.uniform(1e-3, 1, number),
        counts=counts,
        variances=np.where(rng.random(number) < 0.5, np.nan, scale**2 * rng.random(number)),
        steps=rng.integers(0, 1_000, number).astype(float),
    )

"""What callers say of arms and of the reward: which may be suggested, and what the objective is made of."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from trimtab import Categorical, Float, Integer, InvalidArgumentError, Metric, WeightedSum
from unit.trimtab.flavours import AnyClient


async def test_a_call_may_get_what_is_allowed(study: Any) -> None:
    """Any arm that has all the values of one of the patterns; and each of several suggestions is one of them."""
    for allowed in ([{"depth": 2, "loss": "absolute"}], [{"leaves": 15}, {"leaves": 63}]):
        for suggestion in (await study.suggest(allowed=allowed), *await study.suggest_many(20, allowed=allowed)):
            assert any(pattern.items() <= suggestion.parameters.items() for pattern in allowed)


async def test_an_empty_list_allows_nothing(study: Any) -> None:
    """On the wire it would allow everything, which is the opposite of what the caller worked out."""
    with pytest.raises(ValueError, match="allowed is empty"):
        await study.suggest(allowed=[])
    with pytest.raises(TypeError, match="in a list"):
        await study.suggest(allowed={"depth": 2})


async def test_a_formula_makes_the_objective(client: AnyClient) -> None:
    """Its parts are reported, and it never is."""
    score = Metric("score", formula=WeightedSum({"seconds": 1.0, "euros": 10.0}))
    study = await client.create_study(
        "s", parameters=[Float("x", 0, 1)], minimize="score", metrics=[score, Metric("seconds"), Metric("euros")]
    )
    cheap, dear = await study.suggest_many(2)
    await cheap.observe(seconds=4.0, euros=0.5)
    await dear.observe(seconds=1.0, euros=1.0)
    with pytest.raises(InvalidArgumentError, match=r"score.*report euros, seconds instead"):
        await (await study.suggest()).observe(9.0)
    best = await study.incumbent()
    assert (best.trial, best.predicted_mean, best.probability_best) == (cheap.id, 9.0, None)


async def test_a_bandit_gets_the_context_of_each_decision(client: AnyClient) -> None:
    """It is in the log, beside the arm; and the incumbent may be asked for one."""
    study = await client.create_study(
        "s",
        parameters=[Categorical("arm", ["a", "b"])],
        minimize="y",
        context=[Integer("hour", 0, 23), Categorical("tier", ["free", "paid"])],
        algorithm="lin_ucb",
    )
    for hour in (3, 22):
        context = {"hour": hour, "tier": "paid"}
        async with study.suggest(context, allowed=[{"arm": "b"}]) as suggestion:
            await suggestion.observe(hour)
    records = [(record.context, record.parameters) async for record in study.observations()]
    assert records == [({"hour": hour, "tier": "paid"}, {"arm": "b"}) for hour in (3, 22)]
    assert (await study.incumbent({"hour": 3, "tier": "free"})).parameters == {"arm": "b"}


async def test_a_bandit_study_can_be_changed_while_it_runs(client: AnyClient) -> None:
    """It gets more values, loses arms and gets them back, and forgets earlier or never."""
    arms = Categorical("arm", ["a", "b"])
    study = await client.create_study("s", parameters=[arms], minimize="y", retention=86_400 * 8)
    more = Categorical("arm", ["a", "b", "c"])
    after = await study.update(parameters=[more], retention=math.inf, disabled_arms=[{"arm": "a"}, {"arm": "b"}])
    assert (after.spec.parameters, after.spec.retention) == ((more,), None)
    assert after.spec.disabled_arms == ({"arm": "a"}, {"arm": "b"})
    assert (await study.suggest())["arm"] == "c"
    assert (await study.update(disabled_arms=[], retention=86_400 * 9)).spec.disabled_arms == ()
    assert (await study.describe()).spec.retention == timedelta(days=9)
    assert {each["arm"] for each in await study.suggest_many(50)} == {"a", "b", "c"}

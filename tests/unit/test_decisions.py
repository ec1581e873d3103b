"""What a refused Suggest leaves behind: nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from replicas import NAME, SPEC, Replica, replicas
from trimtab_service.decisions import Ask
from trimtab_service.domain.errors import InvalidArgument, StudyNotFound

REWARDED = replace(SPEC, reward_wait=timedelta(minutes=1), default_reward=0.0)


def counted(replica: Replica) -> float | None:
    """The suggestions given, as the metrics have them."""
    return replica.metrics.registry.get_sample_value(
        "trimtab_suggestions_total", {"algorithm": "thompson", "source": "model"}
    )


async def test_only_what_is_given_is_counted(sqlite_url: str) -> None:
    """A call that lets no arm in gets an error, and no suggestion."""
    async with replicas(sqlite_url) as (replica, _):
        live = await replica.following.open(await replica.studies.create(NAME, SPEC, None))
        with pytest.raises(InvalidArgument, match="allowed"):
            replica.decisions.suggest(live, Ask(5, allowed=[{"letter": "z"}]))
        assert counted(replica) == 0
        replica.decisions.suggest(live, Ask(5, allowed=[{"letter": "a"}]))
        assert counted(replica) == 5


async def test_a_study_that_is_gone_is_forgotten(sqlite_url: str) -> None:
    """By whom another server's deletion is found out; the next call reads the store."""
    async with replicas(sqlite_url) as (first, second):
        live = await first.following.open(await first.studies.create(NAME, REWARDED, None))
        await first.decisions.suggest_remembered(live, Ask(2))
        await second.studies.delete(NAME, "", None)
        with pytest.raises(StudyNotFound):
            await first.decisions.suggest_remembered(live, Ask(2))
        with pytest.raises(StudyNotFound):
            await first.studies.recall(NAME)
        assert first.decisions.live(NAME) is None
        assert counted(first) == 2

"""What a server keeps in memory comes back: from checkpoints, from a compacted log, after leaving to make room."""

from __future__ import annotations

import re
import urllib.request

import pytest
from google.protobuf import duration_pb2

import serving
from serving import RunningServer, eventually, measured
from trimtab.v1 import study_pb2, tuning_service_pb2
from trimtab_service.following import CHECKPOINT_ROWS, UPDATE_SECONDS
from trimtab_service.store.catalog import open_store

BATCH = 1_000


def teach(server: RunningServer, study: str = "s", count: int = BATCH) -> None:
    """Observes so many decisions; the last arm is the good one."""
    for _ in range(0, count, BATCH):
        decisions = serving.suggest(server, study, count=min(count, BATCH))
        serving.observe(
            server,
            *[measured(one.id, "click", float(one.parameters.values["arm"].int_value == 3)) for one in decisions],
            study=study,
        )


def law(server: RunningServer, study: str, observations: int) -> dict[int, float]:
    """The propensity of each arm, once the policy rests on so many observations."""
    assert eventually(lambda: serving.suggest(server, study)[0].model.observation_count == observations)
    drawn = serving.suggest(server, study, count=BATCH)
    return {one.parameters.values["arm"].int_value: one.propensity for one in drawn}


def metric(server: RunningServer, name: str) -> float:
    """A sample without labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=30) as page:
        found = re.search(rf"^{name} (\S+)$", page.read().decode(), re.MULTILINE)
    assert found
    return float(found.group(1))


def test_a_server_goes_on_from_a_checkpoint(database_url: str) -> None:
    """With the same policy as the one that folded every row."""
    count = CHECKPOINT_ROWS + 2 * BATCH
    with RunningServer(database_url) as first:
        serving.create(first, serving.arms_spec("tsallis_inf"))
        teach(first, count=count)
        before = law(first, "s", count)
    with RunningServer(database_url) as second:
        after = law(second, "s", count)

    shared = before.keys() & after.keys()  # an arm that is hardly ever played may be missing in either
    assert 3 in shared
    assert {arm: after[arm] for arm in shared} == pytest.approx({arm: before[arm] for arm in shared}, rel=1e-6)


def age(url: str, seconds: float) -> None:
    """Makes every row of the log older."""
    store = open_store(url, 1)
    by = round(1e6 * seconds)
    store.write(  # type: ignore[attr-defined]
        lambda connection: connection.driver.execute(f"UPDATE observations SET create_time = create_time - {by}")
    )
    store.close()


def test_old_observations_are_deleted_and_nothing_is_forgotten(database_url: str) -> None:
    """Behind a checkpoint and past the retention; counts, policy and duplicates stay exact."""
    spec = serving.arms_spec()
    spec.decision_lifetime.CopyFrom(duration_pb2.Duration(seconds=3))
    spec.retention.CopyFrom(duration_pb2.Duration(seconds=3))
    with RunningServer(database_url, "--sweep-interval=0.2") as first:
        serving.create(first, spec)
        (early,) = serving.suggest(first)
        serving.observe(first, measured(early.id, "click", 1.0))
        teach(first)
        before = law(first, "s", BATCH + 1)
        age(database_url, UPDATE_SECONDS)
        assert eventually(lambda: not serving.all_observations(first))
        (again,) = serving.observe(first, measured(early.id, "click", 1.0))
        assert again.error.reason == "DECISION_EXPIRED"
        assert serving.get(first).counts.observations == BATCH + 1
        teach(first)
    with RunningServer(database_url) as second:
        assert law(second, "s", 2 * BATCH + 1)[3] >= before[3]
        # Another algorithm starts from what is left.
        serving.update(
            second,
            study_pb2.Study(name=serving.named("s"), spec={"algorithm": study_pb2.Algorithm(name="kl_ucb")}),
            "spec.algorithm",
        )
        assert serving.suggest(second)[0].model.observation_count <= BATCH


def test_studies_leave_memory_and_come_back(database_url: str) -> None:
    """The one unused longest first; what they know they know again."""
    with RunningServer(database_url, "--live-studies=3") as server:
        for number in range(6):
            serving.create(server, serving.arms_spec(), f"s{number}")
            teach(server, f"s{number}", 200)
        assert metric(server, "trimtab_live_bandit_studies") <= 3
        for number in range(6):
            assert law(server, f"s{number}", 200)[3] > 0.9
        assert metric(server, "trimtab_live_bandit_studies") <= 3


def test_a_thousand_decisions_in_one_call(database_url: str) -> None:
    """Each has its own result."""
    with RunningServer(database_url) as server:
        serving.create(server, serving.arms_spec())
        decisions = serving.suggest(server, count=BATCH)
        observations = [measured(one.id, "click", 1.0) for one in decisions]
        observations[7].measurements["click"].mean = 0.5
        observations[9].suggestion_id = "d2.store.nonsense"
        results = serving.observe(server, *observations)

        refused = [place for place, result in enumerate(results) if result.error.code]
        assert refused == [7, 9]
        assert sum(result.outcome == tuning_service_pb2.OBSERVE_OUTCOME_RECORDED for result in results) == BATCH - 2

"""Many workers on one study, at three servers over one database: no point twice, nothing lost.

How much is computed in vain depends on how busy the machine is; a benchmark measures it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.request import urlopen

import pytest

import serving
from serving import RunningServer
from trimtab.v1 import study_pb2, trial_pb2

SERVERS = 3
WORKERS = 24
CYCLES = 6
# A design without end: as random numbers come from the number of the trial,
# two servers that compute from one snapshot compute the same points.
ENDLESS = {"initial_trials": 1_000}


def counted(servers: list[RunningServer], name: str) -> float:
    """The sum of a counter over servers."""
    total = 0.0
    for server in servers:
        with urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as page:
            lines = page.read().decode().splitlines()
        total += sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}_total"))
    return total


def worked(servers: list[RunningServer], cycles: Callable[[RunningServer], list[tuple[str, float]]]) -> list[str]:
    """What all the workers got: checks that no id and no point came twice."""
    with ThreadPoolExecutor(WORKERS) as workers:
        asked = [servers[index % len(servers)] for index in range(WORKERS)]
        got = [each for answers in workers.map(cycles, asked) for each in answers]
    ids, points = Counter(name for name, _ in got), Counter(point for _, point in got)
    assert [name for name, times in ids.items() if times > 1] == []
    assert [point for point, times in points.items() if times > 1] == []
    return list(ids)


def observing(server: RunningServer) -> list[tuple[str, float]]:
    """One worker's ids and points: it suggests, and observes at once."""
    got = []
    for _ in range(CYCLES):
        (suggestion,) = serving.suggest(server)
        point = float(serving.plain(suggestion.parameters)["x"])
        (result,) = serving.observe(server, serving.measured(suggestion.id, mean=(point - 0.3) ** 2))
        assert not result.HasField("error")
        got.append((suggestion.id, point))
    return got


def settled(servers: list[RunningServer]) -> tuple[list[trial_pb2.Trial], study_pb2.StudyCounts]:
    """Trials by one server and counts by another, once nothing is being computed ahead between the two."""
    for _ in range(100):
        before = serving.all_trials(servers[0])
        counts = serving.get(servers[1]).counts
        if serving.all_trials(servers[0]) == before:
            return before, counts
        time.sleep(0.1)
    raise AssertionError("there are always others")


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_many_workers_at_three_servers(request: pytest.FixtureRequest, engine: str) -> None:
    """Every trial that was handed out is there and observed; what isn't, waits in the queue."""
    database = request.getfixturevalue(f"{engine}_url")
    with ExitStack() as stack:
        servers = [stack.enter_context(RunningServer(database)) for _ in range(SERVERS)]
        serving.create(servers[0], serving.float_spec("gp", **ENDLESS))
        ids = worked(servers, observing)
        assert len(ids) == WORKERS * CYCLES
        trials, counts = settled(servers)
        assert {trial.name for trial in trials} >= set(ids)
        assert (counts.completed, counts.observations) == (len(ids), len(ids))
        assert counts.queued == len(trials) - len(ids)
        assert len(serving.all_observations(servers[2])) == len(ids)


def test_workers_that_wait_share_what_is_computed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Without a queue, one computation answers several who wait."""
    with RunningServer(serving.sqlite_in(tmp_path_factory.mktemp("shared")), "--queue=0") as server:
        serving.create(server, serving.float_spec("gp", **ENDLESS))
        ids = worked([server], observing)
        assert len(ids) == len(serving.all_trials(server)) == WORKERS * CYCLES
        assert counted([server], "trimtab_computations") < WORKERS * CYCLES
        assert counted([server], "trimtab_wasted_computations") == 0

"""SIGKILL of servers and of the database at random instants, again and again, while clients work.

TRIMTAB_CHAOS_KILLS says how often (50), TRIMTAB_CHAOS_SEED when and whom; the
seed is printed, so that a failure can be repeated.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import serving
import trimtab
from clients_at_work import PATIENCE, Work, decision_of
from databases import PostgresServer
from serving import RunningServer
from trimtab.v1 import trial_pb2

KILLS = int(os.environ.get("TRIMTAB_CHAOS_KILLS", "50"))
SEED = int(os.environ.get("TRIMTAB_CHAOS_SEED", str(random.randrange(2**32))))
LONGEST_WAIT = 0.8  # seconds between a restart and the next kill, at most

pytestmark = pytest.mark.timeout(60 + 30 * KILLS)


@pytest.fixture
def chance() -> random.Random:
    """When and whom."""
    print(f"TRIMTAB_CHAOS_SEED={SEED}")
    return random.Random(SEED)


def disturbed(work: Work, chance: random.Random, kills: list[Callable[[], None]]) -> None:
    """KILLS times: a random while, a random victim, and then some progress."""
    waiting = threading.Event()
    for _ in range(KILLS):
        waiting.wait(chance.uniform(0, LONGEST_WAIT))
        chance.choice(kills)()
        work.wait_for_more(1)


class Replica:
    """A server that can be killed, and is started again on its port."""

    def __init__(self, stack: ExitStack, database: str) -> None:
        self._stack, self._database, self.port = stack, database, serving.free_port()
        self.start()

    def start(self) -> None:
        """Serves again."""
        self.server = self._stack.enter_context(RunningServer(self._database, port=self.port))

    def kill(self) -> None:
        """Dies at once, and comes back."""
        self.server.kill()
        self.start()


def checked_trials(server: RunningServer, acknowledged: dict[str, float]) -> None:
    """Nothing acknowledged is lost or doubled, and the study isn't wedged."""
    trials = serving.all_trials(server)
    records = serving.all_observations(server)
    stored = {record.observation.suggestion_id: record.observation.measurements["cost"].mean for record in records}
    assert [trial.number for trial in trials] == list(range(1, len(trials) + 1))
    assert len(stored) == len(records)
    assert stored == {
        trial.name: trial.measurements["cost"].mean
        for trial in trials
        if trial.state == trial_pb2.TRIAL_STATE_COMPLETED
    }
    assert {name: stored[name] for name in acknowledged} == acknowledged
    assert len(serving.suggest(server)) == 1


def checked_decisions(server: RunningServer, acknowledged: dict[str, float]) -> None:
    """Nothing acknowledged is lost or doubled."""
    records = serving.all_observations(server)
    stored = {record.observation.suggestion_id: record.observation.measurements["cost"].mean for record in records}
    assert len(stored) == len(records)
    named = {decision_of(token): value for token, value in acknowledged.items()}
    assert {name: stored[name] for name in named} == named
    assert len(serving.suggest(server)) == 1


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Takes everything down in the end."""
    with ExitStack() as everything:
        yield everything


@pytest.mark.parametrize(("algorithm", "check"), [("random", checked_trials), ("thompson", checked_decisions)])
def test_one_server_on_sqlite(
    sqlite_url: str,
    stack: ExitStack,
    chance: random.Random,
    algorithm: str,
    check: Callable[[RunningServer, dict[str, float]], None],
) -> None:
    """The one replica dies and comes back."""
    replica = Replica(stack, sqlite_url)
    with working([replica], algorithm) as work:
        disturbed(work, chance, [replica.kill])
    assert work.failures == []
    check(replica.server, work.acknowledged)


@pytest.mark.parametrize(("algorithm", "check"), [("random", checked_trials), ("thompson", checked_decisions)])
def test_two_servers_and_their_postgres(
    stack: ExitStack,
    chance: random.Random,
    algorithm: str,
    check: Callable[[RunningServer, dict[str, float]], None],
) -> None:
    """Either replica or the database itself dies and comes back."""
    postgres = stack.enter_context(PostgresServer())
    replicas = [Replica(stack, postgres.url) for _ in range(2)]

    def kill_database() -> None:
        postgres.kill()
        postgres.start()

    with working(replicas, algorithm) as work:
        disturbed(work, chance, [*(replica.kill for replica in replicas), kill_database])
    assert work.failures == []
    for replica in replicas:
        check(replica.server, work.acknowledged)


def working(replicas: list[Replica], algorithm: str) -> Work:
    """Clients of all the replicas, on one study."""
    addresses = ",".join(f"127.0.0.1:{replica.port}" for replica in replicas)
    client = trimtab.Client(f"ipv4:{addresses}", namespace="n", timeout=PATIENCE)
    study = client.create_study("s", parameters=[trimtab.Integer("arm", 1, 5)], minimize="cost", algorithm=algorithm)
    return Work(study, "cost")

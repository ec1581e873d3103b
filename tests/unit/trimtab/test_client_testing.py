"""The fake server: legal, repeatable, and honest about what it refuses."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

import trimtab
from trimtab import (
    AlreadyExistsError,
    Categorical,
    Discrete,
    Float,
    Integer,
    InvalidArgumentError,
    Measurement,
    StudyStoppedError,
    TrialState,
)
from trimtab._blocking import run_blocking
from trimtab._methods import SUGGEST
from trimtab.testing import FakeServer
from trimtab.v1 import tuning_service_pb2
from unit.trimtab.conftest import DEFINITION

SPACE = [
    Float("linear", -1, 1),
    Float("log", 1e-3, 1, scale="log"),
    Float("logit", 0.1, 0.9, scale="logit"),
    Float("step", 0, 1, step=0.25),
    Integer("n", -3, 3),
    Integer("m", 1, 100, scale="log"),
    Categorical("kind", ["a", "b"]),
    Categorical("flag", [True, False]),
    Discrete("k", [1, 2, 4]),
]


def test_suggestions_are_legal() -> None:
    """Every kind of parameter gets values of its type and range, and not always the same one."""
    study = FakeServer().client().create_study("s", parameters=SPACE, minimize="y")
    drawn = [suggestion.parameters for suggestion in study.suggest_many(200)]
    values: dict[str, set[Any]] = {each.name: {point[each.name] for point in drawn} for each in SPACE}
    for name, low, high in (("linear", -1, 1), ("log", 1e-3, 1), ("logit", 0.1, 0.9)):
        assert all(isinstance(value, float) and low <= value <= high for value in values[name])
        assert len(values[name]) == 200
    assert {0.0, 0.25, 0.5, 0.75, 1.0} == values["step"]
    assert set(range(-3, 4)) == values["n"]
    assert values["m"] <= set(range(1, 101))
    assert len(values["m"]) > 30
    assert ({"a", "b"}, {True, False}, {1, 2, 4}) == (values["kind"], values["flag"], values["k"])


def test_log_scales_are_drawn_as_such() -> None:
    """As many values below the geometric mean as above it."""
    study = FakeServer().client().create_study("s", parameters=SPACE, minimize="y")
    drawn = [suggestion["log"] for suggestion in study.suggest_many(400)]
    assert 150 < sum(float(value) < 1e-3**0.5 for value in drawn) < 250


def test_equal_seeds_give_equal_answers() -> None:
    """A test that uses the fake fails the same way twice; another seed draws otherwise."""

    def drawn(seed: int) -> list[dict[str, Any]]:
        study = FakeServer(seed).client().create_study("s", parameters=SPACE, minimize="y")
        return [suggestion.parameters for suggestion in study.suggest_many(5)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_clients_share_what_the_server_holds() -> None:
    """Two clients of one fake are two clients of one server; closing one leaves it to the other."""
    server = FakeServer()
    with server.client() as first:
        first.create_study("s", parameters=SPACE, minimize="y")
    assert [study.id for study in server.client().studies()] == ["s"]


def test_a_request_id_used_for_something_else_is_refused() -> None:
    """As the server refuses it."""
    study = FakeServer().client().create_study("s", parameters=SPACE, minimize="y")
    study.suggest(request_id="job")
    with pytest.raises(InvalidArgumentError, match="request_id"):
        study.suggest_many(2, request_id="job")


def test_what_a_server_would_refuse_of_an_observation_is_refused() -> None:
    """A metric that isn't declared, one that is missing, and a number that is none."""
    study = FakeServer().client().create_study("s", parameters=SPACE, minimize="y")
    suggestion = study.suggest()
    for measured in ({"z": 1.0}, {"y": float("nan")}, {"y": 1.0, "z": 1.0}):
        with pytest.raises(InvalidArgumentError, match="measurements"):
            suggestion.observe(measured)
    assert study.trial(1).measurements == {}


def test_a_stopped_study_refuses_to_suggest_and_takes_observations() -> None:
    """As the server does."""
    study = FakeServer().client().create_study("s", parameters=SPACE, minimize="y")
    suggestion = study.suggest()
    study.stop()
    with pytest.raises(StudyStoppedError):
        study.suggest()
    suggestion.observe(y=Measurement(1.0, count=2, variance=0.5))
    study.resume()
    study.suggest()


def test_a_context_must_fit() -> None:
    """One that is declared must be given, one that isn't must not."""
    client = FakeServer().client()
    bare = client.create_study("bare", parameters=SPACE, minimize="y")
    hourly = client.create_study("hourly", parameters=SPACE, minimize="y", context=[Integer("hour", 0, 23)])
    with pytest.raises(InvalidArgumentError, match=r"context\.values: must be empty"):
        bare.suggest({"hour": 3})
    with pytest.raises(InvalidArgumentError, match=r"context\.values: must be hour"):
        hourly.suggest()


def test_what_takes_a_model_is_not_answered() -> None:
    """It says so, instead of an answer that means nothing."""
    study = FakeServer().client().create_study("cache", parameters=[trimtab.Float("x", 0, 1)], minimize="y")
    for ask in (study.explain, study.pareto_front):
        with pytest.raises(NotImplementedError, match="has no model"):
            ask()


def test_an_import_under_one_id_is_sent_as_a_whole_or_not_at_all() -> None:
    """More than fit into a call would need several ids."""
    study = FakeServer().client().create_study("cache", parameters=[trimtab.Float("x", 0, 1)], minimize="y")
    trials = [trimtab.ImportedTrial({"x": 0.5}, {"y": 1.0})] * 1_001
    with pytest.raises(ValueError, match="1000 trials at once"):
        study.import_trials(trials, request_id="mine")
    assert list(study.trials()) == []
    assert len(study.import_trials(trials[:1_000], request_id="mine")) == 1_000


def test_counts_follow_the_states() -> None:
    """describe() counts trials by state."""
    study = FakeServer().client().create_study("s", **DEFINITION)
    good, bad, _ = study.suggest_many(3)
    good.observe(1.0)
    bad.fail()
    counts = study.describe().counts
    assert counts is not None
    assert (counts.completed, counts.failed, counts.pending, counts.observations) == (1, 1, 1, 2)


def test_a_study_is_not_replaced() -> None:
    """Creating twice is the same error as on a server."""
    client = FakeServer().client()
    client.create_study("s", parameters=SPACE, minimize="y")
    with pytest.raises(AlreadyExistsError):
        client.create_study("s", parameters=SPACE, minimize="y")


def test_it_speaks_the_contract() -> None:
    """Messages of the contract go in and come out, so that any client can be put before it."""
    server = FakeServer()
    study = server.client().create_study("s", parameters=SPACE, minimize="y")
    request = tuning_service_pb2.SuggestRequest(study=study.name)
    assert len(run_blocking(server.call(SUGGEST, request, 1.0)).suggestions) == 1


def _example(text: str | None, start: str) -> str:
    """The indented lines of a docstring from ``start`` up to the next line that isn't."""
    lines = iter((text or "").splitlines())
    code = [next(line for line in lines if line.strip().startswith(start))]
    for line in lines:
        if line and not line.startswith("    "):
            break
        code.append(line)
    return textwrap.dedent("\n".join(code))


def test_the_example_of_the_package_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newcomer copies first runs as it stands, given a server and something to train."""
    server = FakeServer()
    monkeypatch.setattr(trimtab, "Client", lambda _target: server.client())
    exec(_example(trimtab.__doc__, "import trimtab"), {"train": lambda learning_rate, depth: learning_rate / depth})
    assert [trial.state for trial in server.client().study("gbm").trials()] == [TrialState.COMPLETED] * 30


def test_the_example_of_the_fake_works() -> None:
    """With parameters and a baseline in place of the dots."""
    code = _example(trimtab.testing.__doc__, "server = ")
    code = code.replace("parameters=[...]", "parameters=[trimtab.Float('x', 0, 1)], baseline={'x': 0.5}")
    names: dict[str, Any] = {"trimtab": trimtab}
    exec(code, names)
    assert names["study"].id == "cache"

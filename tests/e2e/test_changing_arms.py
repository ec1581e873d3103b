"""Arms that are added, disabled, brought back, or asleep for one request, while a study runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

import serving
from serving import RunningServer, parameters
from trimtab.v1 import parameters_pb2, study_pb2, trial_pb2, tuning_service_pb2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for all tests of the file; each has a study of its own."""
    folder: Path = tmp_path_factory.mktemp("arms")
    with RunningServer(serving.sqlite_in(folder)) as running:
        yield running


def change(server: RunningServer, study: str, spec: study_pb2.StudySpec, path: str) -> None:
    """Updates one field of a study's spec."""
    serving.update(server, study_pb2.Study(name=serving.named(study), spec=spec), path)


def fields_at_fault(refusal: pytest.ExceptionInfo[grpc.RpcError]) -> list[str]:
    """Of a call that was refused."""
    code, _, fields = serving.details(refusal.value)
    assert code == "INVALID_ARGUMENT"
    return fields


def letters_spec(letters: str = "abc", **fields: Any) -> study_pb2.StudySpec:
    """A 0/1 metric, and one letter to choose."""
    choices = parameters_pb2.Categorical(values=[parameters_pb2.Value(string_value=letter) for letter in letters])
    return study_pb2.StudySpec(
        search_space=parameters_pb2.SearchSpace(
            parameters=[parameters_pb2.ParameterSpec(name="letter", categorical=choices)]
        ),
        metrics=[study_pb2.MetricSpec(name="click", kind=study_pb2.METRIC_KIND_BINARY)],
        objectives=[study_pb2.Objective(metric="click", goal=study_pb2.GOAL_MAXIMIZE)],
        algorithm=study_pb2.Algorithm(name="thompson"),
        **fields,
    )


def drawn(
    server: RunningServer, study: str, count: int = 400, allowed: Sequence[parameters_pb2.Parameters] = ()
) -> list[trial_pb2.Suggestion]:
    """Decisions of one call."""
    request = tuning_service_pb2.SuggestRequest(study=serving.named(study), count=count, allowed=allowed)
    return list(server.tuning.Suggest(request).suggestions)


def letter(suggestion: trial_pb2.Suggestion) -> str:
    """What was chosen."""
    return suggestion.parameters.values["letter"].string_value


def learn(server: RunningServer, study: str, good: str) -> None:
    """Shows that one letter wins, and the others don't; waits until the policy knows."""
    decisions = drawn(server, study, 600)
    serving.observe(
        server,
        *[serving.measured(one.id, "click", float(letter(one) == good)) for one in decisions],
        study=study,
    )
    assert serving.eventually(lambda: drawn(server, study, 1)[0].model.observation_count >= len(decisions))


def test_an_added_arm_is_tried_and_the_others_keep_what_they_know(server: RunningServer) -> None:
    """Put in the middle of the space; decisions of before are still observed as what they were."""
    serving.create(server, letters_spec(), "grown")
    learn(server, "grown", "b")
    (early,) = drawn(server, "grown", 1, [parameters(letter="c")])
    change(server, "grown", letters_spec("azbc"), "spec.search_space")
    shares = Counter(letter(one) for _ in range(4) for one in drawn(server, "grown", 1_000))
    serving.observe(server, serving.measured(early.id, "click", 1.0), study="grown")

    assert set(shares) <= set("abcz")
    assert shares["b"] > 2_000
    assert shares["z"] > 0
    last = serving.all_observations(server, "grown")[-1]
    assert last.parameters.values["letter"].string_value == "c"


def test_a_space_cannot_shrink(server: RunningServer) -> None:
    """And the error says what to do instead."""
    serving.create(server, letters_spec(), "shrunk")
    with pytest.raises(grpc.RpcError) as refusal:
        change(server, "shrunk", letters_spec("ab"), "spec.search_space")
    assert fields_at_fault(refusal) == ["study.spec.search_space.parameters[0]"]
    assert "disable" in str(refusal.value.details())


def test_a_disabled_arm_is_not_suggested_until_it_is_brought_back(server: RunningServer) -> None:
    """The next best takes over at once; what was learned of it is there when it comes back."""
    serving.create(server, letters_spec(), "disabled")
    learn(server, "disabled", "b")
    (early,) = drawn(server, "disabled", 1, [parameters(letter="b")])
    change(server, "disabled", letters_spec(disabled_arms=[parameters(letter="b")]), "spec.disabled_arms")
    without = Counter(map(letter, drawn(server, "disabled")))
    results = serving.observe(server, serving.measured(early.id, "click", 1.0), study="disabled")
    change(server, "disabled", letters_spec(), "spec.disabled_arms")
    back = Counter(map(letter, drawn(server, "disabled")))

    assert set(without) == {"a", "c"}
    assert [result.outcome for result in results] == [tuning_service_pb2.OBSERVE_OUTCOME_RECORDED]
    assert back["b"] > 200


def test_a_sleeping_arm_is_left_out_of_one_call(server: RunningServer) -> None:
    """The propensities are those among the arms that are awake."""
    serving.create(server, letters_spec(), "asleep")
    learn(server, "asleep", "b")
    awake = drawn(server, "asleep", allowed=[parameters(letter="a"), parameters(letter="c")])

    assert {letter(one) for one in awake} == {"a", "c"}
    shares = {letter(one): one.propensity for one in awake}
    assert sum(shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("allowed", "field"),
    [
        ([parameters(letter="z")], 'allowed[0].values["letter"]'),
        ([parameters(letter="a"), parameters(size="a")], 'allowed[1].values["size"]'),
        ([parameters()], "allowed[0].values"),
    ],
)
def test_what_is_allowed_must_make_sense(
    server: RunningServer, allowed: list[parameters_pb2.Parameters], field: str
) -> None:
    """Each fault names its field."""
    serving.create(server, letters_spec(), "checked", request_id="once")
    with pytest.raises(grpc.RpcError) as refusal:
        drawn(server, "checked", 1, allowed)
    assert fields_at_fault(refusal) == [field]


def test_only_disabled_arms_are_no_choice(server: RunningServer) -> None:
    """Neither for a call nor for a study."""
    serving.create(server, letters_spec(disabled_arms=[parameters(letter="b")]), "off")
    with pytest.raises(grpc.RpcError) as refusal:
        drawn(server, "off", 1, [parameters(letter="b")])
    assert fields_at_fault(refusal) == ["allowed"]
    every = [parameters(letter=one) for one in "abc"]
    with pytest.raises(grpc.RpcError) as refusal:
        change(server, "off", letters_spec(disabled_arms=every), "spec.disabled_arms")
    assert fields_at_fault(refusal) == ["study.spec.disabled_arms"]


def numbers_spec(largest: int, algorithm: str = "thompson", **options: int) -> study_pb2.StudySpec:
    """One whole number from 1 to choose."""
    spec = serving.arms_spec(algorithm, largest)
    for name, option in options.items():
        spec.algorithm.options[name].CopyFrom(serving.value(option))
    return spec


@pytest.mark.parametrize("options", [{"steps": 2}, {}])
def test_steps_that_would_renumber_arms_are_refused(server: RunningServer, options: dict[str, int]) -> None:
    """Decisions in flight would mean other parameters; nothing is stored, and they stay what they were."""
    study = f"stepped-{len(options)}"
    created = serving.create(server, numbers_spec(9, steps=3), study)
    early = drawn(server, study, 50)
    with pytest.raises(grpc.RpcError) as refusal:
        change(server, study, numbers_spec(9, "kl_ucb", **options), "spec.algorithm")
    serving.observe(server, *[serving.measured(one.id, "click", 1.0) for one in early], study=study)

    assert fields_at_fault(refusal) == ['study.spec.algorithm.options["steps"]']
    assert serving.get(server, study).spec == created.spec
    logged = [row.parameters for row in serving.all_observations(server, study)]
    assert sorted(map(str, logged)) == sorted(str(one.parameters) for one in early)


def test_steps_that_change_no_value_are_taken(server: RunningServer) -> None:
    """The same steps with another algorithm; or more than there are values."""
    serving.create(server, numbers_spec(9, steps=3), "same")
    change(server, "same", numbers_spec(9, "kl_ucb", steps=3), "spec.algorithm")
    serving.create(server, numbers_spec(3), "more")
    change(server, "more", numbers_spec(3, "kl_ucb", steps=5), "spec.algorithm")
    assert {one.parameters.values["arm"].int_value for one in drawn(server, "same")} <= {1, 5, 9}
    assert {one.parameters.values["arm"].int_value for one in drawn(server, "more")} <= {1, 2, 3}


def test_a_study_that_grew_keeps_listing_its_arms(server: RunningServer) -> None:
    """A bandit of a lattice numbers points by their place in the space, and would mean others."""
    serving.create(server, letters_spec(), "listed")
    change(server, "listed", letters_spec("zabc"), "spec.search_space")
    lattice = letters_spec("zabc")
    lattice.algorithm.name = "independent"
    with pytest.raises(grpc.RpcError) as refusal:
        change(server, "listed", lattice, "spec.algorithm")
    assert fields_at_fault(refusal) == ["study.spec.algorithm.name"]
    assert serving.get(server, "listed").algorithm.name == "thompson"


def test_a_space_does_not_grow_beyond_what_can_be_listed(server: RunningServer) -> None:
    """The values of each parameter are few, their combinations are not."""
    spec = letters_spec()
    more = spec.search_space.parameters.add(name="size")
    more.integer_range.min, more.integer_range.max = 1, 10
    serving.create(server, spec, "huge")
    more.integer_range.max = 500
    with pytest.raises(grpc.RpcError) as refusal:
        change(server, "huge", spec, "spec.search_space")
    assert fields_at_fault(refusal) == ["study.spec.search_space"]
    assert serving.get(server, "huge").revision == 1

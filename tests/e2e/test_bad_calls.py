"""Every fault of a Suggest, an Observe, a list or an update is refused by field, and nothing is stored."""

from __future__ import annotations

import math
from typing import Any

import grpc
import pytest

import serving
from serving import RunningServer, measured, named, parameters
from trimtab.v1 import (
    parameters_pb2,
    study_pb2,
    study_service_pb2,
    trial_pb2,
    tuning_service_pb2,
)
from trimtab_service.rpc.convert_values import page_token_to

CONTEXT = parameters_pb2.ParameterSpec(name="hour", integer_range=parameters_pb2.IntegerRange(min=0, max=23))
BOUNDED = study_pb2.MetricSpec(name="cost", min=0, max=10)


@pytest.fixture(scope="module")
def server(shared_server: RunningServer) -> RunningServer:
    """Studies of each kind: s has a context and a second metric, t has neither, b is a bandit."""
    spec = serving.float_spec()
    spec.context.append(CONTEXT)
    spec.metrics.append(BOUNDED)
    serving.create(shared_server, spec)
    serving.create(shared_server, serving.float_spec(), study="t")
    serving.create(shared_server, serving.arms_spec(), study="b")
    serving.create(shared_server, serving.arms_spec(), study="c")
    return shared_server


def refused(call: grpc.UnaryUnaryMultiCallable[Any, Any], request: object) -> tuple[str, str, list[str]]:
    """Code, reason and fields of a call that must fail."""
    with pytest.raises(grpc.RpcError) as refusal:
        call(request, timeout=30)
    return serving.details(refusal.value)


SUGGEST_FAULTS = {
    "no study": ({}, "study"),
    "malformed study": ({"study": "s"}, "study"),
    "negative count": ({"study": named("s"), "count": -1}, "count"),
    "count too large": ({"study": named("s"), "count": 1_001}, "count"),
    "missing context": ({"study": named("s")}, 'context.values["hour"]'),
    "context out of range": ({"study": named("s"), "context": parameters(hour=24)}, 'context.values["hour"]'),
    "context of another type": ({"study": named("s"), "context": parameters(hour="noon")}, 'context.values["hour"]'),
    "unknown context": ({"study": named("s"), "context": parameters(hour=1, day=1)}, 'context.values["day"]'),
    "context where there is none": ({"study": named("t"), "context": parameters(hour=1)}, 'context.values["hour"]'),
    "context at a bandit": ({"study": named("b"), "context": parameters(hour=1)}, 'context.values["hour"]'),
    "blank in request id": ({"study": named("t"), "request_id": "a b"}, "request_id"),
    "long request id": ({"study": named("b"), "request_id": "a" * 129}, "request_id"),
    "long worker": ({"study": named("t"), "worker": "w" * 129}, "worker"),
    "unknown fallback": ({"study": named("t"), "fallback": 9}, "fallback"),
}


@pytest.mark.parametrize("fault", SUGGEST_FAULTS)
def test_a_bad_suggest_names_its_field(server: RunningServer, fault: str) -> None:
    """INVALID_ARGUMENT, and no trial is stored."""
    fields, path = SUGGEST_FAULTS[fault]
    request = tuning_service_pb2.SuggestRequest(**fields)  # type: ignore[arg-type]
    before = serving.all_trials(server), serving.all_trials(server, "t")
    assert refused(server.tuning.Suggest, request) == ("INVALID_ARGUMENT", "INVALID_FIELD", [path])
    assert (serving.all_trials(server), serving.all_trials(server, "t")) == before


def test_a_study_that_does_not_exist_is_not_found(server: RunningServer) -> None:
    """For Suggest and Observe alike."""
    suggest = tuning_service_pb2.SuggestRequest(study=named("none"))
    observe = tuning_service_pb2.ObserveRequest(study=named("none"), observations=[measured("x")])
    expected: tuple[str, str, list[str]] = ("NOT_FOUND", "STUDY_NOT_FOUND", [])
    assert refused(server.tuning.Suggest, suggest) == expected
    assert refused(server.tuning.Observe, observe) == expected


MEASUREMENT_FAULTS: dict[str, tuple[dict[str, object], str]] = {
    "NaN": ({"y": trial_pb2.Measurement(mean=math.nan)}, 'measurements["y"].mean'),
    "infinity": ({"y": trial_pb2.Measurement(mean=math.inf)}, 'measurements["y"].mean'),
    "no objective": ({}, 'measurements["y"]'),
    "only another metric": ({"cost": trial_pb2.Measurement(mean=1)}, 'measurements["y"]'),
    "unknown metric": (
        {"y": trial_pb2.Measurement(mean=1), "z": trial_pb2.Measurement(mean=1)},
        'measurements["z"]',
    ),
    "below the range": (
        {"y": trial_pb2.Measurement(mean=1), "cost": trial_pb2.Measurement(mean=-1)},
        'measurements["cost"].mean',
    ),
    "above the range": (
        {"y": trial_pb2.Measurement(mean=1), "cost": trial_pb2.Measurement(mean=11)},
        'measurements["cost"].mean',
    ),
    "count of zero": ({"y": trial_pb2.Measurement(mean=1, count=0)}, 'measurements["y"].count'),
    "negative error": ({"y": trial_pb2.Measurement(mean=1, standard_error=-1)}, 'measurements["y"].standard_error'),
    "NaN variance": ({"y": trial_pb2.Measurement(mean=1, count=3, variance=math.nan)}, 'measurements["y"].variance'),
    "variance of one": ({"y": trial_pb2.Measurement(mean=1, variance=1)}, 'measurements["y"].variance'),
}


@pytest.mark.parametrize("fault", MEASUREMENT_FAULTS)
def test_a_bad_measurement_names_its_field(server: RunningServer, fault: str) -> None:
    """Its own item is refused, the good one beside it is stored."""
    measurements, path = MEASUREMENT_FAULTS[fault]
    request = tuning_service_pb2.SuggestRequest(study=named("s"), count=2, context=parameters(hour=1))
    bad, good = server.tuning.Suggest(request).suggestions
    wrong = trial_pb2.Observation(suggestion_id=bad.id, measurements=measurements)  # type: ignore[arg-type]
    first, second = serving.observe(server, wrong, measured(good.id))
    assert first.error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert [violation.field for violation in first.error.field_violations] == [f"observations[0].{path}"]
    assert second.outcome == tuning_service_pb2.OBSERVE_OUTCOME_RECORDED
    states = {trial.name: trial.state for trial in serving.all_trials(server)}
    assert (states[bad.id], states[good.id]) == (
        trial_pb2.TRIAL_STATE_PENDING,
        trial_pb2.TRIAL_STATE_COMPLETED,
    )


def test_measurements_of_a_failed_trial_are_refused(server: RunningServer) -> None:
    """A failure has nothing to measure."""
    (suggestion,) = serving.suggest(server, "t")
    wrong = measured(suggestion.id)
    wrong.outcome = trial_pb2.OUTCOME_FAILED
    (result,) = serving.observe(server, wrong, study="t")
    assert [violation.field for violation in result.error.field_violations] == ["observations[0].measurements"]


def test_a_fraction_of_a_single_binary_measurement_is_refused(server: RunningServer) -> None:
    """One click is 0 or 1; the mean of several may lie between."""
    first, second = serving.suggest(server, "b", count=2)
    fraction = measured(first.id, "click", 0.5)
    several = trial_pb2.Observation(
        suggestion_id=second.id, measurements={"click": trial_pb2.Measurement(mean=0.5, count=4)}
    )
    refusal, taken = serving.observe(server, fraction, several, study="b")
    assert refusal.error.reason == "INVALID_FIELD"
    assert taken.outcome == tuning_service_pb2.OBSERVE_OUTCOME_RECORDED


def forged(token: str) -> str:
    """A token with one character of its body changed."""
    return token[:-30] + ("A" if token[-30] != "A" else "B") + token[-29:]


def test_a_forged_decision_is_refused(server: RunningServer) -> None:
    """A changed token, one with an unknown key, one of another version, a mere text."""
    (decision,) = serving.suggest(server, "b")
    before = serving.all_observations(server, "b")
    wrong = [
        forged(decision.id),
        decision.id.replace("store", "other"),
        decision.id.replace("d2.", "d9."),
        decision.id[:-1],
        "",
        "nonsense",
        "é" * 40,
    ]
    results = serving.observe(server, *(measured(name, "click", 1.0) for name in wrong), study="b")
    assert {result.error.reason for result in results} == {"SUGGESTION_ID_INVALID"}
    assert [next(iter(result.error.field_violations)).field for result in results] == [
        f"observations[{index}].suggestion_id" for index in range(len(wrong))
    ]
    assert serving.all_observations(server, "b") == before


def test_a_decision_of_another_study_is_refused(server: RunningServer) -> None:
    """It is genuine, but not this study's."""
    (decision,) = serving.suggest(server, "c")
    (result,) = serving.observe(server, measured(decision.id, "click", 1.0), study="b")
    assert (result.error.reason, serving.all_observations(server, "c")) == ("SUGGESTION_ID_INVALID", [])


def test_a_foreign_or_unknown_trial_is_refused(server: RunningServer) -> None:
    """A trial of another study, a number that was never given out, and no trial at all."""
    (other,) = serving.suggest(server, "t")
    wrong = [
        measured(other.id),
        measured(f"{named('s')}/trials/99999"),
        measured("x"),
        measured(f"{named('s')}/trials/0"),
    ]
    results = serving.observe(server, *wrong)
    assert [result.error.reason for result in results] == [
        "SUGGESTION_ID_INVALID",
        "TRIAL_NOT_FOUND",
        "SUGGESTION_ID_INVALID",
        "SUGGESTION_ID_INVALID",
    ]


@pytest.mark.parametrize(("study", "metric"), [("t", "y"), ("b", "click")])
def test_a_second_different_observation_is_refused(server: RunningServer, study: str, metric: str) -> None:
    """The first one stands; the same one again is a duplicate."""
    (suggestion,) = serving.suggest(server, study)
    before = len(serving.all_observations(server, study))
    answers = [
        serving.observe(server, measured(suggestion.id, metric, mean), study=study)[0] for mean in (1.0, 1.0, 0.0)
    ]
    assert [answer.outcome for answer in answers] == [
        tuning_service_pb2.OBSERVE_OUTCOME_RECORDED,
        tuning_service_pb2.OBSERVE_OUTCOME_DUPLICATE,
        tuning_service_pb2.OBSERVE_OUTCOME_UNSPECIFIED,
    ]
    assert answers[2].error.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert answers[2].error.reason == "OBSERVATION_CONFLICT"
    assert len(serving.all_observations(server, study)) == before + 1


def test_a_suggestion_named_twice_in_one_call_is_refused(server: RunningServer) -> None:
    """Which of the two should count can't be said; nothing is stored."""
    (suggestion,) = serving.suggest(server, "t")
    request = tuning_service_pb2.ObserveRequest(study=named("t"), observations=[measured(suggestion.id)] * 2)
    assert refused(server.tuning.Observe, request)[2] == ["observations[1].suggestion_id"]


def test_too_few_and_too_many_observations_are_refused(server: RunningServer) -> None:
    """1 to 1,000 a call."""
    none = tuning_service_pb2.ObserveRequest(study=named("t"))
    many = tuning_service_pb2.ObserveRequest(
        study=named("t"), observations=[measured(f"{named('t')}/trials/{index}") for index in range(1, 1_002)]
    )
    assert refused(server.tuning.Observe, none)[2] == ["observations"]
    assert refused(server.tuning.Observe, many)[2] == ["observations"]


def test_an_oversize_message_is_refused_by_the_transport(server: RunningServer) -> None:
    """Beyond 4 MiB nothing is even parsed."""
    request = tuning_service_pb2.ObserveRequest(
        study=named("t"), observations=[trial_pb2.Observation(reason="r" * 5_000_000)]
    )
    with pytest.raises(grpc.RpcError) as refusal:
        server.tuning.Observe(request)
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_oversize_reason_is_refused(server: RunningServer) -> None:
    """Reasons are for people."""
    (suggestion,) = serving.suggest(server, "t")
    long = trial_pb2.Observation(suggestion_id=suggestion.id, outcome=trial_pb2.OUTCOME_FAILED, reason="r" * 1_025)
    (result,) = serving.observe(server, long, study="t")
    assert [violation.field for violation in result.error.field_violations] == ["observations[0].reason"]


def test_bad_pages_are_refused(server: RunningServer) -> None:
    """A token of another list, one made up, a negative size, an unknown state."""
    trials = study_service_pb2.ListTrialsRequest
    serving.suggest(server, "t", count=2)
    page = server.studies.ListTrials(trials(parent=named("t"), page_size=1))
    list_trials = server.studies.ListTrials
    assert refused(list_trials, trials(parent=named("s"), page_token=page.next_page_token))[2] == ["page_token"]
    assert refused(list_trials, trials(parent=named("t"), page_token="abc"))[2] == ["page_token"]
    for after in ("²", "-1", "1e3", "9" * 19):  # not all that looks like a number is one that the store takes
        token = page_token_to(f"{named('t')} []", after)
        assert refused(list_trials, trials(parent=named("t"), page_token=token))[2] == ["page_token"]
    assert refused(list_trials, trials(parent=named("t"), page_size=-1))[2] == ["page_size"]
    assert refused(list_trials, trials(parent=named("t"), states=[77]))[2] == ["states[0]"]  # type: ignore[list-item]


def test_a_bad_update_is_refused(server: RunningServer) -> None:
    """What a study means can't be changed, nor by who read an older revision."""
    study = serving.get(server, "t")
    update = server.studies.UpdateStudy
    meaning = study_service_pb2.UpdateStudyRequest(study=study)
    meaning.update_mask.paths.append("spec.metrics")
    stale = study_service_pb2.UpdateStudyRequest(study=study_pb2.Study(name=study.name, etag="old"))
    stale.update_mask.paths.append("spec.description")
    assert refused(update, study_service_pb2.UpdateStudyRequest(study=study))[2] == ["update_mask"]
    assert refused(update, meaning)[2] == ["update_mask"]
    assert refused(update, stale)[:2] == ("ABORTED", "ETAG_MISMATCH")
    assert serving.get(server, "t").revision == study.revision


def test_a_stopped_study_suggests_nothing_but_observes(server: RunningServer) -> None:
    """FAILED_PRECONDITION for Suggest, trials and decisions alike."""
    for name, spec, metric in (("u", serving.float_spec(), "y"), ("v", serving.arms_spec(), "click")):
        study = serving.create(server, spec, study=name)
        (suggestion,) = serving.suggest(server, name)
        study.state = study_pb2.STUDY_STATE_STOPPED
        serving.update(server, study, "state")
        request = tuning_service_pb2.SuggestRequest(study=named(name))
        assert refused(server.tuning.Suggest, request)[:2] == ("FAILED_PRECONDITION", "STUDY_STOPPED")
        (result,) = serving.observe(server, measured(suggestion.id, metric, 1.0), study=name)
        assert result.outcome == tuning_service_pb2.OBSERVE_OUTCOME_RECORDED

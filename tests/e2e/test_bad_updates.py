"""Every fault of an update, of an import, and of points put in line is refused by field; what it does to retries."""

from __future__ import annotations

import math
from typing import Any

import grpc
import pytest

import serving
from serving import RunningServer, measured, named, parameters
from trimtab.v1 import parameters_pb2, study_pb2, study_service_pb2, trial_pb2, tuning_service_pb2

HOUR = {"seconds": 3_600}
OTHER_SPACE = parameters_pb2.SearchSpace(
    parameters=[parameters_pb2.ParameterSpec(name="x", float_range=parameters_pb2.FloatRange(min=0.0, max=2.0))]
)


@pytest.fixture(scope="module")
def server(shared_server: RunningServer) -> RunningServer:
    """A study of trials, t, and one of decisions, b."""
    serving.create(shared_server, serving.float_spec("gp"), study="t")
    serving.create(shared_server, serving.arms_spec(), study="b")
    return shared_server


def refused(call: grpc.UnaryUnaryMultiCallable[Any, Any], request: object) -> tuple[str, list[str]]:
    """Code and fields of a call that must fail."""
    with pytest.raises(grpc.RpcError) as refusal:
        call(request, timeout=30)
    code, _, fields = serving.details(refusal.value)
    return code, fields


UPDATE_FAULTS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "retention of trials": ("t", "retention", {"retention": {"seconds": 30 * 86_400}}, "retention"),
    "arms of trials": ("t", "disabled_arms", {"disabled_arms": [parameters(x=0.5)]}, "disabled_arms"),
    "another space": ("t", "search_space", {"search_space": OTHER_SPACE}, "search_space"),
    "half-life of nothing": ("t", "half_life", {"half_life": {"seconds": 0}}, "half_life"),
    "half-life below 0": ("t", "half_life", {"half_life": {"seconds": -5}}, "half_life"),
    "related to itself": ("t", "transfer_from", {"transfer_from": [named("t")]}, "transfer_from[0]"),
    "related to a bandit": ("t", "transfer_from", {"transfer_from": [named("b")]}, "transfer_from[0]"),
    "related to nothing": ("t", "transfer_from", {"transfer_from": [named("none")]}, "transfer_from[0]"),
    "baseline NaN": ("t", "baseline", {"baseline": parameters(x=math.nan)}, 'baseline.values["x"]'),
    "the other way": (
        "t",
        "objectives",
        {"objectives": [study_pb2.Objective(metric="y", goal=study_pb2.GOAL_MAXIMIZE)]},
        "objectives",
    ),
    "one more objective": (
        "t",
        "objectives",
        {"objectives": [study_pb2.Objective(metric=name, goal=study_pb2.GOAL_MINIMIZE) for name in ("y", "z")]},
        "objectives[1].metric",
    ),
    "no objective": ("t", "objectives", {}, "objectives"),
    "reference point of one objective": (
        "t",
        "objectives",
        {"objectives": [study_pb2.Objective(metric="y", goal=study_pb2.GOAL_MINIMIZE, reference_point=1.0)]},
        "objectives[0].reference_point",
    ),
    "half-life of a bandit": ("b", "half_life", {"half_life": HOUR}, "half_life"),
    "relatives of a bandit": ("b", "transfer_from", {"transfer_from": [named("t")]}, "transfer_from"),
    "bound of a bandit": (
        "b",
        "outcome_constraints",
        {"outcome_constraints": [study_pb2.OutcomeConstraint(metric="click", min=0.5)]},
        "outcome_constraints[0].metric",
    ),
}


@pytest.mark.parametrize("fault", UPDATE_FAULTS)
def test_a_bad_update_names_its_field(server: RunningServer, fault: str) -> None:
    """INVALID_ARGUMENT, and the study stays as it is."""
    name, path, fields, at = UPDATE_FAULTS[fault]
    before = serving.get(server, name)
    study = study_pb2.Study(name=named(name), spec=study_pb2.StudySpec(**fields))
    request = study_service_pb2.UpdateStudyRequest(study=study)
    request.update_mask.paths.append(f"spec.{path}")
    assert refused(server.studies.UpdateStudy, request) == ("INVALID_ARGUMENT", [f"study.spec.{at}"])
    assert serving.get(server, name) == before


POINT_FAULTS: dict[str, tuple[parameters_pb2.Parameters, str]] = {
    "NaN": (parameters(x=math.nan), 'values["x"]'),
    "infinity": (parameters(x=math.inf), 'values["x"]'),
    "beyond the range": (parameters(x=1.5), 'values["x"]'),
    "a text": (parameters(x="\0\N{GRINNING FACE}"), 'values["x"]'),
    "no kind": (parameters_pb2.Parameters(values={"x": parameters_pb2.Value()}), 'values["x"]'),
    "nothing": (parameters(), 'values["x"]'),
    "an unknown name": (parameters(x=0.5, z=1.0), 'values["z"]'),
}


@pytest.mark.parametrize("fault", POINT_FAULTS)
def test_a_bad_point_names_its_value(server: RunningServer, fault: str) -> None:
    """In line all are refused with it; of an import only its own trial; to explain, the call."""
    point, at = POINT_FAULTS[fault]
    before = serving.all_trials(server, "t")
    enqueue = tuning_service_pb2.EnqueueTrialsRequest(study=named("t"), points=[parameters(x=0.5), point])
    brought = tuning_service_pb2.ImportTrialsRequest(study=named("t"))
    brought.trials.add(parameters=point).measurements["y"].mean = 1.0
    explain = study_service_pb2.ExplainRequest(study=named("t"), parameters=point)
    (result,) = server.tuning.ImportTrials(brought, timeout=30).results
    assert refused(server.tuning.EnqueueTrials, enqueue) == ("INVALID_ARGUMENT", [f"points[1].{at}"])
    assert refused(server.studies.Explain, explain) == ("INVALID_ARGUMENT", [f"parameters.{at}"])
    assert [each.field for each in result.error.field_violations] == [f"trials[0].parameters.{at}"]
    assert serving.all_trials(server, "t") == before


TRIAL_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no measurement": ({}, 'measurements["y"]'),
    "NaN": ({"measurements": {"y": trial_pb2.Measurement(mean=math.nan)}}, 'measurements["y"].mean'),
    "unknown outcome": ({"outcome": 9}, "outcome"),
    "measured and failed": (
        {"outcome": trial_pb2.OUTCOME_FAILED, "measurements": {"y": trial_pb2.Measurement(mean=1.0)}},
        "measurements",
    ),
    "long reason": ({"outcome": trial_pb2.OUTCOME_FAILED, "reason": "r" * 1_025}, "reason"),
    "a context where there is none": ({"context": parameters(hour=3)}, 'context.values["hour"]'),
}


@pytest.mark.parametrize("fault", TRIAL_FAULTS)
def test_a_bad_imported_trial_names_its_field(server: RunningServer, fault: str) -> None:
    """And is not stored."""
    fields, at = TRIAL_FAULTS[fault]
    before = serving.all_trials(server, "t")
    trial = tuning_service_pb2.ImportedTrial(parameters=parameters(x=0.5), **fields)
    request = tuning_service_pb2.ImportTrialsRequest(study=named("t"), trials=[trial])
    (result,) = server.tuning.ImportTrials(request, timeout=30).results
    assert [each.field for each in result.error.field_violations] == [f"trials[0].{at}"]
    assert serving.all_trials(server, "t") == before


def test_too_few_and_too_many_are_refused(server: RunningServer) -> None:
    """1 to 1,000 a call."""
    trials, points = tuning_service_pb2.ImportTrialsRequest, tuning_service_pb2.EnqueueTrialsRequest
    for count in (0, 1_001):
        many = [tuning_service_pb2.ImportedTrial(parameters=parameters(x=0.5))] * count
        brought = trials(study=named("t"), trials=many)
        line = points(study=named("t"), points=[parameters(x=0.5)] * count)
        assert refused(server.tuning.ImportTrials, brought) == ("INVALID_ARGUMENT", ["trials"])
        assert refused(server.tuning.EnqueueTrials, line) == ("INVALID_ARGUMENT", ["points"])


def test_a_retry_gets_the_first_answer_though_the_study_asks_for_less_by_now(server: RunningServer) -> None:
    """What was refused for want of a metric stays refused when that isn't bounded any more."""
    spec = serving.float_spec()
    spec.metrics.add(name="c")
    spec.outcome_constraints.add(metric="c", max=1.0)
    serving.create(server, spec, study="r")
    lacking, whole = (measured(one.id) for one in serving.suggest(server, "r", count=2))
    whole.measurements["c"].mean = 0.5
    brought = tuning_service_pb2.ImportTrialsRequest(study=named("r"), request_id="import")
    for observation in (lacking, whole):
        brought.trials.add(parameters=parameters(x=0.5), measurements=observation.measurements)
    observed = serving.observe(server, lacking, whole, study="r", request_id="observe")
    imported = server.tuning.ImportTrials(brought, timeout=30)
    serving.update(server, study_pb2.Study(name=named("r")), "spec.outcome_constraints")
    assert [result.HasField("error") for result in observed] == [True, False]
    assert [result.trial for result in imported.results] == ["", f"{named('r')}/trials/3"]
    assert serving.observe(server, lacking, whole, study="r", request_id="observe") == observed
    assert server.tuning.ImportTrials(brought, timeout=30) == imported
    assert len(serving.all_observations(server, "r")) == 2


def test_a_retry_puts_no_more_in_line_though_the_study_is_stopped(server: RunningServer) -> None:
    """It gets the names of the first call; a new call is refused."""
    serving.create(server, serving.float_spec(), study="stopped")
    request = tuning_service_pb2.EnqueueTrialsRequest(
        study=named("stopped"), points=[parameters(x=0.5)], request_id="line"
    )
    first = server.tuning.EnqueueTrials(request, timeout=30)
    stopped = study_pb2.Study(name=named("stopped"), state=study_pb2.STUDY_STATE_STOPPED)
    serving.update(server, stopped, "state")
    assert server.tuning.EnqueueTrials(request, timeout=30) == first
    request.request_id = "another"
    assert refused(server.tuning.EnqueueTrials, request)[0] == "FAILED_PRECONDITION"


def test_a_retried_creation_gets_its_study_though_its_relative_is_gone(server: RunningServer) -> None:
    """It named one that was there at the first call."""
    serving.create(server, serving.float_spec("gp"), study="source")
    spec = serving.float_spec("gp")
    spec.transfer_from.append(named("source"))
    first = serving.create(server, spec, study="target", request_id="create")
    server.studies.DeleteStudy(study_service_pb2.DeleteStudyRequest(name=named("source")), timeout=30)
    assert serving.create(server, spec, study="target", request_id="create") == first

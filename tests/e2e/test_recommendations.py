"""The best parameters known, of trials and of decisions, over the wire."""

from __future__ import annotations

import grpc
import pytest

import serving
from serving import RunningServer
from trimtab.v1 import study_service_pb2, trial_pb2

ASK = study_service_pb2.GetIncumbentRequest


def test_nothing_observed_is_the_baseline_or_an_error(shared_server: RunningServer) -> None:
    """NO_INCUMBENT without a baseline; with one it is the answer, and nothing is predicted of it."""
    for name, spec in (("i1", serving.float_spec()), ("i2", serving.arms_spec())):
        serving.create(shared_server, spec, study=name)
        with pytest.raises(grpc.RpcError) as refusal:
            shared_server.studies.GetIncumbent(ASK(study=serving.named(name)), timeout=60)
        assert serving.details(refusal.value)[:2] == ("FAILED_PRECONDITION", "NO_INCUMBENT")
    spec = serving.arms_spec()
    spec.baseline.CopyFrom(serving.parameters(arm=2))
    serving.create(shared_server, spec, study="i3")
    best = shared_server.studies.GetIncumbent(ASK(study=serving.named("i3")), timeout=60)
    assert serving.plain(best.parameters) == {"arm": 2}
    assert best.source == trial_pb2.SOURCE_BASELINE
    assert not best.HasField("predicted_mean")


def test_the_best_trial_is_found(shared_server: RunningServer) -> None:
    """With what the model expects there; the trial is named."""
    serving.create(shared_server, serving.float_spec(), study="i4")
    suggestions = serving.suggest(shared_server, "i4", count=8)
    values = {one.id: serving.plain(one.parameters)["x"] for one in suggestions}
    serving.observe(shared_server, *(serving.measured(name, mean=float(x)) for name, x in values.items()), study="i4")
    best = shared_server.studies.GetIncumbent(ASK(study=serving.named("i4")), timeout=60)
    assert best.trial == min(values, key=lambda name: values[name])
    assert best.source == trial_pb2.SOURCE_INCUMBENT
    assert best.predicted_mean == pytest.approx(min(values.values()), abs=0.1)


def test_the_best_arm_is_found(shared_server: RunningServer) -> None:
    """The arm that is clicked, by the whole log, however fresh it is."""
    serving.create(shared_server, serving.arms_spec(), study="i5")
    for _ in range(3):
        decisions = serving.suggest(shared_server, "i5", count=50)
        clicks = [float(serving.plain(one.parameters)["arm"] == 3) for one in decisions]
        reports = [serving.measured(one.id, "click", click) for one, click in zip(decisions, clicks, strict=True)]
        serving.observe(shared_server, *reports, study="i5")
    best = shared_server.studies.GetIncumbent(ASK(study=serving.named("i5")), timeout=60)
    assert serving.plain(best.parameters) == {"arm": 3}
    assert best.model.observation_count == 150
    assert best.predicted_mean > 0.8

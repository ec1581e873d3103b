"""Messages to domain values and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf import duration_pb2

from trimtab.v1 import parameters_pb2, study_service_pb2, trial_pb2, tuning_service_pb2
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.observation import Measurement, Outcome
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Scale, SearchSpace
from trimtab_service.domain.study import (
    AlgorithmRequest,
    ChosenAlgorithm,
    Goal,
    Metric,
    MetricKind,
    Objective,
    Study,
    StudyName,
    StudySpec,
    StudyState,
)
from trimtab_service.domain.suggestion import ModelInfo, Source, Trial, TrialState
from trimtab_service.rpc import convert_study, convert_trial, convert_values

NOW = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
SPEC = StudySpec(
    space=SearchSpace(
        (
            Float("rate", 1e-4, 1.0, Scale.LOG, description="learning rate"),
            Float("share", 0.01, 0.99, Scale.LOGIT),
            Float("omega", 1.0, 1.95, step=0.05),
            Integer("depth", 1, 12),
            Integer("trees", 10, 1_000, Scale.LOG),
            Categorical("loss", ("squared", "huber")),
            Categorical("warm", (True, False)),
            Discrete("batch", (16, 32, 64)),
            Discrete("factor", (0.5, 1.0, 4.0)),
        )
    ),
    metrics=(Metric("error", min=0.0, description="RMSE"), Metric("click", MetricKind.BINARY)),
    objectives=(Objective("error", Goal.MINIMIZE),),
    context=(Integer("hour", 0, 23),),
    algorithm=AlgorithmRequest("gp", {"initial_trials": 7}),
    baseline={
        "rate": 0.1,
        "share": 0.5,
        "omega": 1.05,
        "depth": 3,
        "trees": 100,
        "loss": "huber",
        "warm": False,
        "batch": 32,
        "factor": 1.0,
    },
    lease=timedelta(minutes=5),
    decision_lifetime=timedelta(days=1, milliseconds=250),
    seed=2**63 - 1,
    description="a study",
    labels={"team": "search"},
)
STUDY = Study(
    name=StudyName("n", "s"),
    uid="0" * 32,
    spec=SPEC,
    algorithm=ChosenAlgorithm("gp", {"initial_trials": 7}, "asked for", decisions=False),
    create_time=NOW,
    update_time=NOW,
    state=StudyState.STOPPED,
    revision=3,
)


def test_a_spec_comes_back_as_it_went() -> None:
    """Every kind of parameter, with the types of its values."""
    assert convert_study.spec_from(convert_study.spec_to(SPEC)) == SPEC


def test_a_study_is_told_whole() -> None:
    """State, revision, etag and times, besides the spec."""
    message = convert_study.study_to(STUDY)
    assert (message.name, message.revision, message.etag) == ("namespaces/n/studies/s", 3, STUDY.etag)
    assert message.create_time.ToDatetime(UTC) == NOW
    assert not message.HasField("counts")


def test_what_is_unset_has_its_default() -> None:
    """An hour of lease, a week of decision lifetime, auto, no seed."""
    message = convert_study.spec_to(SPEC)
    for field in ("lease", "decision_lifetime", "algorithm", "baseline", "seed"):
        message.ClearField(field)
    spec = convert_study.spec_from(message)
    assert (spec.lease, spec.decision_lifetime) == (timedelta(hours=1), timedelta(days=7))
    assert (spec.algorithm.name, spec.baseline, spec.seed) == ("auto", None, None)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (trial_pb2.Measurement(mean=2.0), Measurement(2.0)),
        (trial_pb2.Measurement(mean=2.0, count=4, standard_error=0.5), Measurement(2.0, 4, 0.5)),
        (trial_pb2.Measurement(mean=2.0, count=4, variance=1.0), Measurement(2.0, 4, 0.5)),
    ],
)
def test_a_variance_becomes_a_standard_error(message: trial_pb2.Measurement, expected: Measurement) -> None:
    """Of the mean: the root of variance over count."""
    observation = trial_pb2.Observation(measurements={"error": message})
    assert convert_trial.observation_from(observation).measurements == {"error": expected}


def test_an_outcome_unset_is_completed() -> None:
    """And one that this server doesn't know is refused."""
    assert convert_trial.observation_from(trial_pb2.Observation()).outcome is Outcome.COMPLETED
    with pytest.raises(InvalidArgument, match="outcome"):
        convert_trial.observation_from(trial_pb2.Observation(outcome=9))  # type: ignore[arg-type]


def test_a_trial_is_told_with_its_context() -> None:
    """And without an observation it has no complete time."""
    trial = Trial(
        number=4,
        state=TrialState.PENDING,
        parameters=SPEC.baseline or {},
        source=Source.BASELINE,
        model=ModelInfo("gp", 3, 2),
        create_time=NOW,
        expire_time=NOW,
        context={"hour": 7},
        worker="w",
    )
    message = convert_trial.trial_to(STUDY, trial)
    assert message.name == "namespaces/n/studies/s/trials/4"
    assert message.context.values["hour"].int_value == 7
    assert message.parameters.values["warm"].WhichOneof("kind") == "bool_value"
    assert not message.HasField("complete_time")


def test_a_length_of_time_that_cannot_be_is_refused() -> None:
    """Instead of an overflow."""
    with pytest.raises(InvalidArgument, match="too long"):
        convert_values.span_from(duration_pb2.Duration(seconds=2**62))


def test_requests_differ_by_everything_but_their_id() -> None:
    """The fingerprint ignores the id, and sees every other field."""

    def fingerprint(**fields: object) -> bytes:
        request = convert_values.request_from(
            tuning_service_pb2.SuggestRequest(**fields),  # type: ignore[arg-type]
            "Suggest",
        )
        assert request is not None
        return request.fingerprint

    same = fingerprint(study="a", request_id="1")
    assert fingerprint(study="a", request_id="2") == same
    assert fingerprint(study="b", request_id="1") != same
    assert fingerprint(study="a", count=2, request_id="1") != same


def test_a_page_token_fits_its_own_list_only() -> None:
    """Another query refuses it."""
    token = convert_values.page_token_to("list a", "41")
    assert convert_values.page_token_from(token, "list a") == "41"
    for wrong in ("list b", ""):
        with pytest.raises(InvalidArgument, match="page_token"):
            convert_values.page_token_from(token, wrong)


def test_an_unknown_field_is_found_wherever_it_is() -> None:
    """In a message inside a list inside a message."""
    unknown = bytes([0xF2, 0x06, 0x01, 0x41])  # field 110, one byte
    entry = parameters_pb2.ParameterSpec(name="x").SerializeToString() + unknown
    request = study_service_pb2.CreateStudyRequest()
    request.study.spec.search_space.parameters.append(parameters_pb2.ParameterSpec.FromString(entry))
    with pytest.raises(
        InvalidArgument, match=r"^request\.study\.spec\.search_space\.parameters\[0\]: field number 110"
    ):
        convert_values.check_known(request, "request")

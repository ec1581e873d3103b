"""Messages to domain values and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf import duration_pb2

from trimtab.v1 import parameters_pb2, study_pb2, study_service_pb2, trial_pb2, tuning_service_pb2
from trimtab_service.domain.desirability import Desirability, Desire
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective, OutsideRange, Ratio, WeightedSum
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.outcomes import OutcomeConstraint, Robustness
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Scale, SearchSpace
from trimtab_service.domain.study import AlgorithmRequest, ChosenAlgorithm, Study, StudyName, StudySpec, StudyState
from trimtab_service.domain.suggestion import ModelInfo, Source, Trial, TrialState
from trimtab_service.rpc import convert_metric, convert_study, convert_trial, convert_values
from trimtab_service.store.base import LogRow

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
    metrics=(
        Metric("error", min=0.0, description="RMSE"),
        Metric("click", MetricKind.BINARY),
        Metric("seconds", max=60.0, outside=OutsideRange.CLIP),
        Metric("score", formula=WeightedSum({"error": 1.0, "seconds": 0.25})),
        Metric("pace", formula=Ratio("error", "seconds")),
    ),
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
    reward_wait=timedelta(hours=6),
    default_reward=0.5,
    retention=timedelta(days=3_660),
    disabled_arms=({"loss": "huber", "warm": True}, {"batch": 16}),
)
OUTCOMES = replace(
    SPEC,
    metrics=(
        *SPEC.metrics,
        Metric("price"),
        Metric(
            "worth", formula=Desirability((Desire("error", 0.0, high=2.0), Desire("price", 3.0, 1.0, 5.0, 2.0, 0.5)))
        ),
    ),
    objectives=(Objective("error", Goal.MINIMIZE, 1.5), Objective("worth", Goal.MAXIMIZE)),
    outcome_constraints=(OutcomeConstraint("click", min=0.1), OutcomeConstraint("pace", 0.5, 1.5, relative=True)),
    cost_metric="price",
    half_life=timedelta(days=2),
    transfer_from=(StudyName("n", "other"), StudyName("m", "third")),
)
ROBUST = replace(SPEC, robustness=Robustness(({"hour": 1}, {"hour": 2}), (1.0, 3.0), 0.5))
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


@pytest.mark.parametrize("spec", [SPEC, OUTCOMES, ROBUST], ids=["plain", "outcomes", "robust"])
def test_a_spec_comes_back_as_it_went(spec: StudySpec) -> None:
    """Every kind of parameter, with the types of its values; all that is asked of outcomes."""
    assert convert_study.spec_from(convert_study.spec_to(spec)) == spec


def test_what_is_unset_of_desires_and_conditions_has_its_default() -> None:
    """Exponent and weight 1, the mean over all conditions, all alike."""
    desire = study_pb2.Desire(metric="error", target=0.0, high=1.0)
    message = study_pb2.MetricSpec(name="d", desirability=study_pb2.Desirability(desires=[desire]))
    assert convert_metric.metric_from(message, 0).formula == Desirability((Desire("error", 0.0, high=1.0),))
    conditions = [convert_values.parameters_to({"hour": hour}) for hour in (1, 2)]
    robustness = convert_metric.robustness_from(study_pb2.Robustness(conditions=conditions))
    assert robustness == Robustness(({"hour": 1}, {"hour": 2}), (), 1.0)


def test_a_study_is_told_whole() -> None:
    """State, revision, etag and times, besides the spec."""
    message = convert_study.study_to(STUDY)
    assert (message.name, message.revision, message.etag) == ("namespaces/n/studies/s", 3, STUDY.etag)
    assert message.create_time.ToDatetime(UTC) == NOW
    assert not message.HasField("counts")


def test_what_is_unset_has_its_default() -> None:
    """An hour of lease, a week of decision lifetime, auto, no seed; nothing is clipped, defaulted or forgotten."""
    message = convert_study.spec_to(SPEC)
    for field in (
        *("lease", "decision_lifetime", "algorithm", "baseline", "seed"),
        *("reward_wait", "default_reward", "retention", "disabled_arms"),
    ):
        message.ClearField(field)
    for metric in message.metrics:
        metric.ClearField("outside_range")
    spec = convert_study.spec_from(message)
    assert {metric.outside for metric in spec.metrics} == {OutsideRange.REFUSE}
    assert (spec.reward_wait, spec.default_reward, spec.retention, spec.disabled_arms) == (None, None, None, ())
    assert (spec.lease, spec.decision_lifetime) == (timedelta(hours=1), timedelta(days=7))
    assert (spec.algorithm.name, spec.baseline, spec.seed) == ("auto", None, None)


def violation(build: Callable[[], object]) -> str:
    """The field at fault."""
    with pytest.raises(InvalidArgument) as caught:
        build()
    return caught.value.violations[0].field


@pytest.mark.parametrize(
    ("field", "wrong", "path"),
    [
        ("metrics", {"outside_range": 9}, "metrics[0].outside_range"),
        ("metrics", {"weighted_sum": {}}, "metrics[0].weighted_sum.weights"),
        ("metrics", {"weighted_sum": {"weights": {"x": 0.0}}}, 'metrics[0].weighted_sum.weights["x"]'),
        ("metrics", {"weighted_sum": {"weights": {"x": 1.0}}}, 'metrics[0].weighted_sum.weights["x"]'),
        ("metrics", {"ratio": {"numerator": "click"}}, "metrics[0].ratio.denominator"),
        ("metrics", {"ratio": {"numerator": "y", "denominator": "click"}}, "metrics[0].ratio.numerator"),
        ("metrics", {"ratio": {"numerator": "click", "denominator": "click"}}, "metrics[0].ratio.denominator"),
        ("metrics", {"desirability": {}}, "metrics[0].desirability.desires"),
        (
            "metrics",
            {"desirability": {"desires": [{"metric": "click", "low": 0.0}]}},
            "metrics[0].desirability.desires[0].low",
        ),
        (
            "metrics",
            {"desirability": {"desires": [{"metric": "y", "low": -1.0}]}},
            "metrics[0].desirability.desires[0].metric",
        ),
        ("disabled_arms", {"values": {"batch": {}}}, 'disabled_arms[0].values["batch"]'),
        ("disabled_arms", {"values": {"batch": {"int_value": 17}}}, 'disabled_arms[0].values["batch"]'),
        ("disabled_arms", {}, "disabled_arms[0].values"),
    ],
)
def test_a_fault_is_named_by_its_path_in_the_message(field: str, wrong: dict[str, Any], path: str) -> None:
    """Whether the border finds it or the domain does."""
    message = convert_study.spec_to(SPEC)
    items = getattr(message, field)
    items[0].ParseFromString(
        type(items[0])(**({"name": "m"} if field == "metrics" else {}), **wrong).SerializeToString()
    )
    assert violation(lambda: convert_study.spec_from(message)) == path


def changed(spec: study_pb2.StudySpec, *paths: str) -> StudySpec:
    """What an update makes of the study's spec."""
    return convert_study.changes_from(study_pb2.Study(spec=spec), frozenset(paths))(STUDY)[0]


def test_an_update_changes_what_its_mask_names() -> None:
    """The search space, the retention and the disabled arms are put in the place of the old ones; nothing else is."""
    wanted = convert_study.spec_to(SPEC)
    wanted.search_space.parameters[7].discrete.values.add(int_value=128)
    wanted.retention.FromSeconds(30 * 86_400)
    del wanted.disabled_arms[0]
    wanted.description = "not named"
    space, retention = "spec.search_space", "spec.retention"
    assert changed(wanted, space).space.parameters[7] == Discrete("batch", (16, 32, 64, 128))
    assert changed(wanted, retention) == replace(SPEC, retention=timedelta(days=30))
    assert changed(wanted, "spec.disabled_arms") == replace(SPEC, disabled_arms=({"batch": 16},))
    assert changed(study_pb2.StudySpec(), retention, "spec.disabled_arms") == replace(
        SPEC, retention=None, disabled_arms=()
    )


def test_an_update_that_makes_no_sense_names_the_field() -> None:
    """By its path in the request; a span of nothing isn't one that is unset."""
    wanted = study_pb2.StudySpec(disabled_arms=[parameters_pb2.Parameters()])
    wanted.retention.FromSeconds(60)
    wanted.lease.FromSeconds(0)
    assert violation(lambda: changed(wanted, "spec.retention")) == "study.spec.retention"
    assert violation(lambda: changed(wanted, "spec.lease")) == "study.spec.lease"
    assert violation(lambda: changed(wanted, "spec.disabled_arms")) == "study.spec.disabled_arms[0].values"
    assert violation(lambda: changed(wanted, "spec.search_space")) == "study.spec.search_space.parameters"
    assert violation(lambda: changed(wanted, "spec.metrics")) == "update_mask"


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


def test_a_row_of_a_trial_study_is_told_with_its_parameters() -> None:
    """There is no time of a suggestion in it, and no default."""
    row = LogRow(4, Observation(Outcome.FAILED, reason="diverged"), {}, NOW, number=2, parameters={"depth": 3})
    (message,) = convert_trial.records_to(STUDY, [row])
    assert message.observation.suggestion_id == "namespaces/n/studies/s/trials/2"
    assert message.parameters.values["depth"].int_value == 3
    assert not message.HasField("suggest_time")
    assert (message.is_default, message.replaces_default) == (False, False)


def test_a_row_of_a_bandit_study_is_told_with_its_arms_parameters() -> None:
    """By the arm's number, which a larger space doesn't change; with the time of the suggestion, to the millisecond."""
    before = SearchSpace((Integer("depth", 1, 2), Categorical("warm", (True, False))))
    after = SearchSpace((Integer("depth", 0, 2), Categorical("warm", (True, False))))
    spec = StudySpec(after, (Metric("error"),), (Objective("error", Goal.MINIMIZE),))
    algorithm = ChosenAlgorithm("thompson", {}, "asked for", decisions=True)
    study = replace(STUDY, spec=spec, algorithm=algorithm, earlier_spaces=(before,))
    issued = int(NOW.timestamp() * 1000)
    observation = Observation(Outcome.COMPLETED, {"error": Measurement(0.5)})
    rows = [
        LogRow(1, observation, {}, NOW, decision="d", arm=1, propensity=0.25, issued=issued, is_default=True),
        LogRow(2, observation, {}, NOW, decision="d", arm=4, propensity=0.25, replaces_default=True),
    ]
    first, second = convert_trial.records_to(study, rows)
    told = [
        (one.parameters.values["depth"].int_value, one.parameters.values["warm"].bool_value) for one in (first, second)
    ]
    assert told == [(1, False), (0, True)]
    assert (first.is_default, first.replaces_default, first.propensity) == (True, False, 0.25)
    assert (second.is_default, second.replaces_default) == (False, True)
    assert first.suggest_time.ToDatetime(UTC) == NOW
    assert not second.HasField("suggest_time")


def test_a_length_of_time_that_cannot_be_is_refused() -> None:
    """Instead of an overflow."""
    with pytest.raises(InvalidArgument, match="too long"):
        convert_values.span_from(duration_pb2.Duration(seconds=2**62))


def test_equal_requests_have_equal_fingerprints() -> None:
    """And those of one id that ask for something else have another one, allowed arms included."""

    def fingerprint(**fields: object) -> bytes:
        request = convert_values.request_from(
            tuning_service_pb2.SuggestRequest(**fields),  # type: ignore[arg-type]
            "Suggest",
        )
        assert request is not None
        return request.fingerprint

    same = fingerprint(study="a", request_id="1")
    assert fingerprint(study="a", request_id="1") == same
    assert fingerprint(study="b", request_id="1") != same
    assert fingerprint(study="a", count=2, request_id="1") != same
    assert fingerprint(study="a", allowed=[convert_values.parameters_to({"x": 1})], request_id="1") != same


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

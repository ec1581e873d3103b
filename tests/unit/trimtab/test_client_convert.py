"""The border between values and messages: nothing is lost on the way there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab import (
    Categorical,
    Discrete,
    Float,
    Integer,
    InvalidArgumentError,
    Measurement,
    Metric,
    Observation,
    ObserveStatus,
    Outcome,
    Ratio,
    Source,
    StudySpec,
    TrialState,
    WeightedSum,
)
from trimtab import _convert as convert
from trimtab import _convert_space as convert_space
from trimtab import _convert_study as convert_study
from trimtab.spec import FOREVER, StudyChange
from trimtab.v1 import parameters_pb2, study_pb2, trial_pb2, tuning_service_pb2

VALUES = st.one_of(
    st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20)
)
PARAMETERS = [
    Float("a", -1, 1),
    Float("b", 1e-3, 1, scale="log", description="a rate"),
    Float("c", 0.1, 0.9, scale="logit"),
    Float("d", 0, 1, step=0.25),
    Integer("e", -3, 3),
    Integer("f", 1, 1_000, scale="log"),
    Categorical("g", ["x", "y"]),
    Categorical("h", [True, False]),
    Discrete("i", [1, 2, 4]),
    Discrete("j", [0.5, 1.0]),
]


@given(VALUES)
def test_a_value_comes_back_with_its_kind(value: bool | int | float | str) -> None:
    """A truth value doesn't become an integer, nor 1.0 the integer 1."""
    back = convert.value_from_message(convert.value_to_message(value))
    assert (type(value), value) == (type(back), back)


def test_a_value_without_a_kind_is_an_error() -> None:
    """A kind of value that only a newer client knows isn't taken for something else."""
    with pytest.raises(TypeError, match="newer client"):
        convert.value_from_message(parameters_pb2.Value())


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each.name)
def test_a_parameter_comes_back(parameter: Any) -> None:
    """Every kind, scale, step and description."""
    back = convert_space.parameter_from_message(convert_space.parameter_to_message(parameter))
    assert (parameter, repr(parameter)) == (back, repr(back))


def test_an_empty_choice_is_sent_as_one() -> None:
    """The server says what is wrong with it, by its path."""
    message = convert_space.parameter_to_message(Categorical("g", []))
    assert message.WhichOneof("domain") == "categorical"


@pytest.mark.parametrize("parameter", ["x", None, Metric("x")])
def test_what_is_no_parameter_is_refused(parameter: Any) -> None:
    """The four classes, and nothing else."""
    with pytest.raises(TypeError, match="must be a Float, Integer, Categorical or Discrete"):
        convert_space.parameter_to_message(parameter)


def test_an_unknown_kind_of_parameter_is_an_error() -> None:
    """A space that this client would misread isn't read at all."""
    with pytest.raises(TypeError, match="a newer one may"):
        convert_space.parameter_from_message(parameters_pb2.ParameterSpec(name="x"))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Float("x", 0, 1, scale="cubic"), "scale must be one of linear, log, logit, not 'cubic'"),  # type: ignore[arg-type]
    ],
)
def test_an_unknown_word_is_refused(build: Any, words: str) -> None:
    """A misspelled scale names the ones that there are."""
    with pytest.raises(ValueError, match=words):
        convert_space.parameter_to_message(build())


FULL = StudySpec(
    parameters=PARAMETERS,
    maximize="share",
    metrics=[
        Metric("share", "binary"),
        Metric("seconds", min=0, max=60, outside_range="clip", description="s"),
        Metric("score", formula=WeightedSum({"share": 10, "seconds": -0.5})),
        Metric("pace", formula=Ratio("share", "seconds"), max=1),
    ],
    context=[Integer("hour", 0, 23)],
    algorithm="gp",
    options={"restarts": 3, "exact": True},
    baseline={"a": 0.0},
    lease=timedelta(minutes=5),
    decision_lifetime=timedelta(days=1),
    reward_wait=timedelta(minutes=30),
    default_reward=0.0,
    retention=timedelta(days=90),
    disabled_arms=[{"g": "x", "h": True}, {"i": 4}],
    seed=0,
    description="why",
    labels={"team": "search"},
)


@pytest.mark.parametrize("spec", [FULL, StudySpec(parameters=[Float("x", 0, 1)], minimize="cost")])
def test_a_definition_comes_back(spec: StudySpec) -> None:
    """Everything that defines a study, and nothing that was left out."""
    back = convert_study.spec_from_message(convert_study.spec_to_message(spec))
    assert spec == back


def test_what_is_left_out_is_unset() -> None:
    """The server's defaults are the server's: the client sends none of its own."""
    message = convert_study.spec_to_message(StudySpec(parameters=[Float("x", 0, 1)], minimize="cost"))
    optional = ("baseline", "lease", "decision_lifetime", "seed", "reward_wait", "default_reward", "retention")
    assert [message.HasField(name) for name in optional] == [False] * 7
    assert (message.metrics[0].WhichOneof("formula"), len(message.disabled_arms)) == (None, 0)


def test_an_empty_sum_is_sent_as_one() -> None:
    """The server says what is wrong with it; without a word it would be a metric that is measured."""
    spec = StudySpec(parameters=[Float("x", 0, 1)], minimize="y", metrics=[Metric("y", formula=WeightedSum({}))])
    assert convert_study.spec_to_message(spec).metrics[0].WhichOneof("formula") == "weighted_sum"


@pytest.mark.parametrize(
    ("metric", "error", "words"),
    [
        (
            Metric("y", formula={"a": 1.0}),  # type: ignore[arg-type]
            TypeError,
            "must be a WeightedSum, a Ratio or a Desirability, not {'a': 1.0}",
        ),
        (Metric("y", outside_range="ignore"), ValueError, "outside_range must be one of refuse, clip, not 'ignore'"),  # type: ignore[arg-type]
        (Metric("y", kind="whole"), ValueError, "kind must be one of real, binary, not 'whole'"),  # type: ignore[arg-type]
    ],
)
def test_a_metric_that_cannot_be_said_is_refused(metric: Metric, error: type[Exception], words: str) -> None:
    """Before anything is sent."""
    spec = StudySpec(parameters=[Float("x", 0, 1)], minimize="y", metrics=[metric])
    with pytest.raises(error, match=words):
        convert_study.spec_to_message(spec)


def test_only_what_changes_is_in_an_update() -> None:
    """Nothing disabled, and kept for ever, are changes too."""
    change = StudyChange(parameters=[Integer("n", 0, 9)], retention=FOREVER, disabled_arms=[])
    study, paths = convert_study.change_to_message(change, {})
    assert paths == ["spec.search_space", "spec.retention", "spec.disabled_arms"]
    assert study.spec.search_space.parameters[0].integer_range.max == 9
    assert not study.spec.HasField("retention")
    assert convert_study.change_to_message(StudyChange(), {})[1] == []
    study, _ = convert_study.change_to_message(
        StudyChange(retention=timedelta(days=30), disabled_arms=[{"n": 1}, {"n": 2}]), {}
    )
    assert study.spec.retention.ToTimedelta() == timedelta(days=30)
    assert [pattern.values["n"].int_value for pattern in study.spec.disabled_arms] == [1, 2]


@pytest.mark.parametrize(
    "observation",
    [
        Observation("id", {"y": 1.0, "z": Measurement(2.0, count=5, standard_error=0.1)}),
        Observation("id", {"y": Measurement(2.0, count=5, variance=0.1)}),
        Observation("id", outcome=Outcome.FAILED, reason="no convergence"),
        Observation("id", outcome=Outcome.ABANDONED),
    ],
)
def test_an_observation_comes_back(observation: Observation) -> None:
    """Outcome, reason, and every way to say how sure a measurement is."""
    assert observation == convert.observation_from_message(convert.observation_to_message(observation))


def test_an_unset_outcome_is_a_completed_one() -> None:
    """As the contract says."""
    back = convert.observation_from_message(trial_pb2.Observation(suggestion_id="id"))
    assert back.outcome is Outcome.COMPLETED


def test_a_newer_servers_words_are_unknown() -> None:
    """A source or state that this client doesn't know doesn't make it fail."""
    trial = convert.trial_from_message(trial_pb2.Trial(state=99, source=99))  # type: ignore[arg-type]
    assert (trial.state, trial.source) == (TrialState.UNKNOWN, Source.UNKNOWN)


def test_an_unanswered_source_is_unknown() -> None:
    """Nor does a source that was never set."""
    assert convert.suggested_from_message(trial_pb2.Suggestion()).source is Source.UNKNOWN


def test_a_suggestion_has_what_was_sent_and_none_where_nothing_was() -> None:
    """A propensity of a bandit, no propensity of an optimizer; times are in UTC."""
    message = trial_pb2.Suggestion(id="id", source=trial_pb2.SOURCE_QUEUE, propensity=0.25)
    message.expire_time.FromSeconds(0)
    bandit, optimizer = convert.suggested_from_message(message), convert.suggested_from_message(trial_pb2.Suggestion())
    assert (0.25, datetime(1970, 1, 1, tzinfo=UTC)) == (bandit.propensity, bandit.expire_time)
    assert (optimizer.propensity, optimizer.expire_time) == (None, None)


def test_a_record_says_what_became_of_a_default_reward() -> None:
    """And when its suggestion was made, which nothing says of a trial."""
    message = trial_pb2.ObservationRecord(sequence=7, is_default=True)
    message.suggest_time.FromSeconds(60)
    default = convert.record_from_message(message)
    trial = convert.record_from_message(trial_pb2.ObservationRecord(replaces_default=True))
    assert (default.suggest_time, default.is_default) == (datetime(1970, 1, 1, 0, 1, tzinfo=UTC), True)
    assert (default.replaces_default, trial.is_default, trial.replaces_default) == (False, False, True)
    assert trial.suggest_time is None


def test_a_refused_observation_carries_its_error() -> None:
    """The error of an item is the exception that the call would have raised on its own."""
    error = tuning_service_pb2.ItemError(code=3, reason="INVALID_FIELD", message="no such metric")
    error.field_violations.add(field="observations[0].measurements", description="no such metric")
    result = convert.result_from_message(tuning_service_pb2.ObserveResult(suggestion_id="id", error=error))
    assert result.status is ObserveStatus.REFUSED
    assert isinstance(result.error, InvalidArgumentError)
    assert result.error.violations[0].field == "observations[0].measurements"


def test_nothing_can_be_asked_for_by_an_unknown_state() -> None:
    """UNKNOWN is what a newer server says, not something to send."""
    with pytest.raises(ValueError, match="TRIAL_STATE_UNKNOWN"):
        convert.state_to_message(TrialState.UNKNOWN)


def test_counts_are_there_when_sent() -> None:
    """Lists leave the counts out; that is not the same as zeros."""
    message = study_pb2.Study(name="namespaces/n/studies/s", spec=convert_study.spec_to_message(FULL))
    listed = convert_study.study_from_message(message)
    message.counts.pending = 2
    described = convert_study.study_from_message(message)
    assert listed.counts is None
    assert described.counts is not None
    assert (described.id, described.counts.pending, described.counts.failed) == ("s", 2, 0)

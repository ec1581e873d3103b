"""The documents in JSON columns: readable, and exact."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store_values import FAILED, SPEC, completed
from trimtab_service.domain.errors import ObservationConflict, TrialNotFound, TrimtabError
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import ParameterValue
from trimtab_service.domain.study import ChosenAlgorithm, StudySpec
from trimtab_service.domain.suggestion import ModelInfo, Source
from trimtab_service.store import documents
from trimtab_service.store.base import DUPLICATE, RECORDED, Result
from unit.store.study_strategies import OPTIONS, algorithms, models, observations, specs


def through_text(document: documents.Document) -> documents.Document:
    """As the database gives it back."""
    read: documents.Document = json.loads(documents.text(document))
    return read


@given(spec=specs())
def test_a_spec_comes_back_exactly(spec: StudySpec) -> None:
    """With its types: 1.0 is not 1."""
    read = documents.spec_of(through_text(documents.spec_document(spec)))
    assert (read, repr(read)) == (spec, repr(spec))


@given(algorithm=algorithms)
def test_an_algorithm_comes_back_exactly(algorithm: ChosenAlgorithm) -> None:
    """With the types of its options."""
    read = documents.algorithm_of(through_text(documents.algorithm_document(algorithm)))
    assert repr(read) == repr(algorithm)


@given(observation=observations())
def test_an_observation_comes_back_exactly(observation: Observation) -> None:
    """To the last bit of every mean."""
    read = documents.observation_of(through_text(documents.observation_document(observation)))
    assert repr(read) == repr(observation)


@given(model=models, source=st.sampled_from(Source), worker=st.text(max_size=5), ahead=st.booleans())
def test_an_origin_comes_back_exactly(model: ModelInfo, source: Source, worker: str, *, ahead: bool) -> None:
    """With what the trial rests on, and whether it waited."""
    origin = through_text(documents.origin_document(source, "said", model, worker, ahead=ahead))
    assert (Source(origin["source"]), documents.model_of(origin), origin["worker"]) == (source, model, worker)
    assert origin.get("ahead", False) is ahead


@given(options=OPTIONS)
def test_values_come_back_exactly(options: dict[str, ParameterValue]) -> None:
    """Parameters and context are stored as they are."""
    assert repr(through_text(dict(options))) == repr(options)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_json_is_never_written(value: float) -> None:
    """JSON has no word for it."""
    with pytest.raises(ValueError, match="JSON compliant"):
        documents.text({"value": value})


@pytest.mark.parametrize(
    "results",
    [
        [],
        [RECORDED, DUPLICATE],
        [TrialNotFound("no trial", trial="t/1"), RECORDED, ObservationConflict("another one")],
    ],
)
def test_results_come_back(results: list[Result]) -> None:
    """Refusals with class, message and metadata; the two others as the very objects."""

    def told(result: Result) -> object:
        return (type(result), str(result), result.metadata) if isinstance(result, TrimtabError) else id(result)

    read = documents.results_of(through_text(documents.results_document(results)))
    assert list(map(told, read)) == list(map(told, results))


def test_an_observation_is_readable_and_short() -> None:
    """What is empty is left out: the log has millions."""
    plain = Observation(Outcome.COMPLETED, {"reward": Measurement(1.0)})
    read = [documents.text(documents.observation_document(item)) for item in (plain, completed(0.5), FAILED)]
    assert read == [
        '{"outcome":"completed","measurements":{"reward":{"mean":1.0}}}',
        '{"outcome":"completed","measurements":{"loss":{"mean":0.5,"count":3,"standard_error":0.25}}}',
        '{"outcome":"failed","reason":"out of memory"}',
    ]


NEWER = ("outcome_constraints", "cost_metric", "half_life_seconds", "robustness", "transfer_from")


def test_an_older_spec_is_read() -> None:
    """What it doesn't say has its default."""
    document = documents.spec_document(SPEC)
    for name in ("reward_wait_seconds", "default_reward", "retention_seconds", "disabled_arms", *NEWER):
        del document[name]
    assert documents.spec_of(document) == SPEC


def test_a_spec_is_readable() -> None:
    """By people with a database client in their hands."""
    document = documents.spec_document(SPEC)
    assert document["space"][1] == {
        "kind": "integer",
        "name": "depth",
        "description": "",
        "min": 1,
        "max": 12,
        "scale": "linear",
    }
    assert (document["objectives"], document["lease_seconds"]) == ([{"metric": "loss", "goal": "minimize"}], 3_600.0)


def test_an_unknown_kind_of_parameter_is_an_error() -> None:
    """Rather than a guess."""
    document = documents.spec_document(SPEC)
    document["space"][0]["kind"] = "complex"
    with pytest.raises(ValueError, match="'complex' is no kind of parameter"):
        documents.spec_of(document)


def test_an_unknown_kind_of_formula_is_an_error() -> None:
    """Rather than a metric that is measured."""
    document = documents.spec_document(SPEC)
    document["metrics"][0]["formula"] = {"product": ["a", "b"]}
    with pytest.raises(ValueError, match="is no formula"):
        documents.spec_of(document)


def test_metrics_that_were_stored_before_there_were_formulas_are_read() -> None:
    """They are measured, and what is out of their range is refused."""
    document = documents.spec_document(SPEC)
    for name in ("formula", "outside"):
        del document["metrics"][0][name]
    assert documents.spec_of(document) == SPEC

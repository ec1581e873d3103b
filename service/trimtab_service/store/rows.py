"""Rows <-> domain values: the only place where one becomes the other.

Rows are tuples as drivers have them, documents being JSON text. A function
named ``..._row`` makes one for the insertion above it, and one named
``..._of`` takes one apart that was read with the columns above it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import JSON, Column, ColumnElement

from trimtab_service.domain.observation import Observation
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyName, StudyState
from trimtab_service.domain.suggestion import Source, Trial, TrialState
from trimtab_service.store import documents
from trimtab_service.store.base import Checkpoint, DecisionObservation, Expectation, LogRow, Request
from trimtab_service.store.connection import Insertion, Row
from trimtab_service.store.documents import Document
from trimtab_service.store.queue import QueuedTrial
from trimtab_service.store.space_documents import space_document, space_of
from trimtab_service.store.tables import (
    checkpoints,
    expected,
    observations,
    progress,
    requests,
    signing_keys,
    studies,
    trials,
)
from trimtab_service.store.words import as_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """Of a time with a zone, since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(value: int) -> datetime:
    """Inverse of ``microseconds``, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


class Place(NamedTuple):
    """Where a row of the log stands in the order of the tail; the start stands before every row."""

    transaction: int
    sequence: int


START = Place(0, 0)


def place_of(cursor: str) -> Place:
    """What a cursor says; the empty one is the start."""
    return Place(*map(int, cursor.split("-"))) if cursor else START


def cursor_of(place: Place) -> str:
    """Inverse of ``place_of``."""
    return "" if place == START else f"{place.transaction}-{place.sequence}"


def _read(column: Column[Any]) -> ColumnElement[Any]:
    return as_text(column) if isinstance(column.type, JSON) else column


STUDY = Insertion(
    studies,
    ("uid", "namespace", "study", "state", "revision", "spec", "algorithm", "create_time", "update_time"),
)
STUDY_COLUMNS = tuple(_read(studies.c[name]) for name in STUDY.columns)


def study_row(study: Study) -> Row:
    """For STUDY."""
    earlier = [space_document(space) for space in study.earlier_spaces]
    return (
        study.uid,
        study.name.namespace,
        study.name.study,
        study.state.value,
        study.revision,
        documents.text({**documents.spec_document(study.spec), "earlier_spaces": earlier}),
        documents.text(documents.algorithm_document(study.algorithm)),
        microseconds(study.create_time),
        microseconds(study.update_time),
    )


def study_of(row: Row) -> Study:
    """From STUDY_COLUMNS."""
    uid, namespace, study, state, revision, spec, algorithm, create_time, update_time = row
    document = documents.parsed(spec)
    return Study(
        name=StudyName(namespace, study),
        uid=uid,
        spec=documents.spec_of(document),
        algorithm=documents.algorithm_of(documents.parsed(algorithm)),
        create_time=time_of(create_time),
        update_time=time_of(update_time),
        state=StudyState(state),
        revision=revision,
        earlier_spaces=tuple(map(space_of, document.get("earlier_spaces", ()))),
    )


def values_text(values: Parameters) -> str:
    """For a column of parameters or of a context."""
    return documents.text(dict(values)) if values else "{}"


PROGRESS = Insertion(progress, ("study_uid", "observations", "newest_sequence"))

TRIAL = Insertion(
    trials,
    ("study_uid", "number", "state", "parameters", "context", "origin", "create_time", "expire_time"),
)
# With the columns of the observation, which may not be there.
TRIAL_COLUMNS = (
    *(_read(trials.c[name]) for name in TRIAL.columns[1:]),
    _read(observations.c.observation),
    observations.c.create_time,
)


def trial_row(study: Study, trial: Trial) -> Row:
    """For TRIAL: all of the trial but its observation."""
    return (
        study.uid,
        trial.number,
        trial.state.value,
        values_text(trial.parameters),
        values_text(trial.context),
        origin_text(trial),
        microseconds(trial.create_time),
        microseconds(trial.expire_time),
    )


def origin_text(trial: Trial) -> str:
    """For the column origin."""
    about = documents.origin_document(trial.source, trial.detail, trial.model, trial.worker, ahead=trial.ahead)
    return documents.text(about)


QUEUED_TRIAL = Insertion(trials, (*TRIAL.columns, "known", "study_revision"))
QUEUED_COLUMNS = (*TRIAL_COLUMNS[: len(TRIAL.columns) - 1], trials.c.known, trials.c.study_revision)


def queued_row(study: Study, queued: QueuedTrial) -> Row:
    """For QUEUED_TRIAL."""
    return (*trial_row(study, queued.trial), queued.known, queued.study_revision)


def queued_of(row: Row) -> QueuedTrial:
    """From QUEUED_COLUMNS."""
    *trial, known, study_revision = row
    return QueuedTrial(trial_of((*trial, None, None)), known, study_revision)


def trial_of(row: Row) -> Trial:
    """From TRIAL_COLUMNS."""
    number, state, parameters, context, stored_origin, create_time, expire_time, observation, complete_time = row
    origin = documents.parsed(stored_origin)
    return Trial(
        number=number,
        state=TrialState(state),
        parameters=documents.parsed(parameters),
        source=Source(origin["source"]),
        model=documents.model_of(origin),
        create_time=time_of(create_time),
        expire_time=time_of(expire_time),
        context=documents.parsed(context),
        worker=origin["worker"],
        detail=origin["detail"],
        ahead=origin.get("ahead", False),
        observation=None if observation is None else observation_of(observation),
        complete_time=None if complete_time is None else time_of(complete_time),
    )


TRIAL_OBSERVATION = Insertion(observations, ("study_uid", "number", "observation", "create_time"))


def trial_observation_row(study: Study, number: int, observation: Observation, now: int) -> Row:
    """For TRIAL_OBSERVATION; ``now`` in microseconds."""
    return (study.uid, number, observation_text(observation), now)


DECISION = Insertion(
    observations,
    (
        *("study_uid", "decision", "arm", "propensity", "context", "observation", "create_time"),
        *("issue_time", "step", "tag", "replaces_default"),
    ),
)


def decision_row(study: Study, observed: DecisionObservation, now: int, *, replaces_default: bool = False) -> Row:
    """For DECISION; ``now`` in microseconds."""
    return (
        study.uid,
        observed.decision,
        observed.arm,
        observed.propensity,
        values_text(observed.context),
        observation_text(observed.observation),
        now,
        observed.issued,
        observed.step,
        observed.tag,
        replaces_default,
    )


def observation_text(observation: Observation) -> str:
    """For the column observation."""
    return documents.text(documents.observation_document(observation))


def observation_of(text: str) -> Observation:
    """From the column observation."""
    return documents.observation_of(documents.parsed(text))


# With those of the trial, if it is of one.
LOG_COLUMNS = (
    observations.c.transaction_id,
    observations.c.sequence,
    _read(observations.c.observation),
    _read(observations.c.context),
    observations.c.create_time,
    observations.c.number,
    observations.c.decision,
    observations.c.arm,
    observations.c.propensity,
    observations.c.issue_time,
    observations.c.step,
    observations.c.tag,
    observations.c.is_default,
    observations.c.replaces_default,
    _read(trials.c.parameters),
    _read(trials.c.context).label("trial_context"),
)


def log_row_of(row: Row) -> LogRow:
    """From LOG_COLUMNS."""
    _, sequence, observation, own_context, create_time, number, decision, *rest = row
    arm, propensity, issued, step, tag, is_default, replaces_default, parameters, context = rest
    return LogRow(
        sequence=sequence,
        observation=observation_of(observation),
        context=documents.parsed(own_context if number is None else context),
        create_time=time_of(create_time),
        number=number,
        parameters=None if parameters is None else documents.parsed(parameters),
        decision=decision,
        arm=arm,
        propensity=propensity,
        issued=issued,
        step=step,
        tag=tag,
        is_default=bool(is_default),
        replaces_default=bool(replaces_default),
    )


EXPECTATION = Insertion(
    expected, ("study_uid", "decision", "due", "arm", "propensity", "context", "issue_time", "step", "tag")
)


def expectation_row(study: Study, expectation: Expectation) -> Row:
    """For EXPECTATION."""
    return (
        study.uid,
        expectation.decision,
        expectation.due,
        expectation.arm,
        expectation.propensity,
        values_text(expectation.context),
        expectation.issued,
        expectation.step,
        expectation.tag,
    )


CHECKPOINT = Insertion(
    checkpoints,
    (
        *("study_uid", "fingerprint", "transaction_id", "sequence"),
        *("revision", "observation_count", "state", "create_time"),
    ),
)
CHECKPOINT_COLUMNS = tuple(checkpoints.c[name] for name in CHECKPOINT.columns[1:-1])


def checkpoint_row(study: Study, checkpoint: Checkpoint) -> Row:
    """For CHECKPOINT; with the time of day."""
    place = place_of(checkpoint.cursor)
    counts = (checkpoint.revision, checkpoint.observation_count)
    return (study.uid, checkpoint.fingerprint, *place, *counts, checkpoint.state, microseconds(datetime.now(UTC)))


def checkpoint_of(row: Row) -> Checkpoint:
    """From CHECKPOINT_COLUMNS."""
    fingerprint, transaction, sequence, revision, count, state = row
    return Checkpoint(fingerprint, cursor_of(Place(transaction, sequence)), revision, count, bytes(state))


REQUEST = Insertion(requests, ("scope", "key", "method", "fingerprint", "answer", "create_time"))


def request_row(scope: str, request: Request, answer: Document) -> Row:
    """For REQUEST; with the time of day, since requests are forgotten by their real age."""
    now = microseconds(datetime.now(UTC))
    return (scope, request.key, request.method, request.fingerprint, documents.text(answer), now)


SIGNING_KEY = Insertion(signing_keys, ("name", "secret"))

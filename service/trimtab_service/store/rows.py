"""Rows <-> domain values: the only place where one becomes the other.

A function named ``..._row`` gives the columns of a row by name; one named
``..._of`` takes a row read with the columns it names.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Row

from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import Study, StudyName, StudyState
from trimtab_service.domain.suggestion import Source, Trial, TrialState
from trimtab_service.store import documents
from trimtab_service.store.base import DecisionObservation, LogRow, Request
from trimtab_service.store.documents import Document
from trimtab_service.store.tables import observations, studies, trials

Values: TypeAlias = dict[str, Any]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """Of a time with a zone, since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(value: int) -> datetime:
    """Inverse of ``microseconds``, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


STUDY = tuple(studies.c)


def study_row(study: Study) -> Values:
    """Of the table studies."""
    return {
        "uid": study.uid,
        "namespace": study.name.namespace,
        "study": study.name.study,
        "state": study.state.value,
        "revision": study.revision,
        "spec": documents.spec_document(study.spec),
        "algorithm": documents.algorithm_document(study.algorithm),
        "create_time": microseconds(study.create_time),
        "update_time": microseconds(study.update_time),
    }


def study_of(row: AnyRow) -> Study:
    """From the columns STUDY."""
    return Study(
        name=StudyName(row.namespace, row.study),
        uid=row.uid,
        spec=documents.spec_of(row.spec),
        algorithm=documents.algorithm_of(row.algorithm),
        create_time=time_of(row.create_time),
        update_time=time_of(row.update_time),
        state=StudyState(row.state),
        revision=row.revision,
    )


# The columns of a trial and of its observation, which may not be there; in the
# order in which ``trial_of`` takes them apart.
TRIAL = (
    trials.c.number,
    trials.c.state,
    trials.c.parameters,
    trials.c.context,
    trials.c.origin,
    trials.c.create_time,
    trials.c.expire_time,
    observations.c.observation,
    observations.c.create_time.label("complete_time"),
)


def trial_row(study: Study, trial: Trial) -> Values:
    """Of the table trials: all of the trial but its observation."""
    return {
        "study_uid": study.uid,
        "number": trial.number,
        "state": trial.state.value,
        "parameters": dict(trial.parameters),
        "context": dict(trial.context),
        "origin": documents.origin_document(trial.source, trial.detail, trial.model, trial.worker),
        "create_time": microseconds(trial.create_time),
        "expire_time": microseconds(trial.expire_time),
    }


def trial_of(row: AnyRow) -> Trial:
    """From the columns TRIAL."""
    number, state, parameters, context, origin, create_time, expire_time, observation, complete_time = row
    return Trial(
        number=number,
        state=TrialState(state),
        parameters=parameters,
        source=Source(origin["source"]),
        model=documents.model_of(origin),
        create_time=time_of(create_time),
        expire_time=time_of(expire_time),
        context=context,
        worker=origin["worker"],
        detail=origin["detail"],
        observation=None if observation is None else documents.observation_of(observation),
        complete_time=None if complete_time is None else time_of(complete_time),
    )


# The columns of a row of the log, with those of its trial if it is of one.
LOG = (
    observations.c.sequence,
    observations.c.transaction_id,
    observations.c.observation,
    observations.c.context,
    observations.c.create_time,
    observations.c.number,
    observations.c.decision,
    observations.c.arm,
    observations.c.propensity,
    trials.c.parameters,
    trials.c.context.label("trial_context"),
)


def trial_observation_row(study: Study, number: int, observation: Observation, now: datetime) -> Values:
    """Of the table observations, for a trial."""
    return {
        "study_uid": study.uid,
        "number": number,
        "observation": documents.observation_document(observation),
        "create_time": microseconds(now),
    }


DECISION = ("study_uid", "decision", "arm", "propensity", "context", "observation", "create_time")


def decision_values(study: Study, observed: DecisionObservation, now: int) -> tuple[Any, ...]:
    """The columns DECISION of the table observations, documents as text already: the path that counts."""
    return (
        study.uid,
        observed.decision,
        observed.arm,
        observed.propensity,
        documents.text(dict(observed.context)),
        documents.text(documents.observation_document(observed.observation)),
        now,
    )


def log_row_of(row: AnyRow) -> LogRow:
    """From the columns LOG."""
    return LogRow(
        sequence=row.sequence,
        observation=documents.observation_of(row.observation),
        context=row.context if row.number is None else row.trial_context,
        create_time=time_of(row.create_time),
        number=row.number,
        parameters=row.parameters,
        decision=row.decision,
        arm=row.arm,
        propensity=row.propensity,
    )


REQUEST = ("scope", "key", "method", "fingerprint", "answer", "create_time")


def request_row(scope: str, request: Request, answer: Document) -> Values:
    """Of the table requests."""
    return {
        "scope": scope,
        "key": request.key,
        "method": request.method,
        "fingerprint": request.fingerprint,
        "answer": answer,
        "create_time": microseconds(datetime.now(UTC)),
    }


def request_values(scope: str, request: Request, answer: Document, now: int) -> tuple[Any, ...]:
    """The columns REQUEST, the document as text already."""
    return (scope, request.key, request.method, request.fingerprint, documents.text(answer), now)

"""What becomes of each observation when many calls share one transaction.

``judge`` is a pure function: of the batches in their order, and of what is
known to be stored. Nothing known is a guess; the constraints of the database
say when it was wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from sqlalchemy import bindparam, select

from trimtab_service.domain.errors import RequestIdReused, TrimtabError
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import Study
from trimtab_service.store import refusals, rows
from trimtab_service.store.base import (
    DUPLICATE,
    RECORDED,
    DecisionBatch,
    DecisionObservation,
    Request,
    Result,
)
from trimtab_service.store.connection import Connection, Row
from trimtab_service.store.documents import listed, parsed, results_document, results_of
from trimtab_service.store.sql_requests import check_same
from trimtab_service.store.tables import NOWHERE, observations, requests, studies
from trimtab_service.store.transactions import Overtaken
from trimtab_service.store.words import TransactionId, among_texts, as_text

Decision: TypeAlias = tuple[str, str]
"""The uid of the study, and the decision's id."""

HELD_STUDIES = (
    select(studies.c.uid)
    .where(among_texts(studies.c.uid, "uids"), studies.c.namespace != NOWHERE)
    .order_by(studies.c.uid)
    # Holds off a deletion, which would break the inserts that follow.
    .with_for_update(read=True, key_share=True)
)
_REQUESTS = select(requests.c.key, requests.c.method, requests.c.fingerprint, as_text(requests.c.answer)).where(
    requests.c.scope == bindparam("scope"), among_texts(requests.c.key, "keys")
)
_DECISIONS = select(
    observations.c.decision,
    observations.c.is_default,
    observations.c.transaction_id <= TransactionId(),
    as_text(observations.c.observation),
    observations.c.arm,
    observations.c.propensity,
    as_text(observations.c.context),
    observations.c.issue_time,
    observations.c.step,
    observations.c.tag,
).where(observations.c.study_uid == bindparam("uid"), among_texts(observations.c.decision, "decisions"))


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that was answered before."""

    method: str
    fingerprint: bytes
    results: list[Result]


@dataclass(slots=True)
class Known:
    """What is stored already of all that the batches bring; grows as they are judged.

    studies: the uids of those that there are.
    requests: by study's uid and key.
    decisions: what was observed.
    defaults: those that counted as the default reward, observed since or
        not: all of a DecisionObservation but the observation.
    """

    studies: set[str]
    requests: dict[tuple[str, str], Answered] = field(default_factory=dict)
    decisions: dict[Decision, Observation] = field(default_factory=dict)
    defaults: dict[Decision, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def nothing(cls, batches: Sequence[DecisionBatch]) -> Known:
        """The guess that every study is there, and all else is new."""
        return cls({batch.study.uid for batch in batches})

    @classmethod
    def read(cls, connection: Connection, batches: Sequence[DecisionBatch]) -> Known:
        """What the database says. Raises Overtaken where a default reward came in after this transaction began."""
        uids = sorted({batch.study.uid for batch in batches})
        known = cls({uid for (uid,) in connection.all(HELD_STUDIES, {"uids": listed(uids)})})
        for uid in sorted(known.studies):
            of_study = [batch for batch in batches if batch.study.uid == uid]
            keys = sorted({batch.request.key for batch in of_study if batch.request is not None})
            for key, *answered in connection.all(_REQUESTS, {"scope": uid, "keys": listed(keys)}):
                known.requests[uid, key] = _answered(*answered)
            brought = [item for batch in of_study for item in batch.observations]
            decisions = sorted({item.decision for item in brought if isinstance(item, DecisionObservation)})
            known._look_up(connection, uid, decisions)
        return known

    def _look_up(self, connection: Connection, uid: str, decisions: Sequence[str]) -> None:
        late = set()
        for decision, is_default, is_earlier, observation, *made in connection.all(
            _DECISIONS, {"uid": uid, "decisions": listed(decisions)}
        ):
            if not is_default:
                self.decisions[uid, decision] = rows.observation_of(observation)
                continue
            arm, propensity, context, issued, step, tag = made
            self.defaults[uid, decision] = {
                "arm": arm,
                "propensity": propensity,
                "context": parsed(context),
                "issued": issued,
                "step": step,
                "tag": tag,
            }
            if not is_earlier:
                late.add((uid, decision))
        # What takes a default reward's place has to be behind it in the log;
        # only a transaction that begins now is sure to be.
        if late - self.decisions.keys():
            raise Overtaken


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to each batch, and the rows that make it true.

    expected: the decisions recorded, of studies in which they may be expected, by uid.
    """

    answers: list[list[Result] | TrimtabError] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    expected: dict[str, list[str]] = field(default_factory=dict)


def judge(batches: Sequence[DecisionBatch], known: Known, now: int) -> Plan:
    """Judges the batches one after the other, as if each had a transaction of its own."""
    plan = Plan()
    for batch in batches:
        study = batch.study
        if study.uid not in known.studies:
            plan.answers.append(refusals.study_gone(study))
            continue
        try:
            before = _answered_before(known, study, batch.request)
        except RequestIdReused as error:
            plan.answers.append(error)
            continue
        if before is not None:
            plan.answers.append(before)
            continue
        results = [
            _result(plan, known, study, item, now) if isinstance(item, DecisionObservation) else item
            for item in batch.observations
        ]
        plan.answers.append(results)
        request = batch.request
        if request is not None:
            known.requests[study.uid, request.key] = Answered(request.method, request.fingerprint, results)
            plan.requests.append(rows.request_row(study.uid, request, results_document(results)))
    return plan


def _answered_before(known: Known, study: Study, request: Request | None) -> list[Result] | None:
    """Raises RequestIdReused."""
    if request is None:
        return None
    before = known.requests.get((study.uid, request.key))
    if before is None:
        return None
    check_same(request, before.method, before.fingerprint)
    return before.results


def _result(plan: Plan, known: Known, study: Study, item: DecisionObservation, now: int) -> Result:
    key = (study.uid, item.decision)
    before = known.decisions.get(key)
    if before is None:
        known.decisions[key] = item.observation
        made = known.defaults.get(key)
        if made is None:
            plan.decisions.append(rows.decision_row(study, item, now))
        else:
            # What is taken back is what the default was counted for: a repeated
            # Suggest may have answered with another arm since.
            plan.decisions.append(rows.decision_row(study, replace(item, **made), now, replaces_default=True))
        if study.spec.default_reward is not None:
            plan.expected.setdefault(study.uid, []).append(item.decision)
        return RECORDED
    if before == item.observation:
        return DUPLICATE
    return refusals.observed_already(f"decision {item.decision}", before)


def _answered(method: str, fingerprint: bytes, answer: str) -> Answered:
    # Another method's answer is never given: check_same refuses it.
    document = parsed(answer)
    return Answered(method, fingerprint, results_of(document) if "results" in document else [])

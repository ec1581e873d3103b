"""Use cases of bandit studies: the decision path.

Suggest touches no disk and no lock: it reads the live policy, an immutable
value, and answers with a signed id that is the whole record. Observe appends
to the study's log and is acknowledged after the commit. ``following`` keeps
the policy up with the log.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from time import time
from typing import TypeAlias

import numpy as np

from trimtab_service.bandits import catalog
from trimtab_service.domain import context as contexts
from trimtab_service.domain import errors
from trimtab_service.domain.errors import (
    DecisionExpired,
    InvalidArgument,
    NoIncumbent,
    StudyNotFound,
    StudyStopped,
    SuggestionIdInvalid,
)
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyName, StudyState
from trimtab_service.domain.suggestion import Incumbent, ModelInfo, Source
from trimtab_service.following import Following
from trimtab_service.live import JointArms, ListedArms, Live, luck_of
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import (
    DecisionBatch,
    DecisionObservation,
    Expectation,
    ExpectationBatch,
    Request,
    Result,
)
from trimtab_service.studies import Studies
from trimtab_service.tokens import Decision, TokenKeys

Judged: TypeAlias = DecisionObservation | DecisionExpired | InvalidArgument
"""An observation of a decision as it is stored, or why it is refused."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one call wants.

    request: its id, empty where it has none.
    context: as the caller gave it.
    allowed: patterns of the arms that it may get; none: all.
    """

    count: int = 1
    request: str = ""
    context: Parameters | None = None
    allowed: Sequence[Parameters] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A decision as it is answered; the token in ASCII."""

    token: bytes
    arm: int
    propensity: float


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """What happened to a decision: its token, and the observation."""

    token: str
    observation: Observation


class Decisions:
    """Bandit studies."""

    def __init__(
        self, storage: Storage, studies: Studies, following: Following, keys: TokenKeys, metrics: Metrics
    ) -> None:
        self._storage = storage
        self._studies = studies
        self._following = following
        self._keys = keys
        self._counts = {name: metrics.suggestions.labels(name, Source.MODEL.value) for name in catalog.CATALOG}
        self.live = following.live
        self.open = following.open
        self.updated = following.updated

    def deleted(self, name: StudyName) -> None:
        """Lets a study leave memory."""
        self._following.forget(name)

    def suggest(self, live: Live, ask: Ask) -> list[Chosen]:
        """Independent draws of the policy.

        Identity and luck of each come from the request's id, so that a retry is the
        same decision, and counts once. Raises StudyStopped, InvalidArgument.
        """
        return self._counted(live.study, self._chosen(live, ask, self._identities(live.study, ask)))

    async def suggest_remembered(self, live: Live, ask: Ask) -> list[Chosen]:
        """As ``suggest``, in a study with a default reward: answers after the decisions are remembered.

        Raises StudyNotFound as well.
        """
        study = live.study
        chosen = self._chosen(live, ask, self._identities(study, ask))
        try:
            await self._storage.expect(ExpectationBatch(study, [self._expectation(study, one) for one in chosen]))
        except StudyNotFound:
            self._forget(study.name)
            raise
        return self._counted(study, chosen)

    def _counted(self, study: Study, chosen: list[Chosen]) -> list[Chosen]:
        self._counts[study.algorithm.name].inc(len(chosen))
        return chosen

    def _forget(self, name: StudyName) -> None:
        """Of a study that turned out to be gone."""
        self._studies.forget(name)
        self.deleted(name)

    def _expectation(self, study: Study, chosen: Chosen) -> Expectation:
        decision = self._keys.verify(chosen.token.decode())
        if study.spec.reward_wait is None:
            raise ValueError(f"{study.name} has no default reward")
        return Expectation(
            decision=decision.decision.hex(),
            due=decision.issued + int(study.spec.reward_wait.total_seconds() * 1000),
            arm=decision.arm,
            propensity=decision.propensity,
            context=_named(study, decision),
            issued=decision.issued,
            step=decision.step,
            tag=decision.tag,
        )

    def _identities(self, study: Study, ask: Ask) -> list[bytes]:
        """24 bytes for each decision: 16 that name it, 8 of luck."""
        seed = ask.request.encode() if ask.request else os.urandom(16)
        key = study.seed.to_bytes(8, "big") + bytes.fromhex(study.uid)
        head = _time_of(ask.request)
        return [
            head + blake2b(seed + index.to_bytes(4, "big"), digest_size=24 - len(head), key=key).digest()
            for index in range(ask.count)
        ]

    def _chosen(self, live: Live, ask: Ask, identities: Sequence[bytes]) -> list[Chosen]:
        study, play = live.study, live.play
        if study.state is not StudyState.ACTIVE:
            raise StudyStopped(f"{study.name} is {study.state.value}: set its state to active to go on")
        context = _coded(study, ask.context)
        signer = self._keys.signer(bytes.fromhex(study.uid), int(time() * 1000), live.observation_count, context)
        sign = signer.sign
        if isinstance(play, JointArms):
            if ask.allowed:
                raise InvalidArgument("allowed", f"{study.algorithm.name} can't leave points out")
            chosen = []
            for identity in identities:
                arm, propensity, tag = play.choice(int.from_bytes(identity[8:], "big"))
                chosen.append(Chosen(sign(identity[:16], arm, propensity, tag), arm, propensity))
            return chosen
        if play is None:
            raise ValueError(f"the log of {study.name} was never read")
        law = play.choice(context, _allowed(study, play, ask.allowed) if ask.allowed else None)
        arms, probabilities, cumulative = law.arms, law.probabilities, law.cumulative
        chosen = []
        for identity in identities:
            place = bisect_right(cumulative, luck_of(identity[16:]))
            arm, propensity = arms[place], probabilities[place]
            chosen.append(Chosen(sign(identity[:16], arm, propensity, 0), arm, propensity))
        return chosen

    def judged(self, study: Study, reports: Sequence[DecisionReport | InvalidArgument]) -> list[Judged]:
        """What each report brings to the study, or why it is refused; an error among the reports stays what it is."""
        now = int(time() * 1000)
        return [
            report if isinstance(report, InvalidArgument) else self._judged(study, report, position, now)
            for position, report in enumerate(reports)
        ]

    async def observe(self, study: Study, judged: Sequence[Judged], request: Request | None) -> list[Result]:
        """One result each, after the commit; an error is its own result. Raises StudyNotFound, RequestIdReused."""
        try:
            # Even with nothing to store: whether the study exists and the
            # request is a repeated one, only the store can say. It remembers
            # refusals, too: a repeated request gets its own answer though the
            # time, the study and the keys may be others by then.
            results = await self._storage.record(DecisionBatch(study, judged, request))
        except StudyNotFound:
            self._forget(study.name)
            raise
        if any(isinstance(item, DecisionObservation) for item in judged):
            self._following.expect(study.name)
        return results

    def _judged(self, study: Study, report: DecisionReport, position: int, now: int) -> Judged:
        try:
            decision = self._keys.verify(report.token)
        except SuggestionIdInvalid as error:
            return error.under(f"observations[{position}].suggestion_id")
        if decision.study.hex() != study.uid:
            path = f"observations[{position}].suggestion_id"
            return SuggestionIdInvalid(path, f"this decision belongs to another study than {study.name}")
        age, lifetime = now - decision.issued, study.spec.decision_lifetime.total_seconds()
        if age > lifetime * 1000:
            return DecisionExpired(
                f"the decision is {age // 1000} s old, and {study.name} takes observations for {lifetime:.0f} s"
            )
        return DecisionObservation(
            decision=decision.decision.hex(),
            arm=decision.arm,
            propensity=decision.propensity,
            observation=report.observation,
            context=_named(study, decision),
            issued=decision.issued,
            step=decision.step,
            tag=decision.tag,
        )

    async def incumbent(self, study: Study, context: Parameters | None) -> tuple[Incumbent, ModelInfo]:
        """The arm of best expected objective, at a context or over those seen. Raises NoIncumbent."""
        live = await self._following.caught_up(await self.open(study))
        best = live.best(context, time())
        if best is None:
            if study.spec.baseline is None:
                raise NoIncumbent(f"nothing was observed in {study.name}, and it has no baseline")
            return Incumbent(study.spec.baseline, Source.BASELINE), live.model
        mean = study.spec.objective.sign * best.cost
        error = None if np.isnan(best.standard_error) else float(best.standard_error)
        found = Incumbent(
            live.arms.point(best.arm), Source.INCUMBENT, float(mean), error, probability_best=best.probability
        )
        return found, live.model


def _named(study: Study, decision: Decision) -> Parameters:
    """The context of a decision, by name."""
    return contexts.decoded(study.spec.context, decision.context) if decision.context else {}


def _coded(study: Study, given: Parameters | None) -> tuple[float, ...]:
    """The context as numbers; InvalidArgument (``context...``) unless it is what the study declares."""
    declared = study.spec.context
    if not declared and not given:
        return ()
    with errors.field("context"):
        return contexts.coded(declared, study.spec.check_context(given or {}))


def _allowed(study: Study, play: ListedArms, patterns: Sequence[Parameters]) -> frozenset[int]:
    """The enabled arms that the patterns let in; InvalidArgument (``allowed...``) where there is none."""
    checked = study.spec.check_patterns(patterns, "allowed")
    found = play.enabled.intersection(frozenset[int]().union(*map(play.arms.having, checked)))
    if not found:
        raise InvalidArgument("allowed", "lets no arm in that is enabled")
    return found


def _time_of(request: str) -> bytes:
    """The time that a UUIDv7 (RFC 9562) begins with; nothing of another id.

    Decisions that begin with their time lie side by side in the database's
    index, which makes storing their observations cheaper.
    """
    if len(request) == 36 and request[14] == "7" and request[8] == request[13] == "-":
        try:
            return bytes.fromhex(request[:8] + request[9:13])
        except ValueError:
            pass
    return b""

"""Use cases of bandit studies: the decision path.

Suggest touches no disk and no lock: it reads the live policy, an immutable
value, and answers with a signed id that is the whole record. Observe appends
to the study's log and is acknowledged after the commit. The state is the fold
of the log; a follower reads what is new there, whoever wrote it, folds it, and
swaps in the next policy.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from time import monotonic, time
from typing import Any

import numpy as np

from trimtab_service.bandits import catalog
from trimtab_service.bandits.base import Bandit, Outcomes, Policy
from trimtab_service.domain.errors import (
    DecisionExpired,
    InvalidArgument,
    NoIncumbent,
    StudyNotFound,
    StudyStopped,
    SuggestionIdInvalid,
    TrimtabError,
)
from trimtab_service.domain.observation import Observation, Outcome
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyName, StudyState
from trimtab_service.domain.suggestion import Incumbent, ModelInfo, Source
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import DecisionBatch, DecisionObservation, LogRow, Request, Result
from trimtab_service.studies import Studies
from trimtab_service.tokens import Decision, TokenKeys

log = logging.getLogger(__name__)

MOST_LIVE = 1_000  # studies with a policy in memory; the one unused longest leaves
INLINE_ARMS = 100  # up to here a policy takes a millisecond; beyond, not on the event loop
PAGE = 5_000  # rows of the log folded at once
# Of the time that one look at the log takes, how many times it pauses before
# the next: following the log never takes more than a fifth of the event loop.
PAUSE = 4.0
_RANDOM = 2.0**-53


@dataclass(frozen=True, slots=True)
class Live:
    """A bandit study in memory, at one instant. Immutable: the next instant is another value.

    cumulative: of the policy, as a list, which is what bisection is fastest on.
    cursor: up to where the log is folded in.
    revision: the place in the log of the last row folded in.
    """

    study: Study
    bandit: Bandit
    arms: tuple[Parameters, ...]
    state: Any
    policy: Policy
    probabilities: list[float]
    cumulative: list[float]
    cursor: str
    revision: int
    observation_count: int

    @property
    def model(self) -> ModelInfo:
        """What an answer of this instant rests on."""
        return ModelInfo(self.study.algorithm.name, self.revision, self.observation_count)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A decision as it is answered."""

    token: str
    arm: int
    propensity: float


@dataclass(frozen=True, slots=True)
class DecisionReport:
    """What happened to a decision: its token, and the observation."""

    token: str
    observation: Observation


class Decisions:
    """Bandit studies."""

    def __init__(self, storage: Storage, studies: Studies, keys: TokenKeys, interval: float, metrics: Metrics) -> None:
        self._storage = storage
        self._studies = studies
        self._keys = keys
        self._interval = interval
        self._metrics = metrics
        self._live: OrderedDict[StudyName, Live] = OrderedDict()
        self._opening: dict[StudyName, asyncio.Task[Live]] = {}
        self._new: set[StudyName] = set()
        self._looked = monotonic()
        metrics.policy_age_seconds.set_function(lambda: monotonic() - self._looked)
        self._news = asyncio.Event()

    def live(self, name: StudyName) -> Live | None:
        """The study if it is in memory."""
        live = self._live.get(name)
        if live is not None:
            self._live.move_to_end(name)
        return live

    async def open(self, study: Study) -> Live:
        """The study, its log folded in from the start if it wasn't in memory."""
        live = self._live.get(study.name)
        if live is not None and live.study.uid == study.uid:
            self._live.move_to_end(study.name)
            return live
        task = self._opening.get(study.name)
        if task is None:
            task = self._opening[study.name] = asyncio.create_task(self._opened(study))
            task.add_done_callback(lambda _: self._opening.pop(study.name, None))
        return await asyncio.shield(task)

    async def _opened(self, study: Study) -> Live:
        live = await self._followed(_begun(study))
        self._live[study.name] = live
        while len(self._live) > MOST_LIVE:
            self._live.popitem(last=False)
        self._metrics.live_studies.set(len(self._live))
        return live

    def suggest(self, live: Live, count: int, request: str) -> list[Chosen]:
        """``count`` independent draws of the policy.

        Identity and luck of each come from ``request``, so that a retry is the
        same decision, and counts once. Raises StudyStopped.
        """
        study = live.study
        if study.state is not StudyState.ACTIVE:
            raise StudyStopped(f"{study.name} is {study.state.value}: set its state to active to go on")
        uid = bytes.fromhex(study.uid)
        seed = request.encode() if request else os.urandom(16)
        issued = int(time() * 1000)
        key = study.seed.to_bytes(8, "big") + uid
        chosen = []
        for index in range(count):
            digest = blake2b(seed + index.to_bytes(4, "big"), digest_size=24, key=key).digest()
            luck = (int.from_bytes(digest[16:], "big") >> 11) * _RANDOM
            arm = bisect_right(live.cumulative, luck)
            propensity = live.probabilities[arm]
            decision = Decision(uid, digest[:16], issued, live.revision, arm, propensity)
            chosen.append(Chosen(self._keys.sign(decision), arm, propensity))
        self._metrics.suggestions.labels(study.algorithm.name, Source.MODEL.value).inc(count)
        return chosen

    def expires(self, study: Study) -> datetime:
        """Until when a decision that is made now may be observed."""
        return self._storage.now() + study.spec.decision_lifetime

    def updated(self, study: Study) -> None:
        """Takes an update into memory at once; other replicas see it when they next look."""
        live = self._live.get(study.name)
        if live is None:
            return
        if _continues(live, study):
            self._live[study.name] = replace(live, study=study)
        else:
            self.deleted(study.name)

    def deleted(self, name: StudyName) -> None:
        """Lets a study leave memory."""
        self._live.pop(name, None)

    async def observe(
        self, study: Study, reports: Sequence[DecisionReport | InvalidArgument], request: Request | None
    ) -> list[Result]:
        """One result a report, after the commit; an error among the reports is its own result.

        Raises StudyNotFound, RequestIdReused.
        """
        judged = [
            report if isinstance(report, InvalidArgument) else self._judged(study, report, position)
            for position, report in enumerate(reports)
        ]
        # What is wrong with the request alone is found again in a repeated
        # one; the rest the store judges, and remembers.
        good = [item for item in judged if not isinstance(item, InvalidArgument)]
        try:
            # Even with nothing to store: whether the study exists and the
            # request is a repeated one, only the store can say.
            results = iter(await self._storage.record(DecisionBatch(study, good, request)))
        except StudyNotFound:
            self._studies.forget(study.name)
            self.deleted(study.name)
            raise
        if good:
            self._new.add(study.name)
            self._news.set()
        return [item if isinstance(item, InvalidArgument) else next(results) for item in judged]

    def _judged(
        self, study: Study, report: DecisionReport, position: int
    ) -> DecisionObservation | DecisionExpired | InvalidArgument:
        try:
            decision = self._keys.verify(report.token)
        except SuggestionIdInvalid as error:
            return error.under(f"observations[{position}].suggestion_id")
        path = f"observations[{position}].suggestion_id"
        if decision.study.hex() != study.uid:
            return SuggestionIdInvalid(path, f"this decision belongs to another study than {study.name}")
        age = int(time() * 1000) - decision.issued
        if age > study.spec.decision_lifetime.total_seconds() * 1000:
            return DecisionExpired(
                f"the decision is {age // 1000} s old, and {study.name} takes observations for "
                f"{study.spec.decision_lifetime.total_seconds():.0f} s"
            )
        return DecisionObservation(decision.decision.hex(), decision.arm, decision.propensity, report.observation)

    async def incumbent(self, study: Study) -> tuple[Incumbent, ModelInfo]:
        """The arm of best expected objective. Raises NoIncumbent."""
        live = await self._followed(await self.open(study))
        best = live.bandit.best(live.state)
        if best is None:
            if study.spec.baseline is None:
                raise NoIncumbent(f"nothing was observed in {study.name}, and it has no baseline")
            return Incumbent(study.spec.baseline, Source.BASELINE), live.model
        mean = study.spec.objective.sign * best.cost
        error = None if np.isnan(best.standard_error) else float(best.standard_error)
        return Incumbent(live.arms[best.arm], Source.INCUMBENT, float(mean), error), live.model

    # Following the log

    async def follow(self) -> None:
        """Keeps the live studies up with the log, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._interval)
            self._news.clear()
            begun = monotonic()
            due = begun - self._looked >= self._interval
            names = list(self._live) if due else list(self._new)
            self._new.difference_update(names)
            for name in names:
                await self._caught_up(name, refresh=due)
            if due:
                self._looked = begun
            await asyncio.sleep(min(PAUSE * (monotonic() - begun), self._interval))

    async def _caught_up(self, name: StudyName, *, refresh: bool) -> None:
        """Follows one study's log; with ``refresh``, also what other replicas changed of the study."""
        before = self._live.get(name)
        if before is None:
            return
        try:
            study = await self._studies.get(name) if refresh else before.study
            if not study.algorithm.decisions:  # somebody deleted it and made another
                self.deleted(name)
                return
            live = await self._followed(_refreshed(before, study))
        except StudyNotFound:
            self.deleted(name)
        except TrimtabError as error:
            log.warning("can't follow the log", extra={"study": str(name), "reason": error.reason})
        except Exception:
            # One study's fault must not keep the others from learning. Its
            # next Suggest reads the log anew, and meets the fault itself.
            log.exception("can't fold the log", extra={"study": str(name)})
            self.deleted(name)
        else:
            self._swap(before, live)

    def _swap(self, before: Live, after: Live) -> None:
        """Puts ``after`` in the place of ``before``, unless the study was changed in the meantime."""
        now = self._live.get(before.study.name)
        if now is before:
            self._live[before.study.name] = after
        elif now is not None and now.study.revision > after.study.revision and _continues(after, now.study):
            self._live[before.study.name] = replace(after, study=now.study)

    async def _followed(self, live: Live) -> Live:
        """The live study with everything folded in that is in the log by now."""
        state, cursor, revision, count = live.state, live.cursor, live.revision, live.observation_count
        changed = live.policy is _UNKNOWN
        while True:
            tail = await self._storage.read(self._storage.store.tail, live.study, cursor, PAGE)
            cursor = tail.cursor
            if tail.rows:
                state = live.bandit.fold(state, _outcomes(live.study, tail.rows))
                revision = max(revision, max(row.sequence for row in tail.rows))
                count += len(tail.rows)
                changed = True
            if not tail.more:
                break
        if not changed:
            return replace(live, cursor=cursor)
        if len(live.arms) <= INLINE_ARMS:
            policy = live.bandit.policy(state)
        else:
            policy = await asyncio.to_thread(live.bandit.policy, state)
        return replace(
            live,
            state=state,
            policy=policy,
            probabilities=policy.probabilities.tolist(),
            cumulative=policy.cumulative.tolist(),
            cursor=cursor,
            revision=revision,
            observation_count=count,
        )


_UNKNOWN = Policy.of(np.ones(1))


def _begun(study: Study) -> Live:
    """The study before its log is read."""
    bandit = catalog.bandit(study.algorithm)
    arms = tuple(study.spec.space.points())
    return Live(study, bandit, arms, bandit.initial(study), _UNKNOWN, [], [], "", 0, 0)


def _refreshed(live: Live, study: Study) -> Live:
    """The live study with what an update may have changed; from the start of the log if the algorithm is another."""
    if study.revision == live.study.revision and study.uid == live.study.uid:
        return live
    return replace(live, study=study) if _continues(live, study) else _begun(study)


def _continues(live: Live, study: Study) -> bool:
    """Whether the state stays what it is for this revision of the study."""
    return study.algorithm == live.study.algorithm and study.uid == live.study.uid


def _outcomes(study: Study, rows: Sequence[LogRow]) -> Outcomes:
    """What a bandit learns from rows of the log."""
    sign, metric = study.spec.objective.sign, study.spec.objective.metric
    arms, propensities, costs, counts, variances = [], [], [], [], []
    for row in rows:
        if row.observation.outcome is Outcome.ABANDONED or row.arm is None or row.propensity is None:
            continue
        cost, count, variance = np.nan, 1, np.nan
        if row.observation.outcome is Outcome.COMPLETED:
            measurement = row.observation.measurements[metric]
            cost, count = sign * measurement.mean, measurement.count
            if measurement.standard_error is not None:
                # Not **2, which raises for a huge error; infinity means not known.
                variance = measurement.standard_error * measurement.standard_error * count
        arms.append(row.arm)
        propensities.append(row.propensity)
        costs.append(cost)
        counts.append(count)
        variances.append(variance)
    return Outcomes(
        np.array(arms, dtype=np.intp),
        np.array(propensities, dtype=np.float64),
        np.array(costs, dtype=np.float64),
        np.array(counts, dtype=np.float64),
        np.where(np.isfinite(variances), variances, np.nan),
    )

"""What a store promises, whatever its engine. One acceptance suite holds every engine to it.

Every method is one transaction, or says otherwise: it happens whole, durably, or not at all.
Any method may raise StoreUnavailable. Methods are safe to call from several
threads at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from trimtab_service.domain.errors import DecisionExpired, InvalidArgument, StudyNotFound, TrimtabError
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.space import Parameters, ParameterValue
from trimtab_service.domain.study import Study, StudyCounts, StudyName, TrialName
from trimtab_service.domain.suggestion import History, Trial, TrialState
from trimtab_service.store.queue import QueuedTrial, QueueStore
from trimtab_service.store.request import Request as Request


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent look at a study.

    replay: the trials that answered this request before, by number, or None.
    queue: the QUEUED trials, by number; none of them is in the history.
    has_queue: whether there are any, known even where no trials were asked for.
    """

    study: Study
    history: History
    replay: tuple[Trial, ...] | None = None
    queue: tuple[QueuedTrial, ...] = ()
    has_queue: bool = False


@dataclass(frozen=True, slots=True)
class TrialObservation:
    """An observation of trial ``number``."""

    number: int
    observation: Observation


@dataclass(frozen=True, slots=True)
class DecisionObservation:
    """An observation of a decision, with all of the decision that learning needs.

    decision: the decision's id, unique in the study, at most 64 characters.
    arm: number of the arm.
    issued: when the decision was made, in milliseconds since 1970.
    step: how many observations the policy that decided had seen.
    tag: what the policy wrote down with the choice.
    """

    decision: str
    arm: int
    propensity: float
    observation: Observation
    context: Mapping[str, ParameterValue] = field(default_factory=dict)
    issued: int = 0
    step: int = 0
    tag: int = 0


@dataclass(frozen=True, slots=True)
class DecisionBatch:
    """What one Observe call of a bandit study brings.

    observations: one that is refused stands here as its error, so that a
        repeated request gets it again, whatever time it is then and whatever
        is believed.
    """

    study: Study
    observations: Sequence[DecisionObservation | DecisionExpired | InvalidArgument]
    request: Request | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """A decision that was handed out, and counts as the default reward where it isn't observed in time.

    due: from when on, in milliseconds since 1970. The rest: see DecisionObservation.
    """

    decision: str
    due: int
    arm: int
    propensity: float
    context: Mapping[str, ParameterValue] = field(default_factory=dict)
    issued: int = 0
    step: int = 0
    tag: int = 0


@dataclass(frozen=True, slots=True)
class ExpectationBatch:
    """What one Suggest call of a study with a default reward hands out."""

    study: Study
    expectations: Sequence[Expectation]


class Recorded:
    """What became of an observation that was taken: its two values are RECORDED and DUPLICATE."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


RECORDED = Recorded("RECORDED")
DUPLICATE = Recorded("DUPLICATE")

Result = Recorded | TrimtabError
"""What became of one observation: taken, or why it was refused."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of a study's observation log.

    number, parameters: of the trial; None in bandit studies.
    decision, arm, propensity: of the decision; None in trial studies.
    issued, step, tag: of the decision, see DecisionObservation; 0 in trial studies.
    is_default: nothing was observed in time, and this is the default reward.
    replaces_default: came after the default reward, and takes its place. The
        row that it replaces is before it in every order in which rows are read.
    """

    sequence: int
    observation: Observation
    context: Mapping[str, ParameterValue]
    create_time: datetime
    number: int | None = None
    parameters: Parameters | None = None
    decision: str | None = None
    arm: int | None = None
    propensity: float | None = None
    issued: int = 0
    step: int = 0
    tag: int = 0
    is_default: bool = False
    replaces_default: bool = False


@dataclass(frozen=True, slots=True)
class Tail:
    """New rows of a log, and the cursor to ask for those after them.

    more: whether there are more rows already than were read.
    """

    rows: Sequence[LogRow]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The fold of a log up to a cursor.

    fingerprint: of all that the meaning of ``state`` depends on.
    revision: the greatest sequence folded in.
    observation_count: how many rows were folded in.
    """

    fingerprint: str
    cursor: str
    revision: int
    observation_count: int
    state: bytes


class CursorTooOld(Exception):
    """Rows behind this cursor were compacted: go on from a checkpoint.

    start: the cursor before the first row that is left, for whoever has no
        checkpoint and must do without the rows that are gone.
    """

    def __init__(self, start: str) -> None:
        super().__init__(f"the log begins behind {start}")
        self.start = start


class NumberTaken(Exception):
    """Another caller appended a trial of this number first; take a new snapshot and go round."""


class Store(QueueStore, Protocol):
    """Studies, trials, the observation log, and the memory of requests."""

    writers: ClassVar[int]
    """How many threads may usefully write at once."""

    def migrate(self) -> None:
        """Makes or upgrades the tables. Safe to call from many servers at once."""
        ...

    def count_pending(self, now: datetime) -> int:
        """How many trials of all studies are PENDING, their lease running. Cheap: also asks if the database answers."""
        ...

    def close(self) -> None:
        """Lets go of every connection."""
        ...

    def signing_key(self, candidate: bytes) -> bytes:
        """The deployment's own key: ``candidate`` if there was none, else the one kept."""
        ...

    def forget_requests(self, before: datetime) -> int:
        """Forgets the requests answered before; how many they were. In several transactions, so that nobody waits.

        And all that is left of deleted studies, where who deleted them didn't go on.
        """
        ...

    # Studies

    def create_study(self, study: Study, request: Request | None) -> Study:
        """Raises StudyExists, RequestIdReused. A repeated request gets the study as it is now."""
        ...

    def get_study(self, name: StudyName) -> Study:
        """Raises StudyNotFound."""
        ...

    def get_counts(self, study: Study, now: datetime) -> StudyCounts:
        """Zero everywhere when the study is gone."""
        ...

    def list_studies(self, namespace: str | None, after: StudyName | None, limit: int) -> list[Study]:
        """By name, those behind ``after``; of every namespace where it is None."""
        ...

    def replace_study(self, old: Study, new: Study, request: Request | None) -> Study:
        """Stores ``new`` if ``old`` is still the revision that is stored; what is stored then.

        Raises StudyNotFound, EtagMismatch, RequestIdReused; InvalidArgument where ``decision_lifetime`` is raised
        of a study whose log was compacted, or may be. A repeated request gets the study as it is now.
        """
        ...

    def revisions(self, uids: Collection[str]) -> Mapping[str, int]:
        """The revisions of those of the studies that exist, by uid."""
        ...

    def replayed(self, scope: str, request: Request) -> bool:
        """Whether this request was answered before. ``scope`` is a study's uid or ``namespaces/ID``.

        Raises RequestIdReused.
        """
        ...

    def delete_study(self, study: Study, request: Request | None) -> None:
        """With its trials, log and requests. Raises StudyNotFound, EtagMismatch (another revision is stored).

        Nobody finds it or its name afterwards. Of a long one rows are left, for ``clear_deleted``: so that
        nobody waits for them.
        """
        ...

    def clear_deleted(self) -> int:
        """Deletes some of what is left of deleted studies; how many rows they were, 0 if nothing is left.

        Until then a study that was deleted may take observations of decisions, which go the same way.
        """
        ...

    # Trials

    def snapshot(
        self, name: StudyName, now: datetime, request: Request | None, *, trials: bool, after: int = 0
    ) -> Snapshot:
        """The study with its history: COMPLETED, FAILED, ABANDONED and PENDING trials, none if not ``trials``.

        after: a revision; of the trials with an observation only those whose observation came after it.
        Raises StudyNotFound, RequestIdReused.
        """
        ...

    def append_trials(self, study: Study, trials: Sequence[Trial], request: Request | None) -> tuple[Trial, ...]:
        """Stores the trials; what is stored then: for a repeated request the first answer.

        Raises NumberTaken, StudyNotFound, RequestIdReused.
        """
        ...

    def observe_trials(
        self,
        study: Study,
        observations: Sequence[TrialObservation | InvalidArgument],
        now: datetime,
        request: Request | None,
    ) -> list[Result]:
        """One result an observation: RECORDED, DUPLICATE, or TrialNotFound, TrialQueued, ObservationConflict.

        One that doesn't fit the study stands here as its error, which is its result: a repeated request
        gets the first answer, whatever fits the study by then. Raises StudyNotFound, RequestIdReused.
        """
        ...

    def extend_lease(self, study: Study, number: int, expire_time: datetime, request: Request | None) -> datetime:
        """Moves the end of a lease; when it ends then: for a repeated request the first answer.

        A QUEUED, PENDING or EXPIRED trial is PENDING afterwards.
        Raises TrialNotFound, TrialEnded, TrialQueued, RequestIdReused.
        """
        ...

    def get_trial(self, name: TrialName, now: datetime) -> Trial:
        """Raises StudyNotFound, TrialNotFound."""
        ...

    def list_trials(
        self, study: Study, now: datetime, after: int, limit: int, states: frozenset[TrialState]
    ) -> list[Trial]:
        """By number, those behind ``after``; in every state where ``states`` is empty."""
        ...

    # The log

    def record_decisions(self, batches: Sequence[DecisionBatch], now: datetime) -> list[list[Result] | TrimtabError]:
        """Appends what many calls bring in one transaction (group commit).

        One entry a batch: a result an observation (RECORDED, DUPLICATE,
        ObservationConflict, or the error that it came as), or why the whole batch was refused
        (StudyNotFound, RequestIdReused), which doesn't touch the others. A
        repeated request gets the first answer. A decision that counted as the
        default reward already is recorded in its place, once. Where a connection
        breaks, what came without a request may be told DUPLICATE of itself.
        """
        ...

    def expect_decisions(self, batches: Sequence[ExpectationBatch]) -> list[StudyNotFound | None]:
        """Remembers what many calls hand out, in one transaction; what is remembered already stays as it is.

        One entry a batch: None, or why nothing of it is remembered.
        """
        ...

    def settle(self, now: datetime, limit: int) -> int:
        """Takes up to ``limit`` decisions that are due out of the memory; how many they were.

        Each goes into the log as the default reward of its study, once; or nowhere
        where it was observed already, or the study has no default reward.
        Several servers may settle at once.
        """
        ...

    def list_observations(self, study: Study, after: int, limit: int) -> list[LogRow]:
        """By sequence, those behind ``after`` that are left."""
        ...

    def tail(self, study: Study, cursor: str, limit: int) -> Tail:
        """Rows of the log behind ``cursor``, the empty one being the start.

        Following the cursors gives every committed row exactly once, whatever
        the order in which transactions commit; it may hold back rows for as
        long as an older transaction is open. ``limit`` bounds the rows.
        Raises CursorTooOld where rows behind the cursor were compacted.
        """
        ...

    def news(self, cursors: Mapping[str, str]) -> set[str]:
        """Of the studies whose cursors these are, by uid, those whose tail has rows. One look for all of them."""
        ...

    # Checkpoints

    def save_checkpoint(self, study: Study, checkpoint: Checkpoint) -> None:
        """Keeps it, one for each fingerprint; not where one further on is kept, nor of a study that is gone."""
        ...

    def load_checkpoint(self, study: Study, fingerprint: str) -> Checkpoint | None:
        """The one kept, if the log can be followed from there."""
        ...

    def compact(self, study: Study, fingerprint: str, before: datetime, limit: int) -> int:
        """Deletes the oldest rows of the log that a checkpoint of this fingerprint covers; how many they were.

        Up to ``limit`` of them, as far as all were recorded before ``before``,
        which must be so long ago that no decision made until then can still be
        observed: with its rows the log forgets that it was. Counts stay what they are.
        Nothing of a study that was changed since it was read.
        """
        ...

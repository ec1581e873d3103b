"""A bandit study in memory, at one instant.

Everything here is a function of values: of the study, and of the rows of its
log. Reading the log, and when to, is for ``following``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits import catalog, states
from trimtab_service.bandits.base import ArmEstimate, Bandit, JointBandit, JointPolicy, Outcomes, Policy, Table
from trimtab_service.domain import context as contexts
from trimtab_service.domain.arms import Lattice, Listed
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.observation import Outcome
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import ModelInfo
from trimtab_service.store.base import Checkpoint, LogRow

MOST_LAWS = 256  # of subsets of the arms, remembered until the policy changes
_UNIT = 2.0**-53


class UnknownArm(Exception):
    """A row of the log is of an arm that came with a later revision of the study."""


@dataclass(frozen=True, slots=True)
class Law:
    """A Table as lists, which one choice at a time is fastest on."""

    arms: list[int]
    probabilities: list[float]
    cumulative: list[float]

    @classmethod
    def of(cls, table: Table) -> Law:
        """The same law."""
        return cls(table.arms.tolist(), table.probabilities.tolist(), table.cumulative.tolist())


@dataclass(frozen=True, slots=True)
class ListedArms:
    """What a bandit that lists its arms plays.

    enabled: numbers of the arms that may be suggested.
    law: of a choice among them; None where it depends on the context.
    laws: what was computed for subsets; a memo, of this policy alone.
    """

    bandit: Bandit
    arms: Listed
    enabled: frozenset[int]
    policy: Policy
    law: Law | None
    laws: dict[frozenset[int], Law] = field(default_factory=dict)

    def choice(self, context: Sequence[float], allowed: frozenset[int] | None) -> Law:
        """The law of one choice; ``allowed``: numbers of enabled arms, None for all. At least one."""
        if allowed is None:
            return self._computed(self.enabled, context) if self.law is None else self.law
        if self.bandit.contextual:
            return self._computed(allowed, context)
        law = self.laws.get(allowed)
        if law is None:
            if len(self.laws) >= MOST_LAWS:
                self.laws.clear()
            law = self.laws[allowed] = self._computed(allowed, context)
        return law

    def _computed(self, arms: frozenset[int], context: Sequence[float]) -> Law:
        numbers = np.array(sorted(arms), dtype=np.intp)
        chances = self.policy.chances(numbers, np.asarray(context, dtype=np.float64))
        return Law.of(Table.of(numbers, chances, self.bandit.floor))


@dataclass(frozen=True, slots=True)
class JointArms:
    """What a bandit of a lattice plays."""

    bandit: JointBandit
    arms: Lattice
    policy: JointPolicy

    def choice(self, entropy: int) -> tuple[int, float, int]:
        """Arm, propensity and tag that a seed falls on."""
        luck = np.random.Generator(np.random.Philox(entropy)).random(self.policy.draws + 2)
        floor = self.bandit.floor
        if luck[0] < floor:
            arm, tag = min(int(luck[1] * self.arms.count), self.arms.count - 1), -1
        else:
            drawn = self.policy.draw(luck[2:])
            arm, tag = drawn.arm, drawn.tag
        return arm, (1 - floor) * self.policy.probability(arm) + floor / self.arms.count, tag


Play: TypeAlias = ListedArms | JointArms


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Live:
    """A bandit study in memory, at one instant. Immutable: the next instant is another value.

    play: None until the log was read.
    cursor: up to where the log is folded in.
    revision: the place in the log of the last row folded in.
    saved: how many observations the newest checkpoint has.
    """

    study: Study
    bandit: Bandit | JointBandit
    arms: Listed | Lattice
    state: Any
    play: Play | None = None
    cursor: str = ""
    revision: int = 0
    observation_count: int = 0
    saved: int = 0

    @property
    def model(self) -> ModelInfo:
        """What an answer of this instant rests on."""
        return ModelInfo(self.study.algorithm.name, self.revision, self.observation_count)

    @classmethod
    def begun(cls, study: Study) -> Live:
        """The study before its log is read. Raises InvalidArgument (field ``algorithm...``, ``disabled_arms``)
        where study and algorithm don't fit."""
        bandit = catalog.bandit(study.algorithm)
        arms = _arms(study, bandit)
        initial: Any = bandit.initial  # of either kind; ``arms`` is of the same
        live = cls(study, bandit, arms, initial(study, arms if isinstance(arms, Lattice) else arms.count))
        live.enabled()
        return live

    @property
    def fingerprint(self) -> str:
        """Of all that a state's meaning depends on; studies with equal ones can continue each other's state."""
        options = {name: value for name, value in self.study.algorithm.options.items() if name != "floor"}
        text = f"{states.LAYOUT} {self.study.uid} {self.study.algorithm.name} {sorted(options.items())}"
        return sha256(text.encode()).hexdigest()[:32]

    def resumed(self, checkpoint: Checkpoint) -> Live:
        """The study as it was at the checkpoint; ValueError where it is of another layout."""
        state = states.extended(states.unpacked(self.state, checkpoint.state), self.state)
        return replace(
            self,
            state=state,
            cursor=checkpoint.cursor,
            revision=checkpoint.revision,
            observation_count=checkpoint.observation_count,
            saved=checkpoint.observation_count,
        )

    def updated(self, study: Study) -> Live | None:
        """With a later revision of the study; None where the state has to be made anew."""
        fresh = Live.begun(study)
        if fresh.fingerprint != self.fingerprint:
            return None
        return replace(
            self, study=study, bandit=fresh.bandit, arms=fresh.arms, state=states.extended(self.state, fresh.state)
        )

    def folded(self, rows: Sequence[LogRow]) -> Live:
        """With rows of the log as well; ``play`` stays what it was. Raises UnknownArm."""
        arm = max(row.arm or 0 for row in rows)
        if arm >= self.arms.count:
            raise UnknownArm(
                f"{self.study.name} has {self.arms.count} arms at revision {self.study.revision}, not {arm}"
            )
        given, taken = _outcomes(self.study, rows)
        state = self.bandit.fold(self.state, given)
        if taken is not None:
            state = self.bandit.fold(state, taken)
        return replace(
            self,
            state=state,
            revision=max(self.revision, max(row.sequence for row in rows)),
            observation_count=self.observation_count + len(rows),
        )

    def playing(self, now: float) -> Live:
        """With the policy of its state at ``now``."""
        if isinstance(self.arms, Lattice):
            bandit: Any = self.bandit
            return replace(self, play=JointArms(bandit, self.arms, bandit.policy(self.state, now)))
        listed: Any = self.bandit
        play = ListedArms(listed, self.arms, self.enabled(), listed.policy(self.state, now), None)
        if not listed.contextual:
            play = replace(play, law=play.choice((), None))
        return replace(self, play=play)

    def enabled(self) -> frozenset[int]:
        """Numbers of the arms that may be suggested; InvalidArgument (``disabled_arms``) where none is left."""
        disabled = self.study.spec.disabled_arms
        if isinstance(self.arms, Lattice):
            if disabled:
                raise InvalidArgument("disabled_arms", f"{self.study.algorithm.name} can't leave points out")
            return frozenset()
        left = frozenset(range(self.arms.count)).difference(*map(self.arms.having, disabled))
        if not left:
            raise InvalidArgument("disabled_arms", "no arm is left")
        return left

    def best(self, context: Parameters | None, now: float) -> ArmEstimate | None:
        """Of the arms that may be suggested."""
        if isinstance(self.arms, Lattice):
            joint: Any = self.bandit
            found: ArmEstimate | None = joint.best(self.state)
            return found
        listed: Any = self.bandit
        numbers = None if context is None else np.asarray(contexts.coded(self.study.spec.context, context))
        arms = np.array(sorted(self.enabled()), dtype=np.intp)
        best: ArmEstimate | None = listed.best(self.state, arms, numbers, now)
        return best

    def checkpoint(self) -> Checkpoint:
        """All that is worth keeping."""
        return Checkpoint(
            self.fingerprint, self.cursor, self.revision, self.observation_count, states.packed(self.state)
        )


def luck_of(digits: bytes) -> float:
    """Eight bytes as a number in [0, 1)."""
    return (int.from_bytes(digits, "big") >> 11) * _UNIT


def _arms(study: Study, bandit: Bandit | JointBandit) -> Listed | Lattice:
    try:
        if bandit.joint:
            return Lattice.of(study.spec.space, bandit.steps)
        return Listed.of((*study.earlier_spaces, study.spec.space), bandit.steps)
    except InvalidArgument as error:
        raise error.under("algorithm.name") from None


def _outcomes(study: Study, rows: Sequence[LogRow]) -> tuple[Outcomes, Outcomes | None]:
    """What a bandit learns from rows of the log; and what it takes back, where a default reward is replaced."""
    given = [row for row in rows if row.observation.outcome is not Outcome.ABANDONED]
    late = [row for row in rows if row.replaces_default]
    sign = study.spec.objective.sign
    default = study.spec.counted_default
    measured = np.empty((3, len(given)))  # cost, count, variance
    for place, row in enumerate(given):
        if row.observation.outcome is not Outcome.COMPLETED:
            measured[:, place] = np.nan, 1.0, np.nan
            continue
        if row.is_default and default is not None:
            measured[:, place] = sign * default, 1.0, np.nan
            continue
        measurement = study.spec.reward(row.observation)
        error = np.nan if measurement.standard_error is None else measurement.standard_error
        # Not **2, which raises for a huge error; infinity means not known.
        measured[:, place] = sign * measurement.mean, measurement.count, error * error * measurement.count
    measured[2, ~np.isfinite(measured[2])] = np.nan
    learned = _assembled(study, given, *measured)
    if not late:
        return learned, None
    if default is None:
        raise ValueError(f"{study.name} has no default reward that could have been replaced")
    ones = np.ones(len(late))
    return learned, _assembled(study, late, sign * default * ones, -ones, np.nan * ones)


def _assembled(
    study: Study,
    rows: Sequence[LogRow],
    costs: NDArray[np.float64],
    counts: NDArray[np.float64],
    variances: NDArray[np.float64],
) -> Outcomes:
    declared = study.spec.context
    return Outcomes(
        arms=np.array([row.arm for row in rows], dtype=np.intp),
        propensities=np.array([row.propensity for row in rows], dtype=np.float64),
        costs=costs,
        counts=counts,
        variances=variances,
        contexts=np.array([contexts.coded(declared, row.context) for row in rows]).reshape(len(rows), len(declared)),
        times=np.array([row.issued for row in rows], dtype=np.float64) / 1e3,
        steps=np.array([row.step for row in rows], dtype=np.float64),
        tags=np.array([row.tag for row in rows], dtype=np.intp),
    )

"""What a bandit is, what it learns from, and what it answers with.

Arms are the points of the study's finite search space, by their numbers (see
``domain.arms``). Two kinds of bandit: one that lists its arms (``Bandit``),
which may look at a context, and one for spaces too large for that, which
learns about each parameter by itself (``JointBandit``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.arms import Lattice
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study

MOST_ARMS = 1_000  # of a bandit that lists them
MOST_STEPS = 1_000  # of a numeric parameter cut into steps


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Observed decisions, as parallel arrays of n elements each.

    arms: [n] int, number of the arm that was played.
    propensities: [n] float, the probability with which it was chosen, in (0, 1].
    costs: [n] float, the mean of what was measured in the unit of the
        objective's metric, with the sign that makes smaller better
        (Objective.sign); NaN where the outcome is FAILED.
    counts: [n] float, how many single measurements the mean is of, at least
        1. Or all of them negative: then these outcomes, folded in before,
        are taken back.
    variances: [n] float, variance of the single measurements; NaN: not known.
    contexts: [n, c] float, the context, as ``domain.context`` codes it; c = 0
        where the study has none.
    times: [n] float, when the decision was made, in seconds since 1970.
    steps: [n] float, how many observations the policy that decided had seen.
    tags: [n] int, what the policy wrote down with the choice; 0 where it
        writes nothing.
    Abandoned decisions are left out.
    """

    arms: NDArray[np.intp]
    propensities: NDArray[np.float64]
    costs: NDArray[np.float64]
    counts: NDArray[np.float64]
    variances: NDArray[np.float64]
    contexts: NDArray[np.float64]
    times: NDArray[np.float64]
    steps: NDArray[np.float64]
    tags: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Table:
    """The law of one choice among some arms: what is drawn from, and what is logged.

    arms: [k] int, numbers of the arms that may be played, increasing.
    probabilities: [k] float, all at least 0, their sum 1 within 1e-9. What is
        logged as the propensity of a choice is exactly this number.
    cumulative: [k] float, their running sum, the last exactly 1.
    """

    arms: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    cumulative: NDArray[np.float64]

    @classmethod
    def of(cls, arms: NDArray[np.intp], chances: NDArray[np.float64], floor: float) -> Table:
        """``chances`` [k] with a total of ``floor`` taken away and shared equally among the arms."""
        probabilities = (1 - floor) / chances.sum() * chances + floor / arms.size
        cumulative = np.cumsum(probabilities)
        # The last arm that can be drawn takes what rounding left over.
        cumulative[np.flatnonzero(probabilities)[-1] :] = 1.0
        probabilities.setflags(write=False)
        cumulative.setflags(write=False)
        return cls(arms, probabilities, cumulative)

    def draw(self, luck: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The arms [n] that ``luck`` [n], uniform in [0, 1), falls on, and their propensities [n]."""
        places = np.searchsorted(self.cumulative, luck, side="right")
        return self.arms[places], self.probabilities[places]


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """What a bandit believes of one arm's expected cost (sign as in Outcomes).

    standard_error: NaN where nothing was observed yet.
    probability: that no other arm costs less; None where it can't be said.
    """

    arm: int
    cost: float
    standard_error: float
    probability: float | None = None


class Policy(Protocol):
    """What to play, in one state: an immutable value."""

    def chances(self, arms: NDArray[np.intp], context: NDArray[np.float64]) -> NDArray[np.float64]:
        """[k] the probability of each of ``arms`` [k] when no other may be played.

        arms: increasing, at least one. context: [c], see Outcomes. At least 0,
        their sum 1 within 1e-9; a pure function, and the floor isn't in it.
        What is learned of arms that may not be played still counts.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every bandit can be told.

    floor: total probability that is shared equally among the arms that may be
        played, whatever was learned: none of K is ever below floor / K. Keeps
        propensities useful for estimates from the log, and finds an arm that
        has become better. It costs that share of what random play loses.
    steps: into how many values, evenly spaced on its scale, a numeric
        parameter is cut that is a continuum or has more. 0: into none, and a
        continuum is refused.
    """

    floor: float = 0.01
    steps: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= 1:
            raise InvalidArgument("floor", f"must lie between 0 and 1, not {self.floor}")
        if not 0 <= self.steps <= MOST_STEPS:
            raise InvalidArgument("steps", f"must lie between 0 and {MOST_STEPS}, not {self.steps}")


class Bandit(Protocol):
    """A frozen dataclass whose fields are its options, ``Options`` among them, each with a default.

    Law: ``fold`` is additive. Folding outcomes in any order and in any
    batches gives the same state up to rounding, and taking outcomes back
    undoes them; extremes seen are kept. A state is a frozen dataclass of arrays,
    numbers, None and such dataclasses, never changed in place; its arrays are as
    ``initial`` makes them for so many arms, save that arrays of a growing
    history may be longer along their first axis.
    """

    name: ClassVar[str]
    """As callers write it."""

    contextual: ClassVar[bool]
    """Whether it looks at the context, and so needs one to be declared."""

    ages: ClassVar[bool]
    """Whether its policy changes as time goes by, without any observation."""

    joint: ClassVar[bool]
    """Whether it is a JointBandit: False here."""

    @property
    def floor(self) -> float:
        """See Options."""
        ...

    @property
    def steps(self) -> int:
        """See Options."""
        ...

    def initial(self, study: Study, arms: int) -> Any:
        """The state that knows nothing of ``arms`` arms. Raises InvalidArgument (field ``options["..."]`` or of
        the spec) where the study doesn't fit the options."""
        ...

    def fold(self, state: Any, outcomes: Outcomes) -> Any:
        """The state that knows the outcomes as well."""
        ...

    def policy(self, state: Any, now: float) -> Policy:
        """What to play at ``now``, in seconds since 1970."""
        ...

    def best(
        self, state: Any, arms: NDArray[np.intp], context: NDArray[np.float64] | None, now: float
    ) -> ArmEstimate | None:
        """Which of ``arms`` [k] has the lowest expected cost by the posterior; None while nothing was observed.

        context: [c] the one to judge them at; None: an average of those seen.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KArmed(Options, ABC):
    """A bandit that looks at no context. Subclasses say what each arm's chances are."""

    contextual: ClassVar[bool] = False
    ages: ClassVar[bool] = False
    joint: ClassVar[bool] = False

    def policy(self, state: Any, now: float) -> Policy:
        """What to play."""
        return KArmedPolicy(self, state, now)

    @abstractmethod
    def chances(self, state: Any, arms: NDArray[np.intp], now: float) -> NDArray[np.float64]:
        """As Policy.chances."""


@dataclass(frozen=True, slots=True)
class KArmedPolicy:
    """The policy of a state that no context changes."""

    bandit: KArmed
    state: Any
    now: float

    def chances(self, arms: NDArray[np.intp], context: NDArray[np.float64]) -> NDArray[np.float64]:
        """See Policy."""
        return self.bandit.chances(self.state, arms, self.now)


@dataclass(frozen=True, slots=True)
class Draw:
    """One choice of a joint policy: the arm, and what shall be written down with it, see Outcomes.tags."""

    arm: int
    tag: int


class JointPolicy(Protocol):
    """What to play in a space whose points are not listed: an immutable value."""

    @property
    def draws(self) -> int:
        """How many numbers of luck a choice takes."""
        ...

    def draw(self, luck: NDArray[np.float64]) -> Draw:
        """The choice that ``luck`` [draws], uniform in [0, 1), falls on."""
        ...

    def probability(self, arm: int) -> float:
        """With which ``draw`` chooses this arm, whatever the tag; the floor isn't in it."""
        ...


class JointBandit(Protocol):
    """As Bandit, for the points of a lattice, of which there may be any number; ``joint`` is True.

    Looks at no context (``contextual`` is False). What belongs to the floor is drawn by
    the caller, uniformly from the lattice, with tag -1.
    """

    name: ClassVar[str]
    contextual: ClassVar[bool]
    ages: ClassVar[bool]
    joint: ClassVar[bool]

    @property
    def floor(self) -> float:
        """See Options."""
        ...

    @property
    def steps(self) -> int:
        """See Options."""
        ...

    def initial(self, study: Study, lattice: Lattice) -> Any:
        """As Bandit.initial."""
        ...

    def fold(self, state: Any, outcomes: Outcomes) -> Any:
        """As Bandit.fold."""
        ...

    def policy(self, state: Any, now: float) -> JointPolicy:
        """As Bandit.policy."""
        ...

    def best(self, state: Any) -> ArmEstimate | None:
        """As Bandit.best; of all points."""
        ...

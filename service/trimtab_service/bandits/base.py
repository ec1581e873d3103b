"""What a bandit is, what it learns from, and what it answers with.

Arms are the points of the study's finite search space, in the order of
``SearchSpace.points``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from trimtab_service.domain.study import Study

MOST_ARMS = 1_000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Observed decisions, as parallel arrays of n elements each.

    arms: [n] intp, index of the arm that was played.
    propensities: [n] float, the probability with which it was chosen, in (0, 1].
    costs: [n] float, the mean of what was measured in the unit of the
        objective's metric, with the sign that makes smaller better
        (Objective.sign); NaN where the outcome is FAILED.
    counts: [n] float, how many single measurements the mean is of, at least 1.
    variances: [n] float, variance of the single measurements; NaN: not known.
    Abandoned decisions are left out.
    """

    arms: NDArray[np.intp]
    propensities: NDArray[np.float64]
    costs: NDArray[np.float64]
    counts: NDArray[np.float64]
    variances: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choices:
    """n draws of a policy: arms [n] intp, and their propensities [n] float."""

    arms: NDArray[np.intp]
    propensities: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Policy:
    """Plain data: the probability of each arm. Immutable.

    probabilities: [K] float, at least 0, their sum 1 within 1e-9. What is
        logged as the propensity of a choice is exactly this number.
    cumulative: [K] float, their running sum, the last exactly 1.
    """

    probabilities: NDArray[np.float64]
    cumulative: NDArray[np.float64]

    @classmethod
    def of(cls, weights: NDArray[np.float64]) -> Policy:
        """The policy proportional to ``weights`` [K], at least one of them positive."""
        probabilities = weights / weights.sum()
        cumulative = np.cumsum(probabilities)
        # The last arm that can be drawn takes what rounding left over.
        cumulative[np.flatnonzero(probabilities)[-1] :] = 1.0
        probabilities.setflags(write=False)
        cumulative.setflags(write=False)
        return cls(probabilities, cumulative)

    def choose(self, count: int, rng: np.random.Generator) -> Choices:
        """``count`` independent draws."""
        arms = np.searchsorted(self.cumulative, rng.random(count), side="right")
        return Choices(arms, self.probabilities[arms])


@dataclass(frozen=True, slots=True)
class ArmEstimate:
    """What a bandit believes of one arm's expected cost (sign as in Outcomes).

    standard_error: NaN where nothing was observed yet.
    """

    arm: int
    cost: float
    standard_error: float


class Bandit(Protocol):
    """A frozen dataclass whose fields are its options, each with a default.

    Law: ``fold`` is additive. Folding outcomes in any order and in any
    batches gives the same state up to rounding; a state is a frozen value of
    arrays and numbers, never changed in place. ``policy`` is a pure function
    of the state, its probabilities all positive unless there is one arm.
    """

    name: ClassVar[str]
    """As callers write it."""

    def initial(self, study: Study) -> Any:
        """The state that knows nothing. Raises InvalidArgument (field ``options["..."]`` or of the spec)
        where the study's metric doesn't fit the options."""
        ...

    def fold(self, state: Any, outcomes: Outcomes) -> Any:
        """The state that knows the outcomes as well."""
        ...

    def policy(self, state: Any) -> Policy:
        """What to play."""
        ...

    def best(self, state: Any) -> ArmEstimate | None:
        """The arm of lowest expected cost by the posterior; None while nothing was observed."""
        ...

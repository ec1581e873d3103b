"""Linear Thompson sampling: plays each arm as often as it is believed to be the best in this context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits.base import Options
from trimtab_service.bandits.linear import Belief, LinearBandit
from trimtab_service.bandits.normal_posterior import chances_of_least
from trimtab_service.domain.errors import InvalidArgument


@dataclass(frozen=True, slots=True, kw_only=True)
class LinThompson(LinearBandit):
    """Thompson sampling with one linear model an arm (Agrawal & Goyal 2013, Thompson Sampling for Contextual Bandits).

    Coefficients drawn from the posterior (``Belief``) make the costs of the
    arms in one context independent normal values. How often each would be the
    least is computed, not drawn, so that every decision has its propensity.

    width: by what the posterior's standard deviations are multiplied. Below 1
        it explores less than sampling does, which pays where the model is right.
    """

    name: ClassVar[str] = "lin_thompson"

    width: float = 0.7

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        if not 1e-3 <= self.width <= 1e3:
            raise InvalidArgument("width", f"must lie between 1e-3 and 1e3, not {self.width}")

    def shares(self, belief: Belief, arms: NDArray[np.intp], features: NDArray[np.float64]) -> NDArray[np.float64]:
        """[k] how likely each arm's expected cost is the least."""
        posterior = belief.posterior(features, arms)
        return chances_of_least(posterior.means, self.width * posterior.errors)

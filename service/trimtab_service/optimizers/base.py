"""What an optimizer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np

from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import History, Suggested


class Optimizer(Protocol):
    """A frozen dataclass whose fields are its options, each with a default.

    Law: the same study, history, context and count give the same answer in
    any process. ``rng`` is seeded by (study.seed, history.next_number), see
    ``generator``; work is bounded by counts, never by a clock; arguments are
    left as they are.
    """

    name: ClassVar[str]
    """As callers write it."""

    uses_history: ClassVar[bool]
    """Whether it looks at the trials, but for the sake of the baseline (``design.opening``). If not, History.trials
    may be empty."""

    inline: ClassVar[bool]
    """Whether a call costs so little (microseconds, NumPy alone) that it may
    run in the serving process."""

    ahead: ClassVar[bool]
    """Whether a suggestion is worth computing before it is asked for: where it
    takes long, and what was observed since doesn't make it worthless at once."""

    def suggest(
        self, study: Study, history: History, context: Parameters, count: int, rng: np.random.Generator
    ) -> Sequence[Suggested]:
        """Exactly ``count`` legal points, or SpaceExhausted."""
        ...


def generator(study: Study, history: History) -> np.random.Generator:
    """The only source of randomness of the call that makes trial ``history.next_number``."""
    return np.random.default_rng((study.seed, history.next_number))

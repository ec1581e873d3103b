"""Every bandit by its name. To host one more: one file, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from trimtab_service.bandits.base import Bandit
from trimtab_service.bandits.epsilon_greedy import EpsilonGreedy
from trimtab_service.bandits.kl_ucb import KlUcb
from trimtab_service.bandits.reduced_variance import ReducedVariance
from trimtab_service.bandits.sequential_halving import SequentialHalving
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.bandits.top_two_thompson import TopTwoThompson
from trimtab_service.bandits.tsallis_inf import TsallisInf
from trimtab_service.bandits.ucb1 import Ucb1
from trimtab_service.domain.errors import UnknownAlgorithm
from trimtab_service.domain.options import from_options
from trimtab_service.domain.study import ChosenAlgorithm

CATALOG: Mapping[str, type[Any]] = MappingProxyType(
    {
        "thompson": Thompson,
        "top_two_thompson": TopTwoThompson,
        "sequential_halving": SequentialHalving,
        "ucb1": Ucb1,
        "kl_ucb": KlUcb,
        "epsilon_greedy": EpsilonGreedy,
        "tsallis_inf": TsallisInf,
        "reduced_variance_tsallis_inf": ReducedVariance,
    }
)


def bandit(algorithm: ChosenAlgorithm) -> Bandit:
    """The bandit with the options in force; UnknownAlgorithm, InvalidArgument (``options["..."]``)."""
    record = CATALOG.get(algorithm.name)
    if record is None:
        known = ", ".join(CATALOG)
        raise UnknownAlgorithm("name", f"{algorithm.name[:80]!r} is not a bandit; there are: {known}")
    chosen: Bandit = from_options(record, algorithm.options)
    return chosen

"""Every bandit by its name. To host one more: one file, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from trimtab_service.bandits.adaptive_thompson import AdaptiveThompson
from trimtab_service.bandits.base import Bandit, JointBandit
from trimtab_service.bandits.binned import Binned
from trimtab_service.bandits.cheb_cb import ChebCb
from trimtab_service.bandits.epsilon_greedy import EpsilonGreedy
from trimtab_service.bandits.hier_ucb import HierUcb
from trimtab_service.bandits.independent import Independent
from trimtab_service.bandits.kl_ucb import KlUcb
from trimtab_service.bandits.lin_thompson import LinThompson
from trimtab_service.bandits.lin_ucb import LinUcb
from trimtab_service.bandits.reduced_variance import ReducedVariance
from trimtab_service.bandits.sequential_halving import SequentialHalving
from trimtab_service.bandits.square_cb import SquareCb
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.bandits.top_two_thompson import TopTwoThompson
from trimtab_service.bandits.tsallis_inf import TsallisInf
from trimtab_service.bandits.ucb1 import Ucb1
from trimtab_service.domain.errors import UnknownAlgorithm
from trimtab_service.domain.options import from_options
from trimtab_service.domain.study import ChosenAlgorithm

CATALOG: Mapping[str, type[Any]] = MappingProxyType(
    {
        # K arms, no context
        "thompson": Thompson,
        "adaptive_thompson": AdaptiveThompson,
        "top_two_thompson": TopTwoThompson,
        "sequential_halving": SequentialHalving,
        "ucb1": Ucb1,
        "kl_ucb": KlUcb,
        "epsilon_greedy": EpsilonGreedy,
        "tsallis_inf": TsallisInf,
        "reduced_variance_tsallis_inf": ReducedVariance,
        # K arms, and a context
        "lin_ucb": LinUcb,
        "lin_thompson": LinThompson,
        "square_cb": SquareCb,
        "cheb_cb": ChebCb,
        "binned": Binned,
        # several parameters, each learned about by itself
        "hier_ucb": HierUcb,
        "independent": Independent,
    }
)


def bandit(algorithm: ChosenAlgorithm) -> Bandit | JointBandit:
    """The bandit with the options in force; UnknownAlgorithm, InvalidArgument (``options["..."]``)."""
    record = CATALOG.get(algorithm.name)
    if record is None:
        known = ", ".join(CATALOG)
        raise UnknownAlgorithm("name", f"{algorithm.name[:80]!r} is not a bandit; there are: {known}")
    chosen: Bandit | JointBandit = from_options(record, algorithm.options)
    return chosen

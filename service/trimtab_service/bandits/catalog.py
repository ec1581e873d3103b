"""Every bandit by its name. To host one more: one file, and one line here.

A bandit's module is imported when it is first asked for: a server that starts
needs the names of all, and the code of those that its studies use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from trimtab_service.bandits.base import Bandit, JointBandit
from trimtab_service.domain.errors import UnknownAlgorithm
from trimtab_service.domain.options import from_options
from trimtab_service.domain.study import ChosenAlgorithm

_PLACES = {
    # K arms, no context
    "thompson": "thompson.Thompson",
    "adaptive_thompson": "adaptive_thompson.AdaptiveThompson",
    "discounted_thompson": "discounted_thompson.DiscountedThompson",
    "discounted_ucb": "discounted_ucb.DiscountedUcb",
    "top_two_thompson": "top_two_thompson.TopTwoThompson",
    "sequential_halving": "sequential_halving.SequentialHalving",
    "ucb1": "ucb1.Ucb1",
    "kl_ucb": "kl_ucb.KlUcb",
    "epsilon_greedy": "epsilon_greedy.EpsilonGreedy",
    "tsallis_inf": "tsallis_inf.TsallisInf",
    "reduced_variance_tsallis_inf": "reduced_variance.ReducedVariance",
    # K arms, and a context
    "lin_ucb": "lin_ucb.LinUcb",
    "lin_thompson": "lin_thompson.LinThompson",
    "square_cb": "square_cb.SquareCb",
    "cheb_cb": "cheb_cb.ChebCb",
    "binned": "binned.Binned",
    # several parameters, each learned about by itself
    "hier_ucb": "hier_ucb.HierUcb",
    "independent": "independent.Independent",
}


class Catalog(Mapping[str, type[Any]]):
    """The classes, by the names that callers write."""

    def __getitem__(self, name: str) -> type[Any]:
        return _loaded(_PLACES[name])

    def __contains__(self, name: object) -> bool:
        return name in _PLACES

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


CATALOG = Catalog()


@cache
def _loaded(place: str) -> type[Any]:
    module, name = place.split(".")
    record: type[Any] = getattr(import_module(f"trimtab_service.bandits.{module}"), name)
    return record


def bandit(algorithm: ChosenAlgorithm) -> Bandit | JointBandit:
    """The bandit with the options in force; UnknownAlgorithm, InvalidArgument (``options["..."]``)."""
    if algorithm.name not in CATALOG:
        known = ", ".join(CATALOG)
        raise UnknownAlgorithm("name", f"{algorithm.name[:80]!r} is not a bandit; there are: {known}")
    chosen: Bandit | JointBandit = from_options(CATALOG[algorithm.name], algorithm.options)
    return chosen

"""Every bandit by its name. To host one more: one file, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from trimtab_service.bandits.base import Bandit
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.bandits.tsallis_inf import TsallisInf
from trimtab_service.domain.errors import UnknownAlgorithm
from trimtab_service.domain.options import from_options
from trimtab_service.domain.study import ChosenAlgorithm

CATALOG: Mapping[str, type[Any]] = MappingProxyType(
    {
        "thompson": Thompson,
        "tsallis_inf": TsallisInf,
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

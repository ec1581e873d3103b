"""Every optimizer by name. One line an algorithm; nothing here imports torch or SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trimtab_service.domain.errors import UnknownAlgorithm
from trimtab_service.domain.options import from_options
from trimtab_service.domain.study import ChosenAlgorithm, StudySpec
from trimtab_service.optimizers.base import Optimizer
from trimtab_service.optimizers.gp import GaussianProcess
from trimtab_service.optimizers.random import RandomSearch
from trimtab_service.optimizers.sobol import Sobol

_ALGORITHMS: tuple[type[Optimizer], ...] = (
    RandomSearch,
    Sobol,
    GaussianProcess,
)

CATALOG: Mapping[str, type[Optimizer]] = MappingProxyType({algorithm.name: algorithm for algorithm in _ALGORITHMS})


def optimizer(algorithm: ChosenAlgorithm) -> Optimizer:
    """The optimizer with its options.

    Raises UnknownAlgorithm (field ``name``), InvalidArgument (field ``options["..."]``).
    """
    if algorithm.name not in CATALOG:
        raise UnknownAlgorithm("name", f"{algorithm.name[:80]!r} is none of {', '.join(CATALOG)}")
    return from_options(CATALOG[algorithm.name], algorithm.options)


def check(algorithm: ChosenAlgorithm, spec: StudySpec) -> None:
    """Raises InvalidArgument (field ``options["..."]``) where an option makes no sense in such a study."""
    chosen = optimizer(algorithm)
    if isinstance(chosen, GaussianProcess):
        chosen.choice.check(spec)

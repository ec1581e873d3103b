"""Which optimizer or bandit runs a study: what was asked for, checked, or what ``auto`` sees fit."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab_service.bandits import catalog as bandits
from trimtab_service.bandits.base import MOST_ARMS
from trimtab_service.domain import errors, options
from trimtab_service.domain.errors import InvalidArgument, UnknownAlgorithm
from trimtab_service.domain.space import ParameterValue
from trimtab_service.domain.study import ChosenAlgorithm, MetricKind, StudySpec
from trimtab_service.optimizers import catalog as optimizers

AUTO = "auto"
# Up to here every arm gets enough plays to be told apart within some thousand
# decisions; beyond it, a model that shares what it learns among points wins.
AUTO_MOST_ARMS = 100


def choose(spec: StudySpec) -> ChosenAlgorithm:
    """The algorithm of a new study.

    Raises InvalidArgument (fields ``algorithm.name``, ``algorithm.options``)
    where the request can't be met: no fault is left for the first Suggest.
    """
    asked = spec.algorithm
    if asked.name == AUTO:
        if asked.options:
            raise InvalidArgument("algorithm.options", "auto takes no options; name the algorithm that they are for")
        name, reason = _automatic(spec)
        return _checked(spec, name, {}, reason)
    return _checked(spec, asked.name, asked.options, "asked for")


def _automatic(spec: StudySpec) -> tuple[str, str]:
    count = spec.space.cardinality
    if spec.context:
        return "gp", "auto: a context needs a model that shares what it learns between contexts"
    if count is None:
        return "gp", "auto: the search space is continuous"
    if count > AUTO_MOST_ARMS:
        return "gp", f"auto: {count} points are too many to learn about one by one"
    kind = "0/1" if spec.objective_metric.kind is MetricKind.BINARY else "real"
    noun = "point" if count == 1 else "points"
    return "thompson", f"auto: {count} {noun}, {kind} metric, no context: each is an arm of a bandit"


def _checked(spec: StudySpec, name: str, given: Mapping[str, ParameterValue], reason: str) -> ChosenAlgorithm:
    decisions = name in bandits.CATALOG
    record = bandits.CATALOG[name] if decisions else optimizers.CATALOG.get(name)
    if record is None:
        known = ", ".join([AUTO, *optimizers.CATALOG, *bandits.CATALOG])
        raise UnknownAlgorithm("algorithm.name", f"{name[:130]!r} is not known; there are: {known}")
    with errors.field("algorithm"):
        values = options.to_options(options.from_options(record, given))
    if decisions:
        _check_arms(spec, name)
    return ChosenAlgorithm(name, values, reason, decisions)


def _check_arms(spec: StudySpec, name: str) -> None:
    if spec.context:
        raise InvalidArgument("algorithm.name", f"{name} doesn't look at a context; use gp, or leave the context out")
    for parameter in spec.space.parameters:
        if parameter.cardinality is None:
            raise InvalidArgument(
                "algorithm.name",
                f"{name} needs a finite search space, and {parameter.name!r} is a continuum: give it a step",
            )
    count = spec.space.cardinality
    if count is not None and count > MOST_ARMS:
        raise InvalidArgument("algorithm.name", f"{name} takes {MOST_ARMS} points at most, and the space has {count}")

"""Which optimizer or bandit runs a study: what was asked for, checked, or what ``auto`` sees fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab_service.bandits import catalog as bandits
from trimtab_service.bandits.base import MOST_ARMS, Bandit, JointBandit
from trimtab_service.domain import errors, options
from trimtab_service.domain.arms import levels
from trimtab_service.domain.errors import InvalidArgument, UnknownAlgorithm
from trimtab_service.domain.fixed import check_existence
from trimtab_service.domain.metric import MetricKind
from trimtab_service.domain.space import Categorical, Float, Integer, Parameters, ParameterValue, SearchSpace
from trimtab_service.domain.study import ChosenAlgorithm, StudySpec
from trimtab_service.optimizers import catalog as optimizers
from trimtab_service.optimizers.region import Region

AUTO = "auto"
AUTO_OPTIONS = frozenset({"floor", "steps"})
"""What auto can be told: what every bandit has."""

# Up to here every arm gets enough plays to be told apart within some thousand
# decisions; beyond it, a model that shares what it learns among points wins.
AUTO_MOST_ARMS = 100


def choose(spec: StudySpec) -> ChosenAlgorithm:
    """The algorithm of a new study.

    Raises InvalidArgument (fields ``algorithm.name``, ``algorithm.options``)
    where the request can't be met: no fault is left for the first Suggest.
    """
    asked = spec.algorithm
    if asked.name != AUTO:
        return _checked(spec, asked.name, asked.options, "asked for")
    for option in asked.options:
        if option not in AUTO_OPTIONS:
            known = ", ".join(sorted(AUTO_OPTIONS))
            raise InvalidArgument(
                f'algorithm.options["{option[:130]}"]',
                f"auto takes no other options than {known}; name the algorithm that it is for",
            )
    name, reason = _automatic(spec)
    fitting = {"interactions": True} if name == "lin_ucb" and len(spec.context) == 1 else {}
    return _checked(spec, name, {**fitting, **asked.options}, f"auto: {reason}")


def _automatic(spec: StudySpec) -> tuple[str, str]:
    for words in _of_trials(spec).values():
        return "gp", f"only trial studies have {words}"
    steps = spec.algorithm.options.get("steps", 0)
    if not steps and any(isinstance(one, Float) and one.step is None for one in spec.space.parameters):
        return "gp", "the search space is continuous"
    count = _count(spec, int(steps))
    noun = "point" if count == 1 else "points"
    if count > AUTO_MOST_ARMS:
        return "gp", f"{count} points are too many to learn about one by one"
    if len(spec.context) == 1 and not isinstance(spec.context[0], Categorical):
        return "lin_ucb", f"{count} {noun}, each an arm of a bandit, and one number as context: a parabola for each arm"
    if spec.context:
        return "lin_ucb", f"{count} {noun}, each an arm of a bandit, and a context: a linear model for each arm"
    kind = "0/1" if spec.objective_metric.kind is MetricKind.BINARY else "real"
    return AUTO_PLAIN, f"{count} {noun}, {kind} metric, no context: each is an arm of a bandit"


AUTO_PLAIN = "adaptive_thompson"


def _count(spec: StudySpec, steps: int) -> int:
    """How many points there are; without listing them where there are many."""
    count = 1
    for parameter in spec.space.parameters:
        own = parameter.cardinality
        if steps and isinstance(parameter, Float | Integer) and (own is None or own > steps):
            own = len(levels(parameter, steps))
        if own is None:
            raise InvalidArgument("", f"{parameter.name!r} is a continuum")
        count *= own
    return count


def _checked(spec: StudySpec, name: str, given: Mapping[str, ParameterValue], reason: str) -> ChosenAlgorithm:
    decisions = name in bandits.CATALOG
    record = bandits.CATALOG[name] if decisions else optimizers.CATALOG.get(name)
    if record is None:
        known = ", ".join([AUTO, *optimizers.CATALOG, *bandits.CATALOG])
        raise UnknownAlgorithm("algorithm.name", f"{name[:130]!r} is not known; there are: {known}")
    with errors.field("algorithm"):
        chosen = options.from_options(record, given)
    found = ChosenAlgorithm(name, options.to_options(chosen), reason, decisions)
    check_fields(spec, found)
    if decisions:
        _check_bandit(spec, chosen)
    else:
        _check_space(spec)
        with errors.field("algorithm"):
            optimizers.check(found, spec)
    return found


def _check_bandit(spec: StudySpec, bandit: Any) -> None:
    name, steps = bandit.name, bandit.steps
    if spec.context and not bandit.contextual:
        contextual = ", ".join(name for name, record in bandits.CATALOG.items() if record.contextual)
        raise InvalidArgument(
            "algorithm.name", f"{name} doesn't look at a context; use one of {contextual}, gp, or leave the context out"
        )
    if bandit.contextual and not spec.context:
        raise InvalidArgument("algorithm.name", f"{name} needs a context to be declared")
    for parameter in spec.space.parameters:
        if parameter.cardinality is None and not steps:
            raise InvalidArgument(
                "algorithm.name",
                f"{name} needs a finite search space, and {parameter.name!r} is a continuum: "
                "give it a step, or set the option steps",
            )
    with errors.field("algorithm.name"):
        check_count(spec, bandit)


def check_fields(spec: StudySpec, chosen: ChosenAlgorithm) -> None:
    """Raises InvalidArgument at a field that only studies of the other kind have, of trials or of decisions."""
    if chosen.decisions:
        for field, words in _of_trials(spec).items():
            raise InvalidArgument(
                field, f"{chosen.name} is a bandit, and only trial studies have {words}: name gp, say"
            )
        return
    for field in ("reward_wait", "default_reward", "retention"):
        if getattr(spec, field) is not None:
            raise InvalidArgument(field, f"only bandit studies have it, and {chosen.name} makes trials")
    if spec.disabled_arms:
        raise InvalidArgument("disabled_arms", f"only bandit studies have arms, and {chosen.name} makes trials")


def _of_trials(spec: StudySpec) -> dict[str, str]:
    """The fields that only trial studies have and this one sets, and what they are, in words."""
    fields = {
        "objectives": ("several objectives", len(spec.objectives) > 1),
        "outcome_constraints": ("outcome constraints", bool(spec.outcome_constraints)),
        "cost_metric": ("a cost of trials", spec.cost_metric is not None),
        "half_life": ("a half-life", spec.half_life is not None),
        "robustness": ("robustness", spec.robustness is not None),
        "transfer_from": ("related studies", bool(spec.transfer_from)),
    }
    found = {field: words for field, (words, is_set) in fields.items() if is_set}
    return found | {f"search_space.{field}": words for field, words in _beyond_arms(spec.space).items()}


def _beyond_arms(space: SearchSpace) -> dict[str, str]:
    """The fields of a space that only trial studies have, and what they are, in words."""
    found = {}
    for index, parameter in enumerate(space.parameters):
        if parameter.conditions:
            found[f"parameters[{index}].conditions"] = "parameters that don't always exist"
        if parameter.prior is not None:
            found[f"parameters[{index}].prior"] = "beliefs about parameters"
    if space.linear_constraints:
        found["linear_constraints"] = "linear constraints"
    if space.simplexes:
        found["simplexes"] = "mixtures"
    return found


def check_fixed(space: SearchSpace, fixed: Parameters) -> dict[str, ParameterValue]:
    """The values of some parameters that are meant. Raises InvalidArgument (``values...``) where no point has them."""
    if not fixed:
        return {}
    region = Region(space, fixed)
    try:
        region.check()
    except InvalidArgument:
        raise InvalidArgument("values", "no legal point has them all") from None
    return space.check_part(fixed)


def check_count(spec: StudySpec, bandit: Bandit | JointBandit) -> None:
    """Raises InvalidArgument (field empty) where the space has more points than the bandit can list."""
    if bandit.joint:
        return
    count = _count(spec, bandit.steps)
    if count > MOST_ARMS:
        raise InvalidArgument("", f"{bandit.name} takes {MOST_ARMS} points at most, and the space has {count}")


def _check_space(spec: StudySpec) -> None:
    with errors.field("search_space"):
        check_existence(spec.space)
    try:
        Region(spec.space).check()
    except InvalidArgument:
        field = "linear_constraints" if spec.space.linear_constraints else "simplexes"
        raise InvalidArgument(f"search_space.{field}", "no point fulfils them all") from None

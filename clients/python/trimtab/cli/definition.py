"""Files that define a study, in YAML or JSON.

    id: gbm
    parameters:
      - {name: learning_rate, type: float, min: 1e-3, max: 1.0, scale: log}
      - {name: depth, type: integer, min: 1, max: 12}
      - {name: loss, type: categorical, values: [squared, absolute]}
      - {name: leaves, type: discrete, values: [15, 31, 63]}
    minimize: rmse
    metrics:
      - {name: rmse, min: 0}
    baseline: {learning_rate: 0.1, depth: 6, loss: squared, leaves: 31}
    lease: 600                  # seconds

The keys are the arguments of ``Client.create_study``; those of a parameter, a
metric or a formula are the fields of its class, so that a metric which is
computed looks like one of these. A key that isn't one is an error.

    metrics:
      - {name: score, formula: {weights: {latency: 1.0, cost: 0.5}}}
      - {name: rate, formula: {numerator: revenue, denominator: visits}}
      - {name: worth, formula: {desires: [{metric: latency, target: 10, high: 50}]}}

A parameter may exist only where others have certain values, and good values
of it may be believed to lie somewhere; parameters may have to add up.

    parameters:
      - {name: model, type: categorical, values: [tree, net], prior: {weights: [3, 1]}}
      - {name: layers, type: integer, min: 1, max: 4, when: {model: net}}
      - {name: width, type: integer, min: 8, max: 512, when: {layers: {min: 2}}, prior: {mean: 64, spread: 0.2}}
    linear_constraints:
      - {weights: {reads: 1, writes: 2}, max: 40}
    simplexes:
      - {parameters: [flour, water, salt], total: 1}

Several objectives are a list; what is asked of outcomes has the fields of its class.

    minimize: [latency, cost]
    outcome_constraints:
      - {metric: memory, max: 1.1, relative_to_baseline: true}

What ``trimtab study show --json`` prints is read as well: the id is the last
part of its name, the definition its spec, and the rest is how the study stood.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from trimtab.answers import StudyDescription
from trimtab.laws import Between, LinearConstraint, NormalPrior, Simplex, WeightsPrior
from trimtab.outcomes import OutcomeConstraint, Robustness
from trimtab.space import (
    Categorical,
    Desirability,
    Desire,
    Discrete,
    Float,
    Integer,
    Metric,
    Parameter,
    Ratio,
    WeightedSum,
)
from trimtab.spec import StudySpec, duration, duration_or_forever

TYPES: Mapping[str, type[Parameter]] = {
    "float": Float,
    "integer": Integer,
    "categorical": Categorical,
    "discrete": Discrete,
}

SPANS: Mapping[str, Callable[[timedelta | float], timedelta]] = {
    "lease": duration,
    "decision_lifetime": duration,
    "reward_wait": duration,
    "retention": duration_or_forever,
    "half_life": duration,
}

# What Python says of a call that lacks arguments, up to their names.
LACKING = re.compile(r"^\w+\.__init__\(\) missing \d+ required (positional|keyword-only) arguments?")


class DefinitionError(Exception):
    """The file can't be read, or doesn't define a study."""


def read_definition(file: str) -> tuple[str | None, StudySpec]:
    """The id, if the file gives one, and the definition. "-" is the standard input."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionError(f"can't read {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{file} is not UTF-8: {error}") from None
    try:
        return definition(_parsed(text, file))
    except DefinitionError as error:
        raise DefinitionError(f"{file}: {error}") from None


def definition(data: object) -> tuple[str | None, StudySpec]:
    """The same from what a file holds."""
    if data is None:
        raise DefinitionError("there is nothing in it: a study needs parameters, and minimize or maximize")
    given = _mapping(data, "the file")
    if "spec" in given:
        given = _of_description(given)
    known = {field.name for field in fields(StudySpec)}
    _check_keys(given, known | {"id"}, "")
    values = {name: value for name, value in given.items() if name != "id" and value is not None}
    if "parameters" not in values:
        raise DefinitionError("parameters: missing: a study needs at least one")
    for name, build in (
        *(("parameters", _parameter), ("context", _parameter), ("metrics", _metric)),
        ("outcome_constraints", lambda each, path: _record(OutcomeConstraint, each, path)),
        ("linear_constraints", _linear_constraint),
        ("simplexes", lambda each, path: _record(Simplex, each, path)),
    ):
        if name in values:
            values[name] = _each(values[name], name, build)
    if "robustness" in values:
        values["robustness"] = _record(Robustness, _mapping(values["robustness"], "robustness"), "robustness")
    for name in ("options", "baseline", "labels", "reference_point"):
        if name in values:
            values[name] = _mapping(values[name], name)
    if "disabled_arms" in values:
        values["disabled_arms"] = _each(values["disabled_arms"], "disabled_arms", lambda pattern, _: pattern)
    for name, length in SPANS.items():
        if name in values:
            values[name] = _span(name, length, values[name])
    study_id = given.get("id")
    return (None if study_id is None else str(study_id)), _attempt("", lambda: StudySpec(**values))


def _of_description(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a definition, from a study as it is shown."""
    _check_keys(given, {field.name for field in fields(StudyDescription)}, "")
    name = given.get("name")
    shown_id = {} if name is None else {"id": str(name).rpartition("/")[2]}
    return shown_id | _mapping(given["spec"], "spec")


def _parameter(given: Mapping[str, Any], path: str) -> Parameter:
    kind = TYPES.get(str(given.get("type")))
    if kind is None:
        raise DefinitionError(f"{path}.type: must be one of {', '.join(TYPES)}, not {given.get('type')!r}")
    values = {name: value for name, value in given.items() if name != "type"}
    if "when" in values:
        conditions = _mapping(values["when"], f"{path}.when")
        values["when"] = {name: _condition(each, f"{path}.when.{name}") for name, each in conditions.items()}
    if values.get("prior") is not None:
        values["prior"] = _prior(_mapping(values["prior"], f"{path}.prior"), f"{path}.prior")
    return _record(kind, values, path, extra={"type"})  # type: ignore[return-value]


def _condition(given: Any, path: str) -> Any:
    return _record(Between, given, path) if isinstance(given, dict) else given


def _prior(given: Mapping[str, Any], path: str) -> object:
    return _record(WeightsPrior if "weights" in given else NormalPrior, given, path)


def _linear_constraint(given: Mapping[str, Any], path: str) -> object:
    return _record(LinearConstraint, {**given, "weights": _mapping(given.get("weights"), f"{path}.weights")}, path)


def _metric(given: Mapping[str, Any], path: str) -> Metric:
    if given.get("formula") is not None:
        given = {**given, "formula": _formula(_mapping(given["formula"], f"{path}.formula"), f"{path}.formula")}
    return _record(Metric, given, path)  # type: ignore[return-value]


def _formula(given: Mapping[str, Any], path: str) -> object:
    if "weights" in given:
        return _record(WeightedSum, {**given, "weights": _mapping(given["weights"], f"{path}.weights")}, path)
    if "desires" in given:
        desires = _each(given["desires"], f"{path}.desires", lambda each, at: _record(Desire, each, at))
        return _record(Desirability, {**given, "desires": desires}, path)
    return _record(Ratio, given, path)


def _record(kind: type, given: Mapping[str, Any], path: str, extra: frozenset[str] | set[str] = frozenset()) -> object:
    _check_keys(given, {field.name for field in fields(kind)} | extra, f"{path}.")
    return _attempt(path, lambda: kind(**given))


def _attempt(path: str, build: Callable[..., Any], *values: object) -> Any:
    """What is built; the faults that Python finds in the values, with the path."""
    try:
        return build(*values)
    except (TypeError, ValueError) as error:
        reason = LACKING.sub("missing", f"{error}")
        raise DefinitionError(f"{path}: {reason}" if path else reason) from None


def _span(path: str, length: Callable[[timedelta | float], timedelta], given: object) -> timedelta:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise DefinitionError(f"{path}: must be a number of seconds, not {given!r:.80}")
    try:
        return length(given)
    except (ValueError, OverflowError):
        raise DefinitionError(f"{path}: {given} seconds is no length of time") from None


def _each(given: object, path: str, build: Callable[[Mapping[str, Any], str], object]) -> list[object]:
    if not isinstance(given, list):
        raise DefinitionError(f"{path}: must be a list, not {given!r:.80}")
    return [build(_mapping(each, f"{path}[{index}]"), f"{path}[{index}]") for index, each in enumerate(given)]


def _mapping(given: object, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise DefinitionError(f"{path}: must be a mapping of names to values, not {given!r:.80}")
    for name in given:
        if not isinstance(name, str):
            raise DefinitionError(f"{path}: the key {name!r} must be a text: put it in quotes")
    return given


def _check_keys(given: Mapping[str, Any], known: set[str] | frozenset[str], prefix: str) -> None:
    for name in given:
        if name not in known:
            raise DefinitionError(f"unknown key {prefix}{name}; there is {', '.join(sorted(known))}")


def _parsed(text: str, file: str) -> object:
    if not text.strip():
        return None
    if file.endswith(".json") or text.lstrip().startswith("{"):
        try:
            return json.loads(text, object_pairs_hook=_without_duplicates)
        except ValueError as error:
            raise DefinitionError(f"not JSON: {error}") from None
    try:
        from trimtab.cli.yaml_reader import YAMLError, parse  # an extra: not everyone has it
    except ImportError:
        raise DefinitionError("reading YAML needs PyYAML: pip install 'trimtab[cli]'; JSON is read without") from None
    try:
        return parse(text)
    except YAMLError as error:
        raise DefinitionError(f"not YAML: {error}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    given = dict(pairs)
    if len(given) != len(pairs):
        names = [name for name, _ in pairs]
        raise DefinitionError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there twice")
    return given

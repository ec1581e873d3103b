"""``trimtab study``: create, list, show, delete, stop, resume."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from trimtab._client import Client
from trimtab.answers import StudyDescription
from trimtab.cli.definition import read_definition
from trimtab.cli.output import Output, UsageError, cell
from trimtab.laws import Between, LinearConstraint, Simplex
from trimtab.outcomes import OutcomeConstraint
from trimtab.space import Categorical, Desirability, Discrete, Float, Integer, Metric, Parameter, Ratio, WeightedSum
from trimtab.spec import StudySpec

Commands = Any  # argparse keeps the class of its subcommands to itself


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Adds ``study`` and what is under it."""
    study = commands.add_parser("study", help="create, list, show, delete, stop and resume studies")
    kinds = study.add_subparsers(title="commands", metavar="COMMAND", required=True)

    create = kinds.add_parser("create", parents=[shared], help="create a study from a file, in YAML or JSON")
    create.add_argument("file", metavar="FILE", help="the definition; - is the standard input")
    create.add_argument("--id", metavar="ID", help="the study's id, instead of the file's")
    create.add_argument("--exist-ok", action="store_true", help="a study of the same name and definition will do")
    create.set_defaults(run=create_study)

    listing = kinds.add_parser("list", parents=[shared], help="list the studies of the namespace")
    listing.add_argument(
        "--all-namespaces", action="store_const", const="-", default=None, help="list those of every namespace"
    )
    listing.set_defaults(run=list_studies)

    for name, run, text in (
        ("show", show_study, "show one study"),
        ("delete", delete_study, "delete a study with all that is in it, for good"),
        ("stop", stop_study, "make a study refuse to suggest; it still takes observations"),
        ("resume", resume_study, "make a stopped study suggest again"),
    ):
        command = kinds.add_parser(name, parents=[shared], help=text)
        command.add_argument("study", metavar="STUDY", help="its id, or its full name")
        command.set_defaults(run=run)
        if run is delete_study:
            command.add_argument("--yes", action="store_true", help="don't ask")


def create_study(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Creates a study; prints what the server made of it."""
    study_id, spec = read_definition(options.file)
    name = options.id or study_id
    if not name:
        raise UsageError(f"{options.file} gives no id: add one there, or say --id ID")
    study = client.create_study_from(name, spec, exist_ok=options.exist_ok)
    description = study.describe()
    if output.json:
        output.value(description)
        return
    algorithm = description.algorithm
    output.line(f"{description.name} is there; algorithm {algorithm.name}: {algorithm.reason}")


def list_studies(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Prints a line for each study."""
    listed = list(client.studies(namespace=options.all_namespaces))
    if output.json:
        output.value(listed)
        return
    whole_names = options.all_namespaces is not None
    output.table(
        ["STUDY", "STATE", "ALGORITHM", "OBJECTIVE", "PARAMETERS", "CREATED"],
        (
            (
                each.name if whole_names else each.id,
                each.state,
                each.algorithm.name,
                _objective(each),
                len(each.spec.parameters),
                each.create_time,
            )
            for each in listed
        ),
        empty=f"no studies in {'any namespace' if whole_names else f'namespace {client.namespace}'}; "
        "`trimtab study create FILE` makes one",
    )


def show_study(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Prints all there is to say about one study."""
    _show(client.study(options.study).describe(), output)


def stop_study(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Stops a study."""
    _say_state(client.study(options.study).stop(), output)


def resume_study(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Resumes a study."""
    _say_state(client.study(options.study).resume(), output)


def delete_study(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Deletes a study, after asking."""
    study = client.study(options.study)
    description = study.describe()
    if not options.yes:
        _confirm(description)
    study.delete(etag=description.etag)
    if output.json:
        output.value({"name": description.name, "deleted": True})
    else:
        output.line(f"{description.name} is deleted")


def _confirm(description: StudyDescription) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{description.name} would be deleted for good: say --yes if that is meant")
    counts = description.counts
    held = f" and its {counts.observations} observations" if counts else ""
    sys.stderr.write(f"Delete {description.name}{held} for good? Type its id, {description.id}, to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != description.id:
        raise UsageError(f"{description.name} is left as it was")


def _say_state(description: StudyDescription, output: Output) -> None:
    if output.json:
        output.value(description)
    else:
        output.line(f"{description.name} is {description.state}")


def _objective(description: StudyDescription) -> str:
    spec = description.spec
    return ", ".join(f"{goal} {name}" for name, goal in spec.goals.items())


def _show(description: StudyDescription, output: Output) -> None:
    if output.json:
        output.value(description)
        return
    output.pairs(_facts(description))
    baseline = description.spec.baseline or {}
    output.line("")
    output.table(
        ["PARAMETER", "TYPE", "VALUES", "SCALE", "BASELINE"],
        (_parameter(each, baseline.get(each.name)) for each in description.spec.parameters),
        empty="",
    )
    if description.spec.context:
        output.line("")
        output.table(
            ["CONTEXT", "TYPE", "VALUES", "SCALE"],
            (_parameter(e, None)[:4] for e in description.spec.context),
            empty="",
        )


def _facts(description: StudyDescription) -> Iterator[tuple[str, object]]:
    spec, algorithm, counts = description.spec, description.algorithm, description.counts
    yield "name", description.name
    yield "description", spec.description or None
    yield "state", description.state
    yield "objective", _objective(description)
    yield "reference point", _pattern(spec.reference_point) or None
    yield "metrics", ", ".join(map(_metric, spec.metrics))
    yield "sums", "; ".join([*map(_sum, spec.linear_constraints), *map(_sum, spec.simplexes)]) or None
    yield "constraints", ", ".join(map(_constraint, spec.outcome_constraints)) or None
    yield "cost", spec.cost_metric
    yield "algorithm", f"{algorithm.name}: {algorithm.reason}"
    yield "options", ", ".join(f"{name}={cell(value)}" for name, value in algorithm.options.items()) or None
    if algorithm.decisions:
        yield "decision lifetime", spec.decision_lifetime
        yield "default reward", _default_reward(spec)
        yield "retention", spec.retention
        yield "disabled arms", "; ".join(map(_pattern, spec.disabled_arms)) or None
    else:
        yield "lease", spec.lease
        yield "half-life", spec.half_life
        yield "robust over", None if spec.robustness is None else "; ".join(map(_pattern, spec.robustness.conditions))
        yield "transfer from", ", ".join(spec.transfer_from) or None
    yield "seed", spec.seed
    yield "labels", ", ".join(f"{name}={value}" for name, value in spec.labels.items()) or None
    if counts is not None:
        if not algorithm.decisions:
            states = ("pending", "completed", "failed", "abandoned", "expired", "queued")
            yield "trials", ", ".join(f"{getattr(counts, state)} {state}" for state in states if getattr(counts, state))
        yield "observations", counts.observations
    yield "revision", f"{description.revision} (etag {description.etag})"
    yield "created", description.create_time
    yield "changed", description.update_time


def _metric(metric: Metric) -> str:
    match metric.formula:
        case WeightedSum():
            terms = " + ".join(f"{cell(weight)} {name}" for name, weight in metric.formula.weights.items())
            return f"{metric.name} = {terms}".replace("+ -", "- ")
        case Ratio():
            return f"{metric.name} = {metric.formula.numerator} / {metric.formula.denominator}"
        case Desirability():
            return f"{metric.name} = desirability of {', '.join(each.metric for each in metric.formula.desires)}"
        case _:
            return metric.name


def _constraint(constraint: OutcomeConstraint) -> str:
    unit = " x baseline" if constraint.relative_to_baseline else ""
    low = "" if constraint.min is None else f"{cell(constraint.min)}{unit} <= "
    high = "" if constraint.max is None else f" <= {cell(constraint.max)}{unit}"
    return f"{low}{constraint.metric}{high}"


def _default_reward(spec: StudySpec) -> str | None:
    return None if spec.default_reward is None else f"{cell(spec.default_reward)} after {cell(spec.reward_wait)}"


def _pattern(pattern: Mapping[str, object]) -> str:
    return " ".join(f"{name}={cell(value)}" for name, value in pattern.items())


def _parameter(parameter: Parameter, baseline: object) -> tuple[str, str, str, str, str]:
    scale = parameter.scale if isinstance(parameter, Float | Integer) else ""
    values = _values(parameter) + _where(parameter)
    return parameter.name, type(parameter).__name__.lower(), values, scale, cell(baseline)


def _values(parameter: Parameter) -> str:
    match parameter:
        case Float():
            step = "" if parameter.step is None else f" by {cell(parameter.step)}"
            return f"{cell(parameter.min)} to {cell(parameter.max)}{step}"
        case Integer():
            return f"{parameter.min} to {parameter.max}"
        case Categorical() | Discrete():
            return ", ".join(map(cell, parameter.values))
        case _:
            return ""


def _where(parameter: Parameter) -> str:
    """When it exists, where that isn't always."""
    found = []
    for name, condition in parameter.when.items():
        if isinstance(condition, Between):
            found.append(_bounded(name, condition.min, condition.max))
        elif isinstance(condition, tuple):
            found.append(f"{name} = {' or '.join(map(cell, condition))}")
    return f" where {' and '.join(found)}" if found else ""


def _bounded(what: str, least: float | None, most: float | None) -> str:
    low = "" if least is None else f"{cell(least)} <= "
    high = "" if most is None else f" <= {cell(most)}"
    return f"{low}{what}{high}"


def _sum(law: LinearConstraint | Simplex) -> str:
    if isinstance(law, Simplex):
        return f"{' + '.join(law.parameters)} = {cell(law.total)}"
    terms = " + ".join(f"{cell(weight)} {name}" for name, weight in law.weights.items())
    return _bounded(terms, law.min, law.max)

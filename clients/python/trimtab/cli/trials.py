"""``trimtab trials``, ``export`` and ``incumbent``: what a study holds."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from trimtab._client import Client
from trimtab._plain import ParameterValue
from trimtab._study import Study
from trimtab.answers import Incumbent, ObservationRecord, StudyDescription, Trial, TrialState
from trimtab.cli.output import Output, UsageError, cell, plain
from trimtab.cli.study import Commands
from trimtab.space import MeasurementLike, Metric, as_measurement
from trimtab.spec import StudySpec

# A server that has fitted no model yet starts a process for it first.
MODEL_TIMEOUT = 60.0  # seconds
STATES = [state.value for state in TrialState if state is not TrialState.UNKNOWN]


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Adds the three."""
    listing = commands.add_parser("trials", parents=[shared], help="list the trials of a study")
    add_study(listing)
    listing.add_argument(
        "--state", action="append", choices=STATES, default=[], help="only trials in this state; may be repeated"
    )
    listing.set_defaults(run=list_trials)

    export = commands.add_parser(
        "export", parents=[shared], help="write the trials of a study, or a bandit study's observation log, to a file"
    )
    add_study(export)
    export.add_argument("--format", choices=["csv", "jsonl"], default="csv", help="default: csv")
    export.add_argument("--output", metavar="FILE", default="-", help="default: the standard output")
    export.set_defaults(run=export_study)

    incumbent = commands.add_parser("incumbent", parents=[shared], help="show the best parameters known")
    add_study(incumbent)
    incumbent.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the best for this context; VALUE is read as JSON, or else as a text; may be repeated",
    )
    incumbent.set_defaults(run=show_incumbent)


def _measured(spec: StudySpec) -> list[Metric]:
    """The metrics that are reported; those with a formula never are."""
    return [metric for metric in spec.metrics if metric.formula is None]


def add_study(command: argparse.ArgumentParser) -> None:
    """Adds the argument that names the study."""
    command.add_argument("study", metavar="STUDY", help="its id, or its full name")


def list_trials(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Prints a line for each trial."""
    study = client.study(options.study)
    description = study.describe()
    spec = description.spec
    listed = list(study.trials(options.state))
    if output.json:
        output.value(listed)
        return
    parameters = [parameter.name for parameter in spec.parameters]
    metrics = [metric.name for metric in _measured(spec)]
    output.table(
        ["TRIAL", "STATE", "SOURCE", *parameters, *metrics, "REASON"],
        (
            (
                trial.number,
                trial.state,
                trial.source,
                *(trial.parameters.get(name) for name in parameters),
                *(trial.measurements[name].mean if name in trial.measurements else None for name in metrics),
                trial.reason[:60],
            )
            for trial in listed
        ),
        empty=_no_trials(description, options.state),
    )


def _no_trials(description: StudyDescription, states: Sequence[str]) -> str:
    if description.algorithm.decisions:
        return f"{description.name} makes decisions, which are no trials; `trimtab export` writes what was observed"
    return "no such trials" if states else "no trials yet"


def show_incumbent(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Prints the best parameters known."""
    study = client.study(options.study)
    context = values_given(options.context)
    spec = study.describe().spec  # before the model is asked: it says quickly whether anybody is there
    incumbent = study.incumbent(context, timeout=options.timeout or MODEL_TIMEOUT)
    if output.json:
        output.value(incumbent)
        return
    values = ((each.name, cell(incumbent.parameters.get(each.name))) for each in spec.parameters)
    output.table(["PARAMETER", "VALUE"], values, empty="")
    expected = None
    if incumbent.predicted_mean is not None and len(spec.goals) == 1:
        expected = f"{spec.objective} = {cell(incumbent.predicted_mean)}"
        if incumbent.predicted_standard_error is not None:
            expected += f" (standard error {cell(incumbent.predicted_standard_error)})"
    sure = None if incumbent.probability_best is None else f"{cell(incumbent.probability_best)} of being the best"
    output.line("")
    output.pairs(
        [
            ("expected", expected),
            ("probability", sure),
            *_predicted(incumbent),
            ("source", incumbent.source),
            ("trial", incumbent.trial.rpartition("/")[2] or None),
            ("observations", incumbent.model.observation_count),
        ]
    )


def _predicted(incumbent: Incumbent) -> Iterator[tuple[str, str | None]]:
    """What a model says of a trial study's incumbent."""
    for name, one in incumbent.predictions.items():
        low, high = one.interval
        yield name, f"{cell(one.mean)}, from {cell(low)} to {cell(high)} with probability 0.95"
    yield "better than baseline", _with_probability(incumbent.probability_better_than_baseline)
    yield "acceptable", _with_probability(incumbent.probability_feasible)
    yield "expected gain", None if incumbent.expected_gain is None else cell(incumbent.expected_gain)


def _with_probability(probability: float | None) -> str | None:
    return None if probability is None else f"with probability {cell(probability)}"


def values_given(given: Sequence[str]) -> dict[str, ParameterValue] | None:
    """Of NAME=VALUE each; None: there are none. Raises UsageError."""
    values: dict[str, ParameterValue] = {}
    for each in given:
        name, separator, text = each.partition("=")
        if not separator:
            raise UsageError(f"--context takes NAME=VALUE, not {each!r}")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        values[name] = value if isinstance(value, bool | int | float) else text
    return values or None


def export_study(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Writes every trial, or every row of the log, as it comes in."""
    study = client.study(options.study)
    description = study.describe()
    rows = _records(study, description)
    with _opened(options.output, output.stream) as stream:
        if options.format == "jsonl":
            for row in rows:
                stream.write(json.dumps(plain(row), ensure_ascii=False) + "\n")
            return
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_header(description))
        writer.writerows(_cells(row, description) for row in rows)


@contextmanager
def _opened(file: str, standard: TextIO) -> Iterator[TextIO]:
    if file == "-":
        yield standard
        return
    try:
        # As text, line ends as they are written: a CSV is the same everywhere.
        with Path(file).open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise UsageError(f"can't write {file}: {error.strerror}") from None


def _records(study: Study, description: StudyDescription) -> Iterator[Trial] | Iterator[ObservationRecord]:
    return study.observations() if description.algorithm.decisions else study.trials()


# The columns of an export besides values and measurements.
ABOUT_TRIAL = ("number", "state", "source", "worker", "create_time", "expire_time", "complete_time", "reason")
ABOUT_RECORD = (
    *("sequence", "suggestion_id", "outcome", "propensity", "suggest_time", "create_time"),
    *("is_default", "replaces_default", "reason"),
)
_ABOUT_METRIC = ("mean", "count", "standard_error", "variance")


def _header(description: StudyDescription) -> list[str]:
    spec = description.spec
    return [
        *(ABOUT_RECORD if description.algorithm.decisions else ABOUT_TRIAL),
        *(f"parameter.{parameter.name}" for parameter in spec.parameters),
        *(f"context.{context.name}" for context in spec.context),
        *(f"metric.{metric.name}.{part}" for metric in _measured(spec) for part in _ABOUT_METRIC),
    ]


def _cells(row: Trial | ObservationRecord, description: StudyDescription) -> list[object]:
    """In the order of the header; nothing for what isn't there. Numbers with all their digits."""
    spec = description.spec
    if isinstance(row, Trial):
        about = [getattr(row, name) for name in ABOUT_TRIAL]
        measurements: Mapping[str, MeasurementLike] = row.measurements
    else:
        of = row.observation
        about = [
            *(row.sequence, of.suggestion_id, of.outcome, row.propensity, row.suggest_time, row.create_time),
            *(row.is_default, row.replaces_default, of.reason),
        ]
        measurements = of.measurements
    measured = {name: as_measurement(value) for name, value in measurements.items()}
    cells = [
        *about,
        *(row.parameters.get(parameter.name) for parameter in spec.parameters),
        *(row.context.get(context.name) for context in spec.context),
        *(getattr(measured.get(metric.name), part, None) for metric in _measured(spec) for part in _ABOUT_METRIC),
    ]
    return [("true" if each else "false") if isinstance(each, bool) else plain(each) for each in cells]

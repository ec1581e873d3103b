"""``trimtab explain`` and ``trimtab front``: what a study's model believes."""

from __future__ import annotations

import argparse

from trimtab._client import Client
from trimtab.cli.output import Output, UsageError, cell
from trimtab.cli.study import Commands
from trimtab.cli.trials import MODEL_TIMEOUT, add_study, values_given
from trimtab.explanation import LEAST_RESOLUTION, Explanation, Slice
from trimtab.prediction import Prediction


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Adds the two."""
    explain = commands.add_parser(
        "explain", parents=[shared], help="say what the model expects, why, and which parameters matter"
    )
    add_study(explain)
    explain.add_argument("--trial", type=int, metavar="NUMBER", help="of this trial's point [default: the incumbent]")
    explain.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="in this context; VALUE is read as JSON, or else as a text; may be repeated",
    )
    explain.add_argument(
        "--slice",
        action="append",
        default=[],
        metavar="NAME[,NAME]",
        help="also show how the metrics run along one parameter, or two; may be repeated",
    )
    explain.add_argument(
        "--resolution", type=_resolution, default=11, metavar="N", help="values of each, 2 to 100 [default: 11]"
    )
    explain.set_defaults(run=show_explanation)

    front = commands.add_parser("front", parents=[shared], help="show the Pareto front of several objectives")
    add_study(front)
    front.set_defaults(run=show_front)


def show_explanation(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Prints what the model believes."""
    study = client.study(options.study)
    study.describe()  # before the model is asked: it says quickly whether anybody is there
    explanation = study.explain(
        trial=options.trial,
        context=values_given(options.context),
        slices=[_slice(text, options.resolution) for text in options.slice],
        timeout=options.timeout or MODEL_TIMEOUT,
    )
    if output.json:
        output.value(explanation)
        return
    output.table(
        ["PARAMETER", "VALUE"], ((name, cell(value)) for name, value in explanation.parameters.items()), empty=""
    )
    output.line("")
    output.table(
        ["METRIC", "EXPECTED", "FROM", "TO"],
        ((name, *_expected(one)) for name, one in explanation.predictions.items()),
        empty="",
    )
    output.line("")
    output.pairs(
        [
            ("expected improvement", _cell_or_none(explanation.expected_improvement)),
            ("within the constraints", _cell_or_none(explanation.probability_feasible)),
            ("observations", explanation.model.observation_count),
        ]
    )
    for metric, shares in explanation.importances.items():
        output.line("")
        output.table(
            [f"MATTERS FOR {metric}", "SHARE"], ((name, f"{share:.0%}") for name, share in shares.items()), empty=""
        )
    _show_neighbours(explanation, output)
    for points in explanation.slices:
        output.line("")
        names = list(points[0].parameters) if points else []
        metrics = list(points[0].predictions) if points else []
        output.table(
            [*names, *metrics],
            (
                (*(cell(each) for each in point.parameters.values()), *map(_shown, point.predictions.values()))
                for point in points
            ),
            empty="no legal place along this cut",
        )


def _show_neighbours(explanation: Explanation, output: Output) -> None:
    output.line("")
    output.table(
        ["NEAREST TRIALS", "CORRELATION", "MEASURED"],
        (
            (
                one.trial.rpartition("/")[2],
                f"{one.correlation:.2f}",
                ", ".join(f"{name} = {cell(each.mean)}" for name, each in sorted(one.measurements.items())),
            )
            for one in explanation.neighbours
        ),
        empty="",
    )


def show_front(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Prints the trials on the front, and the hypervolume."""
    study = client.study(options.study)
    spec = study.describe().spec
    front = study.pareto_front(timeout=options.timeout or MODEL_TIMEOUT)
    if output.json:
        output.value(front)
        return
    parameters = [parameter.name for parameter in spec.parameters]
    metrics = sorted({name for point in front.points for name in point.predictions})
    output.table(
        ["TRIAL", *metrics, *parameters],
        (
            (
                point.trial.rpartition("/")[2],
                *(_shown(point.predictions[name]) for name in metrics),
                *(cell(point.parameters.get(name)) for name in parameters),
            )
            for point in front.points
        ),
        empty="no trial is on the front",
    )
    output.line("")
    reference = ", ".join(f"{name} = {cell(value)}" for name, value in front.reference_point.items())
    output.pairs([("hypervolume", cell(front.hypervolume)), ("reference point", reference)])


def _slice(text: str, resolution: int) -> Slice:
    names = text.split(",")
    if not 1 <= len(names) <= 2 or not all(names):
        raise UsageError(f"--slice takes one name, or two with a comma between, not {text!r}")
    return Slice(names, resolution)


def _resolution(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < LEAST_RESOLUTION:
        raise argparse.ArgumentTypeError(f"must be a whole number, {LEAST_RESOLUTION} or more, not {text!r}")
    return number


def _expected(one: Prediction) -> tuple[str, ...]:
    return cell(one.mean), *map(cell, one.interval)


def _shown(one: Prediction) -> str:
    return f"{cell(one.mean)} +- {cell(one.standard_error)}"


def _cell_or_none(value: float | None) -> str | None:
    return None if value is None else cell(value)

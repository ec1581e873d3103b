"""``trimtab import``: trials that were made elsewhere."""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from trimtab._client import Client
from trimtab._elsewhere import MOST_TRIALS, ImportedTrial
from trimtab._plain import ParameterValue
from trimtab.answers import StudyDescription, Trial
from trimtab.cli.output import Output, UsageError
from trimtab.cli.study import Commands
from trimtab.cli.trials import ABOUT_RECORD, ABOUT_TRIAL
from trimtab.space import Categorical, Discrete, Integer, Measurement, Outcome, Parameter
from trimtab.spec import StudySpec

SHOWN = 20
"""Refused trials that are told one by one."""

_PARTS = ("mean", "count", "standard_error", "variance")
_ENDED = {outcome.value: outcome for outcome in Outcome}
_NOT_ENDED = ("queued", "pending", "expired")
_ABOUT = ("outcome", "state", "reason")
_EXPORTED = {*ABOUT_TRIAL, *ABOUT_RECORD}
_KEYS = ("parameters", "measurements", "context", *_ABOUT)
_EXPORTED_KEYS = {each.name for each in fields(Trial)}


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Adds the command."""
    bring = commands.add_parser(
        "import",
        parents=[shared],
        help="bring trials that were made elsewhere into a study",
        description="Brings trials with what was measured: a CSV file with a column for each parameter, context and "
        "metric, by its name, or what `trimtab export` writes; or one JSON object a line. A column or key "
        "outcome (completed, failed, abandoned) and reason may be there; any other is refused. The same file again "
        "stores nothing again, for as long as the server remembers requests (7 days, unless told otherwise).",
    )
    bring.add_argument("study", metavar="STUDY", help="its id, or its full name")
    bring.add_argument("file", metavar="FILE", help="ends in .csv or .jsonl")
    bring.set_defaults(run=import_file)


def import_file(options: argparse.Namespace, client: Client, output: Output) -> None:
    """Sends the trials of a file, a thousand at a time, and says which were refused."""
    path = Path(options.file)
    study = client.study(options.study)
    description = study.describe()
    spec = description.spec
    # All of it is read first: a fault in the last line leaves nothing half done.
    rows = [(line, trial) for line, trial in _read(path, spec) if trial is not None]
    stored: list[str] = []
    refused: list[tuple[int, str]] = []
    for begin in range(0, len(rows), MOST_TRIALS):
        batch = rows[begin : begin + MOST_TRIALS]
        trials = [trial for _, trial in batch]
        request_id = _request_id(description, begin, trials)
        for (line, _), result in zip(batch, study.import_trials(trials, request_id=request_id), strict=True):
            if result.error is None:
                stored.append(result.trial)
            else:
                refused.append((line, str(result.error)))
        sys.stderr.write(f"{begin + len(batch):,} of {len(rows):,} trials sent\n")
    for line, message in refused[:SHOWN]:
        sys.stderr.write(f"{path}:{line}: {message}\n")
    if len(refused) > SHOWN:
        sys.stderr.write(f"and {len(refused) - SHOWN:,} more\n")
    if output.json:
        output.value({"stored": stored, "refused": [{"line": line, "error": text} for line, text in refused]})
    else:
        output.line(f"{len(stored):,} trials imported into {study.name}, {len(refused):,} refused")
    if refused:
        raise UsageError(
            f"{len(refused):,} of {len(rows):,} trials of {path} were refused; the others are stored, "
            "so import the refused ones from a file of their own, mended"
        )


def _request_id(study: StudyDescription, begin: int, trials: Sequence[ImportedTrial]) -> str:
    """The same for the same trials at the same place of a file, so that a repeated import stores nothing.

    A study that was deleted and made anew is another one.
    """
    told = repr((study.name, study.create_time.isoformat(), begin, trials))
    return f"import-{hashlib.sha256(told.encode()).hexdigest()}"


def _read(path: Path, spec: StudySpec) -> Iterator[tuple[int, ImportedTrial | None]]:
    """Each trial with its line; None for one that hasn't ended, as an export may hold."""
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise UsageError(f"{path}: must end in .csv or .jsonl")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from read(path, stream, spec)
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None


# CSV


def _read_csv(path: Path, stream: Any, spec: StudySpec) -> Iterator[tuple[int, ImportedTrial | None]]:
    reader = csv.DictReader(stream)
    try:
        if reader.fieldnames is None:
            raise UsageError(f"{path} is empty")
        reader.fieldnames = [name.strip() for name in reader.fieldnames]
        _check_columns(path, reader.fieldnames, spec)
        for row in reader:
            if None in row:
                raise ValueError(f"the row has more cells than there are columns, {len(reader.fieldnames)}")
            yield reader.line_num, _of_cells(row, spec)
    except (ValueError, csv.Error) as error:
        raise UsageError(f"{path}:{reader.line_num}: {error}") from None


def _check_columns(path: Path, given: Iterable[str], spec: StudySpec) -> None:
    """One without a name, as tables have for the numbers of their rows, is left out."""
    counts = Counter(name for name in given if name)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise UsageError(f"{path}: the column {twice[0]} is there twice")
    values = [("parameter", each.name) for each in spec.parameters] + [("context", each.name) for each in spec.context]
    names = [name for _, name in values] + [metric.name for metric in spec.metrics]
    known = {*names, *_ABOUT, *_EXPORTED, *(f"{kind}.{name}" for kind, name in values)}
    known |= {f"metric.{metric.name}.{part}" for metric in spec.metrics for part in _PARTS}
    if unknown := [name for name in counts if name not in known]:
        raise UsageError(
            f"{path}: unknown column{'s' * (len(unknown) > 1)} {', '.join(unknown)}; "
            f"there is {', '.join(dict.fromkeys([*names, *_ABOUT]))}, and what `trimtab export` writes"
        )


def _of_cells(row: Mapping[str, str | None], spec: StudySpec) -> ImportedTrial | None:
    cells = {name: text.strip() for name, text in row.items() if name and text is not None and text.strip()}
    ended = cells.get("outcome", cells.get("state", "completed")).lower()
    if ended in _NOT_ENDED:
        return None
    return ImportedTrial(
        parameters=_values(cells, "parameter", spec.parameters),
        measurements=_measurements(cells, spec),
        context=_values(cells, "context", spec.context),
        outcome=_outcome(ended),
        reason=cells.get("reason", ""),
    )


def _values(cells: Mapping[str, str], kind: str, declared: Sequence[Parameter]) -> dict[str, ParameterValue]:
    """What is missing or of no use is left to the server, which knows the whole space."""
    values = {}
    for parameter in declared:
        text = cells.get(f"{kind}.{parameter.name}", cells.get(parameter.name))
        if text is not None:
            values[parameter.name] = _value(parameter, text)
    return values


def _value(parameter: Parameter, text: str) -> ParameterValue:
    if isinstance(parameter, Categorical | Discrete):
        for choice in parameter.values:
            if text in (str(choice), json.dumps(choice)):
                return choice
    try:
        if isinstance(parameter, Categorical):
            return text
        return _whole(text) if isinstance(parameter, Integer) else float(text)
    except ValueError:
        noun = "a whole number" if isinstance(parameter, Integer) else "a number"
        raise ValueError(f"{parameter.name} must be {noun}, not {text!r}") from None


def _whole(text: str) -> int:
    """As tables write it in which some cells are empty: 3.0 is 3."""
    number = float(text)
    if not number.is_integer():
        raise ValueError(f"{text!r} is not whole")
    return int(text) if text.lstrip("+-").isdigit() else int(number)


def _measurements(cells: Mapping[str, str], spec: StudySpec) -> dict[str, Measurement]:
    measurements = {}
    for metric in spec.metrics:
        parts = {
            part: cells[f"metric.{metric.name}.{part}"] for part in _PARTS if f"metric.{metric.name}.{part}" in cells
        }
        if not parts and metric.name in cells:
            parts = {"mean": cells[metric.name]}
        if parts:
            measurements[metric.name] = _measurement(metric.name, parts)
    return measurements


def _measurement(metric: str, parts: Mapping[str, str]) -> Measurement:
    if "mean" not in parts:
        raise ValueError(f"{metric} has {', '.join(parts)} and no mean")
    try:
        numbers = {part: float(text) for part, text in parts.items() if part != "count"}
    except ValueError:
        raise ValueError(f"{metric}: {', '.join(parts.values())} must be numbers") from None
    try:
        count = _whole(parts.get("count", "1"))
    except ValueError:
        raise ValueError(f"{metric}: the count must be a whole number, not {parts['count']!r}") from None
    try:
        return Measurement(count=count, **numbers)
    except ValueError as error:
        raise ValueError(f"{metric}: {error}") from None


# JSON lines


def _read_jsonl(path: Path, stream: Any, _spec: StudySpec) -> Iterator[tuple[int, ImportedTrial | None]]:
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            yield line, _of_object(json.loads(text))
        except (ValueError, TypeError) as error:
            raise UsageError(f"{path}:{line}: {error}") from None


def _of_object(document: Any) -> ImportedTrial | None:
    if not isinstance(document, dict) or not isinstance(document.get("parameters"), dict):
        raise ValueError('each line must be an object with "parameters", an object')
    if unknown := [name for name in document if name not in _KEYS and name not in _EXPORTED_KEYS]:
        raise ValueError(f"unknown key {unknown[0]}; there is {', '.join(_KEYS)}, and what `trimtab export` writes")
    ended = str(document.get("outcome", document.get("state", "completed"))).lower()
    if ended in _NOT_ENDED:
        return None
    measurements = document.get("measurements", {})
    if not isinstance(measurements, dict):
        raise ValueError('"measurements" must be an object')
    return ImportedTrial(
        parameters=document["parameters"],
        measurements={name: _of_json(name, value) for name, value in measurements.items()},
        context=document.get("context") or {},
        outcome=_outcome(ended),
        reason=document.get("reason") or "",
    )


def _of_json(metric: str, value: Any) -> Measurement:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Measurement(float(value))
    if isinstance(value, dict) and set(value) <= set(_PARTS):
        if value.get("mean") is None:
            raise ValueError(f"{metric} has no mean")
        try:
            return Measurement(**{part: number for part, number in value.items() if number is not None})
        except (ValueError, TypeError) as error:
            raise ValueError(f"{metric}: {error}") from None
    raise ValueError(f"{metric} must be a number, or an object of {', '.join(_PARTS)}")


def _outcome(text: str) -> Outcome:
    if text not in _ENDED:
        raise ValueError(f"the outcome must be one of {', '.join(_ENDED)}, not {text!r}")
    return _ENDED[text]

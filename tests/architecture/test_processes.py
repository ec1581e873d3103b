"""What a running process has loaded: the server stays small, and the client brings nothing along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.sources import read_modules

CLIENT = Path(__file__).parents[2] / "clients" / "python" / "trimtab"
HEAVY = {"torch", "botorch", "gpytorch", "linear_operator", "scipy", "sklearn"}

REPORT = """
import sys
before = set(sys.modules)
{imports}
import json
print(json.dumps(sorted({{name.split(".")[0] for name in set(sys.modules) - before}})))
"""


def loaded_by(*modules: str) -> set[str]:
    """The top-level packages that a fresh process loads when it imports the modules."""
    program = REPORT.format(imports="\n".join(f"import {name}" for name in modules))
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    return set(json.loads(ran.stdout))


def client_modules() -> list[str]:
    """Every module of the client except the command line, which has an extra of its own."""
    return [
        f"trimtab.{module.name}".rstrip(".")
        for module in read_modules(CLIENT)
        if module.name.split(".")[0] not in {"cli", "__main__"}
    ]


def test_the_serving_process_never_loads_torch() -> None:
    """It starts in a fraction of a second and stays small; optimizers run in processes of their own."""
    assert loaded_by("trimtab_service.app", "trimtab_service.__main__") & HEAVY == set()


def test_the_client_loads_grpc_and_protobuf_alone() -> None:
    """Whoever adds the client to an application adds nothing else."""
    foundation = loaded_by("grpc.aio", "google.protobuf.message") | set(sys.stdlib_module_names)
    assert loaded_by(*client_modules()) - foundation == {"trimtab"}


@pytest.mark.parametrize(("module", "package"), [("scipy.stats", "scipy"), ("trimtab_service.bandits.base", "numpy")])
def test_a_heavy_import_is_seen(module: str, package: str) -> None:
    """What loads it indirectly counts as well."""
    assert package in loaded_by(module)

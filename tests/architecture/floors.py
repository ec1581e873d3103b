"""The floors of the service, from the ground up. An import only goes down.

Each line says which floors one floor may import, and which packages from
outside; the standard library is open to all. A name with a dot opens that one
module and not the whole floor. A module that is on no floor is refused, so a
new one has to find its place here first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from architecture.sources import Import, Module, lies_in

SERVICE = "trimtab_service"


@dataclass(frozen=True, slots=True)
class Floor:
    """What the modules of one floor may import, besides one another."""

    floors: frozenset[str]
    packages: frozenset[str]


def _floor(floors: str = "", packages: str = "") -> Floor:
    return Floor(frozenset(floors.split()), frozenset(packages.split()))


FLOORS = {
    # the ground: values and leaves
    "domain": _floor(),
    "config": _floor(),
    "logs": _floor("config"),
    "metrics": _floor(packages="prometheus_client"),
    # three neighbours that never see each other
    "optimizers": _floor("domain", "numpy scipy torch botorch gpytorch linear_operator"),
    "bandits": _floor("domain", "numpy"),
    "store": _floor("domain", "sqlalchemy alembic psycopg"),
    # what the use cases stand on
    "algorithms": _floor("optimizers.base optimizers.catalog optimizers.region bandits.base bandits.catalog domain"),
    "tokens": _floor("domain"),
    "storage": _floor("store metrics domain"),
    "histories": _floor("storage store.base metrics domain"),
    "nearness": _floor("domain"),
    "news": _floor("domain"),
    "compute": _floor("news optimizers metrics domain", "numpy"),
    # a bandit study at one instant: values only
    "live": _floor("bandits.base bandits.catalog bandits.states store.base domain", "numpy"),
    # the use cases: no grpc, no SQL, no torch
    "studies": _floor("live algorithms bandits.catalog optimizers.catalog storage store.base domain"),
    "lines": _floor("store.queue domain"),
    "ahead": _floor("lines histories nearness compute storage store.base store.queue metrics domain"),
    "deadlines": _floor(),
    "late": _floor("histories nearness compute domain"),
    "turns": _floor("store.base domain"),
    "suggesting": _floor(
        "turns late deadlines ahead histories studies algorithms compute optimizers.catalog "
        "storage store.base store.queue metrics domain"
    ),
    "tuner": _floor("turns suggesting ahead histories studies compute storage store.base store.queue metrics domain"),
    "following": _floor("live studies storage store.base metrics domain"),
    "decisions": _floor("following live studies bandits.catalog storage store.base tokens metrics domain", "numpy"),
    # the only floor with protobuf and the calls of grpc
    "rpc": _floor(
        "tuner turns suggesting deadlines decisions live studies store.base store.queue metrics logs config domain",
        "grpc google.protobuf google.rpc grpc_health grpc_reflection grpc_status trimtab.v1",
    ),
    # the composition root knows every floor
    "app": _floor(
        "rpc tuner decisions following studies compute storage tokens algorithms store metrics logs config domain",
        "grpc_health prometheus_client",
    ),
    "__main__": _floor("app config logs domain", "uvloop"),
}

PURE = frozenset({"domain", "optimizers", "bandits"})
"""Floors of functions of values: whoever calls them has the clock, the files and the processes."""

IMPURE = frozenset(
    [
        "asyncio",
        "concurrent",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    ]
)
"""Packages of the standard library that reach outside, or remember."""

CLIENT = "trimtab"
CLIENT_PACKAGES = ("grpc", "google.protobuf")
"""All that a client may need beyond the standard library."""

CLI = "trimtab.cli"
CLI_PACKAGES = (*CLIENT_PACKAGES, "yaml")
"""The command line also reads studies from YAML files."""


def floor_of(name: str) -> str:
    """The floor that a module of the service is on; the package itself is on the ground, ``""``."""
    return name.split(".")[1] if "." in name else ""


def unknown_floors(modules: Iterable[Module]) -> list[str]:
    """Modules of the service that are on none of the floors."""
    return [module.name for module in modules if floor_of(module.name) not in {"", *FLOORS}]


def broken_floors(imports: Iterable[Import], standard: frozenset[str]) -> list[str]:
    """Imports between floors, or from outside, that the table doesn't open; ``standard``: the standard library."""
    return [str(found) for found in imports if not _is_open(found, standard)]


def _is_open(found: Import, standard: frozenset[str]) -> bool:
    floor = FLOORS.get(floor_of(found.importer), _floor())
    if found.imported.split(".")[0] in standard:
        return True
    if not lies_in(found.imported, SERVICE):
        return any(lies_in(found.imported, package) for package in floor.packages)
    inside = found.imported.removeprefix(SERVICE).removeprefix(".")
    own = floor_of(found.importer)
    return any(lies_in(inside, name) for name in {own, *floor.floors})


def impure(imports: Iterable[Import]) -> list[str]:
    """Imports by which a pure floor could reach outside."""
    return [
        str(found) for found in imports if floor_of(found.importer) in PURE and found.imported.split(".")[0] in IMPURE
    ]


def broken_clients(imports: Iterable[Import], standard: frozenset[str]) -> list[str]:
    """Imports that a light client must not have; the service's own modules above all."""
    refused = []
    for found in imports:
        allowed = (CLIENT, *(CLI_PACKAGES if lies_in(found.importer, CLI) else CLIENT_PACKAGES))
        if found.imported.split(".")[0] not in standard and not any(lies_in(found.imported, name) for name in allowed):
            refused.append(str(found))
    return refused

"""The floors hold: an import only goes down. Each rule is also shown a house that breaks it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from architecture.floors import FLOORS, IMPURE, broken_clients, broken_floors, impure, unknown_floors
from architecture.sources import all_imports, find_cycles, lies_in, mentions, read_modules

REPOSITORY = Path(__file__).parents[2]
SERVICE = REPOSITORY / "service"
CLIENTS = REPOSITORY / "clients" / "python"
STANDARD = frozenset(sys.stdlib_module_names)

House = Callable[..., Path]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Builds a small source tree of the given files, the path being written with __ for a slash."""

    def build(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return build


@pytest.mark.parametrize(
    ("root", "some"),
    [
        (SERVICE, {"trimtab_service.app", "trimtab_service.domain.space"}),
        (CLIENTS, {"trimtab", "trimtab.cli", "trimtab.v1.trial_pb2"}),
    ],
    ids=["service", "clients"],
)
def test_the_sources_are_found(root: Path, some: set[str]) -> None:
    """Rules about an empty folder would always hold."""
    assert some <= {module.name for module in read_modules(root)}


def test_every_module_of_the_service_is_on_a_floor() -> None:
    """A new module at the top of the service must be given its floor."""
    assert unknown_floors(read_modules(SERVICE)) == []


def test_imports_of_the_service_only_go_down() -> None:
    """No floor imports one above it, nor a package that belongs to another floor."""
    assert broken_floors(all_imports(read_modules(SERVICE)), STANDARD) == []


def test_domain_optimizers_and_bandits_reach_nothing_outside() -> None:
    """No clock, no files, no environment, no threads, no random numbers but those they are given."""
    assert impure(all_imports(read_modules(SERVICE))) == []


@pytest.mark.parametrize("floor", ["optimizers", "bandits", "store"])
def test_optimizers_bandits_and_store_never_see_each_other(floor: str) -> None:
    """The three neighbours share the domain and nothing else of the service."""
    neighbours = [f"trimtab_service.{name}" for name in ("optimizers", "bandits", "store") if name != floor]
    seen = [
        str(found)
        for found in all_imports(read_modules(SERVICE))
        if lies_in(found.importer, f"trimtab_service.{floor}") and any(lies_in(found.imported, n) for n in neighbours)
    ]
    assert seen == []


@pytest.mark.parametrize(
    ("package", "floors"),
    [
        ("torch", {"optimizers"}),
        ("botorch", {"optimizers"}),
        ("gpytorch", {"optimizers"}),
        ("scipy", {"optimizers"}),
        ("grpc", {"rpc"}),
        ("google.protobuf", {"rpc"}),
        ("trimtab.v1", {"rpc"}),
        ("sqlalchemy", {"store"}),
        ("alembic", {"store"}),
        ("psycopg", {"store"}),
        ("prometheus_client", {"metrics", "app"}),
        ("uvloop", {"__main__"}),
    ],
)
def test_a_heavy_package_has_one_home(package: str, floors: set[str]) -> None:
    """The table itself opens each heavy package to the floor that it belongs to, and to no other."""
    assert {name for name, floor in FLOORS.items() if package in floor.packages} == floors


def test_the_table_has_no_way_up() -> None:
    """Following the table from floor to floor never leads back."""
    above: set[str] = set()
    for name, floor in FLOORS.items():
        below = {entry.split(".")[0] for entry in floor.floors}
        assert below <= above, f"{name} stands below something that it imports"
        above.add(name)


def test_clients_need_grpc_and_protobuf_alone() -> None:
    """The client library imports nothing of the service, and no other package."""
    imports = [found for found in all_imports(read_modules(CLIENTS)) if lies_in(found.importer, "trimtab")]
    assert broken_clients(imports, STANDARD) == []


def test_examples_never_import_the_service() -> None:
    """What a user would write goes through the client."""
    seen = [
        str(found)
        for found in all_imports(read_modules(CLIENTS))
        if lies_in(found.importer, "examples") and lies_in(found.imported, "trimtab_service")
    ]
    assert seen == []


@pytest.mark.parametrize("root", [SERVICE, CLIENTS], ids=["service", "clients"])
def test_no_modules_import_one_another_in_a_circle(root: Path) -> None:
    """Imports make no cycle, wherever in a file they stand."""
    assert find_cycles(all_imports(read_modules(root))) == []


@pytest.mark.parametrize("root", [SERVICE, CLIENTS], ids=["service", "clients"])
def test_no_import_is_hidden_from_the_running_program(root: Path) -> None:
    """TYPE_CHECKING hides an import that goes up; nothing needs it."""
    assert [module.name for module in read_modules(root) if mentions(module, "TYPE_CHECKING")] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("trimtab_service__domain__study", "import numpy"),
        ("trimtab_service__domain__study", "from trimtab_service.store import base"),
        ("trimtab_service__domain__study", "from ..store import base"),
        ("trimtab_service__bandits__thompson", "import trimtab_service.optimizers.base"),
        ("trimtab_service__store__sql", "from trimtab_service.bandits.base import Bandit"),
        ("trimtab_service__tuner", "def late():\n    import grpc"),
        ("trimtab_service__tuner", "from trimtab_service.rpc import convert"),
        ("trimtab_service__tuner", "from trimtab_service.store import sqlite"),
        ("trimtab_service__decisions", "from torch import nn"),
        ("trimtab_service__rpc__servicer", "import sqlalchemy.exc"),
        ("trimtab_service__config", "from trimtab_service import metrics"),
    ],
)
def test_an_import_that_the_table_does_not_open_is_refused(house: House, file: str, text: str) -> None:
    """Up, sideways, from outside, relative or late: each is found."""
    root = house(
        trimtab_service____init__="",
        trimtab_service__metrics="",
        trimtab_service__store__base="",
        trimtab_service__store__sqlite="",
        trimtab_service__rpc__convert="",
        trimtab_service__optimizers__base="",
        **{file: text},
    )
    assert len(broken_floors(all_imports(read_modules(root)), STANDARD)) == 1


@pytest.mark.parametrize("package", sorted(IMPURE))
def test_a_reach_outside_is_found(house: House, package: str) -> None:
    """On a pure floor; the use cases may."""
    root = house(
        trimtab_service__optimizers__gp=f"def late():\n    from {package} import something",
        trimtab_service__tuner=f"import {package}",
    )
    assert impure(all_imports(read_modules(root))) == [f"trimtab_service.optimizers.gp:2 imports {package}"]


def test_an_import_that_the_table_opens_is_taken(house: House) -> None:
    """Down, to the same floor, and to the standard library."""
    root = house(
        trimtab_service__domain__study="import math",
        trimtab_service__store__base="from trimtab_service.domain.study import Study",
        trimtab_service__store__sqlite="import sqlalchemy\nfrom trimtab_service.store import base\nfrom . import base",
        trimtab_service__tuner="from trimtab_service.store.base import Store",
    )
    assert broken_floors(all_imports(read_modules(root)), STANDARD) == []


def test_a_module_without_a_floor_is_refused(house: House) -> None:
    """It has to find its place in the table first."""
    root = house(trimtab_service__domain__study="", trimtab_service__glue="")
    assert unknown_floors(read_modules(root)) == ["trimtab_service.glue"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("trimtab__client", "import trimtab_service.app"),
        ("trimtab__client", "import numpy as np"),
        ("trimtab__client", "from google.rpc import error_details_pb2"),
        ("trimtab__client", "import yaml"),
    ],
)
def test_a_client_that_needs_more_is_refused(house: House, file: str, text: str) -> None:
    """The service, NumPy, googleapis' protos, and YAML outside the command line."""
    assert len(broken_clients(all_imports(read_modules(house(**{file: text}))), STANDARD)) == 1


def test_the_command_line_may_read_yaml(house: House) -> None:
    """It reads studies from files, and comes with an extra of its own."""
    root = house(trimtab__cli__main="import yaml\nimport grpc\nfrom trimtab.client import Client")
    assert broken_clients(all_imports(read_modules(root)), STANDARD) == []


def test_a_circle_is_found(house: House) -> None:
    """Over three modules, one of the imports inside a function; the one outside the circle isn't named."""
    root = house(
        a="import b",
        b="def late():\n    from c import thing",
        c="import a\nimport d",
        d="",
    )
    assert find_cycles(all_imports(read_modules(root))) == [["a", "b", "c"]]


@pytest.mark.parametrize(
    "text",
    ["from typing import TYPE_CHECKING", "import typing\nif typing.TYPE_CHECKING:\n    import b"],
)
def test_a_hidden_import_is_found(house: House, text: str) -> None:
    """Both ways of writing it."""
    (module,) = read_modules(house(a=text))
    assert mentions(module, "TYPE_CHECKING")

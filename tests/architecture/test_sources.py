"""How sources look from outside: short files with names that say what is in them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from architecture.sources import Module, read_modules

REPOSITORY = Path(__file__).parents[2]
SOURCES = ("service", "clients", "tests")
GENERATED = REPOSITORY / "clients" / "python" / "trimtab" / "v1"
MOST_LINES = 400
SAYS_NOTHING = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc", "shared", "stuff"}
READS_ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv"})


def modules_of(*folders: str) -> list[Module]:
    """Every module below the folders of the repository that a person wrote."""
    return [
        module
        for folder in folders
        for module in read_modules(REPOSITORY / folder)
        if GENERATED not in module.path.parents
    ]


def too_long(modules: Iterable[Module]) -> list[str]:
    """The modules of more lines than anyone wants to read."""
    return [f"{module.path}: {module.lines} lines" for module in modules if module.lines > MOST_LINES]


def named_for_nothing(modules: Iterable[Module]) -> list[str]:
    """The modules whose name, or that of a folder above, could hold anything."""
    return [
        module.name
        for module in modules
        if SAYS_NOTHING & {word for part in module.name.split(".") for word in part.strip("_").split("_")}
    ]


def without_purpose(modules: Iterable[Module]) -> list[str]:
    """The modules with code in them that don't say why they exist."""
    return [module.name for module in modules if module.tree.body and not ast.get_docstring(module.tree)]


def reading_the_environment(modules: Iterable[Module]) -> list[str]:
    """The modules that look at environment variables."""
    return [
        module.name
        for module in modules
        if any(isinstance(node, ast.Attribute) and node.attr in READS_ENVIRONMENT for node in ast.walk(module.tree))
        or any(isinstance(node, ast.alias) and node.name in READS_ENVIRONMENT for node in ast.walk(module.tree))
    ]


def test_no_file_is_too_long() -> None:
    """400 lines at most, tests as well."""
    assert too_long(modules_of(*SOURCES)) == []


def test_no_name_could_hold_anything() -> None:
    """A file called utils collects what nobody found a place for."""
    assert named_for_nothing(modules_of(*SOURCES)) == []


def test_every_module_says_why_it_exists() -> None:
    """Its docstring comes first."""
    assert without_purpose(modules_of(*SOURCES)) == []


def test_only_the_configuration_reads_the_environment() -> None:
    """One place to look for what a server can be told, and one for what its worker processes are told."""
    allowed = {"trimtab_service.config", "trimtab_service.compute"}
    assert set(reading_the_environment(modules_of("service"))) <= allowed


def module(tmp_path: Path, name: str, text: str) -> list[Module]:
    """A tree of one module."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return read_modules(tmp_path)


def test_a_file_of_401_lines_is_found(tmp_path: Path) -> None:
    """One of 400 is not."""
    assert len(too_long(module(tmp_path, "a.py", "a = 1\n" * 401))) == 1
    assert too_long(module(tmp_path, "a.py", "a = 1\n" * 400)) == []


@pytest.mark.parametrize("name", ["utils.py", "misc/space.py", "study_manager.py", "_helpers.py", "common.py"])
def test_a_name_for_nothing_is_found(tmp_path: Path, name: str) -> None:
    """Alone, in a compound, and of a folder."""
    assert len(named_for_nothing(module(tmp_path, name, ""))) == 1


def test_a_name_that_only_contains_such_a_word_is_fine(tmp_path: Path) -> None:
    """Words are compared whole."""
    assert named_for_nothing(module(tmp_path, "commonality.py", "")) == []


def test_a_module_without_a_docstring_is_found(tmp_path: Path) -> None:
    """An empty file, which marks a package, needs none."""
    assert without_purpose(module(tmp_path, "a.py", "import math\n")) == ["a"]
    assert without_purpose(module(tmp_path, "a.py", "")) == []


@pytest.mark.parametrize("text", ["import os\nos.environ['A']", "from os import getenv", "import os\nos.getenv('A')"])
def test_a_look_at_the_environment_is_found(tmp_path: Path, text: str) -> None:
    """In each of the ways there are."""
    assert reading_the_environment(module(tmp_path, "a.py", text)) == ["a"]

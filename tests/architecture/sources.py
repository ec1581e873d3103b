"""Reads source trees without running them: modules, what they import, how long they are.

Knows nothing of Trimtab; the rules are in the tests beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, its path, its syntax tree, and its number of lines."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def is_package(self) -> bool:
        """Whether it is the file of a package itself."""
        return self.path.name == "__init__.py"


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the module that imports, what is imported, and the line."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def read_modules(root: Path) -> list[Module]:
    """Every module below ``root``, by path; the names are relative to it."""
    modules = []
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root).with_suffix("")
        parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
        text = path.read_text()
        modules.append(Module(".".join(parts), path, ast.parse(text, path), len(text.splitlines())))
    return modules


def read_imports(module: Module, names: frozenset[str]) -> Iterator[Import]:
    """Every import in the module, wherever it stands.

    ``from package import thing`` imports ``package.thing`` where that is one
    of ``names``, the modules that there are, else ``package``.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module.name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            package = _absolute(module, node)
            for alias in node.names:
                inner = f"{package}.{alias.name}"
                yield Import(module.name, inner if inner in names else package, node.lineno)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    steps = node.level - 1 if module.is_package else node.level
    parts = module.name.split(".")
    base = parts[: len(parts) - steps]
    return ".".join([*base, node.module] if node.module else base)


def all_imports(modules: Iterable[Module]) -> list[Import]:
    """Every import of every module."""
    known = list(modules)
    names = frozenset(module.name for module in known)
    return [found for module in known for found in read_imports(module, names)]


def lies_in(name: str, package: str) -> bool:
    """Whether the dotted name is the package or something inside it."""
    return name == package or name.startswith(package + ".")


def find_cycles(imports: Iterable[Import]) -> list[list[str]]:
    """Every group of modules that import one another in a circle, by name."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        graph.setdefault(found.importer, set()).add(found.imported)
    reach = {name: _reachable(graph, name) for name in graph}
    circles = {
        frozenset(other for other in reach[name] if name in reach.get(other, ()))
        for name in graph
        if name in reach[name]
    }
    return sorted(sorted(circle) for circle in circles)


def _reachable(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in graph.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def mentions(module: Module, name: str) -> bool:
    """Whether the identifier occurs in the module, alone or as an attribute."""
    return any(
        (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
        or (isinstance(node, ast.alias) and node.name == name)
        for node in ast.walk(module.tree)
    )

"""One flat namespace: what users need is in ``trimtab``, and known by that name."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import pytest

import trimtab
from trimtab import errors

CLASSES = [name for name in trimtab.__all__ if inspect.isclass(getattr(trimtab, name))]


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_known_by_the_package(name: str) -> None:
    """Tracebacks, pickles and documentation say trimtab.Client, not where it is written."""
    assert getattr(trimtab, name).__module__ == "trimtab"


def test_every_class_is_exported() -> None:
    """A public class that users meet isn't left in an inner module."""
    modules = [trimtab.errors, trimtab.space, trimtab.spec, trimtab.answers]
    met = {
        name
        for module in modules
        for name, each in vars(module).items()
        if inspect.isclass(each) and each.__module__ == "trimtab" and not name.startswith("_")
    }
    assert met <= set(trimtab.__all__)


def test_errors_are_all_exported() -> None:
    """Whatever is raised can be caught by its public name."""
    assert {name for name in vars(errors) if re.fullmatch(r"\w+Error", name)} <= set(trimtab.__all__)


def test_exports_are_sorted() -> None:
    """A list in order is a list without doubles."""
    assert sorted(set(trimtab.__all__)) == trimtab.__all__


def test_both_clients_have_the_same_methods() -> None:
    """What the blocking classes can, the asyncio classes can, under the same names."""
    pairs = [
        (trimtab.Client, trimtab.AsyncClient),
        (trimtab.Study, trimtab.AsyncStudy),
        (trimtab.Suggestion, trimtab.AsyncSuggestion),
    ]
    for blocking, asyncio in pairs:
        names = [{name for name in dir(kind) if not name.startswith("_")} for kind in (blocking, asyncio)]
        assert names[0] == names[1]


@pytest.mark.parametrize("kind", [trimtab.Client, trimtab.Study, trimtab.Suggestion], ids=lambda kind: kind.__name__)
def test_methods_keep_their_names_and_words(kind: type) -> None:
    """help() and tracebacks show methods as users know them."""
    methods = {name: each for name, each in vars(kind).items() if inspect.isfunction(each) and not name.startswith("_")}
    assert {name: name for name in methods} == {name: each.__name__ for name, each in methods.items()}
    assert [name for name, each in methods.items() if not each.__doc__] == []


def test_the_client_is_light() -> None:
    """Importing it brings in neither the service nor anything that isn't its own need."""
    code = (
        "import sys, trimtab, trimtab.testing, trimtab.cli;"
        "heavy = {'trimtab_service', 'numpy', 'torch', 'yaml', 'sqlalchemy', 'google.rpc', 'grpc_status'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

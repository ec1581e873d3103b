"""Bandits by name."""

from __future__ import annotations

import pytest

from trimtab_service.bandits.catalog import CATALOG, bandit
from trimtab_service.bandits.thompson import Thompson
from trimtab_service.domain.errors import InvalidArgument, UnknownAlgorithm
from trimtab_service.domain.options import from_options, to_options
from trimtab_service.domain.study import ChosenAlgorithm


@pytest.mark.parametrize("name", CATALOG)
def test_names_agree(name: str) -> None:
    """The name in the catalogue is the bandit's own, and its options survive a round trip."""
    record = CATALOG[name]()

    assert name == record.name
    assert record == from_options(CATALOG[name], to_options(record))


def test_options_reach_the_bandit() -> None:
    """The options in force are the bandit's fields."""
    assert Thompson(floor=0.1) == bandit(ChosenAlgorithm("thompson", {"floor": 0.1}, "asked for", True))


def test_an_unknown_name() -> None:
    """The error says which bandits there are."""
    with pytest.raises(UnknownAlgorithm, match="tsallis_inf"):
        bandit(ChosenAlgorithm("gp", {}, "asked for", True))


def test_an_unknown_option() -> None:
    """The error says which option is wrong."""
    with pytest.raises(InvalidArgument) as caught:
        bandit(ChosenAlgorithm("thompson", {"flor": 0.1}, "asked for", True))

    assert caught.value.violations[0].field == 'options["flor"]'


@pytest.mark.parametrize("name", CATALOG)
def test_kinds_are_said(name: str) -> None:
    """Every bandit says whether it looks at a context, ages, and is joint; none that is joint looks at a context."""
    record = CATALOG[name]

    assert {type(record.contextual), type(record.ages), type(record.joint)} == {bool}
    assert not (record.joint and record.contextual)


@pytest.mark.parametrize("name", CATALOG)
def test_the_shared_options_are_there(name: str) -> None:
    """Each takes a floor and steps, with the same defaults."""
    record = CATALOG[name]()

    assert (record.floor, record.steps) == (0.01, 0)

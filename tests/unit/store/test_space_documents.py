"""Search spaces as JSON."""

from __future__ import annotations

import json

from hypothesis import given, settings

from trimtab_service.domain.space import Float, SearchSpace
from trimtab_service.store.documents import text
from trimtab_service.store.space_documents import space_document, space_of
from unit.domain.space_strategies import Told, told_spaces


@settings(max_examples=50, deadline=None)
@given(told=told_spaces())
def test_a_space_comes_back_exactly(told: Told) -> None:
    """With conditions, beliefs and sums, and their types."""
    space, _ = told
    assert repr(space_of(json.loads(text({"space": space_document(space)}))["space"])) == repr(space)


def test_a_plain_space_reads_as_it_always_did() -> None:
    """Documents of servers that knew nothing else are documents of today."""
    older = [{"name": "x", "description": "", "kind": "float", "min": 0.0, "max": 1.0, "step": None, "scale": "linear"}]
    space = SearchSpace((Float("x", 0.0, 1.0),))
    assert (space_of(older), space_document(space)) == (space, older)

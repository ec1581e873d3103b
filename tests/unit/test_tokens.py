"""Ids of decisions: read back what was signed, refuse everything else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.domain.errors import SuggestionIdInvalid
from trimtab_service.tokens import Decision, TokenKeys


def encoded(key: bytes) -> str:
    """A key as it is configured."""
    return base64.b64encode(key).decode()


OLD, NEW = encoded(b"o" * 32), encoded(b"n" * 32)
KEYS = TokenKeys.parse(f"new:{NEW},old:{OLD}")

decisions = st.builds(
    Decision,
    study=st.binary(min_size=16, max_size=16),
    decision=st.binary(min_size=16, max_size=16),
    issued=st.integers(0, 2**62),
    step=st.integers(0, 2**62),
    arm=st.integers(0, 2**53),
    propensity=st.floats(0, 1, exclude_min=True),
    tag=st.integers(-1, 2**31 - 1),
    context=st.lists(st.floats(allow_nan=False), max_size=50).map(tuple),
)
DECISION = Decision(b"s" * 16, b"d" * 16, 1_700_000_000_000, 7, 3, 0.25)


@given(decisions)
def test_a_token_reads_back_as_what_was_signed(decision: Decision) -> None:
    """Every field, exactly."""
    assert KEYS.verify(KEYS.sign(decision)) == decision


@given(decisions, st.integers(0, 10_000), st.integers(0, 127))
def test_a_changed_token_is_refused(decision: Decision, place: int, character: int) -> None:
    """Whatever character is changed, wherever."""
    token = KEYS.sign(decision)
    place %= len(token)
    changed = token[:place] + chr(character) + token[place + 1 :]
    if changed == token:
        return
    with pytest.raises(SuggestionIdInvalid):
        KEYS.verify(changed)


@given(st.text())
def test_any_text_is_refused_calmly(text: str) -> None:
    """No other error comes of it."""
    with pytest.raises(SuggestionIdInvalid):
        KEYS.verify(text)


def test_keys_rotate() -> None:
    """What the old key signed is still read once the new one signs, and not when the old one has left."""
    before = TokenKeys.parse(f"old:{OLD}").sign(DECISION)
    assert KEYS.sign(DECISION).split(".")[1] == "new"
    assert KEYS.verify(before) == DECISION
    with pytest.raises(SuggestionIdInvalid, match="key"):
        TokenKeys.parse(f"new:{NEW}").verify(before)


def test_another_deployment_cannot_sign() -> None:
    """The same key id with another key behind it."""
    foreign = TokenKeys.parse(f"new:{encoded(b'x' * 32)}").sign(DECISION)
    with pytest.raises(SuggestionIdInvalid, match="signature"):
        KEYS.verify(foreign)


@pytest.mark.parametrize(
    "text", ["", "a", "a:", "a:!!!", f"a b:{NEW}", f"a:{encoded(b'short')}", f"a:{NEW},a:{OLD}", f":{NEW}"]
)
def test_keys_that_make_no_sense_are_refused(text: str) -> None:
    """And the message shows none of them."""
    with pytest.raises(ValueError, match="token key") as refusal:
        TokenKeys.parse(text)
    assert NEW not in str(refusal.value)


def test_keys_are_never_shown() -> None:
    """Not by repr, which ends up in logs."""
    assert "nnn" not in repr(KEYS)

"""The id of a decision: a signed record of the choice, so that nothing need be stored at Suggest.

Any replica with the key can read a token back without looking anything up.
Layout of the signed part, big-endian: study uid (16 bytes), time of issue in
milliseconds since 1970 (8), observations behind the policy (8), one IEEE 754
double for each value of the context, decision (16), arm (8), propensity (8, a
double), tag (4). Then 16 to 18 bytes of keyed BLAKE2b, as many as make the whole a
multiple of three, which Base64 writes without padding or spare bits, so that one
decision has one text. The text is ``d2.KEY_ID.BASE64URL``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab_service.domain.errors import SuggestionIdInvalid

PREFIX = "d2"
_CALL = struct.Struct(">16sqq")  # what the decisions of one call share, save the context
_CHOICE = struct.Struct(">16sqdi")
_FIXED = _CALL.size + _CHOICE.size
_SIGNATURE = 16  # bytes at least: 128 bits are beyond guessing, and ids stay short
_MOST_VALUES = 200  # of a context; twice what a study may declare
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SHORTEST_KEY = 16  # bytes
_LONGEST_KEY = 64  # bytes that BLAKE2b takes
_OTHER = re.compile(r"[+/=]")  # which the decoder would take as well
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a token says.

    study: the uid of the study, 16 bytes.
    decision: 16 bytes, unique in the study.
    issued: milliseconds since 1970.
    step: how many observations the policy that chose had seen.
    arm: number of the arm.
    propensity: the probability with which it was chosen, in (0, 1].
    tag: what the policy wrote down with the choice.
    context: the values that it was chosen for, coded as numbers.
    """

    study: bytes
    decision: bytes
    issued: int
    step: int
    arm: int
    propensity: float
    tag: int = 0
    context: tuple[float, ...] = ()


class Signer:
    """Signs the decisions of one call: what they share is hashed once."""

    __slots__ = ("_hash", "_prefix", "_shared")

    def __init__(self, key: bytes, key_id: str, shared: bytes) -> None:
        self._hash = hashlib.blake2b(shared, key=key, digest_size=_signature_size(len(shared) + _CHOICE.size))
        self._prefix = f"{PREFIX}.{key_id}.".encode()
        self._shared = shared

    def sign(self, decision: bytes, arm: int, propensity: float, tag: int) -> bytes:
        """The token, ASCII."""
        choice = _CHOICE.pack(decision, arm, propensity, tag)
        signing = self._hash.copy()
        signing.update(choice)
        content = binascii.b2a_base64(self._shared + choice + signing.digest(), newline=False)
        return self._prefix + content.translate(_URL_SAFE)


def _signature_size(signed: int) -> int:
    """Bytes of the signature behind ``signed`` bytes."""
    return _SIGNATURE + -(signed + _SIGNATURE) % 3


@dataclass(frozen=True, slots=True, repr=False)
class TokenKeys:
    """Keys by id; ``signing`` names the one that signs, all of them verify."""

    keys: Mapping[str, bytes]
    signing: str

    @classmethod
    def parse(cls, text: str) -> TokenKeys:
        """From ``ID:BASE64,ID:BASE64``. Raises ValueError without showing a key."""
        keys: dict[str, bytes] = {}
        for position, entry in enumerate(text.split(","), start=1):
            key_id, separator, encoded = entry.strip().partition(":")
            if not separator or not _KEY_ID.fullmatch(key_id):
                raise ValueError(f"token key {position} is not of the form ID:BASE64")
            if key_id in keys:
                raise ValueError(f"token key {key_id} is there twice")
            try:
                keys[key_id] = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                raise ValueError(f"token key {key_id} is not Base64") from None
            if len(keys[key_id]) < _SHORTEST_KEY:
                raise ValueError(f"token key {key_id} has fewer than {_SHORTEST_KEY} bytes")
            if len(keys[key_id]) > _LONGEST_KEY:
                raise ValueError(f"token key {key_id} has more than {_LONGEST_KEY} bytes")
        return cls(keys, next(iter(keys)))

    def signer(self, study: bytes, issued: int, step: int, context: Sequence[float]) -> Signer:
        """For the decisions of one call; see Decision."""
        shared = _CALL.pack(study, issued, step)
        if context:
            shared += struct.pack(f">{len(context)}d", *context)
        return Signer(self.keys[self.signing], self.signing, shared)

    def sign(self, decision: Decision) -> str:
        """The token of one decision."""
        signer = self.signer(decision.study, decision.issued, decision.step, decision.context)
        return signer.sign(decision.decision, decision.arm, decision.propensity, decision.tag).decode()

    def verify(self, token: str) -> Decision:
        """What the token says. Raises SuggestionIdInvalid (field empty) unless one of the keys signed it."""
        match token.split("."):
            case [prefix, key_id, text] if prefix == PREFIX and len(text) % 4 == 0 and not _OTHER.search(text):
                key = self.keys.get(key_id)
                if key is None:
                    raise SuggestionIdInvalid("", "signed with a key that this service doesn't have")
            case _:
                raise SuggestionIdInvalid("", "not the id of a decision")
        try:
            content = base64.b64decode(text, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise SuggestionIdInvalid("", "not the id of a decision") from None
        values = (len(content) - _FIXED - _SIGNATURE) // 8
        signed = _FIXED + 8 * values
        if not 0 <= values <= _MOST_VALUES or len(content) != signed + _signature_size(signed):
            raise SuggestionIdInvalid("", "not the id of a decision")
        payload, signature = content[:signed], content[signed:]
        expected = hashlib.blake2b(payload, key=key, digest_size=len(signature)).digest()
        if not hmac.compare_digest(expected, signature):
            raise SuggestionIdInvalid("", "the signature is wrong: this id was not given out by this service")
        study, issued, step = _CALL.unpack_from(payload)
        context = struct.unpack_from(f">{values}d", payload, _CALL.size)
        decision, arm, propensity, tag = _CHOICE.unpack_from(payload, signed - _CHOICE.size)
        return Decision(study, decision, issued, step, arm, propensity, tag, context)

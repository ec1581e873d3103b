"""The id of a decision: a signed record of the choice, so that nothing need be stored at Suggest.

Any replica with the key can read a token back without looking anything up.
Layout of the signed part, big-endian: version (2 bytes), study uid (16),
decision (16), time of issue in milliseconds since 1970 (8), revision of the
policy (8), arm (4), propensity (8, IEEE 754); then 16 bytes of HMAC-SHA256: 78 bytes,
which Base64 writes without padding or spare bits, so that one decision has one
text. The text is ``d1.KEY_ID.BASE64URL``.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_service.domain.errors import SuggestionIdInvalid

PREFIX = "d1"
_LAYOUT = struct.Struct(">H16s16sqqId")
_SIGNATURE = 16  # bytes: 128 bits are beyond guessing, and ids stay short
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SHORTEST_KEY = 16  # bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """What a token says.

    study: the uid of the study, 16 bytes.
    decision: 16 bytes, unique in the study.
    issued: milliseconds since 1970.
    revision: of the policy that chose.
    arm: index of the arm in the study's finite space.
    propensity: the probability with which it was chosen, in (0, 1].
    """

    study: bytes
    decision: bytes
    issued: int
    revision: int
    arm: int
    propensity: float


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
        return cls(keys, next(iter(keys)))

    def sign(self, decision: Decision) -> str:
        """The token of a decision."""
        payload = _LAYOUT.pack(
            1,
            decision.study,
            decision.decision,
            decision.issued,
            decision.revision,
            decision.arm,
            decision.propensity,
        )
        signature = hmac.digest(self.keys[self.signing], payload, "sha256")[:_SIGNATURE]
        text = base64.urlsafe_b64encode(payload + signature).decode()
        return f"{PREFIX}.{self.signing}.{text}"

    def verify(self, token: str) -> Decision:
        """What the token says. Raises SuggestionIdInvalid (field empty) unless one of the keys signed it."""
        match token.split("."):
            case [prefix, key_id, text] if prefix == PREFIX and len(text) == _TEXT_LENGTH:
                key = self.keys.get(key_id)
                if key is None:
                    raise SuggestionIdInvalid("", "signed with a key that this service doesn't have")
            case _:
                raise SuggestionIdInvalid("", "not the id of a decision")
        try:
            content = base64.b64decode(text, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise SuggestionIdInvalid("", "not the id of a decision") from None
        payload, signature = content[:-_SIGNATURE], content[-_SIGNATURE:]
        if not hmac.compare_digest(hmac.digest(key, payload, "sha256")[:_SIGNATURE], signature):
            raise SuggestionIdInvalid("", "the signature is wrong: this id was not given out by this service")
        version, study, decision, issued, revision, arm, propensity = _LAYOUT.unpack(payload)
        if version != 1:
            raise SuggestionIdInvalid("", f"version {version} of decision ids is not known to this server")
        return Decision(study, decision, issued, revision, arm, propensity)


_TEXT_LENGTH = (_LAYOUT.size + _SIGNATURE) * 4 // 3

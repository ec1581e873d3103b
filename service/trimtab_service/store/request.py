"""The identity of a write, which every part of the store knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """The identity of one write, which makes a retry safe.

    key: as the caller gave it; unique within the study, or, where the study
        is being created or deleted, within the namespace.
    method: the RPC.
    fingerprint: digest of everything in the request but the key.
    """

    key: str
    method: str
    fingerprint: bytes

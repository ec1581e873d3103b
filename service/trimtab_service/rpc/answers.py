"""Answers of bandit studies, written as bytes.

Of a suggestion's bytes all but the id and the expire time are the same for
every draw of an arm, until the policy changes. They are made once, by the
messages' own serializer, and put together by length: a message's fields may
come in any order, and serialized messages may be joined (Protocol Buffers,
Encoding).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias
from weakref import ref

from google.protobuf import timestamp_pb2

from trimtab.v1 import trial_pb2
from trimtab_service.decisions import Chosen
from trimtab_service.domain.study import StudyName
from trimtab_service.domain.suggestion import Source
from trimtab_service.live import Live
from trimtab_service.rpc.convert_trial import SOURCES, model_to
from trimtab_service.rpc.convert_values import parameters_to

_DELIMITED = 2  # the wire type of what has a length
SUGGESTIONS = 1 << 3 | _DELIMITED  # the tag of SuggestResponse.suggestions
ID = 1 << 3 | _DELIMITED  # the tag of Suggestion.id

MOST_STUDIES = 1_000  # whose parts are remembered

MOST_FRAMES = 2_000  # of one study

Frame: TypeAlias = tuple[bytes, bytes]
"""What comes before the id's text, and what comes behind it."""


class Answers:
    """Makes the answers to Suggest; remembers the parts that stay the same."""

    def __init__(self) -> None:
        self._parts: dict[StudyName, _Parts] = {}
        self._end = (-1, b"")

    def suggested(self, live: Live, chosen: Iterable[Chosen], expire: int) -> bytes:
        """A SuggestResponse. ``expire``: in seconds since 1970."""
        parts = self._parts.get(live.study.name)
        if parts is None or parts.live() is not live:
            if len(self._parts) >= MOST_STUDIES:
                self._parts.clear()
            parts = self._parts[live.study.name] = _Parts(live)
        if self._end[0] != expire:
            message = trial_pb2.Suggestion(expire_time=timestamp_pb2.Timestamp(seconds=expire))
            self._end = (expire, message.SerializeToString())
        end = self._end[1]
        pieces: list[bytes] = []
        for one in chosen:
            head, tail = parts.frame(live, one, len(end))
            pieces += (head, one.token, tail, end)
        return b"".join(pieces)


class _Parts:
    """Frames of one study at one instant; they don't keep it in memory."""

    __slots__ = ("_frames", "live")

    def __init__(self, live: Live) -> None:
        self.live = ref(live)
        self._frames: dict[tuple[int, float, int, int], Frame] = {}

    def frame(self, live: Live, one: Chosen, rest: int) -> Frame:
        """Around the token of a choice; ``rest``: the bytes that follow the tail."""
        key = (one.arm, one.propensity, len(one.token), rest)
        frame = self._frames.get(key)
        if frame is None:
            if len(self._frames) >= MOST_FRAMES:  # propensities differ with the context, say
                self._frames.clear()
            frame = self._frames[key] = self._made(live, one, rest)
        return frame

    @staticmethod
    def _made(live: Live, one: Chosen, rest: int) -> Frame:
        tail = trial_pb2.Suggestion(
            parameters=parameters_to(live.arms.point(one.arm)),
            source=SOURCES[Source.MODEL],
            propensity=one.propensity,
            model=model_to(live.model),
        ).SerializeToString()
        id_head = bytes([ID]) + varint(len(one.token))
        length = len(id_head) + len(one.token) + len(tail) + rest
        return bytes([SUGGESTIONS]) + varint(length) + id_head, tail


def varint(number: int) -> bytes:
    """A number as Protocol Buffers write lengths."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)

"""Answers that are written as bytes say what the messages would."""

from __future__ import annotations

import pytest
from google.protobuf import timestamp_pb2

from trimtab.v1 import trial_pb2, tuning_service_pb2
from trimtab_service.decisions import Chosen
from trimtab_service.live import Live
from trimtab_service.rpc.answers import Answers, varint
from trimtab_service.rpc.convert_trial import model_to
from trimtab_service.rpc.convert_values import parameters_to
from unit.test_live import row, study


def written_out(live: Live, chosen: list[Chosen], expire: int) -> tuning_service_pb2.SuggestResponse:
    """The same answer, made of messages."""
    return tuning_service_pb2.SuggestResponse(
        suggestions=[
            trial_pb2.Suggestion(
                id=one.token.decode(),
                parameters=parameters_to(live.arms.point(one.arm)),
                source=trial_pb2.SOURCE_MODEL,
                propensity=one.propensity,
                model=model_to(live.model),
                expire_time=timestamp_pb2.Timestamp(seconds=expire),
            )
            for one in chosen
        ]
    )


@pytest.mark.parametrize("expire", [0, 1, 1_795_863_167, 2**33])
@pytest.mark.parametrize("length", [1, 127, 128, 200, 5_000])
def test_bytes_are_those_of_the_message(length: int, expire: int) -> None:
    """Whatever the lengths, and as the policy moves on."""
    answers, live = Answers(), Live.begun(study())
    chosen = [Chosen(b"x" * length, arm, (arm + 1) / 6) for arm in (0, 2, 1, 2)]
    chosen.append(Chosen(b"y" * (length + 1), 1, 0.25))
    for instant in (live, live.folded([row(300, 0, 1.0)]), live):
        actual = answers.suggested(instant, chosen, expire)
        assert tuning_service_pb2.SuggestResponse.FromString(actual) == written_out(instant, chosen, expire)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02"), (2**21, b"\x80\x80\x80\x01")],
)
def test_varints(number: int, expected: bytes) -> None:
    """As the encoding's documentation has them."""
    assert varint(number) == expected

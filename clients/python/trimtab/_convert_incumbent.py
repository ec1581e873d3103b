"""The best parameters known: messages -> answers."""

from __future__ import annotations

from typing import Any

from trimtab._convert import model_from_message, parameters_from_message, source_from_message
from trimtab._convert_explanation import predictions_from_message
from trimtab.answers import Incumbent
from trimtab.v1 import study_service_pb2 as pb


def incumbent_from_message(message: pb.GetIncumbentResponse) -> Incumbent:
    """What is unset in the message is None."""

    def known(name: str) -> Any:
        return getattr(message, name) if message.HasField(name) else None

    return Incumbent(
        parameters=parameters_from_message(message.parameters),
        predicted_mean=known("predicted_mean"),
        predicted_standard_error=known("predicted_standard_error"),
        trial=message.trial,
        source=source_from_message(message.source),
        model=model_from_message(message.model),
        probability_best=known("probability_best"),
        predictions=predictions_from_message(message.predictions),
        probability_better_than_baseline=known("probability_better_than_baseline"),
        probability_feasible=known("probability_feasible"),
        expected_gain=known("expected_gain"),
        worth_another_trial=known("worth_another_trial"),
    )

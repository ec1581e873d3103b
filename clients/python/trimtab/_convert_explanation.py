"""Explanations and Pareto fronts: messages -> answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trimtab._convert import (
    measurements_from_message,
    model_from_message,
    parameters_from_message,
    parameters_to_message,
)
from trimtab._plain import ValueLike
from trimtab.explanation import Explanation, Neighbour, ParetoFront, ParetoPoint, Slice, SlicePoint
from trimtab.prediction import Prediction
from trimtab.v1 import study_service_pb2 as pb
from trimtab.v1 import trial_pb2


def predictions_from_message(messages: Mapping[str, trial_pb2.Prediction]) -> dict[str, Prediction]:
    """What is expected of each metric, by name."""
    return {
        name: Prediction(one.mean, one.standard_error, (one.interval_low, one.interval_high))
        for name, one in sorted(messages.items())
    }


def explain_request(
    study: str,
    parameters: Mapping[str, ValueLike] | None,
    trial: str,
    context: Mapping[str, ValueLike] | None,
    slices: Sequence[Slice],
) -> pb.ExplainRequest:
    """What is unset in the message is left to the server."""
    return pb.ExplainRequest(
        study=study,
        parameters=None if parameters is None else parameters_to_message(parameters),
        trial=trial,
        context=None if context is None else parameters_to_message(context),
        slices=[pb.Slice(parameters=each.parameters, resolution=each.resolution) for each in slices],
    )


def explanation_from_message(message: pb.ExplainResponse) -> Explanation:
    """What the model believes."""
    improvement = message.expected_improvement if message.HasField("expected_improvement") else None
    feasible = message.probability_feasible if message.HasField("probability_feasible") else None
    return Explanation(
        parameters=parameters_from_message(message.parameters),
        predictions=predictions_from_message(message.predictions),
        expected_improvement=improvement,
        probability_feasible=feasible,
        neighbours=[
            Neighbour(one.trial, one.correlation, measurements_from_message(one.measurements))
            for one in message.neighbours
        ],
        importances={
            one.metric: {each.parameter: each.share for each in one.importances} for one in message.importances
        },
        slices=[
            [
                SlicePoint(parameters_from_message(point.parameters), predictions_from_message(point.predictions))
                for point in one.points
            ]
            for one in message.slices
        ],
        model=model_from_message(message.model),
    )


def front_from_message(message: pb.GetParetoFrontResponse) -> ParetoFront:
    """The Pareto front."""
    return ParetoFront(
        points=[
            ParetoPoint(
                trial=point.trial,
                parameters=parameters_from_message(point.parameters),
                predictions=predictions_from_message(point.predictions),
                probability_feasible=point.probability_feasible if point.HasField("probability_feasible") else None,
            )
            for point in message.points
        ],
        reference_point=dict(sorted(message.reference_point.items())),
        hypervolume=message.hypervolume,
        history={each.number: each.hypervolume for each in message.history},
        model=model_from_message(message.model),
    )

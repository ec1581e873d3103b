"""Predictions, explanations, Pareto fronts: proto <-> domain."""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.v1 import study_service_pb2 as pb
from trimtab.v1 import trial_pb2
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.explanation import DEFAULT_RESOLUTION, Explanation, Slice, SlicePoint
from trimtab_service.domain.prediction import ParetoFront, Predictions
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import ModelInfo
from trimtab_service.rpc.convert_trial import measurements_to, model_to
from trimtab_service.rpc.convert_values import parameters_to, trial_name, values_from
from trimtab_service.tuner import Wanted


def predictions_to(predictions: Predictions) -> dict[str, trial_pb2.Prediction]:
    """What is expected of each metric, as messages."""
    return {
        name: trial_pb2.Prediction(
            mean=one.mean, standard_error=one.standard_error, interval_low=one.low, interval_high=one.high
        )
        for name, one in predictions.items()
    }


def wanted_from(study: Study, request: pb.ExplainRequest) -> Wanted:
    """Raises InvalidArgument with a field of the request."""
    number = None
    if request.trial:
        if request.HasField("parameters"):
            raise InvalidArgument("trial", "give parameters or a trial, not both")
        name = trial_name(request.trial, "trial")
        if name.study != study.name:
            raise InvalidArgument("trial", f"this trial belongs to {name.study}, not to {study.name}")
        number = name.number
    point = None
    if request.HasField("parameters"):
        with errors.field("parameters"):
            point = values_from(request.parameters.values, "values")
    with errors.field("context"):
        context = values_from(request.context.values, "values")
    slices = tuple(Slice(tuple(each.parameters), each.resolution or DEFAULT_RESOLUTION) for each in request.slices)
    return Wanted(point, number, context, slices)


def explanation_to(
    study: Study, slices: Sequence[Slice], explanation: Explanation, model: ModelInfo
) -> pb.ExplainResponse:
    """What the model believes, as a message."""
    return pb.ExplainResponse(
        parameters=parameters_to(explanation.parameters),
        predictions=predictions_to(explanation.predictions),
        expected_improvement=explanation.expected_improvement,
        probability_feasible=explanation.probability_feasible,
        neighbours=[
            pb.Neighbour(
                trial=f"{study.name}/trials/{one.number}",
                correlation=one.correlation,
                measurements=measurements_to(one.measurements),
            )
            for one in explanation.neighbours
        ],
        importances=[
            pb.MetricImportances(
                metric=metric,
                importances=[pb.Importance(parameter=name, share=share) for name, share in shares.items()],
            )
            for metric, shares in explanation.importances.items()
        ],
        slices=[
            pb.SliceResult(parameters=wanted.parameters, points=map(_slice_point_to, points))
            for wanted, points in zip(slices, explanation.slices, strict=True)
        ],
        model=model_to(model),
    )


def _slice_point_to(point: SlicePoint) -> pb.SlicePoint:
    return pb.SlicePoint(parameters=parameters_to(point.parameters), predictions=predictions_to(point.predictions))


def front_to(study: Study, front: ParetoFront, model: ModelInfo) -> pb.GetParetoFrontResponse:
    """A Pareto front, as a message."""
    return pb.GetParetoFrontResponse(
        points=[
            pb.ParetoPoint(
                trial=f"{study.name}/trials/{point.number}",
                parameters=parameters_to(point.parameters),
                predictions=predictions_to(point.predictions),
                probability_feasible=point.probability_feasible,
            )
            for point in front.points
        ],
        reference_point=front.reference_point,
        hypervolume=front.hypervolume,
        history=[pb.HypervolumePoint(number=number, hypervolume=volume) for number, volume in front.history],
        model=model_to(model),
    )

"""The best parameters known: domain -> proto, and what is asked of them."""

from __future__ import annotations

import math

from trimtab.v1 import study_service_pb2 as pb
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import Study
from trimtab_service.domain.suggestion import Incumbent, ModelInfo
from trimtab_service.rpc import convert_trial, convert_values
from trimtab_service.rpc.convert_explanation import predictions_to


def trial_cost_from(study: Study, request: pb.GetIncumbentRequest) -> float | None:
    """Raises InvalidArgument at ``trial_cost`` where it makes no sense, or can't be compared with anything."""
    if not request.HasField("trial_cost"):
        return None
    cost = request.trial_cost
    if not (math.isfinite(cost) and cost >= 0):
        raise InvalidArgument("trial_cost", f"must be finite and at least 0, not {cost}")
    if study.algorithm.decisions:
        raise InvalidArgument("trial_cost", f"only trials have a cost, and {study.algorithm.name} makes decisions")
    if study.spec.robustness is not None:
        raise InvalidArgument("trial_cost", "is compared with the gain in one condition, and the study has several")
    return cost


def incumbent_to(study: Study, best: Incumbent, model: ModelInfo, trial_cost: float | None) -> pb.GetIncumbentResponse:
    """With whether another trial is worth ``trial_cost``; it is where nothing acceptable is known."""
    response = pb.GetIncumbentResponse(
        parameters=convert_values.parameters_to(best.parameters),
        predicted_mean=best.mean,
        predicted_standard_error=best.standard_error,
        trial=f"{study.name}/trials/{best.number}" if best.number is not None else "",
        source=convert_trial.SOURCES[best.source],
        model=convert_trial.model_to(model),
        probability_best=best.probability_best,
        predictions=predictions_to(best.predictions),
        probability_better_than_baseline=best.probability_better,
        probability_feasible=best.probability_feasible,
        expected_gain=best.expected_gain,
    )
    if trial_cost is not None:
        response.worth_another_trial = best.expected_gain is None or best.expected_gain > trial_cost
    return response

"""The calls of the contract: where each goes, what it takes, what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from trimtab.v1 import study_service_pb2 as studies
from trimtab.v1 import tuning_service_pb2 as tuning

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

TUNING_SERVICE = "trimtab.v1.TuningService"
STUDY_SERVICE = "trimtab.v1.StudyService"


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Response]):
    """One unary call."""

    path: str
    request: type[Request]
    response: type[Response]


def _tuning(name: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return Method(f"/{TUNING_SERVICE}/{name}", request, response)


def _studies(name: str, request: type[Request], response: type[Response]) -> Method[Request, Response]:
    return Method(f"/{STUDY_SERVICE}/{name}", request, response)


SUGGEST = _tuning("Suggest", tuning.SuggestRequest, tuning.SuggestResponse)
OBSERVE = _tuning("Observe", tuning.ObserveRequest, tuning.ObserveResponse)
EXTEND_LEASE = _tuning("ExtendLease", tuning.ExtendLeaseRequest, tuning.ExtendLeaseResponse)
IMPORT_TRIALS = _tuning("ImportTrials", tuning.ImportTrialsRequest, tuning.ImportTrialsResponse)
ENQUEUE_TRIALS = _tuning("EnqueueTrials", tuning.EnqueueTrialsRequest, tuning.EnqueueTrialsResponse)
CREATE_STUDY = _studies("CreateStudy", studies.CreateStudyRequest, studies.CreateStudyResponse)
GET_STUDY = _studies("GetStudy", studies.GetStudyRequest, studies.GetStudyResponse)
LIST_STUDIES = _studies("ListStudies", studies.ListStudiesRequest, studies.ListStudiesResponse)
UPDATE_STUDY = _studies("UpdateStudy", studies.UpdateStudyRequest, studies.UpdateStudyResponse)
DELETE_STUDY = _studies("DeleteStudy", studies.DeleteStudyRequest, studies.DeleteStudyResponse)
GET_TRIAL = _studies("GetTrial", studies.GetTrialRequest, studies.GetTrialResponse)
LIST_TRIALS = _studies("ListTrials", studies.ListTrialsRequest, studies.ListTrialsResponse)
LIST_OBSERVATIONS = _studies("ListObservations", studies.ListObservationsRequest, studies.ListObservationsResponse)
GET_INCUMBENT = _studies("GetIncumbent", studies.GetIncumbentRequest, studies.GetIncumbentResponse)
GET_PARETO_FRONT = _studies("GetParetoFront", studies.GetParetoFrontRequest, studies.GetParetoFrontResponse)
EXPLAIN = _studies("Explain", studies.ExplainRequest, studies.ExplainResponse)

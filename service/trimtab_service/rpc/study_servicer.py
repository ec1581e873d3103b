"""The calls that set up studies and look at them."""

from __future__ import annotations

import re
from typing import Any

import grpc

from trimtab.v1 import study_service_pb2 as pb
from trimtab.v1 import study_service_pb2_grpc
from trimtab_service.deadlines import for_the_optimizer
from trimtab_service.decisions import Decisions
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.study import StudyName, check_identifier
from trimtab_service.rpc import convert_explanation, convert_incumbent, convert_study, convert_trial, convert_values
from trimtab_service.rpc.convert_values import seconds_left
from trimtab_service.studies import Studies
from trimtab_service.tuner import Tuner

Context = grpc.aio.ServicerContext[Any, Any]

EVERY_NAMESPACE = "namespaces/-"
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


class StudyServicer(study_service_pb2_grpc.StudyServiceServicer):
    """Studies, trials, the log, the incumbent."""

    def __init__(self, studies: Studies, tuner: Tuner, decisions: Decisions, timeout: float) -> None:
        self._studies = studies
        self._tuner = tuner
        self._decisions = decisions
        self._timeout = timeout

    async def CreateStudy(self, request: pb.CreateStudyRequest, context: Context) -> pb.CreateStudyResponse:
        """Creates a study; every fault of its spec is found here."""
        namespace = convert_values.namespace(request.parent, "parent")
        with errors.field("study_id"):
            name = StudyName(namespace, check_identifier(request.study_id))
        convert_values.check_known(request, "request")
        with errors.field("study.spec"):
            spec = convert_study.spec_from(request.study.spec)
        identity = convert_values.request_from(request, "CreateStudy")
        study = await self._studies.create(name, spec, identity)
        return pb.CreateStudyResponse(study=convert_study.study_to(study))

    async def GetStudy(self, request: pb.GetStudyRequest, context: Context) -> pb.GetStudyResponse:
        """One study, with counts."""
        study = await self._studies.get(convert_values.study_name(request.name, "name"))
        return pb.GetStudyResponse(study=convert_study.study_to(study, await self._studies.counts(study)))

    async def ListStudies(self, request: pb.ListStudiesRequest, context: Context) -> pb.ListStudiesResponse:
        """A page of studies by name."""
        everywhere = request.parent == EVERY_NAMESPACE
        namespace = None if everywhere else convert_values.namespace(request.parent, "parent")
        size = convert_values.page_size(request.page_size)
        after = convert_values.page_token_from(request.page_token, request.parent)
        start = convert_values.study_name(after, "page_token") if after else None
        studies = await self._studies.list(namespace, start, size + 1)
        response = pb.ListStudiesResponse(studies=map(convert_study.study_to, studies[:size]))
        if len(studies) > size:
            response.next_page_token = convert_values.page_token_to(request.parent, str(studies[size - 1].name))
        return response

    async def UpdateStudy(self, request: pb.UpdateStudyRequest, context: Context) -> pb.UpdateStudyResponse:
        """Changes what may change of a study."""
        name = convert_values.study_name(request.study.name, "study.name")
        convert_values.check_known(request, "request")
        paths = frozenset(request.update_mask.paths)
        change = convert_study.changes_from(request.study, paths)
        identity = convert_values.request_from(request, "UpdateStudy")
        study = await self._studies.update(name, change, paths, request.study.etag, identity)
        self._decisions.updated(study)
        return pb.UpdateStudyResponse(study=convert_study.study_to(study))

    async def DeleteStudy(self, request: pb.DeleteStudyRequest, context: Context) -> pb.DeleteStudyResponse:
        """Deletes a study with all that is in it."""
        name = convert_values.study_name(request.name, "name")
        identity = convert_values.request_from(request, "DeleteStudy")
        await self._studies.delete(name, request.etag, identity)
        self._decisions.deleted(name)
        return pb.DeleteStudyResponse()

    async def GetTrial(self, request: pb.GetTrialRequest, context: Context) -> pb.GetTrialResponse:
        """One trial."""
        name = convert_values.trial_name(request.name, "name")
        study = await self._studies.get(name.study)
        return pb.GetTrialResponse(trial=convert_trial.trial_to(study, await self._tuner.get_trial(name)))

    async def ListTrials(self, request: pb.ListTrialsRequest, context: Context) -> pb.ListTrialsResponse:
        """A page of trials by number."""
        name = convert_values.study_name(request.parent, "parent")
        size = convert_values.page_size(request.page_size)
        states = convert_trial.states_from(list(request.states))
        query = f"{name} {sorted(state.value for state in states)}"
        after = _number(convert_values.page_token_from(request.page_token, query))
        study = await self._studies.get(name)
        trials = await self._tuner.list_trials(study, after, size + 1, states)
        response = pb.ListTrialsResponse(trials=[convert_trial.trial_to(study, trial) for trial in trials[:size]])
        if len(trials) > size:
            response.next_page_token = convert_values.page_token_to(query, str(trials[size - 1].number))
        return response

    async def ListObservations(
        self, request: pb.ListObservationsRequest, context: Context
    ) -> pb.ListObservationsResponse:
        """A page of the observation log by sequence."""
        name = convert_values.study_name(request.parent, "parent")
        size = convert_values.page_size(request.page_size)
        after = _number(convert_values.page_token_from(request.page_token, str(name)))
        study = await self._studies.get(name)
        rows = await self._studies.observations(study, after, size + 1)
        response = pb.ListObservationsResponse(observations=convert_trial.records_to(study, rows[:size]))
        if len(rows) > size:
            response.next_page_token = convert_values.page_token_to(str(name), str(rows[size - 1].sequence))
        return response

    async def GetIncumbent(self, request: pb.GetIncumbentRequest, context: Context) -> pb.GetIncumbentResponse:
        """The best parameters known, by the model's posterior."""
        name = convert_values.study_name(request.study, "study")
        with errors.field("context"):
            values = convert_values.values_from(request.context.values, "values")
        study = await self._studies.get(name)
        trial_cost = convert_incumbent.trial_cost_from(study, request)
        if study.algorithm.decisions:
            with errors.field("context"):
                given = study.spec.check_context(values) if values else None
            best, model = await self._decisions.incumbent(study, given)
        else:
            best, model = await self._tuner.incumbent(
                study, values, for_the_optimizer(seconds_left(context, self._timeout))
            )
        return convert_incumbent.incumbent_to(study, best, model, trial_cost)

    async def GetParetoFront(self, request: pb.GetParetoFrontRequest, context: Context) -> pb.GetParetoFrontResponse:
        """The trials that are best for some trade between several objectives."""
        study = await self._studies.get(convert_values.study_name(request.study, "study"))
        front, model = await self._tuner.pareto_front(study, for_the_optimizer(seconds_left(context, self._timeout)))
        return convert_explanation.front_to(study, front, model)

    async def Explain(self, request: pb.ExplainRequest, context: Context) -> pb.ExplainResponse:
        """What the model of a trial study believes."""
        study = await self._studies.get(convert_values.study_name(request.study, "study"))
        wanted = convert_explanation.wanted_from(study, request)
        explanation, model = await self._tuner.explain(
            study, wanted, for_the_optimizer(seconds_left(context, self._timeout))
        )
        return convert_explanation.explanation_to(study, wanted.slices, explanation, model)


def _number(after: str) -> int:
    """Of a trial, or a place in the log, as a page token has it; 0 where the list begins."""
    if after and not _NUMBER.fullmatch(after):
        raise InvalidArgument("page_token", "not a next_page_token of this very list")
    return int(after or 0)

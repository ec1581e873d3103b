"""Use cases of trial studies: suggest, observe, import, enqueue, extend a lease, look at trials.

Nothing here must know of gRPC, SQL or torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab_service.ahead import Ahead
from trimtab_service.compute import Asked, Compute
from trimtab_service.domain import errors
from trimtab_service.domain.errors import (
    DeadlineExceeded,
    InvalidArgument,
    StudyNotFound,
    StudyOfDecisions,
    TrimtabError,
)
from trimtab_service.domain.explanation import Explanation, Slice, check_slices
from trimtab_service.domain.prediction import ParetoFront
from trimtab_service.domain.space import Parameters
from trimtab_service.domain.study import Study, StudyName, TrialName
from trimtab_service.domain.suggestion import Incumbent, ModelInfo, Trial, TrialState, lease_end
from trimtab_service.histories import Histories
from trimtab_service.metrics import Metrics
from trimtab_service.storage import Storage
from trimtab_service.store.base import RECORDED, Request, Result, TrialObservation
from trimtab_service.store.queue import ForeignTrial
from trimtab_service.studies import Studies
from trimtab_service.suggesting import Suggesting, check_active
from trimtab_service.turns import Answer, Ask


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be explained: a point, or the trial of a number, or the incumbent; and along which cuts."""

    point: Parameters | None
    number: int | None
    context: Parameters
    slices: tuple[Slice, ...]


class Tuner:
    """Trial studies."""

    def __init__(self, storage: Storage, studies: Studies, compute: Compute, queue: int, metrics: Metrics) -> None:
        """``queue``: how many suggestions of a study may wait that were computed ahead; 0: none are."""
        self._storage = storage
        self._studies = studies
        self._compute = compute
        self._histories = Histories(storage, metrics)
        self._ahead = Ahead(storage, self._histories, compute, queue, metrics)
        self._suggesting = Suggesting(storage, studies, self._histories, compute, self._ahead, metrics)

    async def suggest(self, ask: Ask) -> Answer:
        """Stored trials to try, as many as asked for; raises what ``Suggesting.suggest`` says."""
        return await self._suggesting.suggest(ask)

    async def observe(
        self, study: Study, observations: Sequence[TrialObservation | InvalidArgument], request: Request | None
    ) -> list[Result]:
        """One result an observation; an error among them is its own result. Raises StudyNotFound, RequestIdReused."""
        try:
            results = await self._storage.write(
                self._storage.store.observe_trials, study, observations, self._storage.now(), request
            )
        except StudyNotFound:
            self._studies.forget(study.name)
            raise
        if RECORDED in results:
            self._ahead.observed(study)
        return results

    async def import_trials(
        self, study: Study, trials: Sequence[ForeignTrial | InvalidArgument], request: Request | None
    ) -> Sequence[int | TrimtabError]:
        """Their numbers; an error among them is its own result.

        Raises StudyNotFound, StudyOfDecisions, RequestIdReused.
        """
        check_trials(study)
        store = self._storage.store
        results = await self._storage.write(store.import_trials, study, trials, self._storage.now(), request)
        if any(isinstance(result, int) for result in results):
            self._ahead.observed(study)
        return results

    async def enqueue(self, name: StudyName, points: Sequence[Parameters], request: Request | None) -> Sequence[int]:
        """The numbers of their trials, in order.

        Raises InvalidArgument (``points[i]...``), StudyNotFound, StudyOfDecisions, StudyStopped, LineFull,
        RequestIdReused.
        """
        study = await self._studies.get(name)
        check_trials(study)
        # A repeated request gets its answer though the study has been stopped since.
        if request is None or not await self._storage.read(self._storage.store.replayed, study.uid, request):
            check_active(study)
        checked = []
        for index, point in enumerate(points):
            with errors.field(f"points[{index}]"):
                checked.append(study.spec.space.check(point))
        robustness = study.spec.robustness
        conditions = ({},) if robustness is None else robustness.conditions
        placed = [(point, conditions[index % len(conditions)]) for index, point in enumerate(checked)]
        store = self._storage.store
        return await self._storage.write(store.enqueue_trials, study, placed, self._storage.now(), request)

    async def extend_lease(self, name: TrialName, lease: timedelta | None, request: Request | None) -> datetime:
        """When the lease ends then. Raises StudyNotFound, TrialNotFound, TrialEnded, RequestIdReused."""
        study = await self._studies.get(name.study)
        end = lease_end(self._storage.now(), lease if lease is not None else study.spec.lease)
        return await self._storage.write(self._storage.store.extend_lease, study, name.number, end, request)

    async def incumbent(self, study: Study, context: Parameters, seconds: float) -> tuple[Incumbent, ModelInfo]:
        """The best parameters known, by the posterior. Raises NoIncumbent, InvalidArgument, StudyNotFound."""
        checked: Parameters = {}
        if context and study.spec.robustness is not None:
            raise InvalidArgument("context", f"the best of {study.name} is the best over all of its conditions")
        if context:
            with errors.field("context"):
                checked = study.spec.check_context(context)
        asked = await self.asked(study, checked)
        with _in_time():
            return await self._compute.incumbent(asked, seconds), model_info(asked)

    async def pareto_front(self, study: Study, seconds: float) -> tuple[ParetoFront, ModelInfo]:
        """The trials that are best for some trade. Raises StudyOfDecisions, NothingObserved, StudyNotFound."""
        check_trials(study)
        asked = await self.asked(study, {})
        with _in_time():
            return await self._compute.pareto_front(asked, seconds), model_info(asked)

    async def explain(self, study: Study, wanted: Wanted, seconds: float) -> tuple[Explanation, ModelInfo]:
        """What the model believes.

        Raises InvalidArgument, StudyOfDecisions, NothingObserved, StudyNotFound, TrialNotFound.
        """
        check_trials(study)
        check_slices(wanted.slices, study.spec.space)
        point, context = wanted.point, wanted.context
        if wanted.number is not None:
            trial = await self.get_trial(TrialName(study.name, wanted.number))
            point, context = trial.parameters, context or trial.context
        elif point is not None:
            with errors.field("parameters"):
                point = study.spec.space.check(point)
        with errors.field("context"):
            context = study.spec.check_context(context)
        asked = await self.asked(study, context)
        with _in_time():
            return await self._compute.explain(asked, point, wanted.slices, seconds), model_info(asked)

    async def asked(self, study: Study, context: Parameters) -> Asked:
        """A question to the model of the study as it is now, about a context that was checked. Raises StudyNotFound."""
        look = await self._histories.look(study.name)
        return Asked(look.snapshot.study, look.past, context, {}, await self._histories.related(look.snapshot.study))

    async def get_trial(self, name: TrialName) -> Trial:
        """Raises StudyNotFound, TrialNotFound."""
        return await self._storage.read(self._storage.store.get_trial, name, self._storage.now())

    async def list_trials(self, study: Study, after: int, limit: int, states: frozenset[TrialState]) -> Sequence[Trial]:
        """By number, those behind ``after``; in every state where ``states`` is empty."""
        return await self._storage.read(
            self._storage.store.list_trials, study, self._storage.now(), after, limit, states
        )

    async def close(self) -> None:
        """Gives up what is being computed ahead."""
        await self._ahead.close()


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise DeadlineExceeded("the model could not answer within the deadline") from error


def model_info(asked: Asked) -> ModelInfo:
    """What a model's answer rests on."""
    return ModelInfo("gp", asked.past.revision, asked.past.observation_count)


def check_trials(study: Study) -> None:
    """Raises StudyOfDecisions."""
    if study.algorithm.decisions:
        raise StudyOfDecisions(f"{study.name} is a bandit study ({study.algorithm.name}); it has no trials")

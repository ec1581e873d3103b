"""Trials from elsewhere, and points that are put in line: messages -> domain."""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.v1 import trial_pb2
from trimtab.v1 import tuning_service_pb2 as pb
from trimtab_service.domain import errors
from trimtab_service.domain.errors import InvalidArgument, TrimtabError
from trimtab_service.domain.study import Study
from trimtab_service.rpc.convert_trial import observation_from
from trimtab_service.rpc.convert_values import MOST_COUNT, values_from
from trimtab_service.rpc.status import item_error
from trimtab_service.store.queue import ForeignTrial


def check_length(items: Sequence[object], field: str) -> None:
    """Raises InvalidArgument unless there are 1 to ``MOST_COUNT`` items."""
    if not 1 <= len(items) <= MOST_COUNT:
        raise InvalidArgument(field, f"there must be 1 to {MOST_COUNT} of them, not {len(items)}")


def foreign_trials(study: Study, messages: Sequence[pb.ImportedTrial]) -> list[ForeignTrial | InvalidArgument]:
    """One entry a message: the trial, or why it is refused (field ``trials[i]...``)."""
    entries: list[ForeignTrial | InvalidArgument] = []
    for index, message in enumerate(messages):
        try:
            with errors.field(f"trials[{index}]"):
                entries.append(_foreign_trial(study, message))
        except InvalidArgument as error:
            entries.append(error)
    return entries


def _foreign_trial(study: Study, message: pb.ImportedTrial) -> ForeignTrial:
    with errors.field("parameters"):
        parameters = study.spec.space.check(values_from(message.parameters.values, "values"))
    with errors.field("context"):
        context = study.spec.check_context(values_from(message.context.values, "values"))
    observation = observation_from(
        trial_pb2.Observation(outcome=message.outcome, measurements=message.measurements, reason=message.reason)
    )
    study.spec.check_observation(observation)
    return ForeignTrial(parameters, context, observation)


def import_result(study: Study, result: int | TrimtabError) -> pb.ImportResult:
    """The number of the trial that is stored, or why it was refused, as a message."""
    if isinstance(result, TrimtabError):
        return pb.ImportResult(error=item_error(result))
    return pb.ImportResult(trial=f"{study.name}/trials/{result}")

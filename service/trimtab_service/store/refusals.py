"""What callers are told whom the store refuses, in one place for every engine."""

from __future__ import annotations

from trimtab_service.domain.errors import (
    EtagMismatch,
    InvalidArgument,
    LineFull,
    ObservationConflict,
    RequestIdReused,
    StudyExists,
    StudyNotFound,
    TrialEnded,
    TrialNotFound,
    TrialQueued,
)
from trimtab_service.domain.observation import Observation
from trimtab_service.domain.study import Study, StudyName, TrialName

MOST_SHOWN = 5  # metrics of a stored observation that a message shows


def no_study(name: StudyName) -> StudyNotFound:
    """There is no study of this name."""
    return StudyNotFound(f"there is no study {name}", study=str(name))


def study_gone(study: Study) -> StudyNotFound:
    """There was one, when the caller read it."""
    return StudyNotFound(f"{study.name} was deleted", study=str(study.name))


def study_exists(name: StudyName) -> StudyExists:
    """The name is taken."""
    return StudyExists(f"there is a study {name} already", study=str(name))


def study_changed(study: Study) -> EtagMismatch:
    """Another revision is stored."""
    return EtagMismatch(f"{study.name} was changed since it was read; read it again", study=str(study.name))


def lifetime_settled(study: Study) -> InvalidArgument:
    """Decisions whose rows were deleted could be observed again, and count twice."""
    return InvalidArgument(
        "study.spec.decision_lifetime",
        f"can't be raised: observations of {study.name} were deleted after its retention, or may be, and one of "
        "a decision that lives longer could count twice",
    )


def no_trial(name: TrialName) -> TrialNotFound:
    """The study has no trial of this number."""
    return TrialNotFound(f"there is no trial {name}", trial=str(name))


def trial_ended(name: TrialName) -> TrialEnded:
    """The trial has an observation."""
    return TrialEnded(f"{name} was observed already; its lease is over", trial=str(name))


def trial_queued(name: TrialName) -> TrialQueued:
    """The trial is of a study with a context, and nobody has said in which it is tried."""
    return TrialQueued(f"{name} wasn't handed out yet: suggest gives it out, for a context", trial=str(name))


def line_full(study: Study, waiting: int, most: int) -> LineFull:
    """So many points wait in line already that these would be too many."""
    return LineFull(f"{waiting} points wait in line in {study.name}; {most} at most", study=str(study.name))


def observed_already(what: str, stored: Observation) -> ObservationConflict:
    """``what``, a trial or a decision, has another observation."""
    shown = ", ".join(f"{name} = {item.mean:.6g}" for name, item in list(stored.measurements.items())[:MOST_SHOWN])
    ended = stored.outcome.value + (f" with {shown}" if shown else "")
    return ObservationConflict(f"{what} has another observation already, {ended}; the first one stands")


def request_reused(key: str, was: str) -> RequestIdReused:
    """``was`` says what the id was used for before."""
    return RequestIdReused("request_id", f"{key!r} was used before {was}; draw a fresh one for each call")

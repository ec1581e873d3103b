"""The client of Trimtab: tuning as a service, behind suggest and observe.

    import trimtab

    client = trimtab.Client("localhost:50051")
    study = client.create_study(
        "gbm",
        parameters=[trimtab.Float("learning_rate", 1e-3, 1.0, scale="log"), trimtab.Integer("depth", 1, 12)],
        minimize="rmse",
        baseline={"learning_rate": 0.1, "depth": 6},
        exist_ok=True,
    )
    for _ in range(30):
        with study.suggest() as suggestion:
            suggestion.observe(rmse=train(**suggestion.parameters))

``AsyncClient`` is the same for asyncio; ``trimtab.testing`` has a fake for
tests without a server.

What a caller can meet (the whole tree is in ``trimtab.errors``):

- suggest: InvalidArgumentError (a context that doesn't fit, allowed arms of
  which none is left), NotFoundError (no such study), StudyStoppedError,
  SpaceExhaustedError. Where the service can't
  answer in time it gives the baseline, marked as a fallback; it raises the
  ServiceError only where no baseline is known, or when asked to.
- observe, fail, abandon: InvalidArgumentError (a metric that the study doesn't
  have, NaN), NotFoundError, ObservationConflictError (the suggestion has
  another observation), FailedPreconditionError (a decision older than its
  lifetime). observe_many gives the same for each observation instead.
- create_study: InvalidArgumentError (every fault of the definition is found
  here), AlreadyExistsError, with exist_ok StudyMismatchError.
- update, delete: NotFoundError, InvalidArgumentError, EtagMismatchError.
- incumbent: FailedPreconditionError where there is nothing to say.
- everything: ClientClosedError after ``close``, UnavailableError and the other ServiceErrors once the timeout is
  over, PermissionDeniedError where a proxy or TLS refuses; TypeError and
  ValueError for arguments that can't be sent.
"""

from __future__ import annotations

from trimtab._client import AsyncClient, Client
from trimtab._elsewhere import ImportedTrial, ImportResult
from trimtab._study import AsyncStudy, Study
from trimtab._suggestion import AsyncSuggestion, Suggestion
from trimtab.answers import (
    Incumbent,
    ModelInfo,
    ObservationRecord,
    ObserveResult,
    ObserveStatus,
    Source,
    StudyCounts,
    StudyDescription,
    Trial,
    TrialState,
)
from trimtab.errors import (
    AlreadyExistsError,
    ClientClosedError,
    ContentionError,
    DeadlineExceededError,
    EtagMismatchError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    ObservationConflictError,
    OverloadedError,
    PermissionDeniedError,
    ServiceError,
    SpaceExhaustedError,
    StudyMismatchError,
    StudyStoppedError,
    TrimtabError,
    UnavailableError,
    Violation,
)
from trimtab.explanation import Explanation, Neighbour, ParetoFront, ParetoPoint, Slice, SlicePoint
from trimtab.laws import Between, LinearConstraint, NormalPrior, Simplex, WeightsPrior
from trimtab.outcomes import OutcomeConstraint, Robustness
from trimtab.prediction import Prediction
from trimtab.space import (
    Categorical,
    Desirability,
    Desire,
    Discrete,
    Float,
    Integer,
    Measurement,
    Metric,
    Observation,
    Outcome,
    Parameter,
    Ratio,
    WeightedSum,
)
from trimtab.spec import ChosenAlgorithm, StudySpec, StudyState

__all__ = [
    "AlreadyExistsError",
    "AsyncClient",
    "AsyncStudy",
    "AsyncSuggestion",
    "Between",
    "Categorical",
    "ChosenAlgorithm",
    "Client",
    "ClientClosedError",
    "ContentionError",
    "DeadlineExceededError",
    "Desirability",
    "Desire",
    "Discrete",
    "EtagMismatchError",
    "Explanation",
    "FailedPreconditionError",
    "Float",
    "ImportResult",
    "ImportedTrial",
    "Incumbent",
    "Integer",
    "InternalError",
    "InvalidArgumentError",
    "LinearConstraint",
    "Measurement",
    "Metric",
    "ModelInfo",
    "Neighbour",
    "NormalPrior",
    "NotFoundError",
    "Observation",
    "ObservationConflictError",
    "ObservationRecord",
    "ObserveResult",
    "ObserveStatus",
    "Outcome",
    "OutcomeConstraint",
    "OverloadedError",
    "Parameter",
    "ParetoFront",
    "ParetoPoint",
    "PermissionDeniedError",
    "Prediction",
    "Ratio",
    "Robustness",
    "ServiceError",
    "Simplex",
    "Slice",
    "SlicePoint",
    "Source",
    "SpaceExhaustedError",
    "Study",
    "StudyCounts",
    "StudyDescription",
    "StudyMismatchError",
    "StudySpec",
    "StudyState",
    "StudyStoppedError",
    "Suggestion",
    "Trial",
    "TrialState",
    "TrimtabError",
    "UnavailableError",
    "Violation",
    "WeightedSum",
    "WeightsPrior",
]

# Users know every name by this package, and so do tracebacks and pickles.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name

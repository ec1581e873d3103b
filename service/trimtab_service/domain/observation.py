"""What was measured for a suggestion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from trimtab_service.domain.errors import InvalidArgument

MOST_REASON = 1_024  # bytes


class Outcome(Enum):
    """How trying a suggestion ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Measurement:
    """The mean of ``count`` single measurements of one metric.

    mean: in the unit of the metric, finite.
    count: at least 1.
    standard_error: of the mean, in the unit of the metric; None: not known.
    """

    mean: float
    count: int = 1
    standard_error: float | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise InvalidArgument("mean", f"must be finite, not {self.mean}")
        if self.count < 1:
            raise InvalidArgument("count", f"must be at least 1, not {self.count}")
        error = self.standard_error
        if error is not None and not (math.isfinite(error) and error >= 0):
            raise InvalidArgument("standard_error", f"must be finite and at least 0, not {error}")

    @classmethod
    def from_variance(cls, mean: float, count: int, variance: float) -> Measurement:
        """From the variance of the single measurements; needs 2 or more."""
        if not (math.isfinite(variance) and variance >= 0):
            raise InvalidArgument("variance", f"must be finite and at least 0, not {variance}")
        if count < 2:
            raise InvalidArgument("variance", "needs a count of 2 or more; give standard_error otherwise")
        return cls(mean, count, math.sqrt(variance / count))


@dataclass(frozen=True, slots=True)
class Observation:
    """How trying a suggestion ended, and what was measured.

    Completed ones carry measurements by the name of the metric; failed and
    abandoned ones carry none, and may carry a reason.
    """

    outcome: Outcome
    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        if self.outcome is not Outcome.COMPLETED and self.measurements:
            raise InvalidArgument("measurements", f"must be empty when the outcome is {self.outcome.value}")
        if len(self.reason.encode()) > MOST_REASON:
            raise InvalidArgument("reason", f"longer than {MOST_REASON} bytes")

"""What a caller declares: parameters, metrics, and what was measured.

Plain values that mirror the contract. They put numbers into their own form
and refuse what can't be sent; what is legal in a study the server says, with
the path of the field at fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Literal, SupportsFloat, SupportsIndex, TypeAlias

from trimtab._plain import ParameterValue, at, plain_number, plain_value, plain_weights, set_numbers, whole_number
from trimtab.laws import Condition, NormalPrior, WeightsPrior, plain_conditions

_MOST_REASON_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Parameter:
    """What every declaration of a parameter, or of a context value, has.

    One of Float, Integer, Categorical and Discrete.

    when: where it exists, by the name of another parameter: its value, or
        several, or ``Between``. It exists where all of these hold; empty: always.
    prior: where good values are believed to be; None: nothing is believed.
    """

    name: str
    description: str = field(default="", kw_only=True, repr=False)
    when: Mapping[str, Condition] = field(default_factory=dict, kw_only=True, repr=False)
    prior: NormalPrior | WeightsPrior | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", plain_conditions(self.when))

    def __repr__(self) -> str:
        shown = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr]
        shown += [f"when={dict(self.when)!r}"] if self.when else []
        shown += [f"prior={self.prior!r}"] if self.prior is not None else []
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, slots=True, repr=False)
class Float(Parameter):
    """A real number in [min, max].

    scale: how distances are measured; "log" where equal ratios matter
        equally, "logit" for probabilities.
    step: distance between neighbouring values from min upwards; None: every
        number of the interval.
    """

    min: float
    max: float
    scale: Literal["linear", "log", "logit"] = "linear"
    step: float | None = None

    def __post_init__(self) -> None:
        Parameter.__post_init__(self)
        set_numbers(self, "min", "max")
        set_numbers(self, "step", or_none=True)


@dataclass(frozen=True, slots=True, repr=False)
class Integer(Parameter):
    """A whole number in [min, max]."""

    min: int
    max: int
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        Parameter.__post_init__(self)
        for name in ("min", "max"):
            with at(name):
                object.__setattr__(self, name, whole_number(getattr(self, name)))


@dataclass(frozen=True, slots=True, repr=False)
class Categorical(Parameter):
    """One of several values without an order: texts, or truth values."""

    values: Sequence[str] | Sequence[bool]

    def __post_init__(self) -> None:
        Parameter.__post_init__(self)
        if isinstance(self.values, str):
            raise TypeError(f"values of {self.name!r} must be several, not the text {self.values!r:.80}")
        with at("values"):
            object.__setattr__(self, "values", tuple(plain_value(value) for value in self.values))


@dataclass(frozen=True, slots=True, repr=False)
class Discrete(Parameter):
    """One of several numbers in increasing order.

    All whole: handed out as int. Otherwise as float.
    """

    values: Sequence[int] | Sequence[float]

    def __post_init__(self) -> None:
        Parameter.__post_init__(self)
        with at("values"):
            values: tuple[ParameterValue, ...] = tuple(plain_value(value) for value in self.values)
        if any(isinstance(value, float) for value in values):
            values = tuple(float(value) if isinstance(value, int) else value for value in values)
        object.__setattr__(self, "values", values)


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """A sum of other metrics, each times its weight. weights: by the name of the metric."""

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", plain_weights(self.weights))


@dataclass(frozen=True, slots=True)
class Ratio:
    """One metric divided by another; of an aggregate, the ratio of the means."""

    numerator: str
    denominator: str


@dataclass(frozen=True, slots=True)
class Desire:
    """How desirable the values of one metric are, from useless to as good as can be.

    target: as good as can be.
    low, high: from there on outwards the value is useless; None: on that side
        it stays as good as at the target. One of them at least.
    exponent: of the way between; above 1 only values near the target count much.
    weight: how much this desire counts among the others.
    """

    metric: str
    target: float
    low: float | None = None
    high: float | None = None
    exponent: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        set_numbers(self, "target", "exponent", "weight")
        set_numbers(self, "low", "high", or_none=True)


@dataclass(frozen=True, slots=True)
class Desirability:
    """A metric from 0 to 1: the weighted geometric mean of several desires."""

    desires: Sequence[Desire]

    def __post_init__(self) -> None:
        object.__setattr__(self, "desires", tuple(self.desires))


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is measured, or computed by the service from what is measured.

    kind: "binary" where each single measurement is 0 or 1, a click say.
    min, max: which values there can be, in the unit of the metric; None: not known.
    formula: how it is computed from other metrics of the study; it is never
        reported then, they are. None: it is measured.
    outside_range: what becomes of a value below min or above max: "refuse"
        the observation, or "clip" the value to the end of the range.
    """

    name: str
    kind: Literal["real", "binary"] = "real"
    min: float | None = None
    max: float | None = None
    formula: WeightedSum | Ratio | Desirability | None = field(default=None, kw_only=True)
    outside_range: Literal["refuse", "clip"] = field(default="refuse", kw_only=True)
    description: str = field(default="", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        set_numbers(self, "min", "max", or_none=True)
        for side, binary in (("min", 0.0), ("max", 1.0)):
            if getattr(self, side) is None and self.kind == "binary":
                object.__setattr__(self, side, binary)


@dataclass(frozen=True, slots=True)
class Measurement:
    """The mean of ``count`` single measurements of one metric.

    mean: in the unit of the metric.
    standard_error: of the mean; None: not known.
    variance: of the single measurements (n - 1 in the denominator), instead
        of the standard error; needs a count of 2 or more.
    """

    mean: float
    count: int = 1
    standard_error: float | None = None
    variance: float | None = None

    def __post_init__(self) -> None:
        if self.standard_error is not None and self.variance is not None:
            raise ValueError("give the standard error of the mean or the variance, not both")
        object.__setattr__(self, "mean", plain_number(self.mean))
        object.__setattr__(self, "count", whole_number(self.count))
        for name in ("standard_error", "variance"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, plain_number(getattr(self, name)))


MeasurementLike: TypeAlias = Measurement | SupportsFloat | SupportsIndex
"""A measurement, or the number that a single one gave."""


def as_measurement(value: MeasurementLike) -> Measurement:
    """The measurement itself, or one of a single number."""
    return value if isinstance(value, Measurement) else Measurement(plain_number(value))


class Outcome(StrEnum):
    """How trying a suggestion ended."""

    COMPLETED = "completed"
    """It was tried and measured."""
    FAILED = "failed"
    """It can't work with these parameters: the algorithm learns to keep away."""
    ABANDONED = "abandoned"
    """Nobody tried it: the algorithm learns nothing."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What happened to one suggestion.

    suggestion_id: the id of the suggestion.
    measurements: by the name of the metric; empty unless completed.
    reason: why it failed or was abandoned; what is longer than 1,024 bytes is cut.
    """

    suggestion_id: str
    measurements: Mapping[str, MeasurementLike] = field(default_factory=dict)
    outcome: Outcome = Outcome.COMPLETED
    reason: str = ""

    def __post_init__(self) -> None:
        measured = {name: as_measurement(value) for name, value in self.measurements.items()}
        object.__setattr__(self, "measurements", measured)
        object.__setattr__(self, "outcome", Outcome(self.outcome))
        object.__setattr__(self, "reason", _cut(self.reason))


def _cut(reason: str) -> str:
    """At most as many bytes as the server takes, whole characters only."""
    encoded = reason.encode(errors="replace")
    if len(encoded) <= _MOST_REASON_BYTES:
        return encoded.decode()
    return encoded[: _MOST_REASON_BYTES - 3].decode(errors="ignore") + "..."

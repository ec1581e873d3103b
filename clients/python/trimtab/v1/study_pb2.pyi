import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from trimtab.v1 import parameters_pb2 as _parameters_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MetricKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METRIC_KIND_UNSPECIFIED: _ClassVar[MetricKind]
    METRIC_KIND_REAL: _ClassVar[MetricKind]
    METRIC_KIND_BINARY: _ClassVar[MetricKind]

class OutsideRange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTSIDE_RANGE_UNSPECIFIED: _ClassVar[OutsideRange]
    OUTSIDE_RANGE_REFUSE: _ClassVar[OutsideRange]
    OUTSIDE_RANGE_CLIP: _ClassVar[OutsideRange]

class Goal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GOAL_UNSPECIFIED: _ClassVar[Goal]
    GOAL_MINIMIZE: _ClassVar[Goal]
    GOAL_MAXIMIZE: _ClassVar[Goal]

class StudyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STUDY_STATE_UNSPECIFIED: _ClassVar[StudyState]
    STUDY_STATE_ACTIVE: _ClassVar[StudyState]
    STUDY_STATE_STOPPED: _ClassVar[StudyState]
METRIC_KIND_UNSPECIFIED: MetricKind
METRIC_KIND_REAL: MetricKind
METRIC_KIND_BINARY: MetricKind
OUTSIDE_RANGE_UNSPECIFIED: OutsideRange
OUTSIDE_RANGE_REFUSE: OutsideRange
OUTSIDE_RANGE_CLIP: OutsideRange
GOAL_UNSPECIFIED: Goal
GOAL_MINIMIZE: Goal
GOAL_MAXIMIZE: Goal
STUDY_STATE_UNSPECIFIED: StudyState
STUDY_STATE_ACTIVE: StudyState
STUDY_STATE_STOPPED: StudyState

class WeightedSum(_message.Message):
    __slots__ = ("weights",)
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    weights: _containers.ScalarMap[str, float]
    def __init__(self, weights: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Ratio(_message.Message):
    __slots__ = ("numerator", "denominator")
    NUMERATOR_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    numerator: str
    denominator: str
    def __init__(self, numerator: _Optional[str] = ..., denominator: _Optional[str] = ...) -> None: ...

class Desire(_message.Message):
    __slots__ = ("metric", "target", "low", "high", "exponent", "weight")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    EXPONENT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    metric: str
    target: float
    low: float
    high: float
    exponent: float
    weight: float
    def __init__(self, metric: _Optional[str] = ..., target: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., exponent: _Optional[float] = ..., weight: _Optional[float] = ...) -> None: ...

class Desirability(_message.Message):
    __slots__ = ("desires",)
    DESIRES_FIELD_NUMBER: _ClassVar[int]
    desires: _containers.RepeatedCompositeFieldContainer[Desire]
    def __init__(self, desires: _Optional[_Iterable[_Union[Desire, _Mapping]]] = ...) -> None: ...

class MetricSpec(_message.Message):
    __slots__ = ("name", "kind", "min", "max", "description", "weighted_sum", "ratio", "desirability", "outside_range")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    WEIGHTED_SUM_FIELD_NUMBER: _ClassVar[int]
    RATIO_FIELD_NUMBER: _ClassVar[int]
    DESIRABILITY_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_RANGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: MetricKind
    min: float
    max: float
    description: str
    weighted_sum: WeightedSum
    ratio: Ratio
    desirability: Desirability
    outside_range: OutsideRange
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[MetricKind, str]] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., description: _Optional[str] = ..., weighted_sum: _Optional[_Union[WeightedSum, _Mapping]] = ..., ratio: _Optional[_Union[Ratio, _Mapping]] = ..., desirability: _Optional[_Union[Desirability, _Mapping]] = ..., outside_range: _Optional[_Union[OutsideRange, str]] = ...) -> None: ...

class Objective(_message.Message):
    __slots__ = ("metric", "goal", "reference_point")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_POINT_FIELD_NUMBER: _ClassVar[int]
    metric: str
    goal: Goal
    reference_point: float
    def __init__(self, metric: _Optional[str] = ..., goal: _Optional[_Union[Goal, str]] = ..., reference_point: _Optional[float] = ...) -> None: ...

class OutcomeConstraint(_message.Message):
    __slots__ = ("metric", "min", "max", "relative_to_baseline")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    RELATIVE_TO_BASELINE_FIELD_NUMBER: _ClassVar[int]
    metric: str
    min: float
    max: float
    relative_to_baseline: bool
    def __init__(self, metric: _Optional[str] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., relative_to_baseline: bool = ...) -> None: ...

class Robustness(_message.Message):
    __slots__ = ("conditions", "weights", "worst_share")
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    WORST_SHARE_FIELD_NUMBER: _ClassVar[int]
    conditions: _containers.RepeatedCompositeFieldContainer[_parameters_pb2.Parameters]
    weights: _containers.RepeatedScalarFieldContainer[float]
    worst_share: float
    def __init__(self, conditions: _Optional[_Iterable[_Union[_parameters_pb2.Parameters, _Mapping]]] = ..., weights: _Optional[_Iterable[float]] = ..., worst_share: _Optional[float] = ...) -> None: ...

class Algorithm(_message.Message):
    __slots__ = ("name", "options")
    class OptionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _parameters_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_parameters_pb2.Value, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    options: _containers.MessageMap[str, _parameters_pb2.Value]
    def __init__(self, name: _Optional[str] = ..., options: _Optional[_Mapping[str, _parameters_pb2.Value]] = ...) -> None: ...

class StudySpec(_message.Message):
    __slots__ = ("search_space", "context", "metrics", "objectives", "algorithm", "baseline", "lease", "decision_lifetime", "seed", "description", "labels", "outcome_constraints", "cost_metric", "half_life", "robustness", "transfer_from", "reward_wait", "default_reward", "retention", "disabled_arms")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SEARCH_SPACE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    DECISION_LIFETIME_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    COST_METRIC_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_FIELD_NUMBER: _ClassVar[int]
    ROBUSTNESS_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FROM_FIELD_NUMBER: _ClassVar[int]
    REWARD_WAIT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_REWARD_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    DISABLED_ARMS_FIELD_NUMBER: _ClassVar[int]
    search_space: _parameters_pb2.SearchSpace
    context: _containers.RepeatedCompositeFieldContainer[_parameters_pb2.ParameterSpec]
    metrics: _containers.RepeatedCompositeFieldContainer[MetricSpec]
    objectives: _containers.RepeatedCompositeFieldContainer[Objective]
    algorithm: Algorithm
    baseline: _parameters_pb2.Parameters
    lease: _duration_pb2.Duration
    decision_lifetime: _duration_pb2.Duration
    seed: int
    description: str
    labels: _containers.ScalarMap[str, str]
    outcome_constraints: _containers.RepeatedCompositeFieldContainer[OutcomeConstraint]
    cost_metric: str
    half_life: _duration_pb2.Duration
    robustness: Robustness
    transfer_from: _containers.RepeatedScalarFieldContainer[str]
    reward_wait: _duration_pb2.Duration
    default_reward: float
    retention: _duration_pb2.Duration
    disabled_arms: _containers.RepeatedCompositeFieldContainer[_parameters_pb2.Parameters]
    def __init__(self, search_space: _Optional[_Union[_parameters_pb2.SearchSpace, _Mapping]] = ..., context: _Optional[_Iterable[_Union[_parameters_pb2.ParameterSpec, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[MetricSpec, _Mapping]]] = ..., objectives: _Optional[_Iterable[_Union[Objective, _Mapping]]] = ..., algorithm: _Optional[_Union[Algorithm, _Mapping]] = ..., baseline: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., decision_lifetime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., seed: _Optional[int] = ..., description: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., outcome_constraints: _Optional[_Iterable[_Union[OutcomeConstraint, _Mapping]]] = ..., cost_metric: _Optional[str] = ..., half_life: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., robustness: _Optional[_Union[Robustness, _Mapping]] = ..., transfer_from: _Optional[_Iterable[str]] = ..., reward_wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., default_reward: _Optional[float] = ..., retention: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., disabled_arms: _Optional[_Iterable[_Union[_parameters_pb2.Parameters, _Mapping]]] = ...) -> None: ...

class ChosenAlgorithm(_message.Message):
    __slots__ = ("name", "options", "reason", "decisions")
    class OptionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _parameters_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_parameters_pb2.Value, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    options: _containers.MessageMap[str, _parameters_pb2.Value]
    reason: str
    decisions: bool
    def __init__(self, name: _Optional[str] = ..., options: _Optional[_Mapping[str, _parameters_pb2.Value]] = ..., reason: _Optional[str] = ..., decisions: bool = ...) -> None: ...

class StudyCounts(_message.Message):
    __slots__ = ("queued", "pending", "completed", "failed", "abandoned", "expired", "observations")
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    queued: int
    pending: int
    completed: int
    failed: int
    abandoned: int
    expired: int
    observations: int
    def __init__(self, queued: _Optional[int] = ..., pending: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[int] = ..., abandoned: _Optional[int] = ..., expired: _Optional[int] = ..., observations: _Optional[int] = ...) -> None: ...

class Study(_message.Message):
    __slots__ = ("name", "spec", "state", "algorithm", "revision", "etag", "create_time", "update_time", "counts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    spec: StudySpec
    state: StudyState
    algorithm: ChosenAlgorithm
    revision: int
    etag: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    counts: StudyCounts
    def __init__(self, name: _Optional[str] = ..., spec: _Optional[_Union[StudySpec, _Mapping]] = ..., state: _Optional[_Union[StudyState, str]] = ..., algorithm: _Optional[_Union[ChosenAlgorithm, _Mapping]] = ..., revision: _Optional[int] = ..., etag: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., counts: _Optional[_Union[StudyCounts, _Mapping]] = ...) -> None: ...

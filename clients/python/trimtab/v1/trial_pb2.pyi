import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from trimtab.v1 import parameters_pb2 as _parameters_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SOURCE_UNSPECIFIED: _ClassVar[Source]
    SOURCE_MODEL: _ClassVar[Source]
    SOURCE_QUEUE: _ClassVar[Source]
    SOURCE_INITIAL: _ClassVar[Source]
    SOURCE_BASELINE: _ClassVar[Source]
    SOURCE_INCUMBENT: _ClassVar[Source]
    SOURCE_FALLBACK: _ClassVar[Source]
    SOURCE_MANUAL: _ClassVar[Source]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_COMPLETED: _ClassVar[Outcome]
    OUTCOME_FAILED: _ClassVar[Outcome]
    OUTCOME_ABANDONED: _ClassVar[Outcome]

class TrialState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRIAL_STATE_UNSPECIFIED: _ClassVar[TrialState]
    TRIAL_STATE_QUEUED: _ClassVar[TrialState]
    TRIAL_STATE_PENDING: _ClassVar[TrialState]
    TRIAL_STATE_COMPLETED: _ClassVar[TrialState]
    TRIAL_STATE_FAILED: _ClassVar[TrialState]
    TRIAL_STATE_ABANDONED: _ClassVar[TrialState]
    TRIAL_STATE_EXPIRED: _ClassVar[TrialState]
SOURCE_UNSPECIFIED: Source
SOURCE_MODEL: Source
SOURCE_QUEUE: Source
SOURCE_INITIAL: Source
SOURCE_BASELINE: Source
SOURCE_INCUMBENT: Source
SOURCE_FALLBACK: Source
SOURCE_MANUAL: Source
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_COMPLETED: Outcome
OUTCOME_FAILED: Outcome
OUTCOME_ABANDONED: Outcome
TRIAL_STATE_UNSPECIFIED: TrialState
TRIAL_STATE_QUEUED: TrialState
TRIAL_STATE_PENDING: TrialState
TRIAL_STATE_COMPLETED: TrialState
TRIAL_STATE_FAILED: TrialState
TRIAL_STATE_ABANDONED: TrialState
TRIAL_STATE_EXPIRED: TrialState

class ModelInfo(_message.Message):
    __slots__ = ("algorithm", "revision", "observation_count")
    ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_COUNT_FIELD_NUMBER: _ClassVar[int]
    algorithm: str
    revision: int
    observation_count: int
    def __init__(self, algorithm: _Optional[str] = ..., revision: _Optional[int] = ..., observation_count: _Optional[int] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("mean", "standard_error", "interval_low", "interval_high")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STANDARD_ERROR_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_LOW_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_HIGH_FIELD_NUMBER: _ClassVar[int]
    mean: float
    standard_error: float
    interval_low: float
    interval_high: float
    def __init__(self, mean: _Optional[float] = ..., standard_error: _Optional[float] = ..., interval_low: _Optional[float] = ..., interval_high: _Optional[float] = ...) -> None: ...

class Suggestion(_message.Message):
    __slots__ = ("id", "parameters", "source", "propensity", "model", "expire_time", "detail", "context")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    id: str
    parameters: _parameters_pb2.Parameters
    source: Source
    propensity: float
    model: ModelInfo
    expire_time: _timestamp_pb2.Timestamp
    detail: str
    context: _parameters_pb2.Parameters
    def __init__(self, id: _Optional[str] = ..., parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., source: _Optional[_Union[Source, str]] = ..., propensity: _Optional[float] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., detail: _Optional[str] = ..., context: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ("mean", "count", "standard_error", "variance")
    MEAN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    STANDARD_ERROR_FIELD_NUMBER: _ClassVar[int]
    VARIANCE_FIELD_NUMBER: _ClassVar[int]
    mean: float
    count: int
    standard_error: float
    variance: float
    def __init__(self, mean: _Optional[float] = ..., count: _Optional[int] = ..., standard_error: _Optional[float] = ..., variance: _Optional[float] = ...) -> None: ...

class Observation(_message.Message):
    __slots__ = ("suggestion_id", "outcome", "measurements", "reason")
    class MeasurementsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Measurement
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Measurement, _Mapping]] = ...) -> None: ...
    SUGGESTION_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    suggestion_id: str
    outcome: Outcome
    measurements: _containers.MessageMap[str, Measurement]
    reason: str
    def __init__(self, suggestion_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., measurements: _Optional[_Mapping[str, Measurement]] = ..., reason: _Optional[str] = ...) -> None: ...

class Trial(_message.Message):
    __slots__ = ("name", "number", "state", "parameters", "context", "source", "model", "worker", "measurements", "reason", "create_time", "expire_time", "complete_time", "detail")
    class MeasurementsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Measurement
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Measurement, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_TIME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: int
    state: TrialState
    parameters: _parameters_pb2.Parameters
    context: _parameters_pb2.Parameters
    source: Source
    model: ModelInfo
    worker: str
    measurements: _containers.MessageMap[str, Measurement]
    reason: str
    create_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    complete_time: _timestamp_pb2.Timestamp
    detail: str
    def __init__(self, name: _Optional[str] = ..., number: _Optional[int] = ..., state: _Optional[_Union[TrialState, str]] = ..., parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., context: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., source: _Optional[_Union[Source, str]] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., worker: _Optional[str] = ..., measurements: _Optional[_Mapping[str, Measurement]] = ..., reason: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., complete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., detail: _Optional[str] = ...) -> None: ...

class ObservationRecord(_message.Message):
    __slots__ = ("sequence", "observation", "parameters", "context", "propensity", "create_time", "suggest_time", "is_default", "replaces_default")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OBSERVATION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    PROPENSITY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SUGGEST_TIME_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    REPLACES_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    observation: Observation
    parameters: _parameters_pb2.Parameters
    context: _parameters_pb2.Parameters
    propensity: float
    create_time: _timestamp_pb2.Timestamp
    suggest_time: _timestamp_pb2.Timestamp
    is_default: bool
    replaces_default: bool
    def __init__(self, sequence: _Optional[int] = ..., observation: _Optional[_Union[Observation, _Mapping]] = ..., parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., context: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., propensity: _Optional[float] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., suggest_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., is_default: bool = ..., replaces_default: bool = ...) -> None: ...

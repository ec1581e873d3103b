import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from trimtab.v1 import parameters_pb2 as _parameters_pb2
from trimtab.v1 import trial_pb2 as _trial_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FallbackPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FALLBACK_POLICY_UNSPECIFIED: _ClassVar[FallbackPolicy]
    FALLBACK_POLICY_ALLOW: _ClassVar[FallbackPolicy]
    FALLBACK_POLICY_FORBID: _ClassVar[FallbackPolicy]

class ObserveOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OBSERVE_OUTCOME_UNSPECIFIED: _ClassVar[ObserveOutcome]
    OBSERVE_OUTCOME_RECORDED: _ClassVar[ObserveOutcome]
    OBSERVE_OUTCOME_DUPLICATE: _ClassVar[ObserveOutcome]
FALLBACK_POLICY_UNSPECIFIED: FallbackPolicy
FALLBACK_POLICY_ALLOW: FallbackPolicy
FALLBACK_POLICY_FORBID: FallbackPolicy
OBSERVE_OUTCOME_UNSPECIFIED: ObserveOutcome
OBSERVE_OUTCOME_RECORDED: ObserveOutcome
OBSERVE_OUTCOME_DUPLICATE: ObserveOutcome

class SuggestRequest(_message.Message):
    __slots__ = ("study", "count", "context", "request_id", "worker", "fallback", "allowed", "fixed")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    study: str
    count: int
    context: _parameters_pb2.Parameters
    request_id: str
    worker: str
    fallback: FallbackPolicy
    allowed: _containers.RepeatedCompositeFieldContainer[_parameters_pb2.Parameters]
    fixed: _parameters_pb2.Parameters
    def __init__(self, study: _Optional[str] = ..., count: _Optional[int] = ..., context: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., request_id: _Optional[str] = ..., worker: _Optional[str] = ..., fallback: _Optional[_Union[FallbackPolicy, str]] = ..., allowed: _Optional[_Iterable[_Union[_parameters_pb2.Parameters, _Mapping]]] = ..., fixed: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ...) -> None: ...

class SuggestResponse(_message.Message):
    __slots__ = ("suggestions",)
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    suggestions: _containers.RepeatedCompositeFieldContainer[_trial_pb2.Suggestion]
    def __init__(self, suggestions: _Optional[_Iterable[_Union[_trial_pb2.Suggestion, _Mapping]]] = ...) -> None: ...

class ObserveRequest(_message.Message):
    __slots__ = ("study", "observations", "request_id")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    study: str
    observations: _containers.RepeatedCompositeFieldContainer[_trial_pb2.Observation]
    request_id: str
    def __init__(self, study: _Optional[str] = ..., observations: _Optional[_Iterable[_Union[_trial_pb2.Observation, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class FieldViolation(_message.Message):
    __slots__ = ("field", "description")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    field: str
    description: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class ItemError(_message.Message):
    __slots__ = ("code", "reason", "message", "field_violations")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELD_VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    field_violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., field_violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ...) -> None: ...

class ObserveResult(_message.Message):
    __slots__ = ("suggestion_id", "outcome", "error")
    SUGGESTION_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    suggestion_id: str
    outcome: ObserveOutcome
    error: ItemError
    def __init__(self, suggestion_id: _Optional[str] = ..., outcome: _Optional[_Union[ObserveOutcome, str]] = ..., error: _Optional[_Union[ItemError, _Mapping]] = ...) -> None: ...

class ObserveResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ObserveResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ObserveResult, _Mapping]]] = ...) -> None: ...

class ExtendLeaseRequest(_message.Message):
    __slots__ = ("trial", "lease", "request_id")
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    trial: str
    lease: _duration_pb2.Duration
    request_id: str
    def __init__(self, trial: _Optional[str] = ..., lease: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ExtendLeaseResponse(_message.Message):
    __slots__ = ("expire_time",)
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ImportedTrial(_message.Message):
    __slots__ = ("parameters", "context", "outcome", "measurements", "reason")
    class MeasurementsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _trial_pb2.Measurement
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_trial_pb2.Measurement, _Mapping]] = ...) -> None: ...
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    parameters: _parameters_pb2.Parameters
    context: _parameters_pb2.Parameters
    outcome: _trial_pb2.Outcome
    measurements: _containers.MessageMap[str, _trial_pb2.Measurement]
    reason: str
    def __init__(self, parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., context: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., outcome: _Optional[_Union[_trial_pb2.Outcome, str]] = ..., measurements: _Optional[_Mapping[str, _trial_pb2.Measurement]] = ..., reason: _Optional[str] = ...) -> None: ...

class ImportTrialsRequest(_message.Message):
    __slots__ = ("study", "trials", "request_id")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    study: str
    trials: _containers.RepeatedCompositeFieldContainer[ImportedTrial]
    request_id: str
    def __init__(self, study: _Optional[str] = ..., trials: _Optional[_Iterable[_Union[ImportedTrial, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ImportResult(_message.Message):
    __slots__ = ("trial", "error")
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    trial: str
    error: ItemError
    def __init__(self, trial: _Optional[str] = ..., error: _Optional[_Union[ItemError, _Mapping]] = ...) -> None: ...

class ImportTrialsResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[ImportResult]
    def __init__(self, results: _Optional[_Iterable[_Union[ImportResult, _Mapping]]] = ...) -> None: ...

class EnqueueTrialsRequest(_message.Message):
    __slots__ = ("study", "points", "request_id")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    study: str
    points: _containers.RepeatedCompositeFieldContainer[_parameters_pb2.Parameters]
    request_id: str
    def __init__(self, study: _Optional[str] = ..., points: _Optional[_Iterable[_Union[_parameters_pb2.Parameters, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class EnqueueTrialsResponse(_message.Message):
    __slots__ = ("trials",)
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    trials: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, trials: _Optional[_Iterable[str]] = ...) -> None: ...

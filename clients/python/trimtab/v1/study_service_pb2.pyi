from google.protobuf import field_mask_pb2 as _field_mask_pb2
from trimtab.v1 import parameters_pb2 as _parameters_pb2
from trimtab.v1 import study_pb2 as _study_pb2
from trimtab.v1 import trial_pb2 as _trial_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateStudyRequest(_message.Message):
    __slots__ = ("parent", "study_id", "study", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    STUDY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    study_id: str
    study: _study_pb2.Study
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., study_id: _Optional[str] = ..., study: _Optional[_Union[_study_pb2.Study, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateStudyResponse(_message.Message):
    __slots__ = ("study",)
    STUDY_FIELD_NUMBER: _ClassVar[int]
    study: _study_pb2.Study
    def __init__(self, study: _Optional[_Union[_study_pb2.Study, _Mapping]] = ...) -> None: ...

class GetStudyRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetStudyResponse(_message.Message):
    __slots__ = ("study",)
    STUDY_FIELD_NUMBER: _ClassVar[int]
    study: _study_pb2.Study
    def __init__(self, study: _Optional[_Union[_study_pb2.Study, _Mapping]] = ...) -> None: ...

class ListStudiesRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStudiesResponse(_message.Message):
    __slots__ = ("studies", "next_page_token")
    STUDIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    studies: _containers.RepeatedCompositeFieldContainer[_study_pb2.Study]
    next_page_token: str
    def __init__(self, studies: _Optional[_Iterable[_Union[_study_pb2.Study, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateStudyRequest(_message.Message):
    __slots__ = ("study", "update_mask", "request_id")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    study: _study_pb2.Study
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, study: _Optional[_Union[_study_pb2.Study, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateStudyResponse(_message.Message):
    __slots__ = ("study",)
    STUDY_FIELD_NUMBER: _ClassVar[int]
    study: _study_pb2.Study
    def __init__(self, study: _Optional[_Union[_study_pb2.Study, _Mapping]] = ...) -> None: ...

class DeleteStudyRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteStudyResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetTrialRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetTrialResponse(_message.Message):
    __slots__ = ("trial",)
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    trial: _trial_pb2.Trial
    def __init__(self, trial: _Optional[_Union[_trial_pb2.Trial, _Mapping]] = ...) -> None: ...

class ListTrialsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "states")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    states: _containers.RepeatedScalarFieldContainer[_trial_pb2.TrialState]
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_trial_pb2.TrialState, str]]] = ...) -> None: ...

class ListTrialsResponse(_message.Message):
    __slots__ = ("trials", "next_page_token")
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    trials: _containers.RepeatedCompositeFieldContainer[_trial_pb2.Trial]
    next_page_token: str
    def __init__(self, trials: _Optional[_Iterable[_Union[_trial_pb2.Trial, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListObservationsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListObservationsResponse(_message.Message):
    __slots__ = ("observations", "next_page_token")
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    observations: _containers.RepeatedCompositeFieldContainer[_trial_pb2.ObservationRecord]
    next_page_token: str
    def __init__(self, observations: _Optional[_Iterable[_Union[_trial_pb2.ObservationRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetIncumbentRequest(_message.Message):
    __slots__ = ("study", "context", "trial_cost")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    TRIAL_COST_FIELD_NUMBER: _ClassVar[int]
    study: str
    context: _parameters_pb2.Parameters
    trial_cost: float
    def __init__(self, study: _Optional[str] = ..., context: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., trial_cost: _Optional[float] = ...) -> None: ...

class GetIncumbentResponse(_message.Message):
    __slots__ = ("parameters", "predicted_mean", "predicted_standard_error", "trial", "source", "model", "probability_best", "predictions", "probability_better_than_baseline", "probability_feasible", "expected_gain", "worth_another_trial")
    class PredictionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _trial_pb2.Prediction
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_trial_pb2.Prediction, _Mapping]] = ...) -> None: ...
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_MEAN_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_STANDARD_ERROR_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_BEST_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_BETTER_THAN_BASELINE_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GAIN_FIELD_NUMBER: _ClassVar[int]
    WORTH_ANOTHER_TRIAL_FIELD_NUMBER: _ClassVar[int]
    parameters: _parameters_pb2.Parameters
    predicted_mean: float
    predicted_standard_error: float
    trial: str
    source: _trial_pb2.Source
    model: _trial_pb2.ModelInfo
    probability_best: float
    predictions: _containers.MessageMap[str, _trial_pb2.Prediction]
    probability_better_than_baseline: float
    probability_feasible: float
    expected_gain: float
    worth_another_trial: bool
    def __init__(self, parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., predicted_mean: _Optional[float] = ..., predicted_standard_error: _Optional[float] = ..., trial: _Optional[str] = ..., source: _Optional[_Union[_trial_pb2.Source, str]] = ..., model: _Optional[_Union[_trial_pb2.ModelInfo, _Mapping]] = ..., probability_best: _Optional[float] = ..., predictions: _Optional[_Mapping[str, _trial_pb2.Prediction]] = ..., probability_better_than_baseline: _Optional[float] = ..., probability_feasible: _Optional[float] = ..., expected_gain: _Optional[float] = ..., worth_another_trial: bool = ...) -> None: ...

class GetParetoFrontRequest(_message.Message):
    __slots__ = ("study",)
    STUDY_FIELD_NUMBER: _ClassVar[int]
    study: str
    def __init__(self, study: _Optional[str] = ...) -> None: ...

class ParetoPoint(_message.Message):
    __slots__ = ("trial", "parameters", "predictions", "probability_feasible")
    class PredictionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _trial_pb2.Prediction
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_trial_pb2.Prediction, _Mapping]] = ...) -> None: ...
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    trial: str
    parameters: _parameters_pb2.Parameters
    predictions: _containers.MessageMap[str, _trial_pb2.Prediction]
    probability_feasible: float
    def __init__(self, trial: _Optional[str] = ..., parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., predictions: _Optional[_Mapping[str, _trial_pb2.Prediction]] = ..., probability_feasible: _Optional[float] = ...) -> None: ...

class HypervolumePoint(_message.Message):
    __slots__ = ("number", "hypervolume")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    HYPERVOLUME_FIELD_NUMBER: _ClassVar[int]
    number: int
    hypervolume: float
    def __init__(self, number: _Optional[int] = ..., hypervolume: _Optional[float] = ...) -> None: ...

class GetParetoFrontResponse(_message.Message):
    __slots__ = ("points", "reference_point", "hypervolume", "history", "model")
    class ReferencePointEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    POINTS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_POINT_FIELD_NUMBER: _ClassVar[int]
    HYPERVOLUME_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[ParetoPoint]
    reference_point: _containers.ScalarMap[str, float]
    hypervolume: float
    history: _containers.RepeatedCompositeFieldContainer[HypervolumePoint]
    model: _trial_pb2.ModelInfo
    def __init__(self, points: _Optional[_Iterable[_Union[ParetoPoint, _Mapping]]] = ..., reference_point: _Optional[_Mapping[str, float]] = ..., hypervolume: _Optional[float] = ..., history: _Optional[_Iterable[_Union[HypervolumePoint, _Mapping]]] = ..., model: _Optional[_Union[_trial_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

class Slice(_message.Message):
    __slots__ = ("parameters", "resolution")
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    parameters: _containers.RepeatedScalarFieldContainer[str]
    resolution: int
    def __init__(self, parameters: _Optional[_Iterable[str]] = ..., resolution: _Optional[int] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("study", "parameters", "trial", "context", "slices")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    study: str
    parameters: _parameters_pb2.Parameters
    trial: str
    context: _parameters_pb2.Parameters
    slices: _containers.RepeatedCompositeFieldContainer[Slice]
    def __init__(self, study: _Optional[str] = ..., parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., trial: _Optional[str] = ..., context: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., slices: _Optional[_Iterable[_Union[Slice, _Mapping]]] = ...) -> None: ...

class Neighbour(_message.Message):
    __slots__ = ("trial", "correlation", "measurements")
    class MeasurementsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _trial_pb2.Measurement
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_trial_pb2.Measurement, _Mapping]] = ...) -> None: ...
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENTS_FIELD_NUMBER: _ClassVar[int]
    trial: str
    correlation: float
    measurements: _containers.MessageMap[str, _trial_pb2.Measurement]
    def __init__(self, trial: _Optional[str] = ..., correlation: _Optional[float] = ..., measurements: _Optional[_Mapping[str, _trial_pb2.Measurement]] = ...) -> None: ...

class Importance(_message.Message):
    __slots__ = ("parameter", "share")
    PARAMETER_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    parameter: str
    share: float
    def __init__(self, parameter: _Optional[str] = ..., share: _Optional[float] = ...) -> None: ...

class MetricImportances(_message.Message):
    __slots__ = ("metric", "importances")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCES_FIELD_NUMBER: _ClassVar[int]
    metric: str
    importances: _containers.RepeatedCompositeFieldContainer[Importance]
    def __init__(self, metric: _Optional[str] = ..., importances: _Optional[_Iterable[_Union[Importance, _Mapping]]] = ...) -> None: ...

class SlicePoint(_message.Message):
    __slots__ = ("parameters", "predictions")
    class PredictionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _trial_pb2.Prediction
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_trial_pb2.Prediction, _Mapping]] = ...) -> None: ...
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    parameters: _parameters_pb2.Parameters
    predictions: _containers.MessageMap[str, _trial_pb2.Prediction]
    def __init__(self, parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., predictions: _Optional[_Mapping[str, _trial_pb2.Prediction]] = ...) -> None: ...

class SliceResult(_message.Message):
    __slots__ = ("parameters", "points")
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    parameters: _containers.RepeatedScalarFieldContainer[str]
    points: _containers.RepeatedCompositeFieldContainer[SlicePoint]
    def __init__(self, parameters: _Optional[_Iterable[str]] = ..., points: _Optional[_Iterable[_Union[SlicePoint, _Mapping]]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("parameters", "predictions", "expected_improvement", "probability_feasible", "neighbours", "importances", "slices", "model")
    class PredictionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _trial_pb2.Prediction
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_trial_pb2.Prediction, _Mapping]] = ...) -> None: ...
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_IMPROVEMENT_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FEASIBLE_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCES_FIELD_NUMBER: _ClassVar[int]
    SLICES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    parameters: _parameters_pb2.Parameters
    predictions: _containers.MessageMap[str, _trial_pb2.Prediction]
    expected_improvement: float
    probability_feasible: float
    neighbours: _containers.RepeatedCompositeFieldContainer[Neighbour]
    importances: _containers.RepeatedCompositeFieldContainer[MetricImportances]
    slices: _containers.RepeatedCompositeFieldContainer[SliceResult]
    model: _trial_pb2.ModelInfo
    def __init__(self, parameters: _Optional[_Union[_parameters_pb2.Parameters, _Mapping]] = ..., predictions: _Optional[_Mapping[str, _trial_pb2.Prediction]] = ..., expected_improvement: _Optional[float] = ..., probability_feasible: _Optional[float] = ..., neighbours: _Optional[_Iterable[_Union[Neighbour, _Mapping]]] = ..., importances: _Optional[_Iterable[_Union[MetricImportances, _Mapping]]] = ..., slices: _Optional[_Iterable[_Union[SliceResult, _Mapping]]] = ..., model: _Optional[_Union[_trial_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

import datetime

from clipferry.queue.v1 import job_pb2 as _job_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Fit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIT_UNSPECIFIED: _ClassVar[Fit]
    FIT_AS_IS: _ClassVar[Fit]
    FIT_SMALLER_FORMAT: _ClassVar[Fit]
    FIT_TRANSCODE: _ClassVar[Fit]
    FIT_TOO_LARGE: _ClassVar[Fit]
FIT_UNSPECIFIED: Fit
FIT_AS_IS: Fit
FIT_SMALLER_FORMAT: Fit
FIT_TRANSCODE: Fit
FIT_TOO_LARGE: Fit

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("worker_id", "slots_total", "slots_busy", "memory", "draining", "ytdlp_version", "job_names")
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SLOTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SLOTS_BUSY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    YTDLP_VERSION_FIELD_NUMBER: _ClassVar[int]
    JOB_NAMES_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    slots_total: int
    slots_busy: int
    memory: _job_pb2.MemoryStats
    draining: bool
    ytdlp_version: str
    job_names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, worker_id: _Optional[str] = ..., slots_total: _Optional[int] = ..., slots_busy: _Optional[int] = ..., memory: _Optional[_Union[_job_pb2.MemoryStats, _Mapping]] = ..., draining: _Optional[bool] = ..., ytdlp_version: _Optional[str] = ..., job_names: _Optional[_Iterable[str]] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("grace",)
    GRACE_FIELD_NUMBER: _ClassVar[int]
    grace: _duration_pb2.Duration
    def __init__(self, grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DrainResponse(_message.Message):
    __slots__ = ("finished_count", "released_count")
    FINISHED_COUNT_FIELD_NUMBER: _ClassVar[int]
    RELEASED_COUNT_FIELD_NUMBER: _ClassVar[int]
    finished_count: int
    released_count: int
    def __init__(self, finished_count: _Optional[int] = ..., released_count: _Optional[int] = ...) -> None: ...

class ProbeUrlRequest(_message.Message):
    __slots__ = ("spec",)
    SPEC_FIELD_NUMBER: _ClassVar[int]
    spec: _job_pb2.JobSpec
    def __init__(self, spec: _Optional[_Union[_job_pb2.JobSpec, _Mapping]] = ...) -> None: ...

class ProbeUrlResponse(_message.Message):
    __slots__ = ("title", "extractor", "duration", "thumbnail_url", "entries", "plan", "is_live", "thumbnail")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    EXTRACTOR_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_URL_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    IS_LIVE_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    title: str
    extractor: str
    duration: _duration_pb2.Duration
    thumbnail_url: str
    entries: _containers.RepeatedCompositeFieldContainer[ProbeEntry]
    plan: Plan
    is_live: bool
    thumbnail: bytes
    def __init__(self, title: _Optional[str] = ..., extractor: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., thumbnail_url: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[ProbeEntry, _Mapping]]] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., is_live: _Optional[bool] = ..., thumbnail: _Optional[bytes] = ...) -> None: ...

class ProbeEntry(_message.Message):
    __slots__ = ("item", "title", "url", "duration")
    ITEM_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    item: int
    title: str
    url: str
    duration: _duration_pb2.Duration
    def __init__(self, item: _Optional[int] = ..., title: _Optional[str] = ..., url: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("format_id", "estimated_bytes", "fit", "limit_bytes", "width", "height", "merges")
    FORMAT_ID_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    MERGES_FIELD_NUMBER: _ClassVar[int]
    format_id: str
    estimated_bytes: int
    fit: Fit
    limit_bytes: int
    width: int
    height: int
    merges: bool
    def __init__(self, format_id: _Optional[str] = ..., estimated_bytes: _Optional[int] = ..., fit: _Optional[_Union[Fit, str]] = ..., limit_bytes: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., merges: _Optional[bool] = ...) -> None: ...

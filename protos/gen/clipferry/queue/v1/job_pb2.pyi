import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_VIDEO: _ClassVar[Kind]
    KIND_AUDIO: _ClassVar[Kind]

class OnUnknownDelivery(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_UNKNOWN_DELIVERY_UNSPECIFIED: _ClassVar[OnUnknownDelivery]
    ON_UNKNOWN_DELIVERY_FAIL: _ClassVar[OnUnknownDelivery]
    ON_UNKNOWN_DELIVERY_RETRY: _ClassVar[OnUnknownDelivery]

class JobState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    JOB_STATE_UNSPECIFIED: _ClassVar[JobState]
    JOB_STATE_QUEUED: _ClassVar[JobState]
    JOB_STATE_PROCESSING: _ClassVar[JobState]
    JOB_STATE_SENDING: _ClassVar[JobState]
    JOB_STATE_RETRY_WAIT: _ClassVar[JobState]
    JOB_STATE_COMPLETED: _ClassVar[JobState]
    JOB_STATE_FAILED: _ClassVar[JobState]
    JOB_STATE_CANCELLED: _ClassVar[JobState]

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_WAITING: _ClassVar[Stage]
    STAGE_PROBING: _ClassVar[Stage]
    STAGE_DOWNLOADING: _ClassVar[Stage]
    STAGE_MUXING: _ClassVar[Stage]
    STAGE_TRANSCODING: _ClassVar[Stage]
    STAGE_SENDING: _ClassVar[Stage]
KIND_UNSPECIFIED: Kind
KIND_VIDEO: Kind
KIND_AUDIO: Kind
ON_UNKNOWN_DELIVERY_UNSPECIFIED: OnUnknownDelivery
ON_UNKNOWN_DELIVERY_FAIL: OnUnknownDelivery
ON_UNKNOWN_DELIVERY_RETRY: OnUnknownDelivery
JOB_STATE_UNSPECIFIED: JobState
JOB_STATE_QUEUED: JobState
JOB_STATE_PROCESSING: JobState
JOB_STATE_SENDING: JobState
JOB_STATE_RETRY_WAIT: JobState
JOB_STATE_COMPLETED: JobState
JOB_STATE_FAILED: JobState
JOB_STATE_CANCELLED: JobState
STAGE_UNSPECIFIED: Stage
STAGE_WAITING: Stage
STAGE_PROBING: Stage
STAGE_DOWNLOADING: Stage
STAGE_MUXING: Stage
STAGE_TRANSCODING: Stage
STAGE_SENDING: Stage

class Job(_message.Message):
    __slots__ = ("name", "owner", "spec", "state", "cancel_requested", "attempt", "max_attempts", "progress", "error", "delivery", "version", "create_time", "update_time", "start_time", "end_time", "expire_time", "next_attempt_time", "finish_requested", "estimated_bytes", "media", "request_id", "traceparent", "worker_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: str
    spec: JobSpec
    state: JobState
    cancel_requested: bool
    attempt: int
    max_attempts: int
    progress: Progress
    error: JobError
    delivery: Delivery
    version: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    next_attempt_time: _timestamp_pb2.Timestamp
    finish_requested: bool
    estimated_bytes: int
    media: Media
    request_id: str
    traceparent: str
    worker_id: str
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[str] = ..., spec: _Optional[_Union[JobSpec, _Mapping]] = ..., state: _Optional[_Union[JobState, str]] = ..., cancel_requested: _Optional[bool] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., error: _Optional[_Union[JobError, _Mapping]] = ..., delivery: _Optional[_Union[Delivery, _Mapping]] = ..., version: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_attempt_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finish_requested: _Optional[bool] = ..., estimated_bytes: _Optional[int] = ..., media: _Optional[_Union[Media, _Mapping]] = ..., request_id: _Optional[str] = ..., traceparent: _Optional[str] = ..., worker_id: _Optional[str] = ...) -> None: ...

class JobSpec(_message.Message):
    __slots__ = ("url", "destination", "priority", "kind", "max_bytes", "timeout", "on_unknown_delivery", "referer", "user_agent", "format", "caption", "thread_id", "playlist_item", "allow_live", "max_duration")
    URL_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ON_UNKNOWN_DELIVERY_FIELD_NUMBER: _ClassVar[int]
    REFERER_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYLIST_ITEM_FIELD_NUMBER: _ClassVar[int]
    ALLOW_LIVE_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    url: str
    destination: str
    priority: int
    kind: Kind
    max_bytes: int
    timeout: _duration_pb2.Duration
    on_unknown_delivery: OnUnknownDelivery
    referer: str
    user_agent: str
    format: str
    caption: str
    thread_id: int
    playlist_item: int
    allow_live: bool
    max_duration: _duration_pb2.Duration
    def __init__(self, url: _Optional[str] = ..., destination: _Optional[str] = ..., priority: _Optional[int] = ..., kind: _Optional[_Union[Kind, str]] = ..., max_bytes: _Optional[int] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., on_unknown_delivery: _Optional[_Union[OnUnknownDelivery, str]] = ..., referer: _Optional[str] = ..., user_agent: _Optional[str] = ..., format: _Optional[str] = ..., caption: _Optional[str] = ..., thread_id: _Optional[int] = ..., playlist_item: _Optional[int] = ..., allow_live: _Optional[bool] = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("stage", "done_bytes", "total_bytes", "bytes_per_second", "observe_time", "percent", "message", "title")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    OBSERVE_TIME_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    stage: Stage
    done_bytes: int
    total_bytes: int
    bytes_per_second: int
    observe_time: _timestamp_pb2.Timestamp
    percent: float
    message: str
    title: str
    def __init__(self, stage: _Optional[_Union[Stage, str]] = ..., done_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., bytes_per_second: _Optional[int] = ..., observe_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., percent: _Optional[float] = ..., message: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class JobError(_message.Message):
    __slots__ = ("reason", "message", "retryable", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    retryable: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., retryable: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("chat_id", "message_id", "file_id", "size_bytes")
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    chat_id: int
    message_id: int
    file_id: str
    size_bytes: int
    def __init__(self, chat_id: _Optional[int] = ..., message_id: _Optional[int] = ..., file_id: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class Media(_message.Message):
    __slots__ = ("title", "duration", "width", "height", "size_bytes", "mime_type", "file_name", "extractor")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    EXTRACTOR_FIELD_NUMBER: _ClassVar[int]
    title: str
    duration: _duration_pb2.Duration
    width: int
    height: int
    size_bytes: int
    mime_type: str
    file_name: str
    extractor: str
    def __init__(self, title: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., size_bytes: _Optional[int] = ..., mime_type: _Optional[str] = ..., file_name: _Optional[str] = ..., extractor: _Optional[str] = ...) -> None: ...

class JobEvent(_message.Message):
    __slots__ = ("sequence", "job", "event_time")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    job: Job
    event_time: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., job: _Optional[_Union[Job, _Mapping]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class JobProgress(_message.Message):
    __slots__ = ("name", "owner", "attempt", "version", "progress")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    owner: str
    attempt: int
    version: int
    progress: Progress
    def __init__(self, name: _Optional[str] = ..., owner: _Optional[str] = ..., attempt: _Optional[int] = ..., version: _Optional[int] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ...) -> None: ...

class MemoryStats(_message.Message):
    __slots__ = ("current_bytes", "peak_bytes", "max_bytes", "active_allocations", "max_per_video_bytes", "orphan_freed_bytes")
    CURRENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PEAK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_ALLOCATIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_VIDEO_BYTES_FIELD_NUMBER: _ClassVar[int]
    ORPHAN_FREED_BYTES_FIELD_NUMBER: _ClassVar[int]
    current_bytes: int
    peak_bytes: int
    max_bytes: int
    active_allocations: int
    max_per_video_bytes: int
    orphan_freed_bytes: int
    def __init__(self, current_bytes: _Optional[int] = ..., peak_bytes: _Optional[int] = ..., max_bytes: _Optional[int] = ..., active_allocations: _Optional[int] = ..., max_per_video_bytes: _Optional[int] = ..., orphan_freed_bytes: _Optional[int] = ...) -> None: ...

class Stats(_message.Message):
    __slots__ = ("jobs_by_state", "oldest_queued_age", "workers", "slots_total", "slots_busy", "memory", "read_time", "uptime", "throughput_per_minute", "total_processed", "max_queue_size", "memory_processing", "auto_cleanup", "ytdlp_versions")
    class JobsByStateEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    JOBS_BY_STATE_FIELD_NUMBER: _ClassVar[int]
    OLDEST_QUEUED_AGE_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    SLOTS_BUSY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    READ_TIME_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    THROUGHPUT_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PROCESSED_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUE_SIZE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PROCESSING_FIELD_NUMBER: _ClassVar[int]
    AUTO_CLEANUP_FIELD_NUMBER: _ClassVar[int]
    YTDLP_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    jobs_by_state: _containers.ScalarMap[str, int]
    oldest_queued_age: _duration_pb2.Duration
    workers: int
    slots_total: int
    slots_busy: int
    memory: MemoryStats
    read_time: _timestamp_pb2.Timestamp
    uptime: _duration_pb2.Duration
    throughput_per_minute: float
    total_processed: int
    max_queue_size: int
    memory_processing: bool
    auto_cleanup: bool
    ytdlp_versions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, jobs_by_state: _Optional[_Mapping[str, int]] = ..., oldest_queued_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., workers: _Optional[int] = ..., slots_total: _Optional[int] = ..., slots_busy: _Optional[int] = ..., memory: _Optional[_Union[MemoryStats, _Mapping]] = ..., read_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., throughput_per_minute: _Optional[float] = ..., total_processed: _Optional[int] = ..., max_queue_size: _Optional[int] = ..., memory_processing: _Optional[bool] = ..., auto_cleanup: _Optional[bool] = ..., ytdlp_versions: _Optional[_Iterable[str]] = ...) -> None: ...

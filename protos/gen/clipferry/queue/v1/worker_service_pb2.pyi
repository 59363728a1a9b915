import datetime

from clipferry.queue.v1 import job_pb2 as _job_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Lease(_message.Message):
    __slots__ = ("job_name", "token")
    JOB_NAME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    job_name: str
    token: int
    def __init__(self, job_name: _Optional[str] = ..., token: _Optional[int] = ...) -> None: ...

class WorkerMessage(_message.Message):
    __slots__ = ("hello", "ready", "beats", "moves")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    BEATS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    ready: Ready
    beats: _containers.RepeatedCompositeFieldContainer[Beat]
    moves: _containers.RepeatedCompositeFieldContainer[Move]
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., beats: _Optional[_Iterable[_Union[Beat, _Mapping]]] = ..., moves: _Optional[_Iterable[_Union[Move, _Mapping]]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("worker_id", "slots", "memory_limit_bytes", "versions", "memory_processing", "auto_cleanup", "leases")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PROCESSING_FIELD_NUMBER: _ClassVar[int]
    AUTO_CLEANUP_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    worker_id: str
    slots: int
    memory_limit_bytes: int
    versions: _containers.ScalarMap[str, str]
    memory_processing: bool
    auto_cleanup: bool
    leases: _containers.RepeatedCompositeFieldContainer[Lease]
    def __init__(self, worker_id: _Optional[str] = ..., slots: _Optional[int] = ..., memory_limit_bytes: _Optional[int] = ..., versions: _Optional[_Mapping[str, str]] = ..., memory_processing: _Optional[bool] = ..., auto_cleanup: _Optional[bool] = ..., leases: _Optional[_Iterable[_Union[Lease, _Mapping]]] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("free_slots", "free_bytes", "memory")
    FREE_SLOTS_FIELD_NUMBER: _ClassVar[int]
    FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    free_slots: int
    free_bytes: int
    memory: _job_pb2.MemoryStats
    def __init__(self, free_slots: _Optional[int] = ..., free_bytes: _Optional[int] = ..., memory: _Optional[_Union[_job_pb2.MemoryStats, _Mapping]] = ...) -> None: ...

class Beat(_message.Message):
    __slots__ = ("lease", "progress")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    progress: _job_pb2.Progress
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., progress: _Optional[_Union[_job_pb2.Progress, _Mapping]] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("correlation_id", "begin_send", "commit_send", "complete_job", "fail_job", "release_jobs", "resize_reservation")
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_SEND_FIELD_NUMBER: _ClassVar[int]
    COMMIT_SEND_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_JOB_FIELD_NUMBER: _ClassVar[int]
    FAIL_JOB_FIELD_NUMBER: _ClassVar[int]
    RELEASE_JOBS_FIELD_NUMBER: _ClassVar[int]
    RESIZE_RESERVATION_FIELD_NUMBER: _ClassVar[int]
    correlation_id: int
    begin_send: BeginSendRequest
    commit_send: CommitSendRequest
    complete_job: CompleteJobRequest
    fail_job: FailJobRequest
    release_jobs: ReleaseJobsRequest
    resize_reservation: ResizeReservationRequest
    def __init__(self, correlation_id: _Optional[int] = ..., begin_send: _Optional[_Union[BeginSendRequest, _Mapping]] = ..., commit_send: _Optional[_Union[CommitSendRequest, _Mapping]] = ..., complete_job: _Optional[_Union[CompleteJobRequest, _Mapping]] = ..., fail_job: _Optional[_Union[FailJobRequest, _Mapping]] = ..., release_jobs: _Optional[_Union[ReleaseJobsRequest, _Mapping]] = ..., resize_reservation: _Optional[_Union[ResizeReservationRequest, _Mapping]] = ...) -> None: ...

class QueueMessage(_message.Message):
    __slots__ = ("welcome", "assigns", "renewed", "cancels", "finishes", "lost", "drain", "answers")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ASSIGNS_FIELD_NUMBER: _ClassVar[int]
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    CANCELS_FIELD_NUMBER: _ClassVar[int]
    FINISHES_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    assigns: _containers.RepeatedCompositeFieldContainer[Assign]
    renewed: _containers.RepeatedCompositeFieldContainer[Renewed]
    cancels: _containers.RepeatedCompositeFieldContainer[Cancel]
    finishes: _containers.RepeatedCompositeFieldContainer[Finish]
    lost: _containers.RepeatedCompositeFieldContainer[Lost]
    drain: Drain
    answers: _containers.RepeatedCompositeFieldContainer[Answer]
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., assigns: _Optional[_Iterable[_Union[Assign, _Mapping]]] = ..., renewed: _Optional[_Iterable[_Union[Renewed, _Mapping]]] = ..., cancels: _Optional[_Iterable[_Union[Cancel, _Mapping]]] = ..., finishes: _Optional[_Iterable[_Union[Finish, _Mapping]]] = ..., lost: _Optional[_Iterable[_Union[Lost, _Mapping]]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., answers: _Optional[_Iterable[_Union[Answer, _Mapping]]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("beat_interval", "lease_ttl")
    BEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_FIELD_NUMBER: _ClassVar[int]
    beat_interval: _duration_pb2.Duration
    lease_ttl: _duration_pb2.Duration
    def __init__(self, beat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., lease_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Assign(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: LeasedJob
    def __init__(self, job: _Optional[_Union[LeasedJob, _Mapping]] = ...) -> None: ...

class LeasedJob(_message.Message):
    __slots__ = ("lease", "job", "lease_ttl", "run_timeout", "reserved_bytes")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_FIELD_NUMBER: _ClassVar[int]
    RUN_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    job: _job_pb2.Job
    lease_ttl: _duration_pb2.Duration
    run_timeout: _duration_pb2.Duration
    reserved_bytes: int
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ..., lease_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., run_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reserved_bytes: _Optional[int] = ...) -> None: ...

class Renewed(_message.Message):
    __slots__ = ("lease", "ttl")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    ttl: _duration_pb2.Duration
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class Lost(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Answer(_message.Message):
    __slots__ = ("correlation_id", "error", "begin_send", "commit_send", "complete_job", "fail_job", "release_jobs", "resize_reservation")
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    BEGIN_SEND_FIELD_NUMBER: _ClassVar[int]
    COMMIT_SEND_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_JOB_FIELD_NUMBER: _ClassVar[int]
    FAIL_JOB_FIELD_NUMBER: _ClassVar[int]
    RELEASE_JOBS_FIELD_NUMBER: _ClassVar[int]
    RESIZE_RESERVATION_FIELD_NUMBER: _ClassVar[int]
    correlation_id: int
    error: _status_pb2.Status
    begin_send: BeginSendResponse
    commit_send: CommitSendResponse
    complete_job: CompleteJobResponse
    fail_job: FailJobResponse
    release_jobs: ReleaseJobsResponse
    resize_reservation: ResizeReservationResponse
    def __init__(self, correlation_id: _Optional[int] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., begin_send: _Optional[_Union[BeginSendResponse, _Mapping]] = ..., commit_send: _Optional[_Union[CommitSendResponse, _Mapping]] = ..., complete_job: _Optional[_Union[CompleteJobResponse, _Mapping]] = ..., fail_job: _Optional[_Union[FailJobResponse, _Mapping]] = ..., release_jobs: _Optional[_Union[ReleaseJobsResponse, _Mapping]] = ..., resize_reservation: _Optional[_Union[ResizeReservationResponse, _Mapping]] = ...) -> None: ...

class BeginSendRequest(_message.Message):
    __slots__ = ("lease", "size_bytes", "media")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    size_bytes: int
    media: _job_pb2.Media
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., size_bytes: _Optional[int] = ..., media: _Optional[_Union[_job_pb2.Media, _Mapping]] = ...) -> None: ...

class BeginSendResponse(_message.Message):
    __slots__ = ("delivery",)
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    delivery: _job_pb2.Delivery
    def __init__(self, delivery: _Optional[_Union[_job_pb2.Delivery, _Mapping]] = ...) -> None: ...

class CommitSendRequest(_message.Message):
    __slots__ = ("lease",)
    LEASE_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ...) -> None: ...

class CommitSendResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CompleteJobRequest(_message.Message):
    __slots__ = ("lease", "delivery")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    delivery: _job_pb2.Delivery
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., delivery: _Optional[_Union[_job_pb2.Delivery, _Mapping]] = ...) -> None: ...

class CompleteJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class FailJobRequest(_message.Message):
    __slots__ = ("lease", "error", "retry_after", "not_sent")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    NOT_SENT_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    error: _job_pb2.JobError
    retry_after: _duration_pb2.Duration
    not_sent: bool
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., error: _Optional[_Union[_job_pb2.JobError, _Mapping]] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., not_sent: _Optional[bool] = ...) -> None: ...

class FailJobResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class ReleaseJobsRequest(_message.Message):
    __slots__ = ("leases",)
    LEASES_FIELD_NUMBER: _ClassVar[int]
    leases: _containers.RepeatedCompositeFieldContainer[Lease]
    def __init__(self, leases: _Optional[_Iterable[_Union[Lease, _Mapping]]] = ...) -> None: ...

class ReleaseJobsResponse(_message.Message):
    __slots__ = ("released_count",)
    RELEASED_COUNT_FIELD_NUMBER: _ClassVar[int]
    released_count: int
    def __init__(self, released_count: _Optional[int] = ...) -> None: ...

class ResizeReservationRequest(_message.Message):
    __slots__ = ("lease", "reserved_bytes")
    LEASE_FIELD_NUMBER: _ClassVar[int]
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    lease: Lease
    reserved_bytes: int
    def __init__(self, lease: _Optional[_Union[Lease, _Mapping]] = ..., reserved_bytes: _Optional[int] = ...) -> None: ...

class ResizeReservationResponse(_message.Message):
    __slots__ = ("reserved_bytes",)
    RESERVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    reserved_bytes: int
    def __init__(self, reserved_bytes: _Optional[int] = ...) -> None: ...

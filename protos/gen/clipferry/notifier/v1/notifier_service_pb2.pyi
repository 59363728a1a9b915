import datetime

from clipferry.queue.v1 import job_pb2 as _job_pb2
from clipferry.queue.v1 import worker_service_pb2 as _worker_service_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SendVideoRequest(_message.Message):
    __slots__ = ("header", "part", "last_part")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    LAST_PART_FIELD_NUMBER: _ClassVar[int]
    header: VideoHeader
    part: bytes
    last_part: LastPart
    def __init__(self, header: _Optional[_Union[VideoHeader, _Mapping]] = ..., part: _Optional[bytes] = ..., last_part: _Optional[_Union[LastPart, _Mapping]] = ...) -> None: ...

class VideoHeader(_message.Message):
    __slots__ = ("idempotency_key", "lease", "destination", "file_name", "mime_type", "size_bytes", "caption", "duration", "width", "height", "thumbnail", "kind", "title", "performer", "thread_id")
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    PERFORMER_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    lease: _worker_service_pb2.Lease
    destination: str
    file_name: str
    mime_type: str
    size_bytes: int
    caption: str
    duration: _duration_pb2.Duration
    width: int
    height: int
    thumbnail: bytes
    kind: _job_pb2.Kind
    title: str
    performer: str
    thread_id: int
    def __init__(self, idempotency_key: _Optional[str] = ..., lease: _Optional[_Union[_worker_service_pb2.Lease, _Mapping]] = ..., destination: _Optional[str] = ..., file_name: _Optional[str] = ..., mime_type: _Optional[str] = ..., size_bytes: _Optional[int] = ..., caption: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., thumbnail: _Optional[bytes] = ..., kind: _Optional[_Union[_job_pb2.Kind, str]] = ..., title: _Optional[str] = ..., performer: _Optional[str] = ..., thread_id: _Optional[int] = ...) -> None: ...

class LastPart(_message.Message):
    __slots__ = ("data", "crc32c")
    DATA_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    crc32c: int
    def __init__(self, data: _Optional[bytes] = ..., crc32c: _Optional[int] = ...) -> None: ...

class SendVideoResponse(_message.Message):
    __slots__ = ("progress", "outcome")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    progress: UploadProgress
    outcome: SendOutcome
    def __init__(self, progress: _Optional[_Union[UploadProgress, _Mapping]] = ..., outcome: _Optional[_Union[SendOutcome, _Mapping]] = ...) -> None: ...

class UploadProgress(_message.Message):
    __slots__ = ("sent_bytes", "wait")
    SENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    sent_bytes: int
    wait: _duration_pb2.Duration
    def __init__(self, sent_bytes: _Optional[int] = ..., wait: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class SendOutcome(_message.Message):
    __slots__ = ("delivery", "replayed")
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    delivery: _job_pb2.Delivery
    replayed: bool
    def __init__(self, delivery: _Optional[_Union[_job_pb2.Delivery, _Mapping]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class SendTextRequest(_message.Message):
    __slots__ = ("idempotency_key", "destination", "text", "thread_id")
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    THREAD_ID_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: str
    destination: str
    text: str
    thread_id: int
    def __init__(self, idempotency_key: _Optional[str] = ..., destination: _Optional[str] = ..., text: _Optional[str] = ..., thread_id: _Optional[int] = ...) -> None: ...

class SendTextResponse(_message.Message):
    __slots__ = ("chat_id", "message_id", "replayed")
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    chat_id: int
    message_id: int
    replayed: bool
    def __init__(self, chat_id: _Optional[int] = ..., message_id: _Optional[int] = ..., replayed: _Optional[bool] = ...) -> None: ...

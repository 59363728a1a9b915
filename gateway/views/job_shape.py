"""The shape of a job as clients see it: the Node system's job object, and ours beside it."""

import msgspec


class VideoDataView(msgspec.Struct, rename="camel", frozen=True):
    """What was asked for."""

    page_url: str
    kind: str
    format: str | None
    caption: str | None
    destination: str | None
    """Chat; null: the default one."""
    thread_id: int | None
    playlist_item: int | None
    allow_live: bool
    max_duration: float | None
    """Seconds."""
    priority: int


class UserInfoView(msgspec.Struct, rename="camel", frozen=True):
    """Who asked."""

    id: str


class ErrorView(msgspec.Struct, rename="camel", frozen=True):
    """Why a run failed."""

    code: str
    """One of the [reasons](docs#reasons)."""
    message: str
    retryable: bool
    metadata: dict[str, int | str]
    """Numbers and names behind the message."""


class MetadataView(msgspec.Struct, rename="camel", frozen=True):
    """What is known of the media."""

    title: str | None
    duration: float | None
    """Seconds."""
    width: int | None
    height: int | None
    size: int | None
    """Bytes."""
    mime_type: str | None
    file_name: str | None
    extractor: str | None


class ResultView(msgspec.Struct, rename="camel", frozen=True):
    """How a job ended."""

    success: bool
    message: str
    processing_time: int
    """Milliseconds of the last run; 0 when it never ran."""
    metadata: MetadataView
    telegram_message_id: int | None
    memory_processing: bool
    telegram_chat_id: int | None


class LinksView(msgspec.Struct, rename="camel", frozen=True):
    """Where to go from here."""

    self: str
    channel: str
    """What to subscribe to over /ws."""


class JobView(msgspec.Struct, rename="camel", frozen=True):
    """A job."""

    id: str
    video_data: VideoDataView
    user_info: UserInfoView
    added_at: str
    status: str
    """queued, processing, completed, failed or cancelled."""
    progress: float
    """Percent of the whole run, 0 to 100."""
    estimated_size: int
    """Bytes; 0 while unknown."""
    title: str | None
    """What the site calls the video; null until it has said."""
    stage: str | None
    """waiting, probing, downloading, muxing, transcoding or sending; null when ended."""
    message: str
    bytes_done: int
    """Bytes moved in this stage; 0, and the next three null, when it does not run."""
    bytes_total: int | None
    """Null while the site has not said."""
    speed_bps: int | None
    """Bytes a second."""
    eta_seconds: int | None
    """Rest of this stage."""
    attempt: int
    max_attempts: int
    version: int
    owner: str
    cancel_requested: bool
    finish_requested: bool
    started_at: str | None
    finished_at: str | None
    next_attempt_at: str | None
    error: ErrorView | None
    result: ResultView | None
    """Present once the job has ended."""
    links: LinksView


class SubmittedView(JobView, frozen=True):
    """The job that a submit has made, or the one that was there."""

    duplicate: bool
    """Whether this is a job of yours that was under way already, for the same page, chat, kind and format: no other one
    was made. A repeat with the same `Idempotency-Key` is none."""


class JobListView(msgspec.Struct, rename="camel", frozen=True):
    """A page of jobs, newest first."""

    jobs: list[JobView]
    next_cursor: str | None
    """Pass as `cursor` for the next page; null on the last."""

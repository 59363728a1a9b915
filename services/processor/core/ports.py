"""What the core needs of the world, as small promises. Adapters keep them; unit tests bring fakes."""

import enum
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from services.chassis.errors import ClipferryError


class MediaKind(enum.Enum):
    """What is delivered."""

    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One leased run of one job."""

    job_name: str
    """``jobs/{uuid7}``."""
    token: int
    """Fencing token: rises with every lease of the job."""
    attempt: int
    """From 1."""
    timeout_s: float
    """Longest run."""
    reserved_bytes: int
    """Bytes the queue has reserved for it."""
    destination: str
    """Chat id or @channel; empty: the notifier's default chat."""
    thread_id: int = 0
    caption: str = ""
    """Empty: made from title and link."""
    fetch: "FetchRequest"

    @property
    def holder(self) -> str:
        """Under which name the run holds memory: two runs of one job never share it."""
        return f"{self.job_name}#{self.token}"


@dataclass(frozen=True, kw_only=True)
class FetchRequest:
    """Which media to get."""

    url: str
    kind: MediaKind = MediaKind.VIDEO
    format: str = ""
    """yt-dlp format selector; empty: the built-in choice."""
    referer: str = ""
    user_agent: str = ""
    playlist_item: int = 0
    """From 1; 0: the page's own video, or the first."""
    allow_live: bool = False
    max_duration_s: float | None = None
    max_bytes: int = 0
    """Most bytes the owner accepts; 0: the processor's limit."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One video of a list."""

    item: int
    """From 1."""
    title: str
    url: str
    duration_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a site offers, before anything is downloaded."""

    title: str
    extractor: str
    webpage_url: str
    format_id: str
    estimated_bytes: int = 0
    """Sum over the chosen formats; 0 when the site does not say."""
    duration_s: float | None = None
    width: int = 0
    height: int = 0
    thumbnail_url: str = ""
    performer: str = ""
    merges: bool = False
    """Separate streams will be merged, which holds the media twice for a moment."""
    is_live: bool = False
    entries: tuple[Entry, ...] = ()
    """More than one when the page is a list."""


class FetchStage(enum.Enum):
    """What a download is doing."""

    DOWNLOADING = "downloading"
    MUXING = "muxing"
    TRANSCODING = "transcoding"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """How far a download is."""

    stage: FetchStage
    done_bytes: int
    """Over all streams and fragments of the job; never falls."""
    total_bytes: int = 0
    """Estimate over all streams; 0 when unknown. Never below `done_bytes`."""
    bytes_per_second: int = 0
    tmpfs_bytes: int = 0
    """Bytes the job holds on tmpfs now."""


@dataclass(kw_only=True)
class MediaFile:
    """A finished file on tmpfs that has no name any more: it is gone when `fd` is closed."""

    fd: int
    size_bytes: int
    extension: str
    """Such as ``mp4``, without the dot."""


@dataclass(frozen=True, kw_only=True)
class MediaFacts:
    """What a file really holds, read from its own bytes."""

    mime_type: str
    duration_s: float | None
    width: int = 0
    """Display width in pixels: rotation and sample aspect ratio applied. 0 for sound."""
    height: int = 0
    video_codec: str = ""
    """As ffmpeg names it, such as ``h264``; empty when there is none."""
    audio_codec: str = ""


class Layout(Protocol):
    """The bytes to send, in order, without a second copy: a file with its index moved to the front, or as it is."""

    @property
    def size_bytes(self) -> int:
        """Exact size; known before the first byte."""

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`; fewer only at the end. Reads tmpfs: does not block."""


class Fetch(Protocol):
    """One download in a process group of its own."""

    async def extract(self) -> Found:
        """Ask the site what there is. Call once, first.

        Raises:
            ClipferryError: With the site's reason: NO_VIDEO, GONE, EGRESS_DENIED, LIVE, …
        """

    def download(self, *, limit_bytes: int) -> AsyncGenerator[Moved, None]:
        """Fetch what `extract` chose; ends when the file is whole. Call once, after `extract`.

        Args:
            limit_bytes: Most bytes of the finished file.

        Raises:
            ClipferryError: VIDEO_TOO_LARGE as soon as it is sure, INCOMPLETE, STALLED, CHILD_CRASHED, …
        """

    async def finish(self) -> None:
        """Close a live recording and keep what there is; `download` then ends by itself."""

    def take(self) -> MediaFile:
        """Return the finished file, opened and unlinked. Call once, after `download`. The caller closes it."""


class Downloader(Protocol):
    """Gets media from sites, into memory only."""

    def fetch(self, request: FetchRequest, *, job_name: str) -> AbstractAsyncContextManager[Fetch]:
        """Open one download. However the block is left, its process group is dead and its directory gone after it."""


class Media(Protocol):
    """Reads and shapes finished files. Never trusts what they claim to be."""

    async def describe(self, file: MediaFile) -> MediaFacts:
        """Read what the file holds.

        Raises:
            ClipferryError: UNPLAYABLE when it is no media that Telegram can play, INCOMPLETE when it is cut short.
        """

    async def thumbnail(self, file: MediaFile, facts: MediaFacts) -> bytes:
        """Return an upright JPEG of at most 320 pixels a side and under 200 kB; empty when none can be made."""

    def layout(self, file: MediaFile) -> Layout:
        """Return the bytes to send: `moov` first where the file is an mp4 with it last."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What is sent, and how it is shown."""

    run: Run
    file_name: str
    mime_type: str
    size_bytes: int
    caption: str
    kind: MediaKind
    duration_s: float | None
    width: int
    height: int
    thumbnail: bytes
    title: str
    performer: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Where a job's message is."""

    chat_id: int
    message_id: int
    file_id: str
    size_bytes: int


class Delivery(Protocol):
    """The way out to Telegram."""

    async def send(
        self,
        header: Header,
        layout: Layout,
        *,
        commit: Callable[[], Awaitable[None]],
        on_sent: Callable[[int], None],
    ) -> Receipt:
        """Stream the file out.

        Args:
            commit: Awaited once, when everything but the last part has been taken by the Bot API's socket; the last
                part goes out only after it returned. When it raises, nothing is sent and its error is raised here.
            on_sent: Called with the bytes of the file that the socket took so far; only rises.

        Raises:
            ClipferryError: TELEGRAM_FLOOD, TELEGRAM_REJECTED, CHAT_UNAVAILABLE, TELEGRAM_UNREACHABLE, … when nothing
                was sent; DELIVERY_UNKNOWN when it may have been.
        """


class Stage(enum.Enum):
    """What a run is doing, for people."""

    PROBING = "probing"
    DOWNLOADING = "downloading"
    MUXING = "muxing"
    TRANSCODING = "transcoding"
    SENDING = "sending"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    stage: Stage
    percent: float
    """Whole run, 0 to 100; never falls."""
    message: str
    done_bytes: int = 0
    """In this stage."""
    total_bytes: int = 0
    """In this stage; 0 when unknown."""
    bytes_per_second: int = 0


@dataclass(frozen=True, kw_only=True)
class MediaSummary:
    """What the queue keeps of a job's media."""

    title: str
    duration_s: float | None
    width: int
    height: int
    size_bytes: int
    mime_type: str
    file_name: str
    extractor: str


class Leases(Protocol):
    """The moves of a run, as the queue sees them. Each raises LEASE_LOST when the run is somebody else's."""

    async def begin_send(self, run: Run, *, size_bytes: int, media: MediaSummary) -> Receipt | None:
        """Say that the upload begins. Returns an earlier delivery of the job, when there is one.

        Raises:
            ClipferryError: CANCEL_REQUESTED, LEASE_LOST.
        """

    async def commit_send(self, run: Run) -> None:
        """Pass the point of no return.

        Raises:
            ClipferryError: CANCEL_REQUESTED, LEASE_LOST.
        """

    async def complete(self, run: Run, receipt: Receipt) -> None:
        """Say that it arrived. Goes on trying until there is an answer."""

    async def fail(self, run: Run, error: ClipferryError, *, not_sent: bool) -> None:
        """Say that it failed.

        Args:
            not_sent: True when nothing can have been sent although `commit_send` was called.
        """

    async def release(self, run: Run) -> None:
        """Hand the run back: another worker starts it again, and no attempt is charged."""

    def resize(self, run: Run, *, reserved_bytes: int) -> None:
        """Change the bytes the run has reserved. Never waits."""

"""A run, and what becomes known of its media on the way. Plain values; nobody changes them."""

import enum
from dataclasses import dataclass


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
    was_finished: bool = False
    """Its owner has finished the recording of an earlier run."""
    traceparent: str = ""
    """W3C traceparent of the job's submit; empty when it was not traced."""

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
    asks_duration: bool = False
    """Read it from the media where the site does not say it: something has turned out to be too large."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One video of a list."""

    item: int
    """From 1."""
    title: str
    url: str
    duration_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One way of a site to serve its media: a format, or one of picture and one of sound that are merged."""

    format_id: str
    estimated_bytes: int = 0
    """0 when the site does not say."""
    width: int = 0
    height: int = 0
    merges: bool = False
    """As in `Found`."""
    plays: bool = True
    """Telegram's apps play it, as far as the site says what it is."""
    streams: bool = True
    """ffmpeg can read it from the web by itself."""
    has_picture: bool = True
    """A picture is wanted of it, and may be there."""


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
    offers: tuple[Offer, ...] = ()
    """Best first; those that are neither better nor smaller than another are left out. Empty: what is said above."""


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
    is_held_up: bool = False
    """It may not hold more, and wants to: see `Fetch.allow`."""
    done_share: float | None = None
    """Part of the media that is re-encoded, 0 to 1; None while bytes tell how far it is."""


@dataclass(kw_only=True)
class MediaFile:
    """A finished file on tmpfs that has no name any more: it is gone when `fd` is closed."""

    fd: int
    size_bytes: int
    extension: str
    """Such as ``mp4``, without the dot."""
    cover: bytes = b""
    """Of a sound: its picture, a JPEG fit for a thumbnail; empty when there is none."""
    title: str = ""
    """Of a sound, by its own tags."""
    performer: str = ""
    """The same."""


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
    title: str = ""
    """What the site calls the video; empty until it has said."""


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

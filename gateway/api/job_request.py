"""The body that asks for a job: ours, and the two spellings of older clients."""

from typing import Annotated, Any, Literal

import msgspec

from clipferry.queue.v1 import job_pb2
from services.chassis.errors import ClipferryError, Reason, field_invalid
from services.chassis.wire import duration

_KINDS = {"video": job_pb2.KIND_VIDEO, "audio": job_pb2.KIND_AUDIO}

Text = Annotated[str, msgspec.Meta(max_length=2048)]
ChatName = Annotated[str, msgspec.Meta(max_length=64)]
ChatId = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class VideoData(msgspec.Struct, rename="camel"):
    """The spelling of older clients: ``videoData: {pageUrl}``. What else it may hold is not looked at."""

    page_url: Text
    """http(s) URL of the page or media."""


class JobRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A page and what to do with its video. One of `url`, `pageUrl` and `videoData.pageUrl` is needed."""

    url: Text | None = None
    """http(s) URL of the page or media."""
    page_url: Text | None = None
    """The same as `url`."""
    video_data: VideoData | None = None
    """`videoData.pageUrl` is the same as `url`."""
    user_info: dict[str, Any] | None = None
    """Of older clients; it is not looked at: a job belongs to whoever is signed in."""
    destination: ChatName | ChatId | None = None
    """Telegram chat id or @channel. Default: the operator's chat."""
    chat_id: ChatName | ChatId | None = None
    """The same as `destination`."""
    kind: Literal["video", "audio"] = "video"
    """What is delivered: a playable video, or the sound only."""
    format: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    """yt-dlp format selector that replaces the built-in choice."""
    caption: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    """Cut to 1,024 UTF-16 units. Default: title and link."""
    referer: Text | None = None
    """Referer header for the site: an http(s) URL. Default: none."""
    user_agent: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    """User-Agent header for the site. Default: the downloader's own."""
    priority: Annotated[int, msgspec.Meta(ge=-10, le=10)] = 0
    """Higher runs first."""
    playlist_item: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    """Which entry of a list, from 1. 0: the page's own video, or the first."""
    allow_live: bool = False
    """Record a live stream, until it ends, a limit is reached, or it is finished by hand."""
    thread_id: Annotated[int, msgspec.Meta(ge=0, le=2_147_483_647)] = 0
    """Topic of a forum group. 0: none."""
    max_duration_s: Annotated[float, msgspec.Meta(gt=0, le=604_800)] | None = None
    """Longest media accepted, in seconds. Default: any length."""


def job_spec(body: JobRequest) -> job_pb2.JobSpec:
    """Return `body` for the queue.

    Raises:
        ClipferryError: FIELD_INVALID when there is no URL or destination and chatId differ.
    """
    url = body.url or body.page_url or (body.video_data.page_url if body.video_data else None)
    if not url:
        raise ClipferryError(Reason.FIELD_INVALID, "url is missing: the page whose video is wanted.", field="url")
    if body.destination is not None and body.chat_id is not None and str(body.destination) != str(body.chat_id):
        raise field_invalid("chatId", "must be the same as destination when both are given", body.chat_id)
    chat = body.destination if body.destination is not None else body.chat_id
    spec = job_pb2.JobSpec(
        url=url.strip(),
        kind=_KINDS[body.kind],
        # Fields that say nothing are not set: most bodies have an address and no more.
        **{name: value for name, value in _optional(body, chat) if value},
    )
    if body.max_duration_s is not None:
        spec.max_duration.CopyFrom(duration(body.max_duration_s))
    return spec


def _optional(body: JobRequest, chat: str | int | None) -> tuple[tuple[str, Any], ...]:
    return (
        ("destination", "" if chat is None else str(chat)),
        ("priority", body.priority),
        ("referer", body.referer),
        ("user_agent", body.user_agent),
        ("format", body.format),
        ("caption", body.caption),
        ("thread_id", body.thread_id),
        ("playlist_item", body.playlist_item),
        ("allow_live", body.allow_live),
    )

"""What parent and child say to each other: one JSON object per line. The parent believes no more than it must."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.chassis.errors import ClipferryError, Reason
from services.processor.core.recipe import Recipe
from services.processor.core.run import Entry, Found, Offer

INTERRUPT = b"i"
"""On the lifeline: ask the child to close what it records."""
PAUSE = b"p"
"""On the lifeline: stop the group where it is."""
RESUME = b"r"
"""On the lifeline: let it go on."""

COVER_NAME = "cover.jpg"
"""In the directory of the job: the picture beside a sound."""
COVER_LIMIT_BYTES = 199_999
"""Telegram takes thumbnails under 200 kB."""

REFUSED_REASON = "Egress refused"
"""Reason phrase of the egress proxy's refusal: all that urllib shows the client of a refused CONNECT."""
UNRESOLVED_REASON = "Name does not resolve"
"""Its reason phrase for a name that nobody has."""
UNREACHABLE_REASON = "Site unreachable"
"""Its reason phrase for a site that no connection can be made to now."""


@dataclass(frozen=True, kw_only=True)
class JobOrder:
    """The first line to a child: what to get, and within which limits."""

    url: str
    is_audio: bool
    format: str
    referer: str
    user_agent: str
    playlist_item: int
    proxy_url: str
    cpu_s: int
    data_bytes: int
    socket_timeout_s: float
    fragments_at_once: int
    limit_bytes: int
    """Most bytes that may be sent, as far as it is known before the page was looked at."""
    transcode_cpu_s: int
    transcode_timeout_s: float
    asks_duration: bool
    """As in `FetchRequest`."""


@dataclass(frozen=True, kw_only=True)
class DownloadOrder:
    """The second line to a child: what to do with what it found."""

    limit_bytes: int
    """Most bytes of the result."""
    format_id: str
    """Of the offer; empty: what yt-dlp has chosen."""
    recipe: Recipe | None


def encode(kind: str, **fields: Any) -> bytes:
    """Return one line."""
    return json.dumps({"kind": kind, **fields}).encode() + b"\n"


def decode(line: bytes) -> tuple[str, Mapping[str, Any]]:
    """Return kind and fields of one line.

    Raises:
        ValueError: When it is none.
    """
    fields = json.loads(line)
    return fields.pop("kind"), fields


def encode_order(order: JobOrder) -> bytes:
    """Return the first line to a child."""
    return encode("order", **asdict(order))


def encode_download(order: DownloadOrder) -> bytes:
    """Return the second line to a child."""
    return encode("download", **asdict(order))


def encode_picture_order() -> bytes:
    """Return the line that asks a child for the site's picture of what it found, before or instead of the download."""
    return encode("picture")


def download_order_of(fields: Mapping[str, Any]) -> DownloadOrder:
    """Return what a child is told to do."""
    recipe = fields["recipe"]
    return DownloadOrder(**{**fields, "recipe": Recipe(**recipe) if recipe else None})


def encode_found(found: Found) -> bytes:
    """Return the line that answers an order."""
    return encode("found", **asdict(found))


def found_of(fields: Mapping[str, Any]) -> Found:
    """Return what a child found."""
    return Found(
        **{
            **fields,
            "entries": tuple(Entry(**entry) for entry in fields["entries"]),
            "offers": tuple(Offer(**offer) for offer in fields["offers"]),
        }
    )


def encode_failure(error: ClipferryError, cause: str) -> bytes:
    """Return the line that ends a job badly; `cause` is for the log only."""
    return encode(
        "failed",
        reason=error.reason.name,
        message=error.message,
        retry_after_s=error.retry_after_s,
        metadata=error.metadata,
        cause=cause[:500],
    )


def error_of(fields: Mapping[str, Any]) -> ClipferryError:
    """Return the error that a child ended with."""
    return ClipferryError(
        Reason[fields["reason"]], fields["message"], retry_after_s=fields["retry_after_s"], **fields["metadata"]
    )

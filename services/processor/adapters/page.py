"""What a page offers, by yt-dlp: one video, several embedded ones, or a list to choose from."""

from collections.abc import Mapping
from typing import Any

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.messages import JobOrder
from services.processor.adapters.tally import estimated_bytes
from services.processor.core.run import Entry, Found

_DEPTH_LIMIT = 3
"""Lists in lists that are followed."""
_DIRECT_PROTOCOLS = frozenset({"http", "https"})

Info = dict[str, Any]


def look(ydl: Any, order: JobOrder) -> tuple[Info | None, Found]:
    """Ask the site what there is.

    Returns:
        yt-dlp's description of the chosen video, None where the owner must choose one of a list; and ours.

    Raises:
        ClipferryError: NO_VIDEO.
        Exception: Whatever yt-dlp raises.
    """
    result = ydl.extract_info(order.url, download=False)
    entries: tuple[Entry, ...] = ()
    for depth in range(_DEPTH_LIMIT):
        if not result:
            raise ClipferryError(Reason.NO_VIDEO)
        if result.get("_type", "video") not in {"playlist", "multi_video"}:
            return result, _found(result, entries)
        listed = [entry for entry in result.get("entries") or () if entry]
        if not listed:
            raise _no_entry(order)
        is_chosen = bool(order.playlist_item) and depth == 0
        if len(listed) > 1 and not is_chosen and not _is_page_with_embeds(result):
            return None, _list_found(result, _entries(listed))
        if depth == 0 and not is_chosen and len(listed) > 1:
            entries = _entries(listed)
        result = listed[0] if listed[0].get("formats") else ydl.process_ie_result(listed[0], download=False)
    raise ClipferryError(Reason.NO_VIDEO, "The page is a list of lists without a video.")


def _no_entry(order: JobOrder) -> ClipferryError:
    if order.playlist_item:
        return ClipferryError(Reason.NO_VIDEO, f"The list has no item {order.playlist_item}.")
    return ClipferryError(Reason.NO_VIDEO, "The list is empty.")


def _is_page_with_embeds(result: Mapping[str, Any]) -> bool:
    """Tell a page that shows several players from a feed: a feed has its own address as its id."""
    return result.get("extractor_key") == "Generic" and "://" not in str(result.get("id"))


def _entries(listed: list[Info]) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            item=item,
            title=str(entry.get("title") or ""),
            url=str(entry.get("webpage_url") or entry.get("url") or ""),
            duration_s=_float(entry.get("duration")),
        )
        for item, entry in enumerate(listed, start=1)
    )


def _list_found(result: Mapping[str, Any], entries: tuple[Entry, ...]) -> Found:
    return Found(
        title=str(result.get("title") or ""),
        extractor=str(result.get("extractor") or ""),
        webpage_url=str(result.get("webpage_url") or ""),
        format_id="",
        entries=entries,
    )


def chosen_formats(info: Mapping[str, Any]) -> list[Info]:
    """Return the formats that will be fetched."""
    return info.get("requested_formats") or [dict(info)]


def is_fragmented(info: Mapping[str, Any]) -> bool:
    """Return whether the media comes in pieces: HLS, DASH and the like."""
    return any(fmt.get("protocol") not in _DIRECT_PROTOCOLS for fmt in chosen_formats(info))


def _found(info: Mapping[str, Any], entries: tuple[Entry, ...]) -> Found:
    formats = chosen_formats(info)
    sizes = [estimated_bytes(fmt) for fmt in formats]
    return Found(
        title=_title(info, is_only=not entries),
        extractor=str(info.get("extractor") or ""),
        webpage_url=str(info.get("webpage_url") or ""),
        format_id=str(info.get("format_id") or ""),
        estimated_bytes=sum(sizes) if all(sizes) else 0,
        duration_s=_float(info.get("duration")),
        width=int(info.get("width") or 0),
        height=int(info.get("height") or 0),
        thumbnail_url=_web_url(info.get("thumbnail")),
        performer=str(info.get("artist") or info.get("uploader") or ""),
        # Pieces are joined into one file, which is then written again as mp4.
        merges=is_fragmented(info) or len(formats) > 1,
        is_live=bool(info.get("is_live")),
        entries=entries,
    )


def _title(info: Mapping[str, Any], *, is_only: bool) -> str:
    title = str(info.get("title") or "")
    # yt-dlp numbers the players of a page, also when there is one.
    return title.removesuffix(" (1)") if is_only and info.get("extractor") == "html5" else title


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _web_url(value: object) -> str:
    text = str(value or "")
    return text if text.startswith(("http://", "https://")) else ""

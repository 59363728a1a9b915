"""What a page offers, by yt-dlp: one video, several embedded ones, or a list to choose from."""

import re
from collections.abc import Mapping
from typing import Any

from services.chassis.errors import ClipferryError, Reason
from services.processor.adapters.claims import seconds
from services.processor.adapters.embeds import first_playable
from services.processor.adapters.measure import (
    describe_on_the_web,
    fill_estimates,
    fill_files,
    fill_streams,
    is_well_known,
)
from services.processor.adapters.messages import JobOrder
from services.processor.adapters.offers import formats_of, has_picture, offer, offers_of
from services.processor.core.naming import one_line
from services.processor.core.run import Entry, Found, Offer

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
    page_title = ""
    for depth in range(_DEPTH_LIMIT):
        if not result:
            raise ClipferryError(Reason.NO_VIDEO)
        if result.get("_type", "video") not in {"playlist", "multi_video"}:
            return result, _found(ydl, order, result, entries, page_title)
        listed = [entry for entry in result.get("entries") or () if entry]
        if not listed:
            raise _no_entry(order)
        is_chosen = bool(order.playlist_item) and depth == 0
        if len(listed) > 1 and not is_chosen and not _is_page_with_embeds(result):
            return None, _list_found(result, _entries(listed))
        if depth == 0 and not is_chosen and len(listed) > 1:
            entries = _entries(listed)
        if not is_chosen:
            page_title = str(result.get("title") or "")
        if len(listed) > 1 and not is_chosen:
            result = first_playable(ydl, listed)
        else:
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
            title=one_line(str(entry.get("title") or "")),
            url=str(entry.get("webpage_url") or entry.get("url") or ""),
            duration_s=seconds(entry.get("duration")),
        )
        for item, entry in enumerate(listed, start=1)
    )


def _list_found(result: Mapping[str, Any], entries: tuple[Entry, ...]) -> Found:
    return Found(
        title=one_line(str(result.get("title") or "")),
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


def _found(ydl: Any, order: JobOrder, info: Info, entries: tuple[Entry, ...], page_title: str) -> Found:
    info["duration"] = seconds(info.get("duration"))
    if not info.get("is_live"):
        fill_files(ydl, info)
        fill_estimates(ydl, info, chosen_formats(info)[0])
    offers = _offers(order, info)
    if not info.get("is_live") and _needs_more(offers, info, order):
        _ask_ffmpeg(ydl, info, order)
        offers = _offers(order, info)
    best = offers[0]
    return Found(
        title=_title(info, page_title, is_only=not entries),
        extractor=str(info.get("extractor") or ""),
        webpage_url=str(info.get("webpage_url") or ""),
        format_id=best.format_id,
        estimated_bytes=best.estimated_bytes,
        duration_s=info["duration"],
        width=best.width,
        height=best.height,
        thumbnail_url=_web_url(info.get("thumbnail")),
        performer=str(info.get("artist") or info.get("uploader") or ""),
        merges=best.merges,
        is_live=bool(info.get("is_live")),
        entries=entries,
        offers=offers,
    )


def _offers(order: JobOrder, info: Info) -> tuple[Offer, ...]:
    # What has no picture is a sound, whatever was asked for.
    is_audio = order.is_audio or not has_picture(info)
    # Who names a format gets that one; of what is live there is no choice.
    listed = () if order.format or info.get("is_live") else offers_of(info, is_audio=is_audio)
    return listed or (offer(known_formats(info), is_audio=is_audio),)


def known_formats(info: Info) -> list[Info]:
    """Return the formats that yt-dlp has chosen, with what became known of them since."""
    by_id = {fmt.get("format_id"): fmt for fmt in formats_of(info)}
    return [by_id.get(fmt.get("format_id"), fmt) for fmt in chosen_formats(info)]


def _needs_more(offers: tuple[Offer, ...], info: Info, order: JobOrder) -> bool:
    """Return whether something has to be re-encoded, for which duration and colours must be known."""
    is_fine = any(one.plays and one.estimated_bytes <= order.limit_bytes for one in offers)
    is_known = bool(info.get("duration")) and all(map(is_well_known, known_formats(info)))
    return not is_known and (order.asks_duration or not is_fine)


def _ask_ffmpeg(ydl: Any, info: Info, order: JobOrder) -> None:
    chosen_id = chosen_formats(info)[0].get("format_id")
    # What is known of it by now is in the list, not in yt-dlp's choice.
    for fmt in formats_of(info):
        if fmt.get("format_id") != chosen_id:
            continue
        described = describe_on_the_web(ydl, fmt, order.proxy_url)
        if described is not None and described.duration_s:
            fill_streams(info, fmt, described)
        return


def choose(ydl: Any, info: Info, format_id: str) -> Info:
    """Make `ydl` fetch an offer; returns the description of it.

    Args:
        format_id: Of one of the offers; empty: what yt-dlp has chosen.
    """
    if not format_id or format_id == info.get("format_id"):
        return info
    by_id = {str(fmt.get("format_id")): fmt for fmt in formats_of(info)}
    parts = [by_id[part] for part in format_id.split("+")]
    ydl.format_selector = ydl.build_format_selector(format_id)
    chosen = {key: value for key, value in info.items() if key != "requested_formats"} | dict(parts[0])
    if len(parts) > 1:
        chosen["requested_formats"] = parts
    chosen["format_id"] = format_id
    return chosen


def _title(info: Mapping[str, Any], page_title: str, *, is_only: bool) -> str:
    """Return the title without the number that yt-dlp gives to each player of a page, also when there is one."""
    title = str(info.get("title") or "")
    if is_only and info.get("extractor") == "html5":
        title = title.removesuffix(" (1)")
    is_numbered = bool(page_title) and re.fullmatch(rf"{re.escape(page_title)} \(\d+\)", title)
    return one_line(page_title if is_numbered else title)


def _web_url(value: object) -> str:
    text = str(value or "")
    return text if text.startswith(("http://", "https://")) else ""

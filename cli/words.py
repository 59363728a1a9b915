"""Text for a terminal: of what comes from outside, nothing but what can be printed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

_LONG_BYTES = re.compile(r"\b(\d{4,}) bytes\b")
ENDED = frozenset({"completed", "failed", "cancelled"})


def clean(text: object) -> str:
    """Return `text` without control characters: a video's title may hold some that would steer the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(text))


def human(size_bytes: float) -> str:
    """Return bytes for people."""
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1_000_000_000:.1f} GB"
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1000:.0f} kB"


def sizes_in_words(text: str) -> str:
    """Return a sentence of the gateway's with its long numbers of bytes for people."""
    return _LONG_BYTES.sub(lambda found: human(int(found[1])).replace(".0 ", " "), text)


def duration(seconds: float) -> str:
    """Return a span of time for people."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def columns(rows: Sequence[Sequence[object]]) -> Iterable[str]:
    """Yield each row as a line, with the cells of a column under each other; the last column is not padded."""
    cells = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def groups(found: Mapping[str, Sequence[tuple[str, object]]]) -> Iterable[str]:
    """Yield titles, and names and values below each; what has no value is left out, and what is left without any."""
    told = {title: [(name, value) for name, value in facts if value is not None] for title, facts in found.items()}
    width = max((len(name) for facts in told.values() for name, _ in facts), default=0)
    for title, facts in told.items():
        if facts:
            yield clean(title)
            yield from (f"  {name.ljust(width)}  {clean(value)}" for name, value in facts)


def name_of(job: Mapping[str, Any]) -> str:
    """Return what a person knows a job by: the video's title, or else its page."""
    media = (job.get("result") or {}).get("metadata") or {}
    return str(media.get("title") or job.get("title") or job["videoData"]["pageUrl"])


def short_name_of(job: Mapping[str, Any]) -> str:
    """Return the same where there is little room: of an address its last part."""
    name = clean(name_of(job))
    return last_part(name) if name == job["videoData"]["pageUrl"] else name


def last_part(url: str) -> str:
    """Return the last part of an address's path, with its query; its host if there is none."""
    parts = urlsplit(url)
    last = parts.path.rstrip("/").rpartition("/")[2]
    return f"{last}?{parts.query}" if parts.query else last or parts.netloc or url


def reason_of(job: Mapping[str, Any]) -> str:
    """Return why a job failed, or its last attempt; empty when none did."""
    error = job.get("error") or {}
    return f"{error.get('code', '')} {sizes_in_words(error.get('message', ''))}".strip()


def arrival_of(job: Mapping[str, Any]) -> list[str]:
    """Return what is known of what has arrived, the most important first."""
    result = job.get("result") or {}
    media = result.get("metadata") or {}
    known = [f"message {result['telegramMessageId']}"] if result.get("telegramMessageId") else []
    known += [f"{media['width']}x{media['height']}"] if media.get("width") else []
    known += [f"{media['duration']:.1f} s"] if media.get("duration") else []
    known += [human(media["size"])] if media.get("size") else []
    return known


def ending_of(job: Mapping[str, Any]) -> str:
    """Return how a job ended, in one line."""
    if job["status"] != "completed":
        said = reason_of(job)
        return f"{job['status']}: {said}" if said else str(job["status"])
    known = arrival_of(job)
    return f"arrived: {', '.join(known)}" if known else "arrived"

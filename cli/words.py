"""Text for a terminal: of what comes from outside, nothing but what can be printed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ENDED = frozenset({"completed", "failed", "cancelled"})


def clean(text: object) -> str:
    """Return `text` without control characters: a video's title may hold some that would steer the terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(text))


def human(size_bytes: float) -> str:
    """Return bytes for people."""
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1000:.0f} kB"


def columns(rows: Sequence[Sequence[object]]) -> Iterable[str]:
    """Yield each row as a line, with the cells of a column under each other; the last column is not padded."""
    cells = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def facts(found: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return names and values of nested `found`, names with dots."""
    rows: list[tuple[str, str]] = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            rows += facts(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            rows.append((f"{prefix}{name}", ", ".join(map(str, value))))
        else:
            rows.append((f"{prefix}{name}", str(value).lower() if isinstance(value, bool | None) else str(value)))
    return rows


def name_of(job: Mapping[str, Any]) -> str:
    """Return what a person knows a job by: the video's title, or else its page."""
    media = (job.get("result") or {}).get("metadata") or {}
    return str(media.get("title") or job["videoData"]["pageUrl"])


def ending_of(job: Mapping[str, Any]) -> str:
    """Return how a job ended, in one line."""
    if job["status"] != "completed":
        error = job.get("error") or {}
        said = f"{error.get('code', '')} {error.get('message', '')}".strip()
        return f"{job['status']}: {said}" if said else str(job["status"])
    result = job.get("result") or {}
    media = result.get("metadata") or {}
    known = [f"message {result['telegramMessageId']}"] if result.get("telegramMessageId") else []
    known += [f"{media['width']}x{media['height']}"] if media.get("width") else []
    known += [f"{media['duration']:.1f} s"] if media.get("duration") else []
    known += [human(media["size"])] if media.get("size") else []
    return f"arrived: {', '.join(known)}" if known else "arrived"

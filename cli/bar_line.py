"""One job in one line of a terminal, whatever its width."""

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from cli.display import standing
from cli.words import ENDED, arrival_of, clean, duration, human, short_name_of

_DOING = {"downloading": ("↓", "Downloading"), "sending": ("↑", "Sending")}
"""Stages of which bytes tell more than words: a sign where there is little room, and a word."""
_STYLES = {"completed": "green", "failed": "red", "cancelled": "yellow"}


def bar_line(job: dict[str, Any], width: int) -> Text:
    """Return a job as one line of at most `width` cells: name, bar, percent, and how it stands.

    Whatever does not run has no bar, and more room to say why.
    """
    line = Text(clean(short_name_of(job)), no_wrap=True)
    line.truncate(max(10, min(36, width // 4 - 1)), overflow="ellipsis", pad=True)
    line.append("  ")
    status = job["status"]
    if status in ("processing", "completed"):
        percent, bar_width = float(job["progress"] or 0), max(4, min(24, width // 8))
        done = round(bar_width * min(percent, 100) / 100)
        line.append("━" * done, style="green" if status == "completed" else "cyan")
        line.append("━" * (bar_width - done), style="bright_black")
        line.append(f" {percent:3.0f} %  ", style="")
    room = width - line.cell_len
    line.append(_standing(job, room), style=_STYLES.get(status, ""))
    line.truncate(width, overflow="ellipsis")
    return line


def _standing(job: dict[str, Any], room: int) -> str:
    if job["status"] == "completed":
        known = arrival_of(job)
        return _fitting(
            [[f"arrived: {known[0]}", *known[1:count]] for count in range(len(known), 0, -1)], room, "arrived"
        )
    if job["status"] in ENDED or job["stage"] not in _DOING or not job.get("bytesDone") or job.get("cancelRequested"):
        return clean(standing(job))
    sign, word = _DOING[job["stage"]]
    moved = _moved(job["bytesDone"], job.get("bytesTotal") or 0)
    speed = [f"{human(job['speedBps'])}/s"] if job.get("speedBps") else []
    left = [f"{duration(job['etaSeconds'])} left"] if job.get("etaSeconds") else []
    ways = [[f"{word} {moved}", *speed, *left], [f"{sign} {moved}", *speed, *left], [f"{sign} {moved}", *left]]
    return _fitting(ways, room, f"{sign} {moved}")


def _moved(done_bytes: int, total_bytes: int) -> str:
    if not total_bytes:
        return human(done_bytes)
    done, total = human(done_bytes), human(total_bytes)
    unit = total[-3:]
    return f"{done.removesuffix(unit)} of {total}"


def _fitting(ways: Sequence[Sequence[str]], room: int, shortest: str) -> str:
    """Return the first way to say it that fits."""
    return next((said for way in ways if cell_len(said := ", ".join(way)) <= room), shortest)

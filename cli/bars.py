"""A bar for each job, on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from cli.bar_line import bar_line
from cli.display import Display, Lines
from cli.job_ids import short
from cli.quiet_terminal import quiet
from cli.words import ENDED, clean, ending_of, short_name_of

_REFRESHES_PER_S = 8
_OTHER_LINES = 3
"""Kept free below the bars: for the notice, for what is not shown, and for the cursor."""


@contextmanager
def open_bars(console: Console) -> Iterator[Display]:
    """Show bars for the length of the block, then why some failed; lines on a terminal that cannot redraw."""
    if console.is_dumb_terminal:
        yield Lines()
        return
    bars = _Bars(console)
    try:
        with quiet(console.file.fileno()), bars.live:
            yield bars
    finally:
        bars.tell_failures()


class _Bars:
    """Draws itself as the jobs are now, in no more lines than the terminal has."""

    def __init__(self, console: Console) -> None:
        self.live = Live(self, console=console, refresh_per_second=_REFRESHES_PER_S)
        self._console = console
        self._jobs: dict[str, dict[str, Any]] = {}
        self._failed: list[dict[str, Any]] = []
        self._notice = ""

    def show(self, job: dict[str, Any]) -> None:
        self._jobs[job["id"]] = job
        if job["status"] in ENDED:
            if job["status"] == "failed":
                self._failed.append(job)
            self._make_room()
            self.live.refresh()

    def notice(self, sentence: str) -> None:
        self._notice = sentence
        self.live.refresh()

    def _room(self) -> int:
        return max(1, self._console.height - _OTHER_LINES)

    def _make_room(self) -> None:
        """Let what has ended scroll away above the bars while there are more jobs than lines."""
        for job in [job for job in self._jobs.values() if job["status"] in ENDED]:
            if len(self._jobs) <= self._room():
                return
            self._console.print(bar_line(job, self._console.width))
            del self._jobs[job["id"]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        jobs = sorted(self._jobs.values(), key=lambda job: job["status"] == "queued")
        shown = jobs[: self._room()]
        yield from (bar_line(job, options.max_width) for job in shown)
        if len(jobs) > len(shown):
            yield Text(f"… and {len(jobs) - len(shown)} more", style="dim")
        if self._notice:
            notice = Text(self._notice, style="yellow", no_wrap=True)
            notice.truncate(options.max_width, overflow="ellipsis")
            yield notice

    def tell_failures(self) -> None:
        """Say of each job that failed why, in full: a bar's line has no room for it."""
        for job in self._failed:
            said = f"{clean(short_name_of(job))} ({short(job['id'])}) {clean(ending_of(job))}"
            self._console.print(said, style="red", markup=False, highlight=False, soft_wrap=True)

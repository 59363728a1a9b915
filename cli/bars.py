"""A bar for each job, on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from cli.display import Display, Lines, standing
from cli.words import ENDED, clean, human, name_of

_NAME_WIDTH = 28
_ENDED_STYLE = {"completed": "green", "failed": "red", "cancelled": "yellow"}


@contextmanager
def open_bars(console: Console) -> Iterator[Display]:
    """Show bars for the length of the block; lines on a terminal that cannot redraw."""
    if console.is_dumb_terminal:
        yield Lines()
        return
    progress = Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, max_width=_NAME_WIDTH)),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>5.1f} %", markup=False),
        _NoteColumn(),
        console=console,
    )
    with progress:
        yield _Bars(progress)


class _NoteColumn(TextColumn):
    """Where the job stands: in the colour of its end, and never read as markup."""

    def __init__(self) -> None:
        super().__init__("", table_column=Column(ratio=1, overflow="fold"))

    def render(self, task: Any) -> Text:
        return Text(task.fields["note"], style=_ENDED_STYLE.get(task.fields["status"], "dim"))


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, job: dict[str, Any]) -> None:
        percent, note = float(job["progress"] or 0), clean(f"{standing(job)}{_pace(job)}")
        if job["id"] not in self._tasks:
            self._tasks[job["id"]] = self._progress.add_task("", total=100, note="", status="")
        self._progress.update(
            self._tasks[job["id"]],
            description=clean(name_of(job)),
            completed=percent,
            note=note,
            status=job["status"],
            refresh=job["status"] in ENDED,
        )


def _pace(job: dict[str, Any]) -> str:
    done, total = job.get("bytesDone") or 0, job.get("bytesTotal") or 0
    if job["status"] in ENDED or not done:
        return ""
    moved = f"{human(done)} of {human(total)}" if total else human(done)
    return f" ({moved} at {human(job['speedBps'])}/s)" if job.get("speedBps") else f" ({moved})"

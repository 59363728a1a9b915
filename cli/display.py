"""Jobs on their way: as lines, or as JSON lines. On a terminal: `cli.bars`."""

import json
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import click

from cli.app import App
from cli.job_ids import short
from cli.moments import clock
from cli.words import ENDED, clean, ending_of, short_name_of

_STEP_PERCENT = 25
_IN_A_LINE = ("status", "stage", "progress", "message", "attempt", "bytesDone", "bytesTotal", "speedBps", "etaSeconds")


class Display(Protocol):
    """Shows jobs."""

    def show(self, job: dict[str, Any]) -> None:
        """Show a job as it is now; see `cli.follow`."""

    def notice(self, sentence: str) -> None:
        """Say what is wrong with the connection; empty: nothing is any more."""


def open_display(app: App) -> AbstractContextManager[Display]:
    """Return what fits standard output; use it as a block."""
    if app.is_json:
        return nullcontext(JsonLines())
    if not sys.stdout.isatty():
        return nullcontext(Lines())
    from rich.console import Console  # noqa: PLC0415 - only where bars are seen

    from cli.bars import open_bars  # noqa: PLC0415

    return open_bars(Console())


class Lines:
    """A line for each step, without control characters."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[object, ...]] = {}

    def show(self, job: dict[str, Any]) -> None:
        percent = float(job["progress"] or 0)
        step = (job["status"], job["stage"], job["attempt"], percent // _STEP_PERCENT)
        if self._told.get(job["id"]) != step:
            self._told[job["id"]] = step
            click.echo(f"{clean(short_name_of(job))}  {short(job['id'])}  {percent:5.1f} %  {clean(standing(job))}")

    def notice(self, sentence: str) -> None:
        click.echo(sentence or "It is heard again.", err=True)


class JsonLines:
    """A JSON object for each change; the last of a job holds the whole `job`."""

    def show(self, job: dict[str, Any]) -> None:
        line = {"jobId": job["id"], **{name: job[name] for name in _IN_A_LINE if name in job}}
        if job["status"] in ENDED:
            line["job"] = job
        click.echo(json.dumps(line, ensure_ascii=False))

    def notice(self, sentence: str) -> None:
        pass


def standing(job: dict[str, Any]) -> str:
    """Return where a job stands, in one line."""
    if job["status"] in ENDED:
        return ending_of(job)
    said = str(job["message"])
    if job["status"] == "queued" and job.get("nextAttemptAt"):
        next_one = f"Attempt {job['attempt'] + 1} of {job['maxAttempts']} at {clock(job['nextAttemptAt'])}"
        return f"{next_one}; the last one: {said}"
    return said

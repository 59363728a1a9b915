"""Following jobs to their ends, as several commands do."""

from contextlib import suppress
from typing import Any

import click

from cli.app import App
from cli.exits import FAILED, INTERRUPTED, OK, UNREACHABLE, CommandError
from cli.gateway import Gateway
from cli.job_ids import short
from cli.words import ENDED

cancels_option = click.option(
    "--cancel-on-interrupt", "cancels", is_flag=True, help="Ctrl-C while following cancels the jobs too."
)


def watch_to_end(app: App, gateway: Gateway, jobs: list[dict[str, Any]], *, cancels: bool) -> int:
    """Show jobs until all have ended, and return the exit status: 1 unless all arrived, 130 after Ctrl-C."""
    from cli.display import open_display  # noqa: PLC0415 - what only following needs, WebSockets before all
    from cli.follow import follow  # noqa: PLC0415

    last = {job["id"]: job for job in jobs}
    try:
        with open_display(app) as display:

            def heard(is_heard: bool) -> None:
                display.notice("" if is_heard else f"Nothing is heard from {gateway.url}; reconnecting…")

            for job in follow(gateway, jobs, heard=heard):
                last[job["id"]] = job
                display.show(job)
    except KeyboardInterrupt:
        running = [job_id for job_id, job in last.items() if job["status"] not in ENDED]
        _leave(app, gateway, running, cancels=cancels)
        return INTERRUPTED
    return OK if all(job["status"] == "completed" for job in last.values()) else FAILED


def _leave(app: App, gateway: Gateway, running: list[str], *, cancels: bool) -> None:
    if not running:
        return
    if not cancels:
        app.note(f"Still running. To cancel: clipferry cancel {_names(running)}")
        return
    cancelled = []
    for job_id in running:
        try:
            # It may have ended meanwhile.
            with suppress(KeyboardInterrupt):
                gateway.cancel(job_id)
                cancelled.append(job_id)
        except CommandError as error:
            app.complain(error)
            if error.status == UNREACHABLE:
                break
    if cancelled:
        app.note(f"Cancelled: {_names(cancelled)}")


def _names(job_ids: list[str]) -> str:
    return " ".join(map(short, job_ids))

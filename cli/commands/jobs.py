"""``clipferry jobs``, ``watch``, ``cancel`` and ``retry``."""

import shutil
import sys
from collections.abc import Callable
from typing import Any

import click

from cli.app import App, common, pass_app
from cli.commands.watching import cancels_option, watch_to_end
from cli.exits import OK, UNREACHABLE, CommandError
from cli.gateway import Gateway
from cli.job_cache import known_jobs, remember
from cli.job_ids import whole_id
from cli.words import columns, name_of

STATUSES = ("queued", "processing", "completed", "failed", "cancelled")
_MOST_WATCHED = 1_000


def complete_job(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[Any]:
    """Return the jobs that were last seen, for the shell's completion."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only while completing

    return [CompletionItem(job_id, help=name) for job_id, name in known_jobs().items() if job_id.startswith(incomplete)]


job_arguments = click.argument("job_ids", metavar="JOB...", nargs=-1, required=True, shell_complete=complete_job)


@click.command()
@click.option("--state", type=click.Choice(STATUSES), multiple=True, help="Only these. Can be repeated.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@click.option("--owner", metavar="USER", help="Whose; for admins.")
@click.option("--wide", is_flag=True, help="Cut nothing, one line a job, as in a pipe.")
@common
@pass_app
def jobs(app: App, state: tuple[str, ...], limit: int, owner: str | None, wide: bool) -> None:
    """List jobs, newest first.

    Other commands take the end of an id that is shown here as well as a whole one.
    """
    from cli.job_table import narrow_lines, whole_rows  # noqa: PLC0415 - rich, which no other of these needs

    with app.gateway() as gateway:
        found = list(gateway.jobs(count=limit, states=list(state), owner=owner))
    remember(found)
    if wide or not sys.stdout.isatty():
        lines = columns(list(whole_rows(found)))
    else:
        lines = narrow_lines(found, shutil.get_terminal_size().columns)
    app.tell_lines({"jobs": found}, lines)


@click.command()
@click.argument("job_ids", metavar="[JOB...]", nargs=-1, shell_complete=complete_job)
@cancels_option
@common
@pass_app
def watch(app: App, job_ids: tuple[str, ...], cancels: bool) -> int:
    """Follow jobs to their ends. Default: all that wait or run."""
    with app.gateway() as gateway:
        if job_ids:
            found = [gateway.job(whole_id(gateway, job_id)) for job_id in job_ids]
        else:
            found = list(gateway.jobs(count=_MOST_WATCHED, states=["queued", "processing"]))
        if not found:
            app.note("No job waits or runs.")
        return watch_to_end(app, gateway, found, cancels=cancels)


@click.command()
@job_arguments
@common
@pass_app
def cancel(app: App, job_ids: tuple[str, ...]) -> int:
    """Cancel jobs that wait or run."""
    with app.gateway() as gateway:
        return _each(app, gateway, job_ids, gateway.cancel)


@click.command()
@job_arguments
@click.option("--allow-duplicate", is_flag=True, help="Also where the video may have arrived already.")
@common
@pass_app
def retry(app: App, job_ids: tuple[str, ...], allow_duplicate: bool) -> int:
    """Queue failed or cancelled jobs again."""
    with app.gateway() as gateway:
        return _each(app, gateway, job_ids, _retrying(gateway, allow_duplicate=allow_duplicate))


def _retrying(gateway: Gateway, *, allow_duplicate: bool) -> Callable[[str], dict[str, Any]]:
    return lambda job_id: gateway.retry(job_id, allow_duplicate=allow_duplicate)


def _each(app: App, gateway: Gateway, job_ids: tuple[str, ...], change: Callable[[str], dict[str, Any]]) -> int:
    """Change every job, also after one that was refused, as long as the gateway answers; returns the exit status."""
    status, changed = OK, []
    for job_id in job_ids:
        try:
            changed.append(change(whole_id(gateway, job_id)))
        except CommandError as error:
            status = error.status
            app.complain(error)
            if status == UNREACHABLE:
                break
    app.tell({"jobs": changed}, [(job["id"], job["status"], name_of(job)) for job in changed])
    return status

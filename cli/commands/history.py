"""``clipferry history``."""

from collections.abc import Iterator
from typing import Any

import click

from cli.app import App, common, pass_app
from cli.commands.jobs import complete_job
from cli.gateway import job_path
from cli.job_ids import whole_id
from cli.moments import clock
from cli.words import sizes_in_words


@click.command()
@click.argument("job_id", metavar="JOB", shell_complete=complete_job)
@common
@pass_app
def history(app: App, job_id: str) -> None:
    """Say what happened to a job, attempt by attempt."""
    with app.gateway() as gateway:
        told = gateway.get(f"{job_path(whole_id(gateway, job_id))}/history")
    if not told["complete"]:
        app.note("Its oldest steps are not kept any more.")
    app.tell(told, _rows(told["steps"]))


def _rows(steps: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    yield "AT", "ATTEMPT", "WHAT", "WORKER", "WHY"
    for step in steps:
        error = step["error"]
        why = f"{error['code']} {sizes_in_words(error['message'])}" if error else ""
        if step["nextAttemptAt"]:
            why += f" The next attempt begins at {clock(step['nextAttemptAt'])}."
        yield clock(step["at"]), step["attempt"] or "", step["kind"].replace("_", " "), step["worker"], why

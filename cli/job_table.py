"""A list of jobs: for people as wide as their terminal, or whole."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from cli.job_ids import short
from cli.moments import ago, sortable
from cli.words import clean, name_of, reason_of

_ELLIPSIS = "…"


def whole_rows(jobs: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each job with nothing left out, times of this machine's zone as programs read them."""
    yield "JOB", "STATUS", "DONE", "ADDED", "VIDEO", "WHY"
    for job in jobs:
        done = f"{job['progress']:g} %"
        yield job["id"], job["status"], done, sortable(job["addedAt"]), name_of(job), reason_of(job)


def narrow_lines(jobs: Sequence[dict[str, Any]], width: int) -> Iterator[str]:
    """Yield lines of at most `width` cells: one for each job, and one below it that says why it failed."""
    yield f"{'JOB':8}  {'STATUS':16}  {'ADDED':11}  VIDEO"
    for job in jobs:
        status = job["status"]
        if status == "processing":
            status += f" {job['progress']:.0f} %"
        name = clean(name_of(job)).removeprefix("https://").removeprefix("http://").removeprefix("www.")
        yield _cut(f"{short(job['id'])}  {status:16}  {ago(job['addedAt']):11}  {name}", width)
        if job["status"] in ("failed", "queued") and (reason := reason_of(job)):
            yield _cut(f"          {clean(reason)}", width)


def _cut(line: str, width: int) -> str:
    return line if cell_len(line) <= width else set_cell_size(line, width - 1).rstrip() + _ELLIPSIS

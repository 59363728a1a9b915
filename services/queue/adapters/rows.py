"""Jobs as rows and back, the same columns in every engine."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.queue.core.job import ACTIVE, WAITING, Job, JobError, State
from services.queue.core.ports import OwnerTotals

_NAMED = re.compile(r"^-- name: (\w+)\n((?:--[^\n]*\n)*)(.*?);\s*$", re.MULTILINE | re.DOTALL)
_STATE = Job._fields.index("state")
_ERROR = Job._fields.index("error")


def to_row(job: Job) -> Sequence[Any]:
    """Return the columns of `job`."""
    return job if job.error is None else (*job[:_ERROR], json.dumps(job.error), *job[_ERROR + 1 :])


def to_job(row: Iterable[Any]) -> Job:
    """Return the job of a row."""
    fields = list(row)
    fields[_STATE] = State(fields[_STATE])
    if fields[_ERROR] is not None:
        fields[_ERROR] = JobError(*json.loads(fields[_ERROR]))
    return Job._make(fields)


def to_owner_totals(rows: Iterable[Iterable[Any]]) -> OwnerTotals:
    """Return what the rows of `owner_totals` say together, one for each state."""
    by_state = {State(state): numbers for state, *numbers in rows}
    return OwnerTotals(
        jobs_by_state={state: count for state, (count, *_) in by_state.items()},
        reserved_bytes=sum(by_state[state][1] for state in ACTIVE & by_state.keys()),
        oldest_waiting_ms=min((by_state[state][2] for state in WAITING & by_state.keys()), default=None),
        ended_count=sum(ended_count for *_, ended_count in by_state.values()),
    )


def load_statements(path: Path, **parts: str) -> Mapping[str, str]:
    """Return each statement of the SQL file `path` under the name in the comment above it.

    Args:
        path: Statements end with ``;`` at the end of a line.
        parts: Replace ``{name}`` in it; ``{columns}`` are those of a job.
    """
    text = path.read_text()
    for name, part in {"columns": ", ".join(Job._fields), **parts}.items():
        text = text.replace(f"{{{name}}}", part)
    return {match[1]: match[3] for match in _NAMED.finditer(text)}

"""Jobs as rows and back, the same columns in every engine."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.queue.core.job import Job, JobError, State

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

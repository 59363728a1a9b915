"""Jobs as rows and back."""

import json
from collections.abc import Sequence
from typing import Any

from services.queue.core.job import Job, JobError, State

_STATE = Job._fields.index("state")
_ERROR = Job._fields.index("error")


def to_row(job: Job) -> Sequence[Any]:
    """Return the columns of `job`."""
    return job if job.error is None else (*job[:_ERROR], json.dumps(job.error), *job[_ERROR + 1 :])


def to_job(row: Sequence[Any]) -> Job:
    """Return the job of a row."""
    fields = list(row)
    fields[_STATE] = State(fields[_STATE])
    if fields[_ERROR] is not None:
        fields[_ERROR] = JobError(*json.loads(fields[_ERROR]))
    return Job._make(fields)

"""How changes get into the file: many rows in one statement, and plain values.

For each step of a statement sqlite3 gives up the interpreter's lock and takes it back, which costs as much as a row
when the loop wants the lock too. For each value that is not exactly an int or a str it looks for an adapter first.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from services.queue.core.job import Job, State
from services.queue.core.ports import Event

_TOGETHER_COUNT = 16
"""Rows of one statement. Twice as many are no faster."""

_TEXT = {state: str(state.value) for state in State}
_CHANGING = (
    "state", "fair_key", "not_before_ms", "attempt", "max_attempts", "token", "worker_id", "lease_until_ms",
    "deadline_ms", "reserved_bytes", "cancel_requested", "finish_requested", "send_committed", "media", "delivery",
    "error", "version", "updated_ms", "started_ms", "ended_ms",
)  # fmt: skip
"""What is written of a job that is there already; the rest never changes."""
_BEFORE = ("id", "before_state", "before_token", "before_version")

PARTS: Mapping[str, str] = {
    "new_columns": ", ".join((*_BEFORE, *_CHANGING)),
    "changes": ", ".join(f"{name} = new.{name}" for name in _CHANGING),
}
"""Parts of the statements."""


class RowWriter:
    """Writes rows in the transaction that is open.

    Args:
        connection: Of the one writer.
        sql: Statements by name; ``{rows}`` in them is one row or more.
    """

    def __init__(self, connection: sqlite3.Connection, sql: Mapping[str, str]) -> None:
        self._connection = connection
        self._sql = sql
        self._statements: dict[tuple[str, int], str] = {}

    def insert_jobs(self, jobs: Iterable[Job]) -> None:
        """Add new jobs."""
        self._write("insert_jobs", [_job_row(job) for job in jobs])

    def update_jobs(self, updated: Iterable[tuple[Job, Job]]) -> int:
        """Write what has changed of jobs, each as it was and as it is now; returns how many were as they were."""
        before_count = self._connection.total_changes
        self._write("update_jobs", [_change_row(before, after) for before, after in updated])
        return self._connection.total_changes - before_count

    def insert_events(self, events: Iterable[Event]) -> None:
        """Add to the log."""
        self._write("insert_events", list(events))

    def _write(self, name: str, rows: Sequence[Sequence[Any]]) -> None:
        for at in range(0, len(rows), _TOGETHER_COUNT):
            together = rows[at : at + _TOGETHER_COUNT]
            statement = self._statement(name, len(together), len(together[0]))
            self._connection.execute(statement, tuple(chain.from_iterable(together)))

    def _statement(self, name: str, count: int, width: int) -> str:
        statement = self._statements.get((name, count))
        if statement is None:
            rows = ", ".join([f"({', '.join('?' * width)})"] * count)
            statement = self._statements[name, count] = self._sql[name].replace("{rows}", rows)
        return statement


def _job_row(job: Job) -> Sequence[Any]:
    return (
        *job[:_STATE], _TEXT[job.state], *job[_STATE + 1 : _RESEND], int(job.resend_unknown), job.reserved_bytes,
        int(job.cancel_requested), int(job.finish_requested), int(job.send_committed), job.media, job.delivery,
        _error(job), *job[_ERROR + 1 :],
    )  # fmt: skip


def _change_row(before: Job, after: Job) -> Sequence[Any]:
    return (
        after.id, _TEXT[before.state], before.token, before.version,
        _TEXT[after.state], after.fair_key, after.not_before_ms, after.attempt, after.max_attempts, after.token,
        after.worker_id, after.lease_until_ms, after.deadline_ms, after.reserved_bytes, int(after.cancel_requested),
        int(after.finish_requested), int(after.send_committed), after.media, after.delivery, _error(after),
        after.version, after.updated_ms, after.started_ms, after.ended_ms,
    )  # fmt: skip


def _error(job: Job) -> str | None:
    return None if job.error is None else json.dumps(job.error)


_STATE, _RESEND, _ERROR = (Job._fields.index(name) for name in ("state", "resend_unknown", "error"))

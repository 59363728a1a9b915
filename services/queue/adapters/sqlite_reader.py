"""The reading side of the SQLite store: connections of its own, off the event loop."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.chassis.errors import ClipferryError, Reason
from services.queue.adapters.rows import to_job
from services.queue.core.job import Job
from services.queue.core.ports import Event, Page, Query, Record


class SqliteReader:
    """Reads of one connection, one at a time.

    Args:
        connection: Its own.
        sql: Statements by name.
        encode: Serialises a job for the wire.
    """

    def __init__(self, connection: sqlite3.Connection, sql: Mapping[str, str], encode: Callable[[Job], bytes]) -> None:
        self._execute = connection.execute
        self._sql = sql
        self._encode = encode

    def get(self, job_id: str) -> Record | None:
        """See JobStore.get."""
        row = self._one("get_job", job_id)
        return None if row is None else self._record(row)

    def page(self, query: Query) -> Page:
        """See JobStore.page."""
        filters, parameters = _conditions(query)
        statement = self._sql["page_jobs"].replace("{filters}", filters)
        self._execute("BEGIN")  # one snapshot, so that the sequence belongs to the rows
        try:
            sequence = self._sequence()
            if query.changed_after:
                self._check_cursor(query.changed_after, sequence)
            rows = self._execute(statement, (*parameters, query.limit + 1)).fetchall()
        finally:
            self._execute("COMMIT")
        return Page([self._record(row) for row in rows[: query.limit]], len(rows) > query.limit, sequence)

    def events(self, after: int, limit: int) -> list[Event]:
        """See JobStore.events."""
        self._execute("BEGIN")
        try:
            if after:
                self._check_cursor(after, self._sequence())
            return [Event._make(row) for row in self._execute(self._sql["events_after"], (after, limit))]
        finally:
            self._execute("COMMIT")

    def active(self) -> list[Job]:
        """See JobStore.active."""
        return [to_job(row) for row in self._execute(self._sql["active_jobs"])]

    def oldest_waiting_ms(self) -> int | None:
        """Return when the job was accepted that waits for longest."""
        oldest: int | None = self._one("oldest_waiting")[0]
        return oldest

    def _record(self, row: Sequence[Any]) -> Record:
        job = to_job(row)
        return Record(job, self._encode(job))

    def _sequence(self) -> int:
        return int(self._one("read_meta")[0])

    def _check_cursor(self, after: int, sequence: int) -> None:
        first = self._one("first_sequence")[0]
        oldest = sequence if first is None else first - 1
        if not oldest <= after <= sequence:
            raise ClipferryError(
                Reason.CURSOR_EXPIRED,
                f"The cursor {after} is not in the log, which reaches from {oldest} to {sequence}; list again.",
                after_sequence=after,
                oldest_sequence=oldest,
                newest_sequence=sequence,
            )

    def _one(self, name: str, *parameters: Any) -> Any:
        return self._execute(self._sql[name], parameters).fetchone()


def _conditions(query: Query) -> tuple[str, list[Any]]:
    conditions, parameters = ["1"], list[Any]()
    if query.owner:
        conditions.append("owner = ?")
        parameters.append(query.owner)
    if query.states:
        conditions.append(f"state IN ({', '.join('?' * len(query.states))})")
        parameters.extend(query.states)
    if query.before_id is not None:
        conditions.append("id < ?")
        parameters.append(query.before_id)
    if query.changed_after:
        conditions.append("id IN (SELECT job_id FROM job_events WHERE sequence > ?)")
        parameters.append(query.changed_after)
    return " AND ".join(conditions), parameters

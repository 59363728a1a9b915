"""The reading side of the SQLite store: connections of its own, off the event loop."""

import asyncio
import queue
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from services.chassis.outages import Outages
from services.queue.adapters.rows import to_job, to_owner_totals
from services.queue.core.cursor import check_cursor
from services.queue.core.job import Job, State
from services.queue.core.ports import Event, OwnerTotals, Page, Query, Record, Totals

T = TypeVar("T")


class SqliteReader:
    """See `services.queue.adapters.store.Reader`.

    Args:
        connections: Its own; one for each read at a time.
        sql: Statements by name.
        outages: Told when the database cannot be used.
        encode: Serialises a job for the wire; called in other threads.
        shown: Returns counts by state, jobs ended and the newest sequence, as of the last commit.
    """

    def __init__(
        self,
        connections: Sequence[sqlite3.Connection],
        sql: Mapping[str, str],
        outages: Outages,
        encode: Callable[[Job], bytes],
        shown: Callable[[], tuple[Mapping[State, int], int, int]],
    ) -> None:
        self._outages = outages
        self._shown = shown
        self._threads = ThreadPoolExecutor(max_workers=len(connections), thread_name_prefix="queue-reader")
        self._free: queue.SimpleQueue[_Reads] = queue.SimpleQueue()
        for connection in connections:
            self._free.put(_Reads(connection, sql, encode))

    async def get(self, job_id: str) -> Record | None:
        return await self._read(lambda reads: reads.get(job_id))

    async def page(self, query: Query) -> Page:
        return await self._read(lambda reads: reads.page(query))

    async def events(self, after: int, *, limit: int) -> Sequence[Event]:
        return await self._read(lambda reads: reads.events(after, limit))

    async def events_of(self, job_id: str, *, limit: int) -> Sequence[Event]:
        return await self._read(lambda reads: reads.events_of(job_id, limit))

    async def active(self) -> Sequence[Job]:
        return await self._read(lambda reads: reads.active())

    async def totals(self) -> Totals:
        jobs_by_state, ended_count, _ = self._shown()
        return Totals(jobs_by_state, ended_count)

    async def totals_of(self, owner: str, *, ended_since_ms: int) -> OwnerTotals:
        return await self._read(lambda reads: reads.totals_of(owner, ended_since_ms))

    async def oldest_waiting_ms(self) -> int | None:
        return await self._read(lambda reads: reads.oldest_waiting_ms())

    async def last_sequence(self) -> int:
        return self._shown()[2]

    async def close(self) -> None:
        """Let the threads end."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _read(self, work: Callable[["_Reads"], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_here, work)

    def _read_here(self, work: Callable[["_Reads"], T]) -> T:
        reads = self._free.get()
        try:
            with self._outages.told():
                return work(reads)
        finally:
            self._free.put(reads)


class _Reads:
    """Reads of one connection, one at a time."""

    def __init__(self, connection: sqlite3.Connection, sql: Mapping[str, str], encode: Callable[[Job], bytes]) -> None:
        self._execute = connection.execute
        self._sql = sql
        self._encode = encode

    def get(self, job_id: str) -> Record | None:
        row = self._one("get_job", job_id)
        return None if row is None else self._record(row)

    def page(self, query: Query) -> Page:
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
        self._execute("BEGIN")
        try:
            if after:
                self._check_cursor(after, self._sequence())
            return [Event._make(row) for row in self._execute(self._sql["events_after"], (after, limit))]
        finally:
            self._execute("COMMIT")

    def events_of(self, job_id: str, limit: int) -> list[Event]:
        rows = self._execute(self._sql["events_of"], (job_id, limit)).fetchall()
        return [Event._make(row) for row in reversed(rows)]

    def active(self) -> list[Job]:
        return [to_job(row) for row in self._execute(self._sql["active_jobs"])]

    def totals_of(self, owner: str, ended_since_ms: int) -> OwnerTotals:
        return to_owner_totals(self._execute(self._sql["owner_totals"], (owner, ended_since_ms)))

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
        check_cursor(after, first=self._one("first_sequence")[0], last=sequence)

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

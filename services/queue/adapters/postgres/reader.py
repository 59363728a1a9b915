"""The reading side of the PostgreSQL store, past the lock of the writers."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.chassis.outages import Outages
from services.chassis.postgres import Connection, Pool
from services.queue.adapters.postgres.connection import ACQUIRE_S
from services.queue.adapters.rows import to_job, to_owner_totals
from services.queue.core.cursor import check_cursor
from services.queue.core.job import Job, State
from services.queue.core.ports import Event, OwnerTotals, Page, Query, Record, Totals


class PostgresReader:
    """See `services.queue.adapters.store.Reader`.

    Args:
        pool: Connections of its own.
        sql: Statements by name.
        outages: Told when the database is away.
        encode: Serialises a job for the wire.
        published: Returns the sequence of the newest event that this replica has published.
    """

    def __init__(
        self,
        pool: Pool,
        sql: Mapping[str, str],
        outages: Outages,
        encode: Callable[[Job], bytes],
        published: Callable[[], int],
    ) -> None:
        self._pool = pool
        self._outages = outages
        self._sql = sql
        self._encode = encode
        self._published = published

    async def get(self, job_id: str) -> Record | None:
        async with self._reading() as connection:
            row = await connection.fetchrow(self._sql["get_job"], job_id)
        return None if row is None else self._record(row)

    async def page(self, query: Query) -> Page:
        filters, parameters = _conditions(query)
        statement = self._sql["page_jobs"].replace("{filters}", filters)
        async with self._snapshot() as connection:  # so that the sequence belongs to the rows
            sequence = await self._sequence(connection)
            if query.changed_after:
                await self._check_cursor(connection, query.changed_after, sequence)
            rows = await connection.fetch(statement, query.limit + 1, *parameters)
        return Page([self._record(row) for row in rows[: query.limit]], len(rows) > query.limit, sequence)

    async def events(self, after: int, *, limit: int) -> Sequence[Event]:
        async with self._snapshot() as connection:
            if after:
                await self._check_cursor(connection, after, await self._sequence(connection))
            rows = await connection.fetch(self._sql["events_after"], after, limit)
        return [Event(*row) for row in rows]

    async def events_of(self, job_id: str, *, limit: int) -> Sequence[Event]:
        async with self._reading() as connection:
            rows = await connection.fetch(self._sql["events_of"], job_id, limit)
        return [Event(*row) for row in reversed(rows)]

    async def active(self) -> Sequence[Job]:
        async with self._reading() as connection:
            return [to_job(row) for row in await connection.fetch(self._sql["active_jobs"])]

    async def totals(self) -> Totals:
        async with self._reading() as connection:
            meta = await connection.fetchrow(self._sql["read_meta"])
        if meta is None:
            raise AssertionError("the counters are gone")
        counts = {State(name): count for name, count in json.loads(meta["counts"]).items()}
        return Totals(counts, meta["ended_count"])

    async def totals_of(self, owner: str, *, ended_since_ms: int) -> OwnerTotals:
        async with self._reading() as connection:
            return to_owner_totals(await connection.fetch(self._sql["owner_totals"], owner, ended_since_ms))

    async def oldest_waiting_ms(self) -> int | None:
        async with self._reading() as connection:
            oldest_ms: int | None = await connection.fetchval(self._sql["oldest_waiting"])
            return oldest_ms

    async def last_sequence(self) -> int:
        return self._published()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        with self._outages.told():
            async with self._pool.acquire(timeout=ACQUIRE_S) as connection:
                yield connection  # type: ignore[misc] # a proxy of one

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        async with self._reading() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection

    async def _sequence(self, connection: Connection) -> int:
        meta = await connection.fetchrow(self._sql["read_meta"])
        return 0 if meta is None else int(meta["sequence"])

    async def _check_cursor(self, connection: Connection, after: int, sequence: int) -> None:
        first = await connection.fetchval(self._sql["first_sequence"])
        check_cursor(after, first=first, last=sequence)

    def _record(self, row: Iterable[Any]) -> Record:
        job = to_job(row)
        return Record(job, self._encode(job))


def _conditions(query: Query) -> tuple[str, list[Any]]:
    conditions, parameters = ["true"], list[Any]()

    def add(condition: str, value: object) -> None:
        parameters.append(value)
        conditions.append(condition.format(f"${len(parameters) + 1}"))

    if query.owner:
        add("owner = {}", query.owner)
    if query.states:
        add("state = ANY ({}::text[])", list(query.states))
    if query.before_id is not None:
        add("id < {}", query.before_id)
    if query.changed_after:
        add("id IN (SELECT job_id FROM queue.job_events WHERE sequence > {})", query.changed_after)
    return " AND ".join(conditions), parameters

"""The JobStore on SQLite: one writer, some readers, one process."""

import asyncio
import queue
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import TypeVar

from services.chassis.clock import Clock
from services.chassis.errors import ClipferryError, Reason
from services.queue.adapters.database import connect, held_database
from services.queue.adapters.group_commit import GroupCommit
from services.queue.adapters.sqlite_reader import SqliteReader
from services.queue.adapters.sqlite_writer import SqliteWriter
from services.queue.adapters.statements import load_statements
from services.queue.core.dispatcher import Offer
from services.queue.core.job import Job
from services.queue.core.lease import Lease, Policy
from services.queue.core.ledger import Ledger
from services.queue.core.moves import Move
from services.queue.core.ports import (
    Accepted,
    Change,
    Claimed,
    Event,
    Page,
    Purged,
    Query,
    Reaped,
    Record,
    Submission,
    Totals,
)

T = TypeVar("T")

_READERS = 2


class SqliteJobStore:
    """See `services.queue.core.ports.JobStore`. Made by `open_sqlite_store`."""

    def __init__(self, writer: SqliteWriter, commits: GroupCommit, readers: Sequence[SqliteReader]) -> None:
        self._writer = writer
        self._commits = commits
        self._threads = ThreadPoolExecutor(max_workers=len(readers), thread_name_prefix="queue-reader")
        self._free: queue.SimpleQueue[SqliteReader] = queue.SimpleQueue()
        for reader in readers:
            self._free.put(reader)

    async def submit(self, submissions: Sequence[Submission]) -> Sequence[Accepted | ClipferryError]:
        return await self._commits.run(lambda: self._writer.submit(submissions))

    async def apply(self, moves: Sequence[Move]) -> Sequence[Record | ClipferryError]:
        return await self._commits.run(lambda: self._writer.apply(moves))

    async def claim(self, offers: Sequence[Offer]) -> Claimed:
        return await self._commits.run(lambda: self._writer.claim(offers))

    async def renew(self, leases: Sequence[Lease]) -> Mapping[Lease, Job]:
        return await self._commits.run(lambda: self._writer.renew(leases))

    async def reap(self, *, limit: int) -> Sequence[Reaped]:
        return await self._commits.run(lambda: self._writer.reap(limit))

    async def purge(self, *, ended_before_ms: int, keep_events: int, limit: int) -> Purged:
        return await self._commits.run(lambda: self._writer.purge(ended_before_ms, keep_events, limit))

    async def get(self, job_id: str) -> Record | None:
        return await self._read(lambda reader: reader.get(job_id))

    async def page(self, query: Query) -> Page:
        return await self._read(lambda reader: reader.page(query))

    async def events(self, after: int, *, limit: int) -> Sequence[Event]:
        return await self._read(lambda reader: reader.events(after, limit))

    async def active(self) -> Sequence[Job]:
        return await self._read(lambda reader: reader.active())

    async def totals(self) -> Totals:
        jobs_by_state, ended_count, _ = self._writer.shown
        return Totals(jobs_by_state, ended_count, await self._read(lambda reader: reader.oldest_waiting_ms()))

    async def last_sequence(self) -> int:
        return self._writer.shown[2]

    async def close(self) -> None:
        """Finish what was asked for."""
        await self._commits.close()
        await asyncio.to_thread(self._threads.shutdown)

    async def _read(self, work: Callable[[SqliteReader], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_here, work)

    def _read_here(self, work: Callable[[SqliteReader], T]) -> T:
        reader = self._free.get()
        try:
            return work(reader)
        except sqlite3.Error as error:
            raise ClipferryError(Reason.STORE_UNAVAILABLE, retry_after_s=1.0) from error
        finally:
            self._free.put(reader)


@asynccontextmanager
async def open_sqlite_store(
    path: Path,
    *,
    new_ledger: Callable[[], Ledger],
    policy: Policy,
    encode: Callable[[Job], bytes],
    clock: Clock,
    publish: Callable[[Sequence[Change]], None],
) -> AsyncIterator[SqliteJobStore]:
    """Open the store at `path` for the length of the block, making file and folder if needed.

    Args:
        new_ledger: Makes an empty account with the limits.
        policy: Numbers for decisions.
        encode: Serialises a job for the wire; called in other threads.
        clock: Only ever read forward.
        publish: Hears of the changes of each commit, in the loop, before the calls that made them return.

    Raises:
        StartError: If another process holds the file, or it cannot be opened.
    """
    sql = load_statements(Path(__file__).with_name("sqlite.sql"))
    with ExitStack() as stack:

        def open_file() -> tuple[SqliteWriter, list[SqliteReader]]:
            stack.enter_context(held_database(path))
            writing, *reading = [stack.enter_context(closing(connect(path))) for _ in range(1 + _READERS)]
            writer = SqliteWriter(writing, sql, new_ledger=new_ledger, policy=policy, encode=encode, clock=clock)
            return writer, [SqliteReader(connection, sql, encode) for connection in reading]

        writer, readers = await asyncio.to_thread(open_file)
        store = SqliteJobStore(writer, GroupCommit(writer, publish), readers)
        try:
            yield store
        finally:
            await store.close()
